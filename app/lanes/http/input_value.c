#include "http/input_value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "http/number.h"

/* request_alloc, and it is noted where there is none. */
static void *alloc(struct reading *r, size_t size)
{
	void *memory = request_alloc(r->req, size);

	r->no_memory |= !memory;
	return memory;
}

/* A limit that is a whole number is written as an int, others as a float. */
static void add_limit(struct reading *r, const struct location *at, const char *msg, double limit,
		      const char *after, const char *type)
{
	char text[FLOAT_TEXT_SIZE];
	size_t len = float_text(limit, text);

	if (len > 2 && !memcmp(text + len - 2, ".0", 2))
		len -= 2;
	problem_add_limit(&r->problems, at, msg, (struct slice){text, len}, after, type);
}

/* ---- numbers ---- */

/* Of the limits that a number is beyond, pydantic tells the first. NaN is beyond all. An integer
 * that a double does not hold is as far beyond, as limits are smaller. */
static bool is_within(struct reading *r, const struct field *field, double v,
		      const struct location *at)
{
	if (field->gt.set && !(v > field->gt.value))
		add_limit(r, at, "ensure this value is greater than ", field->gt.value, "",
			  "value_error.number.not_gt");
	else if (field->ge.set && !(v >= field->ge.value))
		add_limit(r, at, "ensure this value is greater than or equal to ", field->ge.value,
			  "", "value_error.number.not_ge");
	else if (field->lt.set && !(v < field->lt.value))
		add_limit(r, at, "ensure this value is less than ", field->lt.value, "",
			  "value_error.number.not_lt");
	else if (field->le.set && !(v <= field->le.value))
		add_limit(r, at, "ensure this value is less than or equal to ", field->le.value, "",
			  "value_error.number.not_le");
	else
		return true;
	return false;
}

/* int(value): 0, -EINVAL, or -ERANGE with the nearest one. */
static int read_int(const struct json_value *value, int64_t *v)
{
	const double beyond = 9223372036854775808.0; /* 2^63 */
	double number;

	switch (value->type) {
	case JSON_STRING:
	case JSON_INTEGER:
		return python_int(value->text, v);
	case JSON_FALSE:
	case JSON_TRUE:
		*v = value->type == JSON_TRUE;
		return 0;
	case JSON_FLOAT:
		if (python_float(value->text, &number) || !isfinite(number))
			return -EINVAL;
		if (number >= beyond || number < -beyond) {
			*v = number > 0 ? INT64_MAX : INT64_MIN;
			return -ERANGE;
		}
		*v = (int64_t)number;
		return 0;
	default:
		return -EINVAL;
	}
}

static void take_int(struct reading *r, const struct field *field, const struct json_value *value,
		     const struct location *at, char *to)
{
	int64_t v;
	int err = read_int(value, &v);

	if (err == -EINVAL)
		problem_add(&r->problems, at, "value is not a valid integer", "type_error.integer");
	else if (!is_within(r, field, (double)v, at))
		return;
	else if (!err)
		memcpy(to, &v, sizeof(v));
	else if (v > 0)
		problem_add_limit(&r->problems, at, "ensure this value is less than or equal to ",
				  slice_of("9223372036854775807"), "", "value_error.number.not_le");
	else
		problem_add_limit(
			&r->problems, at, "ensure this value is greater than or equal to ",
			slice_of("-9223372036854775808"), "", "value_error.number.not_ge");
}

/* float(value) */
static bool read_number(const struct json_value *value, double *v)
{
	switch (value->type) {
	case JSON_FALSE:
	case JSON_TRUE:
		*v = value->type == JSON_TRUE;
		return true;
	case JSON_INTEGER:
		if (python_float(value->text, v) || !isfinite(*v))
			return false;
		*v += 0.0; /* an int has no -0 */
		return true;
	case JSON_FLOAT:
	case JSON_STRING:
		return python_float(value->text, v) == 0;
	default:
		return false;
	}
}

static void take_number(struct reading *r, const struct field *field,
			const struct json_value *value, const struct location *at, char *to)
{
	double v;

	if (!read_number(value, &v))
		problem_add(&r->problems, at, "value is not a valid float", "type_error.float");
	else if (is_within(r, field, v, at))
		memcpy(to, &v, sizeof(v));
}

