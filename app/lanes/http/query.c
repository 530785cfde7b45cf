/*
 * A parameter goes through three steps: find it (urlencoded), judge its value (judge_seconds,
 * judge_n: pure), and, if the value is bad, answer with the words pydantic 1.10 has for it. Usual
 * values are short and are decoded on the stack; json-c is only asked for when there is an error.
 */
#include "http/query.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "http/number.h"
#include "http/reply.h"
#include "http/urlencoded.h"

enum {
	SECONDS_MAX = 60,
	SECONDS_COUNT_MAX = 1000,
	N_MAX = 1000000000,
	USUAL = 64, /* bytes of a value that are decoded on the stack */
};

/* What can be wrong with a value, in pydantic's words. */
struct problem {
	const char *msg;
	const char *type;
	bool limited; /* it has a "ctx", with the limit */
	int limit;
};

static const struct problem not_a_float = {
	.msg = "value is not a valid float",
	.type = "type_error.float",
};
static const struct problem not_an_integer = {
	.msg = "value is not a valid integer",
	.type = "type_error.integer",
};
static const struct problem below_zero = {
	.msg = "ensure this value is greater than or equal to 0",
	.type = "value_error.number.not_ge",
	.limited = true,
	.limit = 0,
};
static const struct problem seconds_above = {
	.msg = "ensure this value is less than or equal to 60",
	.type = "value_error.number.not_le",
	.limited = true,
	.limit = SECONDS_MAX,
};
static const struct problem n_above = {
	.msg = "ensure this value is less than or equal to 1000000000",
	.type = "value_error.number.not_le",
	.limited = true,
	.limit = N_MAX,
};
static const struct problem too_many = {
	.msg = "ensure this value has at most 1000 items",
	.type = "value_error.list.max_items",
	.limited = true,
	.limit = SECONDS_COUNT_MAX,
};

/* NULL if the value is good. */
static const struct problem *judge_seconds(struct slice text, double *seconds)
{
	if (python_float(text, seconds))
		return &not_a_float;
	if (!(*seconds >= 0)) /* NaN too, as in pydantic */
		return &below_zero;
	return *seconds <= SECONDS_MAX ? NULL : &seconds_above;
}

static const struct problem *judge_n(struct slice text, uint64_t *n)
{
	int64_t value;

	if (python_int(text, &value))
		return &not_an_integer;
	if (value < 0)
		return &below_zero;
	*n = (uint64_t)value;
	return value <= N_MAX ? NULL : &n_above;
}

/* The json_add functions take over value, and return false if it or the room for it could not be
 * had: then the whole is not worth sending. */
