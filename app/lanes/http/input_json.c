/* The names of what is taken, and the order of what is looked at, are those of CPython's
 * Modules/_json.c: positions and words follow from that. */
#include "http/input_json.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "http/percent.h"
#include "http/request.h"

enum {
	DIGITS_MAX = 4300, /* of an int, in Python */
};

struct json_reader {
	struct json_memory memory;
	const char *start;
	const char *at;
	const char *end;
	const char *msg; /* what is wrong, and where */
	const char *wrong;
	int err;		   /* of what has no words */
	int depth;		   /* how many are open */
	uint32_t open;		   /* the innermost of them */
	char *strings;		   /* room for what has escapes; NULL: not yet needed */
	struct json_value *values; /* the first */
	struct json_value *next;   /* the next one to come, for which there is room */
};

static bool fail(struct json_reader *r, const char *msg, const char *wrong)
{
	r->msg = msg;
	r->wrong = wrong;
	return false;
}

static bool give_up(struct json_reader *r, int err)
{
	r->err = err;
	return false;
}

static bool next_is(const struct json_reader *r, char c)
{
	return r->at < r->end && *r->at == c;
}

static void skip_space(struct json_reader *r)
{
	while (next_is(r, ' ') || next_is(r, '\t') || next_is(r, '\n') || next_is(r, '\r'))
		r->at++;
}

/* ---- strings ---- */

/* Takes four digits; Python's position is that of the "u", or of what is before too few of them. */
static bool take_hex(struct json_reader *r, uint32_t *c)
{
	const char *u = r->at - 1;

	*c = 0;
	/* The closing quote belongs to it, too. */
	if (r->end - r->at <= 4)
		return fail(r, "Invalid \\uXXXX escape", u);
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(*r->at++);

		if (digit < 0)
			return fail(r, "Invalid \\uXXXX escape", u);
		*c = *c << 4 | (uint32_t)digit;
	}
	return true;
}

/* What follows "\u". */
static bool take_unicode(struct json_reader *r, uint32_t *c)
{
	uint32_t low = 0;
	const char *after;

	if (!take_hex(r, c))
		return false;
	if ((*c & 0xf800) != 0xd800)
		return true;
	after = r->at;
	if (*c < 0xdc00 && r->end - after > 6 && after[0] == '\\' && after[1] == 'u') {
		r->at += 2;
		if (!take_hex(r, &low))
			return false;
	}
	if ((low & 0xfc00) == 0xdc00) {
		*c = 0x10000 + ((*c & 0x3ff) << 10 | (low & 0x3ff));
	} else {
		r->at = after;
	}
	return true;
}

/* What follows a backslash; begin is where the string began. */
static bool take_escape(struct json_reader *r, const char *begin, uint32_t *c)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *letter;

	if (r->at == r->end)
		return fail(r, "Unterminated string starting at", begin);
	if (*r->at == 'u') {
		r->at++;
		return take_unicode(r, c);
	}
	letter = *r->at ? strchr(letters, *r->at) : NULL;
	if (!letter)
		return fail(r, "Invalid \\escape", r->at - 1);
	r->at++;
	*c = (unsigned char)meant[letter - letters];
	return true;
}

/* The string from its opening quote, which has been taken. It stays where it is as long as nothing
 * in it is escaped. */
static bool take_string(struct json_reader *r, struct slice *string)
{
	const char *begin = r->at - 1;
	const char *plain = r->at;
	char *to = NULL;

	for (;;) {
		uint32_t c;

		while (r->at < r->end && *r->at != '"' && *r->at != '\\') {
			if ((unsigned char)*r->at < ' ')
				return fail(r, "Invalid control character at", r->at);
			r->at++;
		}
		if (r->at == r->end)
			return fail(r, "Unterminated string starting at", begin);
		if (*r->at == '"' && !to) {
			*string = (struct slice){plain, (size_t)(r->at++ - plain)};
			return true;
		}
		if (!to) {
			if (!r->strings)
				r->strings =
					r->memory.alloc(r->memory.of, (size_t)(r->end - r->start));
			if (!r->strings)
				return give_up(r, -ENOMEM);
			to = r->strings;
		}
		memcpy(to, plain, (size_t)(r->at - plain));
		to += r->at - plain;
		if (*r->at++ == '"')
			break;
		if (!take_escape(r, begin, &c))
			return false;
		to = utf8_put(to, c);
		plain = r->at;
	}
	*string = (struct slice){r->strings, (size_t)(to - r->strings)};
	r->strings = to;
	return true;
}

/* ---- the other values ---- */

static bool is_digit(const struct json_reader *r, const char *at)
{
	return at < r->end && *at >= '0' && *at <= '9';
}

static bool take_number(struct json_reader *r, struct json_value *value)
{
	const char *begin = r->at;
	const char *at = begin + (*begin == '-');
	const char *digits = at;

	if (!is_digit(r, at))
		return fail(r, "Expecting value", begin);
	if (*at == '0')
		at++;
	else
		while (is_digit(r, at))
			at++;
	value->type = JSON_INTEGER;
	if (at - digits > DIGITS_MAX && !(r->end - at > 1 && *at == '.' && is_digit(r, at + 1)))
		return give_up(r, -EBADMSG);
	if (r->end - at > 1 && *at == '.' && is_digit(r, at + 1)) {
		value->type = JSON_FLOAT;
		for (at += 2; is_digit(r, at);)
			at++;
	}
	if (r->end - at > 1 && (*at == 'e' || *at == 'E')) {
		const char *exponent = at + 1;

		if (r->end - exponent > 1 && (*exponent == '-' || *exponent == '+'))
			exponent++;
		if (is_digit(r, exponent)) {
			value->type = JSON_FLOAT;
			for (at = exponent; is_digit(r, at);)
				at++;
		}
	}
	value->text = (struct slice){begin, (size_t)(at - begin)};
	r->at = at;
	return true;
}

