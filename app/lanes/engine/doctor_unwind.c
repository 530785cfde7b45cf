#include <string.h>
#include <unistd.h>

#include "engine/doctor_stack.h"

/* Of the program itself; the linker says where. */
extern const char __executable_start[], etext[];

bool stack_is_program(uintptr_t at)
{
	return at >= (uintptr_t)__executable_start && at < (uintptr_t)etext;
}

/* ---- what libunwind reads ---- */

static const char *copied(const struct stack_copy *copy, uint64_t address)
{
	uint64_t offset = address - copy->begin;

	return offset < copy->len && copy->len - offset >= sizeof(unw_word_t) ? copy->bytes + offset
									      : NULL;
}

/* Tables and code: the kernel refuses what is not there. */
static int read_memory(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int writes,
		       void *arg)
{
	const struct stack_copy *copy = arg;
	const char *bytes = copied(copy, address);

	(void)space;
	if (writes)
		return -UNW_EINVAL;
	if (bytes)
		memcpy(value, bytes, sizeof(*value));
	else if (pread(copy->memory, value, sizeof(*value), (off_t)address) != sizeof(*value))
		return -UNW_EINVAL;
	return 0;
}

static int read_register(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int writes,
			 void *arg)
{
	const struct stack_copy *copy = arg;

	(void)space;
	if (writes || number < 0 || number >= STACK_REGISTERS ||
	    (copy->few && number != UNW_REG_IP && number != UNW_REG_SP))
		return -UNW_EBADREG;
	*value = copy->registers[number];
	return 0;
}

/* ---- frames ---- */

/* From its registers on. They become those of the last frame, as far as scan() wants them. */
static size_t walk(unw_addr_space_t space, struct stack_copy *copy, uintptr_t *frames, size_t most)
{
	unw_cursor_t cursor;
	unw_proc_info_t function;
	unw_word_t at;
	unw_word_t sp = copy->registers[UNW_REG_SP];
	bool interrupted = true; /* it is at that instruction, not behind a call */
	size_t count = 0;

	if (unw_init_remote(&cursor, space, copy))
		return 0;
	while (count < most && !unw_get_reg(&cursor, UNW_REG_IP, &at) &&
	       !unw_get_reg(&cursor, UNW_REG_SP, &sp)) {
		frames[count++] = at - !interrupted;
		interrupted = unw_is_signal_frame(&cursor) > 0;
		if (unw_get_proc_info(&cursor, &function) || unw_step(&cursor) <= 0)
			break;
	}
	copy->registers[UNW_REG_SP] = sp;
	return count;
}

/* Whether what is before it is a call: then it may be where one returns to. */
static bool is_return(const struct stack_copy *copy, uintptr_t address)
{
	enum { CALL_NEAR = 0xe8, CALL_FAR = 0xff, LONGEST = 7 };
	uint8_t code[LONGEST];

	if (!stack_is_program(address) ||
	    pread(copy->memory, code, LONGEST, (off_t)address - LONGEST) != LONGEST)
		return false;
	for (int i = 0; i <= LONGEST - 2; i++)
		if (code[i] == CALL_FAR && (code[i + 1] & 0x38) == 0x10)
			return true;
	return code[LONGEST - 5] == CALL_NEAR;
}

/* The next word of the stack that looks like a return into the program: a function that keeps its
 * frame's address in a register, which nobody knows while it waits, is left that way. */
static bool scan(struct stack_copy *copy)
{
	const char *bytes;
	unw_word_t value;

	for (unw_word_t sp = copy->registers[UNW_REG_SP]; (bytes = copied(copy, sp));
	     sp += sizeof(value)) {
		memcpy(&value, bytes, sizeof(value));
		if (!is_return(copy, value))
			continue;
		copy->few = true;
		copy->registers[UNW_REG_IP] = value - 1;
		copy->registers[UNW_REG_SP] = sp + sizeof(value);
		return true;
	}
	return false;
}

size_t stack_unwind(struct stack_copy *copy, uintptr_t *frames, size_t most)
{
	unw_accessors_t accessors = *unw_get_accessors(unw_local_addr_space);
	unw_addr_space_t space;
	size_t count = 0;

	accessors.access_mem = read_memory;
	accessors.access_reg = read_register;
	space = unw_create_addr_space(&accessors, 0);
	if (!space)
		return 0;
	do
		count += walk(space, copy, frames + count, most - count);
	while (count < most && scan(copy));
	unw_destroy_addr_space(space);
	return count;
}
