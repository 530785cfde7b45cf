#include "engine/doctor_stack.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum {
	SIGNAL = SIGURG,	 /* nobody sends it, and who gets it for nothing is not harmed */
	SIGNAL_STACK = 64 << 10, /* for a thread whose own is used up */
	TRIES = 10,		 /* to see a thread twice at the same place */
	PATIENCE = 300,		 /* looks whether the handler has run … */
	PAUSE_NS = 300000,	 /* … and so long from one to the next */
	STATE_SIZE = 256,
};

enum asked { NOTHING, ASKED, TAKING, TAKEN };

static pid_t thread;
static int state_file = -1;  /* /proc/self/task/TID/syscall */
static int memory_file = -1; /* /proc/self/mem */
static bool takes_signal;
static _Atomic enum asked asked;
static const char *unprepared = "nothing is prepared";
static char why[64]; /* it cannot, of who was asked last */
static struct stack_copy copy;
static _Alignas(16) char signal_stack[SIGNAL_STACK];

static const char STATE_PATH[] = "/proc/self/task/TID/syscall";
static const char MEMORY_PATH[] = "/proc/self/mem";
static const char IS_TAKEN[] = "SIGURG is taken: what computes is not seen";

static const char *cannot(const char *what)
{
	snprintf(why, sizeof(why), "%s: %s", what, strerror(errno));
	return why;
}

/* ---- on the thread itself ---- */

/* What is not there any more, the kernel leaves out. */
static void copy_stack(void)
{
	ssize_t len;

	copy.begin = copy.registers[UNW_REG_SP];
	len = pread(copy.memory, copy.bytes, sizeof(copy.bytes), (off_t)copy.begin);
	copy.len = len > 0 ? (size_t)len : 0;
}

#ifdef __x86_64__
static void read_registers(const ucontext_t *context)
{
	static const int numbers[STACK_REGISTERS] = {
		REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
		REG_R9,	 REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};

	copy.few = false;
	for (int i = 0; i < STACK_REGISTERS; i++)
		copy.registers[i] = (unw_word_t)context->uc_mcontext.gregs[numbers[i]];
}

/* It computed when it was looked at. Where it has begun to sleep since, our signal has ended that:
 * the call is made again, as it was. (Others the kernel makes again itself: SA_RESTART.) */
static void mend_call(ucontext_t *context)
{
	greg_t *registers = context->uc_mcontext.gregs;
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): a register */
	const uint8_t *at = (const uint8_t *)registers[REG_RIP];
	uint32_t call;

	/* mov $number,%eax; syscall */
	if (registers[REG_RAX] != -EINTR || at[-2] != 0x0f || at[-1] != 0x05 || at[-7] != 0xb8)
		return;
	memcpy(&call, at - 6, sizeof(call));
	registers[REG_RAX] = call;
	registers[REG_RIP] -= 2;
}
#else
static void read_registers(const ucontext_t *context)
{
	(void)context;
}

static void mend_call(ucontext_t *context)
{
	(void)context;
}
#endif

static void on_signal(int number, siginfo_t *info, void *context)
{
	enum asked expected = ASKED;
	int saved = errno;

	(void)number;
	(void)info;
	if (atomic_compare_exchange_strong(&asked, &expected, TAKING)) {
		read_registers(context);
		copy_stack();
		atomic_store(&asked, TAKEN);
		mend_call(context);
	}
	errno = saved;
}

/* ---- at the start and the end ---- */

/* The application may have taken it since. */
static bool has_signal(void)
{
	struct sigaction now;

	return takes_signal && !sigaction(SIGNAL, NULL, &now) && now.sa_flags & SA_SIGINFO &&
	       now.sa_sigaction == on_signal;
}