static bool json_add(struct json_object *to, const char *key, struct json_object *value)
{
	if (value && json_object_object_add(to, key, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

static bool json_add_item(struct json_object *to, struct json_object *value)
{
	if (value && json_object_array_add(to, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

/* Where the value stands: ["query", name], and its index in a list (-1: it is in none). */
static struct json_object *location(const char *name, int index)
{
	struct json_object *loc = json_object_new_array_ext(3);

	if (loc && json_add_item(loc, json_object_new_string("query")) &&
	    json_add_item(loc, json_object_new_string(name)) &&
	    (index < 0 || json_add_item(loc, json_object_new_int(index))))
		return loc;
	json_object_put(loc);
	return NULL;
}

static struct json_object *limit_context(int limit)
{
	struct json_object *ctx = json_object_new_object();

	if (ctx && json_add(ctx, "limit_value", json_object_new_int(limit)))
		return ctx;
	json_object_put(ctx);
	return NULL;
}

static bool add_problem(struct json_object *problems, const struct problem *problem,
			const char *name, int index)
{
	struct json_object *entry = json_object_new_object();

	if (entry && json_add(entry, "loc", location(name, index)) &&
	    json_add(entry, "msg", json_object_new_string(problem->msg)) &&
	    json_add(entry, "type", json_object_new_string(problem->type)) &&
	    (!problem->limited || json_add(entry, "ctx", limit_context(problem->limit))))
		return json_add_item(problems, entry);
	json_object_put(entry);
	return false;
}

/* Answers 422 with the problems, which it takes over; NULL (no memory) answers 503. */
static void answer_problems(struct request *req, struct json_object *problems)
{
	struct json_object *body = json_object_new_object();

	if (!body) {
		json_object_put(problems);
	} else if (!json_add(body, "detail", problems)) {
		json_object_put(body);
		body = NULL;
	}
	reply_json(req, 422, body);
}

static void answer_problem(struct request *req, const struct problem *problem, const char *name)
{
	struct json_object *problems = json_object_new_array_ext(1);

	if (problems && !add_problem(problems, problem, name, -1)) {
		json_object_put(problems);
		problems = NULL;
	}
	answer_problems(req, problems);
}

void query_refuse(struct request *req, const char *name, const char *msg, const char *type)
{
	answer_problem(req, &(struct problem){.msg = msg, .type = type}, name);
}

/* The next value of that name, still encoded, taken off the rest of the query. */
static bool next_value(struct slice *rest, const char *name, struct slice *value)
{
	struct slice key;

	while (urlencoded_next(rest, &key, value))
		if (urlencoded_is(key, name))
			return true;
	return false;
}

/* Decodes the value into usual, or a longer one into the request's memory. Returns 1, or
 * -ENOMEM. */
static int decode(struct request *req, char usual[USUAL], struct slice *value)
{
	char *out = value->len <= USUAL ? usual : request_alloc(req, value->len);

	if (!out)
		return -ENOMEM;
	*value = urlencoded_decode(*value, out);
	return 1;
}

/* Finds and decodes the last value of that name. Returns 1, 0 if there is none, or -ENOMEM. */
static int scalar(struct request *req, const char *name, char usual[USUAL], struct slice *value)
{
	struct slice rest = req->query;
	bool found = false;

	for (struct slice next; next_value(&rest, name, &next); found = true)
		*value = next;
	return found ? decode(req, usual, value) : 0;
}

/* The end of a scalar's check: true if nothing is wrong with it. */
static bool passed(struct request *req, int found, const struct problem *problem, const char *name)
{
	if (found < 0)
		reply_error(req, 503);
	else if (problem)
		answer_problem(req, problem, name);
	return found >= 0 && !problem;
}

bool query_seconds(struct request *req, double fallback, double *seconds)
{
	const struct problem *problem = NULL;
	char usual[USUAL];
	struct slice value;
	int found = scalar(req, "seconds", usual, &value);

	*seconds = fallback;
	if (found > 0)
		problem = judge_seconds(value, seconds);
	return passed(req, found, problem, "seconds");
}

bool query_n(struct request *req, uint64_t fallback, uint64_t *n)
{
	const struct problem *problem = NULL;
	char usual[USUAL];
	struct slice value;
	int found = scalar(req, "n", usual, &value);

	*n = fallback;
	if (found > 0)
		problem = judge_n(value, n);
	return passed(req, found, problem, "n");
}

static size_t value_count(const struct request *req, const char *name)
{
	struct slice rest = req->query;
	struct slice value;
	size_t count = 0;

	while (next_value(&rest, name, &value))
		count++;
	return count;
}

/* Judges every item of the query into list. What is wrong with them goes into problems, which is
 * made with the first. Returns 0, or -ENOMEM. */
static int judge_list(struct request *req, struct seconds_list *list, struct json_object **problems)
{
	struct slice rest = req->query;
	struct slice value;
	char usual[USUAL];

	for (size_t i = 0; i < list->count && next_value(&rest, "seconds", &value); i++) {
		const struct problem *problem;

		if (decode(req, usual, &value) < 0)
			return -ENOMEM;
		problem = judge_seconds(value, &list->seconds[i]);
		if (!problem)
			continue;
		if (!*problems)
			*problems = json_object_new_array();
		if (!*problems || !add_problem(*problems, problem, "seconds", (int)i))
			return -ENOMEM;
	}
	return 0;
}

bool query_seconds_list(struct request *req, const double *fallback, size_t count,
			struct seconds_list *list)
{
	struct json_object *problems = NULL;
	size_t given = value_count(req, "seconds");

	/* Pydantic counts first and looks at the items only if there are not too many. */
	if (given > SECONDS_COUNT_MAX) {
		answer_problem(req, &too_many, "seconds");
		return false;
	}
	list->count = given ? given : count;
	list->seconds = request_alloc(req, list->count * sizeof(*list->seconds));
	if (!list->seconds) {
		reply_error(req, 503);
		return false;
	}
	if (!given)
		memcpy(list->seconds, fallback, count * sizeof(*fallback));
	if (judge_list(req, list, &problems)) {
		json_object_put(problems);
		reply_error(req, 503);
		return false;
	}
	if (problems)
		answer_problems(req, problems);
	return !problems;
}
