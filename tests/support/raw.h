/*
 * A web server by hand: FastCGI records over a worker's socket, for what nginx never does (abort,
 * many requests on one connection, half a request, silence). Streams are written by stream.h,
 * and answers read as its records_as_text() tells them.
 */
#ifndef TESTS_SUPPORT_RAW_H
#define TESTS_SUPPORT_RAW_H

#include <stdbool.h>

#include "base/buffer.h"
#include "stream.h"

struct raw {
	int fd;
	struct buffer in;   /* as received */
	struct buffer text; /* the whole records of it, NUL-terminated */
};

/* Connects to a socket; false if nobody listens. */
bool raw_open(struct raw *raw, const char *path);

/* Sends a stream and frees it, or what a stream_script() says. False if the peer does not take it.
 */
bool raw_stream(struct raw *raw, struct stream *stream);
bool raw_send(struct raw *raw, const char *script);

/* Sends one GET on request ID, the connection kept. */
bool raw_get(struct raw *raw, int id, const char *path, const char *query);

/* Reads until the text of the answer so far holds this; false if the peer closes before that, or
 * PATIENCE is over. */
bool raw_answers(struct raw *raw, const char *text);

/* Sends, and waits for that answer. */
bool raw_tells(struct raw *raw, const char *script, const char *text);
bool raw_gets(struct raw *raw, int id, const char *path, const char *query, const char *text);

/* Connects to the socket, asks for the path, reads until the answer holds the text, and hangs up.
 */
bool raw_asked(const char *socket, const char *path, const char *text);

/* Reads until the peer closes; false if it does not. */
bool raw_closed(struct raw *raw);

/* Hangs up. */
void raw_close(struct raw *raw);

#endif
