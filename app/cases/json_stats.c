#include "cases.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* A body, on its way through a thread. */
struct json_stats {
	struct slice text; /* of it, in memory; NULL: in the file */
	int file;
	size_t length;
	struct json_document document;
	size_t counts[JSON_OBJECT + 1]; /* of each kind */
	size_t keys;
	size_t depth; /* the most values that stand in each other */
};

/* Which members others of the same name replace: of those only the last counts. */
struct replaced {
	bool *is; /* of each value of the document */
	const struct json_value **members;
	size_t size;
};

static int by_key(const void *one, const void *other)
{
	const struct json_value *a = *(const struct json_value *const *)one;
	const struct json_value *b = *(const struct json_value *const *)other;
	size_t len = a->key.len < b->key.len ? a->key.len : b->key.len;
	int order = len ? memcmp(a->key.data, b->key.data, len) : 0;

	if (!order && a->key.len != b->key.len)
		return a->key.len < b->key.len ? -1 : 1;
	return order ? order : a < b ? -1 : a > b;
}

/* False: memory is out. */
static bool find_replaced(struct replaced *r, const struct json_value *root,
			  const struct json_value *object)
{
	const struct json_value *end = object + object->run;
	size_t count = 0;

	for (const struct json_value *member = object + 1; member < end; member += member->run) {
		if (count == r->size) {
			size_t size = r->size ? 2 * r->size : 64;
			void *more = realloc(r->members, size * sizeof(struct json_value *));

			if (!more)
				return false;
			r->members = more;
			r->size = size;
		}
		r->members[count++] = member;
	}
	if (count < 2)
		return true;
	qsort(r->members, count, sizeof(struct json_value *), by_key);
	for (size_t i = 0; i + 1 < count; i++)
		r->is[r->members[i] - root] =
			slice_equal(r->members[i]->key, r->members[i + 1]->key);
	return true;
}

/* False: memory is out. */
static bool count_all(struct json_stats *s, struct replaced *r)
{
	const struct json_value *root = s->document.root;
	const struct json_value *ends[1024]; /* of what is around a value: no document is so deep */
	size_t depth = 0;

	for (const struct json_value *value = root; value < root + root->run;) {
		while (depth && value >= ends[depth - 1])
			depth--;
		if (r->is[value - root]) {
			value += value->run;
			continue;
		}
		s->counts[value->type]++;
		s->keys += value->key.data != NULL;
		if (value->type == JSON_ARRAY || value->type == JSON_OBJECT)
			ends[depth++] = value + value->run;
		s->depth = depth > s->depth ? depth : s->depth;
		if (value->type == JSON_OBJECT && !find_replaced(r, root, value))
			return false;
		value++;
	}
	return true;
}

static void count_document(struct json_stats *s)
{
	struct replaced r = {0};

	r.is = calloc(s->document.root->run, sizeof(*r.is));
	if (!r.is || !count_all(s, &r))
		s->document.error = -ENOMEM;
	free(r.is);
	free(r.members);
}

/* The text of a body that is on the disk; NULL: memory is out, or the disk fails. */
static char *read_text(const struct json_stats *s)
{
	char *text = malloc(s->length);
	size_t have = 0;

	while (text && have < s->length) {
		ssize_t n = read(s->file, text + have, s->length - have);

		if (n <= 0) {
			free(text);
			return NULL;
		}
		have += (size_t)n;
	}
	return text;
}

static void count_on_thread(void *stats)
{
	struct json_stats *s = stats;
	char *text = NULL;

	if (!s->text.data) {
		text = read_text(s);
		s->text = (struct slice){text, s->length};
		if (!text) {
			s->document.error = -ENOMEM;
			return;
		}
	}
	json_document_read(&s->document, s->text);
	if (!s->document.error)
		count_document(s);
	free(text);
}

static void free_document(void *stats)
{
	json_document_free(&((struct json_stats *)stats)->document);
}

static void reply_stats(struct request *req, const struct json_stats *s)
{
	const size_t *n = s->counts;
	struct buffer out = {0};

	buffer_format(&out, "{\"objects\":%zu,\"arrays\":%zu,\"keys\":%zu,\"strings\":%zu,",
		      n[JSON_OBJECT], n[JSON_ARRAY], s->keys, n[JSON_STRING]);
	buffer_format(&out, "\"integers\":%zu,\"floats\":%zu,\"booleans\":%zu,\"nulls\":%zu,",
		      n[JSON_INTEGER], n[JSON_FLOAT], n[JSON_TRUE] + n[JSON_FALSE], n[JSON_NULL]);
	buffer_format(&out, "\"depth\":%zu}", s->depth);
	reply_text(req, 200, "application/json", &out);
}

/* NULL, and its answer is there or will be: memory is out. */
static struct json_stats *new_stats(struct request *req)
{
	struct json_stats *s = request_alloc(req, sizeof(*s));

	if (!s) {
		reply_error(req, 503);
		return NULL;
	}
	s->length = (size_t)request_body_length(req);
	s->text = s->length ? request_body_bytes(req) : slice_of("");
	s->file = s->text.data ? -1 : request_body_file(req);
	return request_defer(req, free_document, s) ? s : NULL;
}

/* POST /cases/json-stats: a large body is parsed and looked at on a thread of the CPU pool. FastAPI
 * itself would parse it on the loop. */
void json_stats(struct request *req)
{
	struct json_stats **f = FRAME(req, struct json_stats *);

	ASYNC_BEGIN(req);
	AWAIT(req, request_body(req));
	*f = new_stats(req);
	if (!*f)
		return;
	AWAIT(req, run_in_cpu_pool(req, count_on_thread, *f));
	if ((*f)->document.error)
		json_document_refuse(req, &(*f)->document);
	else
		reply_stats(req, *f);
	ASYNC_END(req);
}
