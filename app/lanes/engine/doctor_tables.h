/*
 * What unwinding needs of the tables in memory (.eh_frame, DWARF 5, 6.4, and as in the LSB): which
 * function an address is in, and where its caller's registers are. For doctor_unwind.c.
 */
#ifndef LANES_ENGINE_DOCTOR_TABLES_H
#define LANES_ENGINE_DOCTOR_TABLES_H

#include "engine/doctor_stack.h"

/* It looks at memory that a sanitizer knows to be nobody's, or another thread's. */
#define UNCHECKED __attribute__((no_sanitize_address, no_sanitize_thread))

/* How a register, or the frame's address (CFA), is found. */
enum table_how { SAME, AT_OFFSET, IS_OFFSET, IN_REGISTER, BY_EXPRESSION, IS_EXPRESSION, UNDEFINED };

struct table_rule {
	enum table_how how;
	unsigned reg;
	int64_t offset;
	const uint8_t *expression; /* behind its length */
	uint64_t len;
};

struct table_row {
	struct table_rule cfa;
	struct table_rule regs[STACK_REGISTERS];
};

struct table_function {
	uintptr_t begin, end;
	const uint8_t *code, *code_end;
	const uint8_t *first, *first_end; /* instructions that all of its table share */
	uint64_t code_align;
	int64_t data_align;
	uint8_t encoding;
	bool is_signal; /* what it was called by is no call, but was interrupted */
};

/* The function that an address is in; false: no table has it. */
bool table_find(uintptr_t address, struct table_function *function);

/* What is known of its caller at that address. False: a table says what we do not know. */
bool table_row(const struct table_function *function, uintptr_t address, struct table_row *row);

/* Numbers as tables have them; *at is behind them then. */
uint64_t table_fixed(const uint8_t **at, size_t size);
uint64_t table_uleb(const uint8_t **at);
int64_t table_sleb(const uint8_t **at);

#endif
