#include "http/json_document.h"

#include <errno.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "http/input_encoding.h"
#include "http/input_json.h"
#include "http/input_problems.h"
#include "http/input_value.h"
#include "http/reply.h"

enum { BLOCKS = sizeof(((struct json_document *)0)->memory) / sizeof(void *) };

/* What is read, its strings, and the text if that was in another encoding: each at most once. */
static void *alloc_block(void *document, size_t size)
{
	void **block = ((struct json_document *)document)->memory;

	while (*block)
		block++;
	*block = malloc(size ? size : 1);
	return *block;
}

/* As a 422 tells it; all of the text is in it. */
static void describe(struct json_document *document, struct slice text,
		     const struct json_error *error)
{
	static const struct location body = {.name = "body"};
	struct problems problems = {.count = 0};

	problem_add_json(&problems, &(struct location){.in = &body, .index = error->position},
			 error->msg, text, error->position);
	document->problem = problems.text;
}

void json_document_read(struct json_document *document, struct slice text)
{
	struct json_memory memory = {alloc_block, document};
	struct json_error error = {0};
	struct json_value *root = NULL;

	*document = (struct json_document){0};
	document->error = json_decode(memory, &text);
	if (!document->error)
		document->error = json_read(memory, text, &root, &error);
	if (!document->error)
		document->root = root;
	else if (document->error == -EINVAL && !utf8_is_valid(text))
		document->error = -EBADMSG;
	else if (document->error == -EINVAL)
		describe(document, text, &error);
}

const struct json_value *json_member(const struct json_value *object, const char *name)
{
	const struct json_value *found = NULL;
	struct slice wanted = slice_of(name);

	if (object->type != JSON_OBJECT)
		return NULL;
	for (const struct json_value *member = object + 1; member < object + object->run;
	     member += member->run)
		if (slice_equal(member->key, wanted))
			found = member;
	return found;
}

void json_document_refuse(struct request *req, struct json_document *document)
{
	struct problems problems = {.text = document->problem, .count = 1};

	if (document->error == -EINVAL) {
		document->problem = (struct buffer){0};
		problems_answer(&problems, req);
	} else if (document->error == -EBADMSG) {
		reply_bytes(req, 400, "application/json", slice_of(INPUT_NOT_READ));
	} else {
		reply_error(req, 503);
	}
}

void json_document_free(struct json_document *document)
{
	for (size_t i = 0; i < BLOCKS; i++)
		free(document->memory[i]);
	buffer_free(&document->problem);
	*document = (struct json_document){0};
}
