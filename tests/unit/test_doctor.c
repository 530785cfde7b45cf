/* What a thread does is seen from another one; which line that is, is read from the program's file.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/machine.h"
#include "../support/process.h"
#include "engine/doctor_cure.h"
#include "engine/doctor_source.h"
#include "engine/doctor_stack.h"

static struct stack seen;
static _Atomic bool asked, done, there;

/* Instead of the C library's: what the kernel says of this thread may be that it computes. Memory
 * is read elsewhere than at 0. */
static _Atomic bool lies;

ssize_t pread(int fd, void *to, size_t size, off_t at)
{
	static const char state[] = "running\n";

	if (!lies || at)
		return syscall(SYS_pread64, fd, to, size, at);
	memcpy(to, state, sizeof(state));
	return sizeof(state) - 1;
}

/* ---- another thread looks at this one ---- */

static void *look(void *unused)
{
	(void)unused;
	while (!asked)
		usleep(1000);
	for (int i = 0; i < 500 && !there; i++) {
		usleep(10000);
		there = stack_take(&seen);
	}
	done = true;
	return NULL;
}

static pthread_t begin_look(void)
{
	sigset_t all, before;
	pthread_t thread;

	there = asked = done = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, look, NULL), 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	asked = true;
	return thread;
}

static volatile unsigned long turns;
static int line;

enum { COMPUTE_AT = __LINE__ + 2, COMPUTE_LINES = 6 };

static __attribute__((noinline)) void compute(void)
{
	while (!done)
		turns = turns * 3 + 1;
	line = __LINE__;
}

static __attribute__((noinline)) int sleep_once(void)
{
	int result = nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);

	line = __LINE__ - 2;
	turns++;
	return result;
}

/* Of a frame; false: this file does not have it. */
static bool is_ours(uintptr_t frame, struct source *found)
{
	if (!stack_is_program(frame))
		return false;
	source_find(frame, found, 1);
	return !strcmp(found->file, "tests/unit/test_doctor.c");
}

/* The first of its frames that this file has. */
static bool source_of_it(struct source *found)
{
	for (size_t i = 0; i < seen.count; i++)
		if (is_ours(seen.frames[i], found))
			return true;
	return false;
}

static bool is_behind(const char *name)
{
	struct source found;

	for (size_t i = 0; i < seen.count; i++)
		if (is_ours(seen.frames[i], &found) && !strcmp(found.name, name))
			return true;
	return false;
}

static bool is_possible(const char *lack)
{
	if (lack)
		not_judged("no stack is seen here: %s", lack);
	return !lack;
}

static void who_computes(void)
{
	struct source found;
	pthread_t thread;

#ifdef __SANITIZE_THREAD__
	not_judged("a sanitizer keeps signals from who computes");
	return;
#endif
	source_prepare();
	if (!is_possible(stack_prepare()))
		return;
	thread = begin_look();
	compute();
	pthread_join(thread, NULL);
	CU_ASSERT(there);
	CU_ASSERT(!seen.waits);
	CU_ASSERT_FATAL(source_of_it(&found));
	CU_ASSERT_STRING_EQUAL(found.name, "compute");
	CU_ASSERT(found.line >= line - 2 && found.line <= line);
}

/* Where its caller's frame is, only a register says, which nobody knows while it sleeps. */
static __attribute__((noinline)) int sleep_beside(size_t size)
{
	volatile char room[size];

	room[0] = 0;
	return sleep_once() + room[0];
}

/* It gets no signal. */
static void who_sleeps(void)
{
	char call[32];
	struct source found;
	pthread_t thread;

	if (machine_is_valgrind()) {
		not_judged("the stack that the kernel knows is valgrind's");
		return;
	}
	source_prepare();
	if (!is_possible(stack_prepare()))
		return;
	thread = begin_look();
	CU_ASSERT_EQUAL(sleep_beside((size_t)getpid() % 100 + 1), 0);
	pthread_join(thread, NULL);
	CU_ASSERT(there);
	CU_ASSERT(seen.waits);
	cure_call(seen.call, call, sizeof(call));
	CU_ASSERT_STRING_EQUAL(call, "clock_nanosleep");
	CU_ASSERT_FATAL(source_of_it(&found));
	CU_ASSERT_STRING_EQUAL(found.name, "sleep_once");
	CU_ASSERT_EQUAL(found.line, line);
	CU_ASSERT(is_behind("sleep_beside"));
	CU_ASSERT(is_behind("who_sleeps"));
}

/* It has begun to sleep behind the back of who looks: the signal comes, and it sleeps all the same.
 */
static void who_falls_asleep(void)
{
	pthread_t thread;

#ifdef __SANITIZE_THREAD__
	not_judged("a sanitizer keeps signals from who computes");
	return;
#endif
	if (!is_possible(stack_prepare()))
		return;
	lies = true;
	thread = begin_look();
	CU_ASSERT_EQUAL(sleep_once(), 0);
	pthread_join(thread, NULL);
	lies = false;
	CU_ASSERT(there);
	CU_ASSERT(!seen.waits);
}

