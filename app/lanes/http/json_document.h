/*
 * JSON of any shape, off the loop: what the body of a request is, or another service's answer, is
 * read on a thread, where a large one holds nobody up. It is read as request.json() of Starlette
 * reads it, that is json.loads() of Python 3.11 (input_json.h): in UTF-8, UTF-16 or UTF-32; with
 * NaN and Infinity; and what it says of a text that is no JSON is the same, word for word.
 */
#ifndef LANES_HTTP_JSON_DOCUMENT_H
#define LANES_HTTP_JSON_DOCUMENT_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

struct request;

enum json_kind {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_INTEGER,
	JSON_FLOAT, /* Python's NaN and Infinity, too */
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
	JSON_FILE, /* only of forms, for the library: text is what it holds; in it are two strings,
		    * its name, and its type, if any */
};

/* A value with others in it is a run of them: itself, and then those, each with what is in it. So
 * value + 1 is the first that is in it, and value + value->run what comes after it. */
struct json_value {
	enum json_kind type;
	uint32_t run;	   /* how many values it is, itself among them */
	struct slice text; /* INTEGER, FLOAT: as written; STRING: decoded, UTF-8 */
	struct slice key;  /* of an object's member; there may be several of one name */
};

struct json_document {
	const struct json_value *root;
	int error; /* 0; -EINVAL: it is no JSON; -EBADMSG: it cannot even be looked at; -ENOMEM */
	/* For the library: memory that is freed with it, and the body of a 422. */
	void *memory[3];
	struct buffer problem;
};

/* Reads the text, which stays where it is until json_document_free(). Any thread. */
void json_document_read(struct json_document *document, struct slice text);

/* The member of that name, of several the last one; NULL: there is none, or it is no object. */
const struct json_value *json_member(const struct json_value *object, const char *name);

/* Answers 422, 400 or 503 with what is wrong with a request's body, as FastAPI does. */
void json_document_refuse(struct request *req, struct json_document *document);

/* Safe to call twice, and on {0}. Any thread. */
void json_document_free(struct json_document *document);

#endif
