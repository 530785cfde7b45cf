/*
 * Called from a signal handler: nothing here allocates, or takes a lock. The tables are trusted,
 * being those of what runs.
 */
#include "engine/doctor_tables.h"

#include <elf.h>
#include <link.h>
#include <string.h>

enum { MODULES = 256, REMEMBERED = 4 };

struct module {
	uintptr_t begin, end;
	const uint8_t *header; /* .eh_frame_hdr */
};

static struct module modules[MODULES]; /* the program is the first */
static size_t module_count;
static uintptr_t program_base;

/* ---- reading ---- */

UNCHECKED uint64_t table_fixed(const uint8_t **at, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)(*at)[i] << 8 * i;
	*at += size;
	return value;
}

UNCHECKED uint64_t table_uleb(const uint8_t **at)
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

UNCHECKED int64_t table_sleb(const uint8_t **at)
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
		return from + table_fixed(at, 8);
	case 0x01:
		return from + table_uleb(at);
	case 0x02:
		return from + table_fixed(at, 2);
	case 0x03:
		return from + table_fixed(at, 4);
	case 0x0b:
		return from + (uint64_t)(int64_t)(int32_t)table_fixed(at, 4);
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

	return (int32_t)table_fixed(&at, 4);
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
	high = table_fixed(&at, 4);
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
UNCHECKED static bool read_common(const uint8_t *at, struct table_function *function)
{
	uint64_t len = table_fixed(&at, 4);
	const uint8_t *end = at + len;
	const uint8_t *augmentation;
	uint8_t version;

	if (!len || len == UINT32_MAX || table_fixed(&at, 4) != 0)
		return false;
	version = *at++;
	augmentation = at;
	at += strlen((const char *)at) + 1;
	function->code_align = table_uleb(&at);
	function->data_align = table_sleb(&at);
	if ((version == 1 ? *at++ : table_uleb(&at)) != STACK_RETURN)
		return false;
	if (*augmentation == 'z') {
		const uint8_t *data_end;
		uint64_t data = table_uleb(&at);

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

UNCHECKED bool table_find(uintptr_t address, struct table_function *function)
{
	const uint8_t *at = NULL;
	const uint8_t *common;
	uint64_t len;

	for (size_t i = 0; i < module_count && !at; i++)
		if (modules[i].header && address >= modules[i].begin && address < modules[i].end)
			at = description(modules[i].header, address);
	if (!at)
		return false;
	*function = (struct table_function){0};
	len = table_fixed(&at, 4);
	if (!len || len == UINT32_MAX)
		return false;
	function->code_end = at + len;
	common = at;
	common -= table_fixed(&at, 4);
	if (!read_common(common, function))
		return false;
	function->begin = encoded(&at, function->encoding, false);
	function->end = function->begin + encoded(&at, function->encoding, true);
	len = table_uleb(&at); /* of what an exception wants to know */
	function->code = at + len;
	return address >= function->begin && address < function->end;
}

/* ---- instructions ---- */

UNCHECKED static void set(struct table_row *row, uint64_t reg, struct table_rule rule)
{
	if (reg < STACK_REGISTERS)
		row->regs[reg] = rule;
}

UNCHECKED static struct table_rule expression(const uint8_t **at, enum table_how how)
{
	struct table_rule rule = {.how = how, .len = table_uleb(at)};

	rule.expression = *at;
	*at += rule.len;
	return rule;
}

/* Of one that changes the frame's address; false: it is another. */
UNCHECKED static bool defines_cfa(uint8_t op, const uint8_t **at,
				  const struct table_function *function, struct table_rule *cfa)
{
	switch (op) {
	case 0x0c: /* DW_CFA_def_cfa */
		cfa->reg = (unsigned)table_uleb(at);
		cfa->offset = (int64_t)table_uleb(at);
		break;
	case 0x12: /* … _sf */
		cfa->reg = (unsigned)table_uleb(at);
		cfa->offset = table_sleb(at) * function->data_align;
		break;
	case 0x0d: /* DW_CFA_def_cfa_register */
		cfa->reg = (unsigned)table_uleb(at);
		break;
	case 0x0e: /* DW_CFA_def_cfa_offset */
		cfa->offset = (int64_t)table_uleb(at);
		break;
	case 0x13: /* … _sf */
		cfa->offset = table_sleb(at) * function->data_align;
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
UNCHECKED static bool places(uint8_t op, const uint8_t **at, const struct table_function *function,
			     struct table_row *row, const struct table_row *first)
{
	uint64_t reg = table_uleb(at);

	switch (op) {
	case 0x05: /* DW_CFA_offset_extended */
		set(row, reg,
		    (struct table_rule){.how = AT_OFFSET,
					.offset = (int64_t)table_uleb(at) * function->data_align});
		return true;
	case 0x11: /* … _sf */
		set(row, reg,
		    (struct table_rule){.how = AT_OFFSET,
					.offset = table_sleb(at) * function->data_align});
		return true;
	case 0x14: /* DW_CFA_val_offset */
		set(row, reg,
		    (struct table_rule){.how = IS_OFFSET,
					.offset = (int64_t)table_uleb(at) * function->data_align});
		return true;
	case 0x06: /* DW_CFA_restore_extended */
		set(row, reg, reg < STACK_REGISTERS ? first->regs[reg] : (struct table_rule){0});
		return true;
	case 0x07: /* DW_CFA_undefined */
		set(row, reg, (struct table_rule){.how = UNDEFINED});
		return true;
	case 0x08: /* DW_CFA_same_value */
		set(row, reg, (struct table_rule){.how = SAME});
		return true;
	case 0x09: /* DW_CFA_register */
		set(row, reg,
		    (struct table_rule){.how = IN_REGISTER, .reg = (unsigned)table_uleb(at)});
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
UNCHECKED static uint64_t advance(uint8_t op, const uint8_t **at,
				  const struct table_function *function)
{
	if (op >> 6 == 1)
		return (op & 0x3f) * function->code_align;
	if (op >= 0x02 && op <= 0x04) /* DW_CFA_advance_loc1, 2, 4 */
		return table_fixed(at, (size_t)1 << (op - 2)) * function->code_align;
	return UINT64_MAX;
}

/* Runs them up to that address. first: the row that they began with. */
UNCHECKED static bool run(const uint8_t *at, const uint8_t *end,
			  const struct table_function *function, uintptr_t address,
			  struct table_row *row, const struct table_row *first)
{
	struct table_row kept[REMEMBERED];
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
			set(row, op & 0x3f,
			    (struct table_rule){.how = AT_OFFSET,
						.offset = (int64_t)table_uleb(&at) *
							  function->data_align});
		} else if (op >> 6 == 3) { /* DW_CFA_restore */
			set(row, op & 0x3f,
			    (op & 0x3f) < STACK_REGISTERS ? first->regs[op & 0x3f]
							  : (struct table_rule){0});
		} else if (op == 0x0a && count < REMEMBERED) {
			kept[count++] = *row;
		} else if (op == 0x0b && count) {
			*row = kept[--count];
		} else if (op == 0x2e) { /* DW_CFA_GNU_args_size */
			table_uleb(&at);
		} else if (op && !defines_cfa(op, &at, function, &row->cfa) &&
			   !places(op, &at, function, row, first)) {
			return false;
		}
	}
	return true;
}

UNCHECKED bool table_row(const struct table_function *function, uintptr_t address,
			 struct table_row *row)
{
	struct table_row first = {0};

	if (!run(function->first, function->first_end, function, UINTPTR_MAX, &first, &first))
		return false;
	*row = first;
	return run(function->code, function->code_end, function, address, row, &first);
}
