/*
 * What is wrong with a request, as pydantic 1 writes it: {"detail":[{"loc":…,"msg":…,"type":…},…]}.
 * The text is written as the problems are found. Memory that runs out is seen at the end.
 */
#ifndef LANES_HTTP_INPUT_PROBLEMS_H
#define LANES_HTTP_INPUT_PROBLEMS_H

#include "base/buffer.h"
#include "http/request.h"

struct field;

/* Where something stands: in what, and its name there, or, without a name, its index. */
struct location {
	const struct location *in;
	const char *name;
	size_t index;
};

struct problems {
	struct buffer text;
	size_t count;
};

/* Words without a limit. */
void problem_add(struct problems *to, const struct location *at, const char *msg, const char *type);

/* "<msg><limit><after>", and the limit as "ctx". */
void problem_add_limit(struct problems *to, const struct location *at, const char *msg,
		       struct slice limit, const char *after, const char *type);

void problem_add_pattern(struct problems *to, const struct location *at, const char *pattern);
void problem_add_enum(struct problems *to, const struct location *at, const char *const *words);

/* The body is no JSON: what Python says of it, after how many characters, and all of the body. */
void problem_add_json(struct problems *to, const struct location *at, const char *msg,
		      struct slice body, size_t position);

/* Answers 422, or 503 if memory was out, and frees the text. */
void problems_answer(struct problems *problems, struct request *req);

#endif
