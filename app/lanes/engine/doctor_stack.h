/*
 * Where a thread of this process is, and who called that: its stack, read while it runs or waits,
 * without a change to what it does. The frames are found as an exception would, by the tables that
 * every program and library has in memory (.eh_frame), also where symbols are stripped.
 *
 * A thread that waits in the kernel must not get a signal: it would cut its sleep short. The kernel
 * says where it waits (/proc/self/task/TID/syscall), and another thread reads its stack. One that
 * computes gets SIGURG, whose handler reads the stack it interrupts: it allocates nothing, takes no
 * lock, and has a stack of its own.
 *
 * x86-64. Elsewhere no stack is known.
 */
#ifndef LANES_ENGINE_DOCTOR_STACK_H
#define LANES_ENGINE_DOCTOR_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STACK_FRAMES = 64 };

struct stack_frame {
	uintptr_t at;	    /* in the instruction that runs, or has called the frame before */
	uintptr_t function; /* where that function begins; 0: unknown */
};

struct stack {
	struct stack_frame frames[STACK_FRAMES]; /* innermost first */
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

/* Of the program itself: where its file's addresses begin, and whether one is in it. */
uintptr_t stack_program(void);
bool stack_is_program(uintptr_t at);

/* ---- for its own parts, and tests ---- */

enum { STACK_REGISTERS = 17, STACK_SP = 7, STACK_RETURN = 16 };

/* By their DWARF numbers. */
struct stack_registers {
	uint64_t at[STACK_REGISTERS];
	uint32_t known; /* a bit each */
};

/* The frames of a stack that ends at top; at least what the registers say is one. */
size_t stack_unwind(struct stack_registers *registers, uintptr_t top, struct stack_frame *frames,
		    size_t most);

/* Notes where the tables of all that is loaded are. */
void stack_find_tables(void);

#endif
