#include "mock.h"

#include <stdio.h>
#include <stdlib.h>

int mock_released;
int mock_streams;

static _Noreturn void unexpected(const struct request *req, const char *callback)
{
	fprintf(stderr, "%.*s: nobody expects %s()\n", (int)req->path.len, req->path.data,
		callback);
	abort();
}

struct slice mock_no_param(const struct request *req, const char *name)
{
	(void)req;
	(void)name;
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
	(void)req;
	mock_released++;
}

void mock_ran(struct request *req, uint64_t begun, uint64_t ended, bool over)
{
	(void)begun;
	(void)ended;
	(void)over;
	unexpected(req, "ran");
}

void mock_finished(struct request *req)
{
	unexpected(req, "finished");
}

void mock_stream_write(struct request *req, struct coroutine *writer, struct slice bytes)
{
	(void)writer;
	(void)bytes;
	unexpected(req, "stream_write");
}

bool mock_stream_room(const struct request *req)
{
	unexpected(req, "stream_room");
}

bool mock_stream_wanted(const struct request *req)
{
	unexpected(req, "stream_wanted");
}

void mock_body_wanted(struct request *req)
{
	unexpected(req, "body_wanted");
}

void mock_stays(struct request *req, bool stays)
{
	(void)stays;
	unexpected(req, "stays");
}

void mock_instead(struct request *req, int status)
{
	(void)status;
	unexpected(req, "instead");
}
