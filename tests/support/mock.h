/*
 * An engine that carries a request nowhere, for what needs none: it counts what is released and
 * what becomes a stream. Any other callback ends the program, and says which it was.
 */
#ifndef TESTS_SUPPORT_MOCK_H
#define TESTS_SUPPORT_MOCK_H

#include "http/request.h"

extern int mock_released;
extern int mock_streams; /* that were begun */

struct slice mock_no_param(const struct request *req, const char *name);
void mock_ran(struct request *req, uint64_t begun, uint64_t ended, bool over);
void mock_finished(struct request *req);
bool mock_stream(struct request *req);
void mock_stream_write(struct request *req, struct coroutine *writer, struct slice bytes);
bool mock_stream_room(const struct request *req);
bool mock_stream_wanted(const struct request *req);
void mock_body_wanted(struct request *req);
void mock_stays(struct request *req, bool stays);
void mock_instead(struct request *req, int status);
void mock_release(struct request *req);

/* Every callback of a struct request_ops, with this one for param. */
#define MOCK_OPS(own_param)                                                                        \
	{                                                                                          \
		.param = (own_param), .ran = mock_ran, .finished = mock_finished,                  \
		.stream = mock_stream, .stream_write = mock_stream_write,                          \
		.stream_room = mock_stream_room, .stream_wanted = mock_stream_wanted,              \
		.body_wanted = mock_body_wanted, .stays = mock_stays, .instead = mock_instead,     \
		.release = mock_release                                                            \
	}

#endif
