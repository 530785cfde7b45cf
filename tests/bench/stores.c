/*
 * stores.so, preloaded into a worker by tests/bench/lines: notes every store to memory that it
 * shares with other processes, which is the scoreboard. Such memory may only be read, so a store
 * faults; then it may be written for the one instruction. STORES names the file that gets, for
 * each, its offset in bytes from the start of that memory, as 4 bytes. A store that reaches into
 * the next cache line, and changes it, is noted there as well. On x86-64.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGE = 4096, LINE = 64, ROOM = 1 << 16, TRAP_FLAG = 0x100 };

static char *shared; /* NULL: there is none yet */
static size_t shared_size;
static int out = -1;
static uint32_t noted[ROOM];
static size_t count;
static atomic_flag busy = ATOMIC_FLAG_INIT; /* a thread is at a store */

/* Of that one. */
static char *page;
static char *next; /* line */
static char next_before[LINE];

static void flush(void)
{
	size_t bytes = count * sizeof(noted[0]);

	if (write(out, noted, bytes) != (ssize_t)bytes)
		abort();
	count = 0;
}

static void note(const char *at)
{
	if (count == ROOM)
		flush();
	noted[count++] = (uint32_t)(at - shared);
}

/* A store may reach into the next page, too. */
static void allow(int access)
{
	if (mprotect(page, PAGE + (page + PAGE < shared + shared_size ? PAGE : 0), access))
		abort();
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	char *at = info->si_addr;

	if (!shared || at < shared || at >= shared + shared_size) {
		signal(number, SIG_DFL);
		return;
	}
	while (atomic_flag_test_and_set(&busy))
		;
	note(at);
	page = at - (uintptr_t)at % PAGE;
	next = at - (uintptr_t)at % LINE + LINE;
	if (next < page + PAGE)
		memcpy(next_before, next, LINE);
	allow(PROT_READ | PROT_WRITE);
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void on_step(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	if (next < page + PAGE && memcmp(next_before, next, LINE) != 0)
		note(next);
	allow(PROT_READ);
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~(long long)TRAP_FLAG;
	atomic_flag_clear(&busy);
}

static void watch(char *memory, size_t size)
{
	const char *to = getenv("STORES");
	struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	struct sigaction step = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};

	if (shared || !to)
		abort(); /* more is shared than the board */
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	sigfillset(&fault.sa_mask);
	sigfillset(&step.sa_mask);
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGTRAP, &step, NULL);
	if (out < 0 || mprotect(memory, size, PROT_READ))
		abort();
	shared_size = size;
	shared = memory;
	atexit(flush);
}

/* ---- in place of the C library's ---- */

void *mmap(void *near, size_t size, int access, int flags, int fd, off_t offset)
{
	void *(*real)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, "mmap");
	void *memory = real(near, size, access, flags, fd, offset);

	if (memory != MAP_FAILED && (flags & MAP_SHARED) && (access & PROT_WRITE))
		watch(memory, size);
	return memory;
}

/* Threads that block all signals may store, too. */
int pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
	int (*real)(int, const sigset_t *, sigset_t *) = dlsym(RTLD_NEXT, "pthread_sigmask");
	sigset_t fewer;

	if (set) {
		fewer = *set;
		sigdelset(&fewer, SIGSEGV);
		sigdelset(&fewer, SIGTRAP);
	}
	return real(how, set ? &fewer : NULL, before);
}
