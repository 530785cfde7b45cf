/* What can be wrong with a table of fields, said at the start instead of by the requests. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "http/input.h"
#include "http/urlencoded.h"

enum { NAME_MAX_LEN = URLENCODED_NAME };

static const double WHOLE_MAX = 9007199254740992.0; /* 2^53 */

static const char *check_field(const struct field *field);

static bool is_whole(struct limit limit)
{
	return limit.value == trunc(limit.value) && fabs(limit.value) < WHOLE_MAX;
}

/* They are written as they are, also as Python's repr() has them. */
static bool are_plain(const char *const *words)
{
	for (; words && *words; words++)
		for (const char *c = *words; *c; c++)
			if (*c < ' ' || *c > '~' || *c == '\'' || *c == '"' || *c == '\\')
				return false;
	return words != NULL;
}

/* What it says of a value of another kind, which nobody would look at. */
static const char *check_bounds(const struct field *field)
{
	if (field->kind != FIELD_INT && field->kind != FIELD_NUMBER &&
	    (field->ge.set || field->gt.set || field->le.set || field->lt.set))
		return "limits are for an INT or a NUMBER";
	if (field->kind != FIELD_STRING &&
	    (field->min_length || field->max_length || field->pattern))
		return "lengths and patterns are for a STRING";
	if (field->kind != FIELD_LIST && (field->min_items || field->max_items || field->item))
		return "items are for a LIST";
	return field->kind != FIELD_ENUM && field->words ? "words are for an ENUM" : NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): no deeper than the tables of fields */
static const char *check_kind(const struct field *field)
{
	bool whole = is_whole(field->ge) && is_whole(field->gt) && is_whole(field->le) &&
		     is_whole(field->lt);

	switch (field->kind) {
	case FIELD_INT:
		return whole ? NULL : "the limits of an integer are whole, and below 2^53";
	case FIELD_STRING:
		return field->pattern ? pattern_compile(field->pattern) : NULL;
	case FIELD_ENUM:
		if (field->size != sizeof(int))
			return "an enum has the size of an int";
		return are_plain(field->words) ? NULL : "its words are printable, without quotes";
	case FIELD_LIST:
		if (!field->item)
			return "a list has an .item";
		return check_field(field->item);
	case FIELD_OBJECT:
		if (!field->field_count || field->fields->whole != field->size)
			return "its FIELDS are those of its struct";
		for (size_t i = 0; i < field->field_count; i++) {
			const char *wrong = check_field(&field->fields[i]);

			if (wrong)
				return wrong;
		}
		return NULL;
	default:
		return NULL;
	}
}

/* Says which field it is, of those in each other the innermost. */
/* NOLINTNEXTLINE(misc-no-recursion): no deeper than the tables of fields */
static const char *check_field(const struct field *field)
{
	static char text[256];
	const char *wrong = check_bounds(field);
	const char *name = field->name ? field->name : field->member;

	if (!wrong)
		wrong = check_kind(field);
	if (!wrong || wrong == text || !name)
		return wrong;
	snprintf(text, sizeof(text), "field %.64s: %.160s", name, wrong);
	return text;
}

static const char *check_order(const struct field *field, const struct field *before)
{
	if (strlen(field->name ? field->name : field->member) > NAME_MAX_LEN)
		return "a name has at most 32 characters";
	if (field->kind == FIELD_OBJECT && field->place != IN_BODY)
		return "an object comes from a body";
	if (field->kind == FIELD_FILE && field->place != IN_FORM)
		return "a file comes from a form";
	if (field->kind == FIELD_LIST && field->place != IN_BODY && field->place != IN_QUERY &&
	    field->place != IN_FORM)
		return "a list comes from a query, a body or a form";
	if (before && before->place > field->place)
		return "fields stand in the order path, query, header, cookie, body or form";
	if (before && before->place == IN_BODY && field->place == IN_FORM)
		return "there is one body";
	return before && before->whole != field->whole ? "all are members of one struct" : NULL;
}

const char *input_prepare(const struct input *input)
{
	for (size_t i = 0; i < input->count; i++) {
		const struct field *field = &input->fields[i];
		const char *wrong = check_order(field, i ? field - 1 : NULL);

		if (!wrong)
			wrong = check_field(field);
		if (wrong)
			return wrong;
	}
	return NULL;
}
