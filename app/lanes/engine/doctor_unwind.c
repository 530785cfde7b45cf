/*
 * Unwinding by call frame information (DWARF 5, 6.4; .eh_frame as in the LSB). Called from a signal
 * handler: nothing here allocates, or takes a lock. The tables are trusted, being those of what
 * runs; from the stack nothing is read beyond its end.
 */
#include <elf.h>
#include <link.h>
#include <string.h>

#include "engine/doctor_stack.h"

/* It looks at memory that a sanitizer knows to be nobody's, or another thread's. */
#define UNCHECKED                                                                                  \
	__attribute__((no_sanitize_address, no_sanitize_thread, no_sanitize_undefined))

enum { MODULES = 256, EXPRESSION = 16, REMEMBERED = 4 };

struct module {
	uintptr_t begin, end;
	const uint8_t *header; /* .eh_frame_hdr */
};

static struct module modules[MODULES]; /* the program is the first */
static size_t module_count;
static uintptr_t program_base;

/* How a register, or the frame's address (CFA), is found. */
enum how { SAME, AT_OFFSET, IS_OFFSET, IN_REGISTER, BY_EXPRESSION, IS_EXPRESSION, UNDEFINED };

struct rule {
	enum how how;
	unsigned reg;
	int64_t offset;
	const uint8_t *expression; /* behind its length */
	uint64_t len;
};

struct row {
	struct rule cfa;
	struct rule regs[STACK_REGISTERS];
};

struct function {
	uintptr_t begin, end;
	const uint8_t *code, *code_end;
	const uint8_t *first, *first_end; /* instructions that all of its table share */
	uint64_t code_align;
	int64_t data_align;
	uint8_t encoding;
	bool is_signal;
};

/* ---- reading ---- */

UNCHECKED static uint64_t fixed(const uint8_t **at, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)(*at)[i] << 8 * i;
	*at += size;
	return value;
}

UNCHECKED static uint64_t uleb(const uint8_t **at)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = *(*at)++;
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return value;
}

UNCHECKED static int64_t sleb(const uint8_t **at)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = *(*at)++;
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (shift < 64 && byte & 0x40)
		value |= ~UINT64_C(0) << shift;
	return (int64_t)value;
}

/* A pointer as tables have it: its size, and relative to what. 0: unknown. */
UNCHECKED static uint64_t encoded(const uint8_t **at, uint8_t encoding, bool value_only)
{
	uint64_t from = (encoding & 0x70) == 0x10 && !value_only ? (uintptr_t)*at : 0;

	switch (encoding & 0x0f) {
	case 0x00:
	case 0x04:
	case 0x0c:
		return from + fixed(at, 8);
	case 0x01:
		return from + uleb(at);
	case 0x02:
		return from + fixed(at, 2);
	case 0x03:
		return from + fixed(at, 4);
	case 0x0b:
		return from + (uint64_t)(int64_t)(int32_t)fixed(at, 4);
	default:
		return 0;
	}
}

/* ---- tables ---- */

static int note_module(struct dl_phdr_info *info, size_t size, void *unused)
{
	struct module module = {.begin = UINTPTR_MAX};

	(void)size;
	(void)unused;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + part->p_vaddr;

		if (part->p_type == PT_LOAD && part->p_flags & PF_X) {
			if (begin < module.begin)
				module.begin = begin;
			if (begin + part->p_memsz > module.end)
				module.end = begin + part->p_memsz;
		}
		if (part->p_type == PT_GNU_EH_FRAME)
			module.header = (const uint8_t *)begin;
	}
	if (!module_count)
		program_base = info->dlpi_addr;
	if (module_count < MODULES)
		modules[module_count++] = module;
	return 0;
}

void stack_find_tables(void)
{
	module_count = 0;
	dl_iterate_phdr(note_module, NULL);
}

uintptr_t stack_program(void)
{
	return program_base;
}

