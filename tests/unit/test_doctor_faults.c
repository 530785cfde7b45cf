/* Luck is bad, and the doctor does without: it says why, harms nobody, and leaves what is
 * another's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/machine.h"
#include "../support/process.h"
#include "caught.h"
#include "engine/doctor.h"
#include "engine/doctor_source.h"
#include "engine/doctor_stack.h"

static const char IS_TAKEN[] = "SIGURG is taken: what computes is not seen";

static bool no_threads; /* can be made */

int __real_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *),
			  void *arg);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *),
			  void *arg);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *),
			  void *arg)
{
	return no_threads ? EAGAIN : __real_pthread_create(id, attr, run, arg);
}

/* ---- a thread that is looked at ---- */

static struct stack seen;
static bool was_seen;
static bool keeps_looking; /* until it is seen */
static _Atomic bool done;

static void *look(void *unused)
{
	double until = now() + PATIENCE;

	(void)unused;
	do {
		usleep(10000);
		was_seen = stack_take(&seen);
	} while (keeps_looking && !was_seen && now() < until);
	done = true;
	return NULL;
}

static void look_at(void (*held)(void))
{
	sigset_t all, before;
	pthread_t thread;

	done = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, look, NULL), 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	held();
	pthread_join(thread, NULL);
}

static volatile unsigned long turns;

static __attribute__((noinline)) void compute(void)
{
	while (!done)
		turns = turns * 3 + 1;
}

static __attribute__((noinline)) void doze(void)
{
	while (!done)
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
}

static bool can_prepare(void)
{
	const char *lack = stack_prepare();

	if (lack)
		not_judged("no stack is seen here: %s", lack);
	return !lack;
}

static bool can_see_who_computes(void)
{
#ifdef __SANITIZE_THREAD__
	not_judged("a sanitizer keeps signals from who computes");
	return false;
#else
	if (machine_is_valgrind()) {
		not_judged("valgrind runs one thread at a time: who computes waits for its turn");
		return false;
	}
	return can_prepare();
#endif
}

/* ---- what cannot be opened ---- */

/* Descriptors of this process whose file is called so; they are this one from now on, if it is one.
 */
static int files_called(const char *end, int instead)
{
	char target[128];
	int count = 0;

	for (int fd = 3; fd < 1024; fd++) {
		ssize_t len = readlink(textf("/proc/self/fd/%d", fd), target, sizeof(target) - 1);

		target[len > 0 ? len : 0] = '\0';
		if (len < (ssize_t)strlen(end) || strcmp(target + len - strlen(end), end) != 0)
			continue;
		count++;
		if (instead >= 0)
			CU_ASSERT_EQUAL(dup2(instead, fd), fd);
	}
	return count;
}

static void without_descriptors(void)
{
	struct rlimit before;
	struct source found;
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(next);
	getrlimit(RLIMIT_NOFILE, &before);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)next, before.rlim_max});
	CU_ASSERT_STRING_EQUAL(stack_prepare(), "/proc/self/task/TID/syscall: Too many open files");
	source_prepare();
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)next + 1, before.rlim_max});
	CU_ASSERT_STRING_EQUAL(stack_prepare(), "/proc/self/mem: Too many open files");
	CU_ASSERT(!stack_take(&seen));
	CU_ASSERT_STRING_EQUAL(seen.lack, "/proc/self/mem: Too many open files");
	setrlimit(RLIMIT_NOFILE, &before);
	source_find((uintptr_t)compute + 1, &found, 1);
	CU_ASSERT_STRING_EQUAL(found.name, "");
	CU_ASSERT_STRING_EQUAL(found.lack, "the program's file cannot be read");
}