/* ---- words ---- */

/* The same but for the case of ASCII's letters. */
static bool is_word(struct slice text, const char *const *words)
{
	for (; *words; words++)
		if (text.len == strlen(*words) && !strncasecmp(text.data, *words, text.len))
			return true;
	return false;
}

static void take_bool(struct reading *r, const struct json_value *value, const struct location *at,
		      char *to)
{
	static const char *const yes[] = {"1", "on", "t", "true", "y", "yes", NULL};
	static const char *const no[] = {"0", "off", "f", "false", "n", "no", NULL};
	double number;
	bool v;

	if (value->type == JSON_STRING && is_word(value->text, yes))
		v = true;
	else if (value->type == JSON_STRING && is_word(value->text, no))
		v = false;
	else if (value->type != JSON_STRING && read_number(value, &number) &&
		 (number == 0 || number == 1))
		v = number == 1;
	else {
		problem_add(&r->problems, at, "value could not be parsed to a boolean",
			    "type_error.bool");
		return;
	}
	memcpy(to, &v, sizeof(v));
}

static void take_enum(struct reading *r, const struct field *field, const struct json_value *value,
		      const struct location *at, char *to)
{
	if (value->type == JSON_STRING)
		for (int i = 0; field->words[i]; i++)
			if (slice_is(value->text, field->words[i])) {
				memcpy(to, &i, sizeof(i));
				return;
			}
	problem_add_enum(&r->problems, at, field->words);
}

/* ---- text ---- */

/* str(value), or data NULL where pydantic does not do that, or memory is out. */
static struct slice read_string(struct reading *r, const struct json_value *value)
{
	double number;
	char *text;

	switch (value->type) {
	case JSON_STRING:
		return value->text;
	case JSON_FALSE:
		return slice_of("False");
	case JSON_TRUE:
		return slice_of("True");
	case JSON_INTEGER:
		return slice_is(value->text, "-0") ? slice_of("0") : value->text;
	case JSON_FLOAT:
		text = alloc(r, FLOAT_TEXT_SIZE);
		if (text && python_float(value->text, &number) == 0)
			return (struct slice){text, float_text(number, text)};
		return (struct slice){NULL, 0};
	default:
		return (struct slice){NULL, 0};
	}
}

static void take_string(struct reading *r, const struct field *field,
			const struct json_value *value, const struct location *at, char *to)
{
	struct slice text = read_string(r, value);
	size_t length = field->min_length || field->max_length ? utf8_length(text) : 0;

	if (!text.data)
		problem_add(&r->problems, at, "str type expected", "type_error.str");
	else if (length < field->min_length)
		add_limit(r, at, "ensure this value has at least ", (double)field->min_length,
			  " characters", "value_error.any_str.min_length");
	else if (field->max_length && length > field->max_length)
		add_limit(r, at, "ensure this value has at most ", (double)field->max_length,
			  " characters", "value_error.any_str.max_length");
	else if (field->pattern && !pattern_matches(field->pattern, text))
		problem_add_pattern(&r->problems, at, field->pattern->text);
	else
		memcpy(to, &text, sizeof(text));
	r->no_text |= !utf8_is_valid(text);
}

static void take_datetime(struct reading *r, const struct json_value *value,
			  const struct location *at, char *to)
{
	struct datetime v;
	double number;
	int err;

	if (value->type >= JSON_ARRAY) {
		problem_add(&r->problems, at,
			    "invalid type; expected datetime, string, bytes, int or float",
			    "type_error");
		return;
	}
	if (value->type == JSON_STRING)
		err = datetime_read(value->text, &v);
	else
		err = read_number(value, &number) ? datetime_of_number(number, &v) : -EINVAL;
	if (err == -EDOM)
		problem_add(&r->problems, at, "cannot convert float NaN to integer", "value_error");
	else if (err)
		problem_add(&r->problems, at, "invalid datetime format", "value_error.datetime");
	else
		memcpy(to, &v, sizeof(v));
}

