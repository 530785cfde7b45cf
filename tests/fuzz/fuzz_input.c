/*
 * A request to the routes of orders.c: a line with the method and the target, lines of headers, an
 * empty line, and the body. What is read is within the limits of its field, or there is an answer;
 * that is JSON, in UTF-8, with a status it may have.
 */
#include <assert.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/orders.h"
#include "base/utf8.h"
#include "http/percent.h"

static void check_number(const struct field *field, double v)
{
	assert(!field->gt.set || v > field->gt.value);
	assert(!field->ge.set || v >= field->ge.value);
	assert(!field->lt.set || v < field->lt.value);
	assert(!field->le.set || v <= field->le.value);
}

static void check_string(const struct field *field, struct slice text)
{
	size_t length = utf8_length(text);

	assert(utf8_is_valid(text) && length >= field->min_length);
	assert(!field->max_length || length <= field->max_length);
	assert(!field->pattern || pattern_matches(field->pattern, text));
}

static void check_members(const struct field *fields, size_t count, const char *from);

static void check_value(const struct field *field, const void *from)
{
	const struct list *list = from;
	size_t words = 0;

	switch (field->kind) {
	case FIELD_INT:
		check_number(field, (double)*(const int64_t *)from);
		break;
	case FIELD_NUMBER:
		check_number(field, *(const double *)from);
		break;
	case FIELD_STRING:
		check_string(field, *(const struct slice *)from);
		break;
	case FIELD_ENUM:
		while (field->words[words])
			words++;
		assert(*(const unsigned *)from < words);
		break;
	case FIELD_LIST:
		assert(list->count >= field->min_items);
		assert(!field->max_items || list->count <= field->max_items);
		for (size_t i = 0; i < list->count; i++)
			check_value(field->item, (const char *)list->items + i * field->item->size);
		break;
	case FIELD_OBJECT:
		check_members(field->fields, field->field_count, from);
		break;
	default:
		break;
	}
}

/* What was not given is all zero, which need not be within the limits; nor need a fallback. */
static void check_members(const struct field *fields, size_t count, const char *from)
{
	for (size_t i = 0; i < count; i++) {
		const struct field *field = &fields[i];
		const char *member = from + field->offset;
		bool zero = true;

		for (size_t k = 0; k < field->size; k++)
			zero = zero && !member[k];
		if (!(field->optional && zero) &&
		    !(field->fallback && !memcmp(member, field->fallback, field->size)))
			check_value(field, member);
	}
}

static void check_json(struct slice body)
{
	struct json_tokener *tokener = json_tokener_new_ex(100);
	struct json_object *json = json_tokener_parse_ex(tokener, body.data, (int)body.len);

	assert(utf8_is_valid(body));
	assert(json && json_tokener_get_error(tokener) == json_tokener_success);
	json_object_put(json);
	json_tokener_free(tokener);
}

/* Takes what is before the byte, and the byte. */
static struct slice take_until(struct slice *text, char byte)
{
	const char *end = text->len ? memchr(text->data, byte, text->len) : NULL;
	struct slice part = {text->data, end ? (size_t)(end - text->data) : text->len};
	size_t used = part.len + (end != NULL);

	text->data += used;
	text->len -= used;
	return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool prepared;
	char *copy = malloc(size + 1);
	struct slice rest = {memcpy(copy, data, size), size};
	struct orders_request asked = {.header_count = 0};
	struct slice line = take_until(&rest, '\n');
	const struct input *input;
	struct request req;

	if (!prepared)
		assert(orders_open());
	prepared = true;
	asked.method = take_until(&line, ' ');
	asked.path = take_until(&line, '?');
	asked.query = line;
	asked.path = percent_decode(asked.path, copy + (asked.path.data - copy), asked.path.len);
	for (line = take_until(&rest, '\n'); line.len && asked.header_count < ORDERS_HEADERS_MAX;
	     line = take_until(&rest, '\n')) {
		struct order_header *header = &asked.headers[asked.header_count++];

		header->name = take_until(&line, ':');
		header->value = line;
	}
	if (rest.len)
		asked.body = rest;
	input = orders_answer(&req, &asked);
	switch (req.reply.status) {
	case 200:
		check_members(input->fields, input->count, request_input(&req));
		break;
	case 0: /* the document's route */
	case 400:
	case 404:
	case 405:
	case 422:
		break;
	case 204: /* OPTIONS */
	case 307:
		assert(!req.reply.body.len);
		break;
	default:
		abort();
	}
	if (req.reply.body.len)
		check_json(req.reply.body);
	request_unref(&req);
	free(copy);
	return 0;
}