/* What it comes to in a process of its own: an exit status, or -1. */
static int apart(int (*run)(long given), long given)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		_exit(run(given));
	}
	CU_ASSERT_FATAL(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

enum { RIGHT = 10, WITHOUT, NOT_HERE };

/* Its files are root's then. */
static int not_dumpable(long unused)
{
	const char *lack;

	(void)unused;
	if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
		return NOT_HERE;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return NOT_HERE;
	lack = stack_prepare();
	source_prepare();
	return lack && !strcmp(lack, "/proc/self/task/TID/syscall: Permission denied") &&
			       !stack_take(&seen) && seen.lack == lack
		       ? RIGHT
		       : 0;
}

static void what_is_roots(void)
{
	int came = apart(not_dumpable, 0);

	if (came == NOT_HERE)
		not_judged("no other user here");
	else
		CU_ASSERT_EQUAL(came, RIGHT);
}

/* ---- what fails later ---- */

static void a_state_that_cannot_be_read(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (can_prepare()) {
		CU_ASSERT_EQUAL(files_called("/syscall", null), 1);
		look_at(doze);
		CU_ASSERT(!was_seen);
		CU_ASSERT_STRING_EQUAL(seen.lack,
				       "/proc/self/task/TID/syscall: Bad file descriptor");
	}
	close(null);
}

/* It knows the call, and nobody who has made it. */
static void memory_that_cannot_be_read(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	keeps_looking = true;
	if (can_prepare()) {
		CU_ASSERT_EQUAL(files_called("/mem", null), 1);
		look_at(doze);
		CU_ASSERT(was_seen);
		CU_ASSERT(seen.waits);
		CU_ASSERT_EQUAL(seen.count, 1);
	}
	close(null);
}

/* ---- who has the signal ---- */

static void a_thread_that_takes_no_signal(void)
{
	sigset_t urgent, before;

	if (!can_see_who_computes())
		return;
	sigemptyset(&urgent);
	sigaddset(&urgent, SIGURG);
	pthread_sigmask(SIG_BLOCK, &urgent, &before);
	look_at(compute);
	CU_ASSERT(!was_seen);
	CU_ASSERT_STRING_EQUAL(seen.lack, "it computes, and takes no SIGURG");
	/* It comes late, and finds nobody who waits for it. */
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	look_at(compute);
	CU_ASSERT(was_seen);
}

/* As a container, or a unit's SystemCallFilter=, may have it. */
static int forbidden_signal(long unused)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	(void)unused;
	stack_close();
	if (!filter || stack_prepare() ||
	    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 0) ||
	    seccomp_load(filter))
		return NOT_HERE;
	look_at(compute);
	return !was_seen && !strcmp(seen.lack, "SIGURG: Operation not permitted") ? RIGHT : 0;
}

static void a_signal_that_may_not_be_sent(void)
{
	int came;

	if (!can_see_who_computes())
		return;
	came = apart(forbidden_signal, 0);
	if (came == NOT_HERE)
		not_judged("no seccomp here");
	else
		CU_ASSERT_EQUAL(came, RIGHT);
}

static volatile sig_atomic_t urgent_news;

static void on_urgent(int number)
{
	(void)number;
	urgent_news++;
}

/* The application gets none that we have sent. */
static void a_signal_that_is_taken_later(void)
{
	const struct sigaction own = {.sa_handler = on_urgent};
	struct sigaction now;

	if (!can_see_who_computes())
		return;
	urgent_news = 0;
	sigaction(SIGURG, &own, NULL);
	look_at(compute);
	CU_ASSERT(!was_seen);
	CU_ASSERT_STRING_EQUAL(seen.lack, IS_TAKEN);
	CU_ASSERT_EQUAL(urgent_news, 0);
	stack_close();
	sigaction(SIGURG, NULL, &now);
	CU_ASSERT_PTR_EQUAL(now.sa_handler, own.sa_handler);
}

static void who_sleeps_beside_such_a_signal(void)
{
	const struct sigaction own = {.sa_handler = on_urgent};

	sigaction(SIGURG, &own, NULL);
	urgent_news = 0;
	keeps_looking = true;
	CU_ASSERT_PTR_NOT_NULL(stack_prepare());
	if (files_called("/mem", -1)) {
		look_at(doze);
		CU_ASSERT(was_seen);
		CU_ASSERT(seen.waits);
	}
	CU_ASSERT_EQUAL(urgent_news, 0);
}

/* The signal runs on it, and it stays. */
static void a_stack_for_signals_that_is_taken(void)
{
	static char room[64 << 10];
	const stack_t own = {.ss_sp = room, .ss_size = sizeof(room)};
	stack_t before, now;

	sigaltstack(&own, &before);
	if (can_see_who_computes()) {
		keeps_looking = true;
		look_at(compute);
		CU_ASSERT(was_seen);
	}
	stack_close();
	sigaltstack(&before, &now);
	CU_ASSERT_PTR_EQUAL(now.ss_sp, room);
	CU_ASSERT(!(now.ss_flags & SS_DISABLE));
}

/* ---- no thread ---- */

