/*
 * Unwinding, frame by frame, by the tables; where they do not lead on, by what looks like a return
 * address. Called from a signal handler, as doctor_tables.c is; from the stack nothing is read
 * beyond its end.
 */
#include "engine/doctor_tables.h"

enum { EXPRESSION = 16 };

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
UNCHECKED static bool evaluate(const struct unwinding *of, const struct table_rule *rule,
			       const uint64_t *cfa, uint64_t *value)
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
			stack[depth++] = of->registers->at[op - 0x70] + (uint64_t)table_sleb(&at);
		} else if (op == 0x08 || op == 0x0a) { /* DW_OP_const1u, 2u */
			stack[depth++] = table_fixed(&at, op == 0x08 ? 1 : 2);
		} else if (!depth) {
			return false;
		} else if (op == 0x23) { /* DW_OP_plus_uconst */
			stack[depth - 1] += table_uleb(&at);
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

UNCHECKED static bool find_cfa(const struct unwinding *of, const struct table_rule *rule,
			       uint64_t *cfa)
{
	if (rule->how == BY_EXPRESSION)
		return evaluate(of, rule, NULL, cfa);
	*cfa = known(of, rule->reg) ? of->registers->at[rule->reg] + (uint64_t)rule->offset : 0;
	return *cfa != 0;
}

UNCHECKED static bool value_of(const struct unwinding *of, const struct table_rule *rule,
			       unsigned reg, uint64_t cfa, uint64_t *value)
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
UNCHECKED static bool step(struct unwinding *of, const struct table_function *function,
			   uintptr_t address)
{
	struct table_row row;
	struct stack_registers next = {0};
	uint64_t cfa;

	if (!table_row(function, address, &row) || !find_cfa(of, &row.cfa, &cfa) ||
	    cfa <= of->registers->at[STACK_SP])
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

	for (uint64_t end = sp + SCANNED; sp < end && word_at(of, sp, &value);
	     sp += sizeof(value)) {
		if (!is_return(value))
			continue;
		*of->registers =
			(struct stack_registers){.known = 1u << STACK_SP | 1u << STACK_RETURN};
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
		struct table_function function;
		uintptr_t at = registers->at[STACK_RETURN] - !interrupted;
		bool has_table = table_find(at, &function);

		frames[count++] = (struct stack_frame){at, has_table ? function.begin : 0};
		if ((!has_table || !step(&of, &function, at)) && !scan(&of))
			break;
		interrupted = has_table && function.is_signal;
	}
	return count;
}