static void nobody_is_prepared(void)
{
	stack_close();
	CU_ASSERT(!stack_take(&seen));
	CU_ASSERT_EQUAL(seen.count, 0);
	CU_ASSERT_PTR_NOT_NULL(seen.lack);
	stack_close();
}

/* Such as may be left where another program is to blame. */
static void a_stack_of_noise(void)
{
	static struct stack_copy copy;
	uintptr_t frames[STACK_FRAMES];
	const uintptr_t at[] = {(uintptr_t)compute, (uintptr_t)nanosleep, (uintptr_t)&copy, 0,
				UINTPTR_MAX};
	unsigned seed = 7;

	copy.memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	CU_ASSERT_FATAL(copy.memory >= 0);
	copy.begin = (uintptr_t)copy.bytes;
	copy.len = 4096;
	for (int round = 0; round < 500; round++) {
		uintptr_t *words = (uintptr_t *)copy.bytes;

		for (size_t i = 0; i < copy.len / sizeof(*words); i++)
			words[i] = at[(size_t)rand_r(&seed) % COUNT(at)] +
				   (uintptr_t)rand_r(&seed) % 64;
		for (size_t i = 0; i < STACK_REGISTERS; i++)
			copy.registers[i] = words[i];
		copy.few = round % 2;
		copy.registers[UNW_REG_SP] = copy.begin;
		CU_ASSERT(stack_unwind(&copy, frames, STACK_FRAMES) <= STACK_FRAMES);
	}
	close(copy.memory);
}

/* An application that has its own use for the signal keeps it, and who sleeps is seen all the same.
 */
static void a_signal_that_is_taken(void)
{
	struct sigaction own = {.sa_handler = SIG_DFL}, now;

	stack_close();
	own.sa_handler = (void (*)(int))exit;
	sigaction(SIGURG, &own, NULL);
	CU_ASSERT_PTR_NOT_NULL(stack_prepare());
	sigaction(SIGURG, NULL, &now);
	CU_ASSERT_PTR_EQUAL(now.sa_handler, own.sa_handler);
	stack_close();
	signal(SIGURG, SIG_DFL);
}

/* ---- which line ---- */

static void a_line_is_found(void)
{
	struct source found;

	source_prepare();
	for (int i = 0; i < 2; i++) {
		source_find((uintptr_t)compute + 1, &found, 1);
		CU_ASSERT_STRING_EQUAL(found.name, "compute");
		CU_ASSERT_STRING_EQUAL(found.file, "tests/unit/test_doctor.c");
		CU_ASSERT(found.line >= COMPUTE_AT && found.line < COMPUTE_AT + COMPUTE_LINES);
	}
}

static __attribute__((noinline)) uintptr_t here(void)
{
	return (uintptr_t)__builtin_return_address(0);
}

static uintptr_t within_at;
static int within_line;

static inline __attribute__((always_inline)) void within(void)
{
	within_at = here() - 1, within_line = __LINE__;
	turns++;
}

static __attribute__((noinline)) int around(void)
{
	within();
	turns++;
	return __LINE__ - 2;
}

/* They are as if they had been called. */
static void functions_in_functions_are_found(void)
{
	struct source found[3];
	int around_line = around();

	source_prepare();
	CU_ASSERT_EQUAL_FATAL(source_find(within_at, found, COUNT(found)), 2);
	CU_ASSERT_STRING_EQUAL(found[0].name, "within");
	CU_ASSERT_EQUAL(found[0].line, within_line);
	CU_ASSERT_STRING_EQUAL(found[1].name, "around");
	CU_ASSERT_EQUAL(found[1].line, around_line);
	CU_ASSERT_STRING_EQUAL(found[1].file, "tests/unit/test_doctor.c");
	CU_ASSERT_EQUAL(source_find(within_at, found, 1), 1);
	CU_ASSERT_STRING_EQUAL(found[0].name, "within");
}

static void no_line_is_found(void)
{
	struct source found;

	source_prepare();
	source_find((uintptr_t)&seen, &found, 1);
	CU_ASSERT_STRING_EQUAL(found.name, "");
	CU_ASSERT_STRING_EQUAL(found.file, "");
	source_close();
	source_find((uintptr_t)compute + 1, &found, 1);
	CU_ASSERT_STRING_EQUAL(found.name, "");
	CU_ASSERT_STRING_EQUAL(found.file, "");
}

static void after(void)
{
	stack_close();
	source_close();
}

static const struct test tests[] = {
	{"who computes is seen where it does", who_computes},
	{"who sleeps is seen where it does, and sleeps on", who_sleeps},
	{"who falls asleep meanwhile sleeps on", who_falls_asleep},
	{"nobody is seen where nothing is prepared", nobody_is_prepared},
	{"a signal that the application uses is left to it", a_signal_that_is_taken},
	{"a stack of noise is read to no harm", a_stack_of_noise},
	{"a function, file and line are found", a_line_is_found},
	{"functions that the compiler has put into others are found",
	 functions_in_functions_are_found},
	{"of what is none, and of a file that is not open, nothing is found", no_line_is_found},
};

const struct suite doctor_suite = {"doctor", tests, COUNT(tests), .after = after};