static void without_a_thread(void)
{
	static struct board_slot slot;
	const struct options options = {.slow_callback = 100};
	struct caught caught;
	struct sigaction now;

	doctor_prepare(&options);
	no_threads = true;
	caught_begin();
	doctor_begin(&slot, &options);
	caught_end(&caught);
	no_threads = false;
	CU_ASSERT(caught_one_line(&caught, "event=no-doctor why=\"Resource temporarily"));
	CU_ASSERT_EQUAL(files_called("/mem", -1), 0);
	sigaction(SIGURG, NULL, &now);
	CU_ASSERT_PTR_EQUAL(now.sa_handler, SIG_DFL);
	doctor_end();
}

/* ---- no memory ---- */

static bool can_limit_memory(void)
{
	if (!MEMORY_COUNTS || machine_is_valgrind())
		not_judged("the memory is not the program's own");
	return MEMORY_COUNTS && !machine_is_valgrind();
}

static void *volatile taken;

/* There are so many bytes from the kernel, and none that were free. */
static void limit_memory(rlim_t left)
{
	rlim_t page = (rlim_t)sysconf(_SC_PAGESIZE);
	struct rlimit limit;

	getrlimit(RLIMIT_AS, &limit);
	limit.rlim_cur = (rlim_t)atol(file_text("/proc/self/statm")) * page;
	setrlimit(RLIMIT_AS, &limit);
	for (size_t size = 1 << 20; size >= 8; size /= 2)
		while ((taken = malloc(size)))
			;
	limit.rlim_cur += left;
	setrlimit(RLIMIT_AS, &limit);
}

/* It is asked again, too. */
static int read_source(long left)
{
	struct source found;

	source_prepare();
	limit_memory((rlim_t)left);
	for (int i = 0; i < 2; i++)
		source_find((uintptr_t)compute + 1, &found, 1);
	if (!strcmp(found.file, "tests/unit/test_doctor_faults.c"))
		return RIGHT;
	return found.lack && !strcmp(found.lack, "memory is short") ? WITHOUT : 0;
}

/* libdw has a way of its own to say that: it ends the process. */
static void a_program_that_is_too_large_to_read(void)
{
	enum { STEP = 1 << 20, MOST = 256 << 20 };
	int came;
	long left = 0;

	if (!can_limit_memory())
		return;
	while ((came = apart(read_source, left)) == WITHOUT && left < MOST)
		left += STEP;
	CU_ASSERT_EQUAL(came, RIGHT);
	CU_ASSERT(left > 0);
}

static int unwind_without(long unused)
{
	static struct stack_copy copy;
	uintptr_t frames[STACK_FRAMES];

	(void)unused;
	copy.memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	copy.few = true;
	copy.registers[UNW_REG_IP] = (uintptr_t)compute + 1;
	copy.registers[UNW_REG_SP] = (uintptr_t)__builtin_frame_address(0);
	if (!stack_unwind(&copy, frames, STACK_FRAMES))
		return 0;
	limit_memory(0);
	return stack_unwind(&copy, frames, STACK_FRAMES) ? RIGHT : WITHOUT;
}

static void a_stack_without_memory(void)
{
	if (can_limit_memory())
		CU_ASSERT_EQUAL(apart(unwind_without, 0), WITHOUT);
}

/* ---- */

static void before(void)
{
	keeps_looking = false;
	seen = (struct stack){0};
}

static void after(void)
{
	stack_close();
	source_close();
	signal(SIGURG, SIG_DFL);
}

static const struct test tests[] = {
	{"without descriptors it says so", without_descriptors},
	{"what is root's it does not read, and says so", what_is_roots},
	{"what the kernel does not say any more", a_state_that_cannot_be_read},
	{"of memory that cannot be read the call is known", memory_that_cannot_be_read},
	{"a thread that takes no signal is not seen", a_thread_that_takes_no_signal},
	{"a signal that may not be sent is said to be that", a_signal_that_may_not_be_sent},
	{"an application that takes the signal later keeps it", a_signal_that_is_taken_later},
	{"beside such an application who sleeps is seen", who_sleeps_beside_such_a_signal},
	{"an application keeps its stack for signals", a_stack_for_signals_that_is_taken},
	{"without a thread there is none, and nothing left", without_a_thread},
	{"memory may end while the program's file is read", a_program_that_is_too_large_to_read},
	{"without memory a stack has no frames", a_stack_without_memory},
};

const struct suite doctor_faults_suite = {"doctor-faults", tests, COUNT(tests), .before = before,
					  .after = after};