/* False: the application has its own use for it. */
static bool take_signal(void)
{
	struct sigaction action = {.sa_sigaction = on_signal,
				   .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
	struct sigaction before;
	stack_t own = {.ss_sp = signal_stack, .ss_size = sizeof(signal_stack)};
	stack_t other;

	if (sigaction(SIGNAL, NULL, &before) || before.sa_flags & SA_SIGINFO ||
	    (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN))
		return false;
	if (sigaltstack(NULL, &other) || (other.ss_flags & SS_DISABLE && sigaltstack(&own, NULL)))
		return false;
	return sigaction(SIGNAL, &action, NULL) == 0;
}

static const char *prepare(void)
{
#ifndef __x86_64__
	return "it is not known how on this machine";
#endif
	char path[64];

	thread = (pid_t)syscall(SYS_gettid);
	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)thread);
	state_file = open(path, O_RDONLY | O_CLOEXEC);
	if (state_file < 0)
		return cannot(STATE_PATH);
	copy.memory = memory_file = open(MEMORY_PATH, O_RDONLY | O_CLOEXEC);
	if (memory_file < 0)
		return cannot(MEMORY_PATH);
	takes_signal = take_signal();
	return takes_signal ? NULL : IS_TAKEN;
}

const char *stack_prepare(void)
{
	stack_close();
	unprepared = prepare();
	return unprepared;
}

void stack_close(void)
{
	const stack_t none = {.ss_flags = SS_DISABLE};
	bool ours = has_signal();
	stack_t now;

	unprepared = "nothing is prepared";
	if (state_file >= 0)
		close(state_file);
	if (memory_file >= 0)
		close(memory_file);
	state_file = memory_file = -1;
	if (!takes_signal)
		return;
	takes_signal = false;
	if (ours)
		signal(SIGNAL, SIG_DFL);
	if (!sigaltstack(NULL, &now) && now.ss_sp == signal_stack)
		sigaltstack(&none, NULL);
}

/* ---- from outside ---- */

static void pause_a_little(void)
{
	nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

/* Where a signal comes late, nobody waits for it any more, and its handler finds that. */
static bool ask(struct stack *stack)
{
	enum asked now = ASKED;

	atomic_store(&asked, ASKED);
	if (syscall(SYS_tgkill, getpid(), thread, SIGNAL)) {
		stack->lack = cannot("SIGURG");
		atomic_store(&asked, NOTHING);
		return false;
	}
	stack->lack = "it computes, and takes no SIGURG";
	for (int i = 0; i < PATIENCE && atomic_load(&asked) != TAKEN; i++)
		pause_a_little();
	if (atomic_compare_exchange_strong(&asked, &now, NOTHING))
		return false;
	while (atomic_load(&asked) != TAKEN)
		pause_a_little();
	atomic_store(&asked, NOTHING);
	return true;
}

static bool read_state(char state[STATE_SIZE])
{
	ssize_t len = pread(state_file, state, STATE_SIZE - 1, 0);

	state[len > 0 ? len : 0] = '\0';
	if (!len)
		errno = ENODATA;
	return len > 0;
}

/* "35 0x1 … 0x6 SP PC", or "-1 SP PC". */
static bool read_where(const char *state, struct stack *stack)
{
	unsigned long long numbers[2] = {0, 0}; /* the last two */
	char *end;

	stack->call = strtol(state, &end, 10);
	if (end == state)
		return false;
	for (const char *at = end; *at == ' '; at = end) {
		numbers[0] = numbers[1];
		numbers[1] = strtoull(at, &end, 16);
	}
	copy.few = true;
	copy.registers[UNW_REG_SP] = numbers[0];
	copy.registers[UNW_REG_IP] = numbers[1];
	return numbers[0] != 0;
}

/* What it says twice was so in between. */
static bool look(struct stack *stack, const char *state)
{
	char again[STATE_SIZE];

	if (!read_where(state, stack))
		return false;
	copy_stack();
	stack->waits = true;
	return read_state(again) && !strcmp(state, again);
}

/* Once. False: not seen, and maybe another time. */
static bool try_once(struct stack *stack)
{
	char state[STATE_SIZE];

	if (!read_state(state)) {
		stack->lack = cannot(STATE_PATH);
		return false;
	}
	stack->waits = false;
	if (!strncmp(state, "running", strlen("running"))) {
		stack->lack = IS_TAKEN;
		return has_signal() && ask(stack);
	}
	stack->lack = "it moves too fast";
	return look(stack, state);
}

bool stack_take(struct stack *stack)
{
	bool seen = false;

	*stack = (struct stack){.lack = unprepared};
	for (int i = 0; i < TRIES && memory_file >= 0 && !seen; i++)
		seen = try_once(stack);
	if (!seen)
		return false;
	stack->count = stack_unwind(&copy, stack->frames, STACK_FRAMES);
	if (!stack->count)
		stack->lack = "out of memory";
	return stack->count != 0;
}