/* One of Python's constants. */
static bool take_constant(struct json_reader *r, struct json_value *value)
{
	static const struct {
		const char *text;
		enum json_kind type;
	} constants[] = {
		{"null", JSON_NULL}, {"true", JSON_TRUE},      {"false", JSON_FALSE},
		{"NaN", JSON_FLOAT}, {"Infinity", JSON_FLOAT}, {"-Infinity", JSON_FLOAT},
	};

	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
		size_t len = strlen(constants[i].text);

		if ((size_t)(r->end - r->at) < len || memcmp(r->at, constants[i].text, len) != 0)
			continue;
		value->type = constants[i].type;
		value->text = (struct slice){r->at, len};
		r->at += len;
		return true;
	}
	return false;
}

/* ---- what holds others: those that are open, from the innermost on, have the one they are in as
 * their run, counted from the first value, until they are closed ---- */

static bool is_object(const struct json_reader *r)
{
	return r->values[r->open].type == JSON_OBJECT;
}

static bool close_if(struct json_reader *r)
{
	struct json_value *closed = &r->values[r->open];

	if (!next_is(r, is_object(r) ? '}' : ']'))
		return false;
	r->at++;
	r->depth--;
	r->open = closed->run;
	closed->run = (uint32_t)(r->next - closed);
	return true;
}

/* What is before a value: nothing, or in an object its key. */
static bool take_key(struct json_reader *r, struct slice *key)
{
	*key = (struct slice){NULL, 0};
	if (!is_object(r))
		return true;
	if (!next_is(r, '"'))
		return fail(r, "Expecting property name enclosed in double quotes", r->at);
	r->at++;
	if (!take_string(r, key))
		return false;
	skip_space(r);
	if (!next_is(r, ':'))
		return fail(r, "Expecting ':' delimiter", r->at);
	r->at++;
	skip_space(r);
	return true;
}

/* Takes a value, or of an array or object its bracket. */
static bool take_value(struct json_reader *r, struct slice key)
{
	struct json_value *value = r->next;

	if (r->at == r->end)
		return fail(r, "Expecting value", r->at);
	r->next++;
	*value = (struct json_value){.run = 1, .key = key};
	if (*r->at == '"') {
		r->at++;
		value->type = JSON_STRING;
		return take_string(r, &value->text);
	}
	if (*r->at != '{' && *r->at != '[')
		return take_constant(r, value) || take_number(r, value);
	value->type = *r->at++ == '{' ? JSON_OBJECT : JSON_ARRAY;
	value->run = r->open;
	r->open = (uint32_t)(value - r->values);
	return r->depth++ < JSON_DEPTH || give_up(r, -EBADMSG);
}

/* Takes the first value with all that is in it. */
static bool take_all(struct json_reader *r)
{
	struct slice key = {NULL, 0};

	for (;;) {
		uint32_t opened = (uint32_t)(r->next - r->values);

		if (!take_value(r, key))
			return false;
		skip_space(r);
		/* What has just been opened may end at once; others need a comma to go on. */
		if (!r->depth || r->open != opened || close_if(r)) {
			skip_space(r);
			while (r->depth && close_if(r))
				skip_space(r);
			if (!r->depth)
				return true;
			if (!next_is(r, ','))
				return fail(r, "Expecting ',' delimiter", r->at);
			r->at++;
			skip_space(r);
		}
		if (!take_key(r, &key))
			return false;
	}
}

/* At least how many values there are: before each but the first is one of these. */
static size_t count_values(struct slice text)
{
	size_t count = 1;
	bool string = false;

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '"')
			string = !string;
		else if (string)
			i += text.data[i] == '\\';
		else
			count += text.data[i] == ',' || text.data[i] == '[' || text.data[i] == '{';
	}
	return count;
}

static void *alloc_of_request(void *req, size_t size)
{
	return request_alloc(req, size);
}

struct json_memory json_memory_of(struct request *req)
{
	return (struct json_memory){alloc_of_request, req};
}

int json_read(struct json_memory memory, struct slice text, struct json_value **value,
	      struct json_error *error)
{
	struct json_reader r = {.memory = memory, .start = text.data, .at = text.data};

	r.end = text.data + text.len;
	if (text.len > UINT32_MAX)
		return -EBADMSG;
	*value = r.values = r.next = memory.alloc(memory.of, count_values(text) * sizeof(**value));
	if (!r.next)
		return -ENOMEM;
	skip_space(&r);
	if (take_all(&r)) {
		if (r.at == r.end)
			return 0;
		fail(&r, "Extra data", r.at);
	}
	if (r.err)
		return r.err;
	error->msg = r.msg;
	error->position = utf8_length((struct slice){text.data, (size_t)(r.wrong - text.data)});
	return -EINVAL;
}
