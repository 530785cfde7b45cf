/* What a thread does is seen from another one; which line that is, is read from the program's file,
 * whatever is in that. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "engine/doctor_cure.h"
#include "engine/doctor_source.h"
#include "engine/doctor_stack.h"

static struct stack seen;
static _Atomic bool asked, done, there;

/* Instead of the C library's: what the kernel says of this thread may be that it computes. */
static _Atomic bool lies;

ssize_t pread(int fd, void *to, size_t size, off_t at)
{
	static const char state[] = "running\n";

	if (!lies)
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
static unsigned line;

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

/* The first of its frames that this file has. */
static bool source_of_it(struct source *found)
{
	bool known = false;

	for (size_t i = 0; i < seen.count && !known; i++) {
		if (!stack_is_program(seen.frames[i].at))
			continue;
		*found = (struct source){.at = seen.frames[i].at - stack_program(),
					 .function = seen.frames[i].function - stack_program()};
		source_find(found, 1);
		known = !strcmp(found->file, "tests/unit/test_doctor.c");
	}
	return known;
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

/* It gets no signal. */
static void who_sleeps(void)
{
	char call[32];
	struct source found;
	pthread_t thread;

	source_prepare();
	if (!is_possible(stack_prepare()))
		return;
	thread = begin_look();
	CU_ASSERT_EQUAL(sleep_once(), 0);
	pthread_join(thread, NULL);
	CU_ASSERT(there);
	CU_ASSERT(seen.waits);
	cure_call(seen.call, call, sizeof(call));
	CU_ASSERT_STRING_EQUAL(call, "clock_nanosleep");
	CU_ASSERT_FATAL(source_of_it(&found));
	CU_ASSERT_STRING_EQUAL(found.name, "sleep_once");
	CU_ASSERT_EQUAL(found.line, line);
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

static uint8_t *image_of_us(size_t *size)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat file;
	uint8_t *bytes;

	CU_ASSERT_FATAL(fd >= 0 && fstat(fd, &file) == 0);
	*size = (size_t)file.st_size;
	bytes = malloc(*size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
	for (size_t at = 0; at < *size;) {
		ssize_t n = read(fd, bytes + at, *size - at);

		CU_ASSERT_FATAL(n > 0);
		at += (size_t)n;
	}
	close(fd);
	return bytes;
}

/* Somewhere behind where a function of ours begins. */
static struct source here(void)
{
	stack_find_tables();
	return (struct source){.at = (uintptr_t)compute - stack_program() + 1,
			       .function = (uintptr_t)compute - stack_program()};
}

static void a_line_is_found(void)
{
	size_t size;
	uint8_t *bytes = image_of_us(&size);
	struct source_image image = {bytes, size};
	struct source list[2] = {here(), {.at = 1, .function = 1}};

	CU_ASSERT(source_symbols(&image, list, 2));
	CU_ASSERT(source_lines(&image, list, 2));
	CU_ASSERT_STRING_EQUAL(list[0].name, "compute");
	CU_ASSERT_STRING_EQUAL(list[0].file, "tests/unit/test_doctor.c");
	CU_ASSERT_STRING_EQUAL(list[1].file, "");
	free(bytes);
}

/* Nothing beyond the image is read, which a sanitizer sees. */
static void ask(const uint8_t *bytes, size_t size)
{
	struct source asked_for = here();
	struct source_image image = {bytes, size};

	source_symbols(&image, &asked_for, 1);
	source_lines(&image, &asked_for, 1);
}

static uint8_t *part_within(const struct source_image *image, const char *name, size_t *size)
{
	struct source_part part = source_part(image, name);

	CU_ASSERT_PTR_NOT_NULL_FATAL(part.begin);
	*size = (size_t)(part.end - part.begin);
	return (uint8_t *)part.begin;
}

static void a_broken_file(void)
{
	enum { SPOILED = 64, ROUNDS = 40 };
	size_t size;
	size_t len;
	uint8_t *bytes = image_of_us(&size);
	struct source_image image = {bytes, size};
	uint8_t *lines = part_within(&image, ".debug_line", &len);
	unsigned seed = 7;

	for (int round = 0; round < ROUNDS; round++) {
		uint8_t before[SPOILED];
		size_t at[SPOILED];

		for (int i = 0; i < SPOILED; i++) {
			at[i] = (size_t)rand_r(&seed) % (round % 2 ? len : 400);
			before[i] = lines[at[i]];
			lines[at[i]] = (uint8_t)rand_r(&seed);
		}
		ask(bytes, size);
		for (int i = SPOILED; i--;)
			lines[at[i]] = before[i];
	}
	free(bytes);
}

static void a_short_file(void)
{
	size_t size;
	uint8_t *bytes = image_of_us(&size);

	for (size_t most = size; most > 8; most = most * 3 / 4) {
		uint8_t *shorter = malloc(most); /* whose end is seen */

		CU_ASSERT_PTR_NOT_NULL_FATAL(shorter);
		memcpy(shorter, bytes, most);
		ask(shorter, most);
		free(shorter);
	}
	free(bytes);
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
	{"a function, file and line are found", a_line_is_found},
	{"a broken file is read to no harm", a_broken_file},
	{"a short file is read to no harm", a_short_file},
};

const struct suite doctor_suite = {"doctor", tests, COUNT(tests), .after = after};
