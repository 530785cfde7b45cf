#include "request.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reply.h"

struct arena_chunk {
	struct arena_chunk *next;
	_Alignas(max_align_t) unsigned char bytes[];
};

void request_init(struct request *req, const struct request_ops *ops, struct sched *sched)
{
	memset(req, 0, offsetof(struct request, arena));
	req->ops = ops;
	req->sched = sched;
	req->refs = 1;
}

/* Apart from its caller, which most params pass without a call.
 * nginx's $msec, "1700000000.123": how long ago was that? Clocks that disagree give 0. */
__attribute__((noinline)) static uint64_t nanoseconds_since(struct slice msec)
{
	uint64_t thousandths = 0;
	struct timespec now;
	uint64_t ms;

	for (size_t i = 0; i < msec.len; i++) {
		if (msec.data[i] == '.')
			continue;
		if (msec.data[i] < '0' || msec.data[i] > '9' || thousandths > UINT64_MAX / 100)
			return 0;
		thousandths = thousandths * 10 + (uint64_t)(msec.data[i] - '0');
	}
	clock_gettime(CLOCK_REALTIME, &now);
	ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	return ms > thousandths && ms - thousandths < 3600000 ? (ms - thousandths) * 1000000 : 0;
}

void request_take_param(struct request *req, struct slice name, struct slice value)
{
	if (slice_is(name, "REQUEST_METHOD"))
		req->method = value;
	else if (slice_is(name, "QUERY_STRING"))
		req->query = value;
	else if (slice_is(name, "SCRIPT_NAME"))
		req->prefix = value;
	else if (slice_is(name, "PATH_INFO"))
		req->path = value;
	else if (slice_is(name, "LANES_SENT"))
		req->times.queue = nanoseconds_since(value);
}

void request_params_done(struct request *req)
{
	if (!req->path.len) {
		req->path = req->prefix;
		req->prefix = (struct slice){"", 0};
	}
}

void *request_alloc(struct request *req, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct arena_chunk *chunk;
	size_t at = (req->arena_used + align - 1) / align * align;

	if (at <= sizeof(req->arena) && size <= sizeof(req->arena) - at) {
		req->arena_used = at + size;
		return req->arena + at;
	}
	chunk = malloc(sizeof(*chunk) + size);
	if (!chunk)
		return NULL;
	chunk->next = req->chunks;
	req->chunks = chunk;
	return chunk->bytes;
}

/* cppcheck-suppress constParameterPointer */
void *request_frame(struct request *req, size_t size)
{
	assert(size <= sizeof(req->frame));
	(void)size;
	return req->frame;
}

struct slice request_param(const struct request *req, const char *name)
{
	return req->ops->param(req, name);
}

void request_ref(struct request *req)
{
	req->refs++;
}

void request_unref(struct request *req)
{
	if (--req->refs)
		return;
	reply_free(req);
	while (req->chunks) {
		struct arena_chunk *chunk = req->chunks;

		req->chunks = chunk->next;
		free(chunk);
	}
	req->ops->release(req);
}
