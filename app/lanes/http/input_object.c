/*
 * The members of an object.
 *
 * Where pydantic 1 wants an object it takes what dict() makes one of: also an array of pairs, of
 * which each may be an array, a string of two characters, or an object, of which the names count.
 */
#include "base/utf8.h"
#include "http/input_value.h"

/* A key, and a value to copy. */
struct key_value {
	struct json_value key;
	struct json_value made; /* if it stands nowhere */
	const struct json_value *value;
};

static const struct json_value *after(const struct json_value *value)
{
	return value + value->run;
}

static bool take_array(const struct json_value *array, struct key_value *pair)
{
	const struct json_value *first = array + 1;

	if (array->run < 3 || after(first) == after(array) || after(after(first)) != after(array))
		return false;
	pair->key = *first;
	pair->value = after(first);
	return first->type != JSON_ARRAY && first->type != JSON_OBJECT;
}

static void make_string(struct json_value *value, struct slice text)
{
	*value = (struct json_value){.type = JSON_STRING, .run = 1, .text = text};
}

static bool take_string(struct slice text, struct key_value *pair)
{
	struct slice rest = text;
	uint32_t c;

	if (utf8_length(text) != 2)
		return false;
	utf8_next(&rest, &c);
	make_string(&pair->key, (struct slice){text.data, text.len - rest.len});
	make_string(&pair->made, rest);
	return true;
}

/* It has two names. */
static bool take_object(const struct json_value *object, struct key_value *pair)
{
	const struct json_value *first = object + 1;
	const struct json_value *second = NULL;

	for (const struct json_value *member = first; member < after(object);
	     member = after(member)) {
		if (slice_equal(member->key, first->key))
			continue;
		if (second && !slice_equal(member->key, second->key))
			return false;
		second = member;
	}
	if (!second)
		return false;
	make_string(&pair->key, first->key);
	make_string(&pair->made, second->key);
	return true;
}

static bool take_pair(const struct json_value *item, struct key_value *pair)
{
	pair->value = &pair->made;
	switch (item->type) {
	case JSON_ARRAY:
		return take_array(item, pair);
	case JSON_OBJECT:
		return take_object(item, pair);
	case JSON_STRING:
		return take_string(item->text, pair);
	default:
		return false;
	}
}

/* What is made is never more than what it is made of. */
static const struct json_value *from_pairs(struct reading *r, const struct json_value *array,
					   const struct location *at)
{
	struct json_value *object = request_alloc(r->req, array->run * sizeof(*object));
	struct json_value *next;
	bool named = true;

	if (!object) {
		r->no_memory = true;
		return NULL;
	}
	next = object + 1;
	for (const struct json_value *item = array + 1; item < after(array); item = after(item)) {
		struct key_value pair;

		if (!take_pair(item, &pair)) {
			problem_add(&r->problems, at, "value is not a valid dict",
				    "type_error.dict");
			return NULL;
		}
		memcpy(next, pair.value, pair.value->run * sizeof(*next));
		next->key = pair.key.text;
		next += next->run;
		named = named && pair.key.type == JSON_STRING;
	}
	if (!named) {
		problem_add(&r->problems, at, "keywords must be strings", "type_error");
		return NULL;
	}
	*object = (struct json_value){.type = JSON_OBJECT, .run = (uint32_t)(next - object)};
	return object;
}

const struct json_value *value_as_object(struct reading *r, const struct json_value *value,
					 const struct location *at)
{
	static const struct json_value empty = {.type = JSON_OBJECT, .run = 1};

	if (value->type == JSON_OBJECT)
		return value;
	if (value->type == JSON_ARRAY)
		return from_pairs(r, value, at);
	if (value->type == JSON_STRING && !value->text.len)
		return &empty;
	problem_add(&r->problems, at, "value is not a valid dict", "type_error.dict");
	return NULL;
}

const struct json_value *value_members(struct reading *r, const struct json_value *object,
				       const char *name)
{
	struct json_value *array = request_alloc(r->req, object->run * sizeof(*array));
	struct json_value *next = array;
	struct slice wanted = slice_of(name);

	r->no_memory |= !array;
	if (!array)
		return NULL;
	next++;
	for (const struct json_value *member = object + 1; member < after(object);
	     member = after(member))
		if (slice_equal(member->key, wanted)) {
			memcpy(next, member, member->run * sizeof(*next));
			next += next->run;
		}
	*array = (struct json_value){.type = JSON_ARRAY, .run = (uint32_t)(next - array)};
	return array;
}