static void take_file(struct reading *r, const struct json_value *value, const struct location *at,
		      char *to)
{
	struct upload v;

	if (value->type != JSON_FILE) {
		problem_add(&r->problems, at, "Expected UploadFile, received: <class 'str'>",
			    "value_error");
		return;
	}
	v = (struct upload){.name = value[1].text, .type = value[2].text, .content = value->text};
	memcpy(to, &v, sizeof(v));
}

static void take_uuid(struct reading *r, const struct json_value *value, const struct location *at,
		      char *to)
{
	struct uuid v;

	if (value->type != JSON_STRING || uuid_read(value->text, &v))
		problem_add(&r->problems, at, "value is not a valid uuid", "type_error.uuid");
	else
		memcpy(to, &v, sizeof(v));
}

/* ---- what holds others ---- */

/* NOLINTBEGIN(misc-no-recursion): no deeper than the tables of fields */

static size_t item_count(const struct json_value *array)
{
	size_t count = 0;

	for (const struct json_value *item = array + 1; item < array + array->run;
	     item += item->run)
		count++;
	return count;
}

static void take_list(struct reading *r, const struct field *field, const struct json_value *value,
		      const struct location *at, char *to)
{
	struct list list;
	struct location item_at = {.in = at};

	if (value->type != JSON_ARRAY) {
		problem_add(&r->problems, at, "value is not a valid list", "type_error.list");
		return;
	}
	/* Pydantic counts first, and looks at the items only if there are not too many. */
	list.count = item_count(value);
	if (list.count < field->min_items) {
		add_limit(r, at, "ensure this value has at least ", (double)field->min_items,
			  " items", "value_error.list.min_items");
		return;
	}
	if (field->max_items && list.count > field->max_items) {
		add_limit(r, at, "ensure this value has at most ", (double)field->max_items,
			  " items", "value_error.list.max_items");
		return;
	}
	list.items = alloc(r, list.count * field->item->size);
	if (!list.items)
		return;
	for (const struct json_value *item = value + 1; item < value + value->run;
	     item += item->run) {
		value_take(r, field->item, item, &item_at,
			   (char *)list.items + item_at.index * field->item->size);
		item_at.index++;
	}
	memcpy(to, &list, sizeof(list));
}

void value_take_object(struct reading *r, const struct field *fields, size_t count,
		       const struct json_value *value, const struct location *at, char *to)
{
	value = value_as_object(r, value, at);
	for (const struct field *field = fields; value && field < fields + count; field++) {
		const char *name = field->name ? field->name : field->member;
		struct location member_at = {.in = at, .name = name};
		const struct json_value *member = json_member(value, name);

		if (member)
			value_take(r, field, member, &member_at, to + field->offset);
		else
			value_missing(r, field, &member_at, to + field->offset);
		if (field->given)
			to[field->given - 1] = member && member->type != JSON_NULL;
	}
}

void value_take(struct reading *r, const struct field *field, const struct json_value *value,
		const struct location *at, char *to)
{
	if (value->type == JSON_NULL) {
		if (!field->optional)
			problem_add(&r->problems, at, "none is not an allowed value",
				    "type_error.none.not_allowed");
		return;
	}
	switch (field->kind) {
	case FIELD_INT:
		take_int(r, field, value, at, to);
		break;
	case FIELD_NUMBER:
		take_number(r, field, value, at, to);
		break;
	case FIELD_BOOL:
		take_bool(r, value, at, to);
		break;
	case FIELD_STRING:
		take_string(r, field, value, at, to);
		break;
	case FIELD_ENUM:
		take_enum(r, field, value, at, to);
		break;
	case FIELD_DATETIME:
		take_datetime(r, value, at, to);
		break;
	case FIELD_UUID:
		take_uuid(r, value, at, to);
		break;
	case FIELD_FILE:
		take_file(r, value, at, to);
		break;
	case FIELD_LIST:
		take_list(r, field, value, at, to);
		break;
	case FIELD_OBJECT:
		value_take_object(r, field->fields, field->field_count, value, at, to);
		break;
	}
}

/* NOLINTEND(misc-no-recursion) */

void value_missing(struct reading *r, const struct field *field, const struct location *at,
		   char *to)
{
	if (field->fallback)
		memcpy(to, field->fallback, field->size);
	else if (!field->optional)
		problem_add(&r->problems, at, "field required", "value_error.missing");
}