bool stack_is_program(uintptr_t at)
{
	return module_count && at >= modules[0].begin && at < modules[0].end;
}

UNCHECKED static int32_t table_entry(const uint8_t *table, size_t index)
{
	const uint8_t *at = table + 4 * index;

	return (int32_t)fixed(&at, 4);
}

/* The description of the function with the highest address that is not above. */
UNCHECKED static const uint8_t *description(const uint8_t *header, uintptr_t address)
{
	enum { VERSION = 1, UDATA4 = 0x03, DATAREL_SDATA4 = 0x3b };
	const uint8_t *at = header + 4;
	int64_t wanted = (int64_t)(address - (uintptr_t)header);
	size_t low = 0;
	size_t high;

	if (header[0] != VERSION || header[2] != UDATA4 || header[3] != DATAREL_SDATA4)
		return NULL;
	encoded(&at, header[1], true);
	high = fixed(&at, 4);
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (table_entry(at, 2 * middle) <= wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? header + table_entry(at, 2 * (low - 1) + 1) : NULL;
}

/* What all functions of a table share. False: it is of a kind that we do not know. */
UNCHECKED static bool read_common(const uint8_t *at, struct function *function)
{
	uint64_t len = fixed(&at, 4);
	const uint8_t *end = at + len;
	const uint8_t *augmentation;
	uint8_t version;

	if (!len || len == UINT32_MAX || fixed(&at, 4) != 0)
		return false;
	version = *at++;
	augmentation = at;
	at += strlen((const char *)at) + 1;
	function->code_align = uleb(&at);
	function->data_align = sleb(&at);
	if ((version == 1 ? *at++ : uleb(&at)) != STACK_RETURN)
		return false;
	if (*augmentation == 'z') {
		const uint8_t *data_end;
		uint64_t data = uleb(&at);

		data_end = at + data;
		for (const uint8_t *a = augmentation + 1; *a; a++) {
			if (*a == 'R')
				function->encoding = *at++;
			else if (*a == 'P')
				at++, encoded(&at, at[-1], true);
			else if (*a == 'L')
				at++;
			else if (*a == 'S')
				function->is_signal = true;
		}
		at = data_end;
	} else if (*augmentation) {
		return false;
	}
	function->first = at;
	function->first_end = end;
	return true;
}

UNCHECKED static bool find_function(uintptr_t address, struct function *function)
{
	const uint8_t *at = NULL;
	const uint8_t *common;
	uint64_t len;

	for (size_t i = 0; i < module_count && !at; i++)
		if (modules[i].header && address >= modules[i].begin && address < modules[i].end)
			at = description(modules[i].header, address);
	if (!at)
		return false;
	*function = (struct function){0};
	len = fixed(&at, 4);
	if (!len || len == UINT32_MAX)
		return false;
	function->code_end = at + len;
	common = at;
	common -= fixed(&at, 4);
	if (!read_common(common, function))
		return false;
	function->begin = encoded(&at, function->encoding, false);
	function->end = function->begin + encoded(&at, function->encoding, true);
	len = uleb(&at); /* of what an exception wants to know */
	function->code = at + len;
	return address >= function->begin && address < function->end;
}

/* ---- instructions ---- */

UNCHECKED static void set(struct row *row, uint64_t reg, struct rule rule)
{
	if (reg < STACK_REGISTERS)
		row->regs[reg] = rule;
}

UNCHECKED static struct rule expression(const uint8_t **at, enum how how)
{
	struct rule rule = {.how = how, .len = uleb(at)};

	rule.expression = *at;
	*at += rule.len;
	return rule;
}

/* Of one that changes the frame's address; false: it is another. */
UNCHECKED static bool defines_cfa(uint8_t op, const uint8_t **at, const struct function *function,
				  struct rule *cfa)
{
	switch (op) {
	case 0x0c: /* DW_CFA_def_cfa */
		cfa->reg = (unsigned)uleb(at);
		cfa->offset = (int64_t)uleb(at);
		break;
	case 0x12: /* … _sf */
		cfa->reg = (unsigned)uleb(at);
		cfa->offset = sleb(at) * function->data_align;
		break;
	case 0x0d: /* DW_CFA_def_cfa_register */
		cfa->reg = (unsigned)uleb(at);
		break;
	case 0x0e: /* DW_CFA_def_cfa_offset */
		cfa->offset = (int64_t)uleb(at);
		break;
	case 0x13: /* … _sf */
		cfa->offset = sleb(at) * function->data_align;
		break;
	case 0x0f: /* DW_CFA_def_cfa_expression */
		*cfa = expression(at, BY_EXPRESSION);
		return true;
	default:
		return false;
	}
	cfa->how = IS_OFFSET;
	return true;
}

/* Of one that says where a register is; false: unknown. */
UNCHECKED static bool places(uint8_t op, const uint8_t **at, const struct function *function,
			     struct row *row, const struct row *first)
{
	uint64_t reg = uleb(at);

	switch (op) {
	case 0x05: /* DW_CFA_offset_extended */
		set(row, reg, (struct rule){.how = AT_OFFSET, .offset = (int64_t)uleb(at) * function->data_align});
		return true;
	case 0x11: /* … _sf */
		set(row, reg, (struct rule){.how = AT_OFFSET, .offset = sleb(at) * function->data_align});
		return true;
	case 0x14: /* DW_CFA_val_offset */
		set(row, reg, (struct rule){.how = IS_OFFSET, .offset = (int64_t)uleb(at) * function->data_align});
		return true;
	case 0x06: /* DW_CFA_restore_extended */
		set(row, reg, reg < STACK_REGISTERS ? first->regs[reg] : (struct rule){0});
		return true;
	case 0x07: /* DW_CFA_undefined */
		set(row, reg, (struct rule){.how = UNDEFINED});
		return true;
	case 0x08: /* DW_CFA_same_value */
		set(row, reg, (struct rule){.how = SAME});
		return true;
	case 0x09: /* DW_CFA_register */
		set(row, reg, (struct rule){.how = IN_REGISTER, .reg = (unsigned)uleb(at)});
		return true;
	case 0x10: /* DW_CFA_expression */
		set(row, reg, expression(at, BY_EXPRESSION));
		return true;
	case 0x16: /* DW_CFA_val_expression */
		set(row, reg, expression(at, IS_EXPRESSION));
		return true;
	default:
		return false;
	}
}

/* By how much the location goes on; UINT64_MAX: this is another. */
UNCHECKED static uint64_t advance(uint8_t op, const uint8_t **at, const struct function *function)
{
	if (op >> 6 == 1)
		return (op & 0x3f) * function->code_align;
	if (op >= 0x02 && op <= 0x04) /* DW_CFA_advance_loc1, 2, 4 */
		return fixed(at, (size_t)1 << (op - 2)) * function->code_align;
	return UINT64_MAX;
}

/* Runs them up to that address. first: the row that they began with. */
UNCHECKED static bool run(const uint8_t *at, const uint8_t *end, const struct function *function,
			  uintptr_t address, struct row *row, const struct row *first)
{
	struct row kept[REMEMBERED];
	size_t count = 0;
	uintptr_t location = function->begin;

	while (at < end) {
		uint8_t op = *at++;
		uint64_t by = advance(op, &at, function);

		if (by != UINT64_MAX) {
			location += by;
			if (location > address)
				return true;
		} else if (op >> 6 == 2) { /* DW_CFA_offset */
			set(row, op & 0x3f, (struct rule){.how = AT_OFFSET, .offset = (int64_t)uleb(&at) * function->data_align});
		} else if (op >> 6 == 3) { /* DW_CFA_restore */
			set(row, op & 0x3f, (op & 0x3f) < STACK_REGISTERS ? first->regs[op & 0x3f] : (struct rule){0});
		} else if (op == 0x0a && count < REMEMBERED) {
			kept[count++] = *row;
		} else if (op == 0x0b && count) {
			*row = kept[--count];
		} else if (op == 0x2e) { /* DW_CFA_GNU_args_size */
			uleb(&at);
		} else if (op && !defines_cfa(op, &at, function, &row->cfa) &&
			   !places(op, &at, function, row, first)) {
			return false;
		}
	}
	return true;
}

/* ---- one frame up ---- */

struct unwinding {
	struct stack_registers *registers;
	uintptr_t low, top; /* of the stack that may be read */
};

UNCHECKED static bool word_at(const struct unwinding *of, uint64_t address, uint64_t *value)
{
	if (address < of->low || address > of->top - sizeof(*value) || address % sizeof(*value))
		return false;
	*value = *(const volatile uint64_t *)address;
	return true;
}

UNCHECKED static bool known(const struct unwinding *of, uint64_t reg)
{
	return reg < STACK_REGISTERS && of->registers->known >> reg & 1;
}

UNCHECKED static bool operate(uint8_t op, uint64_t *stack, size_t *depth)
{
	uint64_t b = stack[*depth - 1];
	uint64_t *a = &stack[*depth - 2];

	if (*depth < 2)
		return false;
	(*depth)--;
	switch (op) {
	case 0x1a: /* DW_OP_and */
		*a &= b;
		return true;
	case 0x1c: /* minus */
		*a -= b;
		return true;
	case 0x22: /* plus */
		*a += b;
		return true;
	case 0x24: /* shl */
		*a <<= b & 63;
		return true;
	case 0x2a: /* ge */
		*a = (int64_t)*a >= (int64_t)b;
		return true;
	default:
		return false;
	}
}

/* What compilers and linkers write there; false: it is more than that. */
UNCHECKED static bool evaluate(const struct unwinding *of, const struct rule *rule, const uint64_t *cfa, uint64_t *value)
{
	const uint8_t *at = rule->expression;
	const uint8_t *end = at + rule->len;
	uint64_t stack[EXPRESSION] = {0};
	size_t depth = 0;

	if (cfa)
		stack[depth++] = *cfa;
	while (at < end && depth < EXPRESSION) {
		uint8_t op = *at++;

		if (op >= 0x30 && op <= 0x4f) { /* DW_OP_lit0 … */
			stack[depth++] = op - 0x30u;
		} else if (op >= 0x70 && op <= 0x8f) { /* DW_OP_breg0 … */
			if (!known(of, op - 0x70u))
				return false;
			stack[depth++] = of->registers->at[op - 0x70] + (uint64_t)sleb(&at);
		} else if (op == 0x08 || op == 0x0a) { /* DW_OP_const1u, 2u */
			stack[depth++] = fixed(&at, op == 0x08 ? 1 : 2);
		} else if (!depth) {
			return false;
		} else if (op == 0x23) { /* DW_OP_plus_uconst */
			stack[depth - 1] += uleb(&at);
		} else if (op == 0x06) { /* DW_OP_deref */
			if (!word_at(of, stack[depth - 1], &stack[depth - 1]))
				return false;
		} else if (depth < 2 || !operate(op, stack, &depth)) {
			return false;
		}
	}
	*value = stack[depth ? depth - 1 : 0];
	return depth != 0;
}

UNCHECKED static bool find_cfa(const struct unwinding *of, const struct rule *rule, uint64_t *cfa)
{
	if (rule->how == BY_EXPRESSION)
		return evaluate(of, rule, NULL, cfa);
	*cfa = known(of, rule->reg) ? of->registers->at[rule->reg] + (uint64_t)rule->offset : 0;
	return *cfa != 0;
}

UNCHECKED static bool value_of(const struct unwinding *of, const struct rule *rule, unsigned reg,
			       uint64_t cfa, uint64_t *value)
{
	switch (rule->how) {
	case SAME:
		*value = of->registers->at[reg];
		return known(of, reg);
	case AT_OFFSET:
		return word_at(of, cfa + (uint64_t)rule->offset, value);
	case IS_OFFSET:
		*value = cfa + (uint64_t)rule->offset;
		return true;
	case IN_REGISTER:
		if (!known(of, rule->reg))
			return false;
		*value = of->registers->at[rule->reg];
		return true;
	case BY_EXPRESSION:
		return evaluate(of, rule, &cfa, value) && word_at(of, *value, value);
	case IS_EXPRESSION:
		return evaluate(of, rule, &cfa, value);
	case UNDEFINED:
		break;
	}
	return false;
}

/* The registers of who called the function that is at this address. */
UNCHECKED static bool step(struct unwinding *of, const struct function *function, uintptr_t address)
{
	struct row first = {0};
	struct row row;
	struct stack_registers next = {0};
	uint64_t cfa;

	if (!run(function->first, function->first_end, function, UINTPTR_MAX, &first, &first))
		return false;
	row = first;
	if (!run(function->code, function->code_end, function, address, &row, &first) ||
	    !find_cfa(of, &row.cfa, &cfa) || cfa <= of->registers->at[STACK_SP])
		return false;
	for (unsigned reg = 0; reg < STACK_REGISTERS; reg++)
		if (reg != STACK_SP && (reg != STACK_RETURN || row.regs[reg].how != SAME) &&
		    value_of(of, &row.regs[reg], reg, cfa, &next.at[reg]))
			next.known |= 1u << reg;
	next.at[STACK_SP] = cfa;
	next.known |= 1u << STACK_SP;
	*of->registers = next;
	return next.known >> STACK_RETURN & 1 && next.at[STACK_RETURN];
}

/* ---- where tables do not lead on ---- */

enum { SCANNED = 1 << 16, CALL_NEAR = 0xe8, CALL_FAR = 0xff };

/* Whether what is before it is a call: then it may be where one returns to. */
UNCHECKED static bool is_return(uintptr_t address)
{
	const uint8_t *at = (const uint8_t *)address;

	if (!stack_is_program(address - 8) || !stack_is_program(address))
		return false;
	if (at[-5] == CALL_NEAR)
		return true;
	for (int len = 2; len <= 7; len++)
		if (at[-len] == CALL_FAR && (at[1 - len] & 0x38) == 0x10)
			return true;
	return false;
}

/* The next word of the stack that looks like a return into the program: a function that keeps its
 * frame's address in a register, which nobody knows while it waits, is left that way. */
UNCHECKED static bool scan(struct unwinding *of)
{
	uint64_t sp = of->registers->at[STACK_SP];
	uint64_t value;

	for (uint64_t end = sp + SCANNED; sp < end && word_at(of, sp, &value); sp += sizeof(value)) {
		if (!is_return(value))
			continue;
		*of->registers = (struct stack_registers){
			.known = 1u << STACK_SP | 1u << STACK_RETURN};
		of->registers->at[STACK_SP] = sp + sizeof(value);
		of->registers->at[STACK_RETURN] = value;
		return true;
	}
	return false;
}

UNCHECKED size_t stack_unwind(struct stack_registers *registers, uintptr_t top,
			      struct stack_frame *frames, size_t most)
{
	struct unwinding of = {registers, registers->at[STACK_SP], top};
	size_t count = 0;
	bool interrupted = true; /* it is at that instruction, not behind a call */

	while (count < most) {
		struct function function;
		uintptr_t at = registers->at[STACK_RETURN] - !interrupted;
		bool has_table = find_function(at, &function);

		frames[count++] = (struct stack_frame){at, has_table ? function.begin : 0};
		if ((!has_table || !step(&of, &function, at)) && !scan(&of))
			break;
		interrupted = has_table && function.is_signal;
	}
	return count;
}
