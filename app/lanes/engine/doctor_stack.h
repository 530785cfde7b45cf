/*
 * Where a thread of this process is, and who called that, without a change to what it does: its
 * stack is copied while it runs or waits, and the copy is unwound by libunwind, with the tables
 * that every program and library has in memory (.eh_frame), also where symbols are stripped.
 *
 * A thread that waits in the kernel must not get a signal: it would cut its sleep short. The kernel
 * says where it waits (/proc/self/task/TID/syscall). One that computes gets SIGURG, whose handler
 * copies registers and stack. All memory is read through the kernel (/proc/self/mem), which refuses
 * what is not there: whatever a stack says, nothing breaks.
 *
 * x86-64. Elsewhere no stack is known.
 */
#ifndef LANES_ENGINE_DOCTOR_STACK_H
#define LANES_ENGINE_DOCTOR_STACK_H

#include <libunwind.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STACK_FRAMES = 64 };

struct stack {
	/* Innermost first: in the instruction that runs, or has called the frame before. */
	uintptr_t frames[STACK_FRAMES];
	size_t count;
	bool waits;	  /* in the kernel, in this call … */
	long call;	  /* … -1: for a page of memory */
	const char *lack; /* why there are no frames */
};

/* The calling thread is the one that will be looked at. To be called before the sandbox: it opens
 * what is read later. NULL, or why no stack will be known. */
const char *stack_prepare(void);

/* Where that thread is now. From another thread, one at a time. False: it has no frames. */
bool stack_take(struct stack *stack);

/* Gives all of it back. That thread must be the caller. */
void stack_close(void);

/* Whether it is in the program itself, not in a library. */
bool stack_is_program(uintptr_t at);

/* ---- for its own parts ---- */

enum { STACK_REGISTERS = UNW_TDEP_LAST_REG + 1, STACK_COPIED = 256 << 10 };

struct stack_copy {
	unw_word_t registers[STACK_REGISTERS]; /* by libunwind's numbers */
	bool few;			       /* only UNW_REG_IP and UNW_REG_SP are known */
	int memory;			       /* /proc/self/mem */
	/* The innermost of the stack. */
	unw_word_t begin;
	size_t len;
	char bytes[STACK_COPIED];
};

/* Its frames; at least one. The registers are used up. */
size_t stack_unwind(struct stack_copy *copy, uintptr_t *frames, size_t most);

#endif
