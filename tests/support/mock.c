#include "mock.h"

#include <stdio.h>
#include <stdlib.h>

/* A callback has the parameters that all of them have. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

int mock_released;
int mock_streams;

_Static_assert(sizeof(struct request_ops) == 11 * sizeof(void (*)(void)), "MOCK_OPS has all");

static _Noreturn void unexpected(const struct request *req, const char *callback)
{
	fprintf(stderr, "%.*s: nobody expects %s()\n", (int)req->path.len, req->path.data,
		callback);
	abort();
}

struct slice mock_no_param(const struct request *req, const char *name)
{
	return (struct slice){NULL, 0};
}

bool mock_stream(struct request *req)
{
	if (req->reply.begun)
		unexpected(req, "stream");
	mock_streams++;
	return true;
}

void mock_release(struct request *req)
{
	mock_released++;
}

/* The others. */
#define UNEXPECTED(type, name, ...)                                                                \
	type mock_##name(__VA_ARGS__)                                                              \
	{                                                                                          \
		unexpected(req, #name);                                                            \
	}

UNEXPECTED(void, ran, struct request *req, uint64_t begun, uint64_t ended, bool over)
UNEXPECTED(void, finished, struct request *req)
UNEXPECTED(void, stream_write, struct request *req, struct coroutine *writer, struct slice bytes)
UNEXPECTED(bool, stream_room, const struct request *req)
UNEXPECTED(bool, stream_wanted, const struct request *req)
UNEXPECTED(void, body_wanted, struct request *req)
UNEXPECTED(void, stays, struct request *req, bool stays)
UNEXPECTED(void, instead, struct request *req, int status)
