/*
 * The FastCGI side of the null responders: raw epoll, kept connections, many requests on each. It
 * looks at nothing but what it has to: record headers, and the flag that says whether to keep the
 * connection. A peer that does not read its answers is hung up on.
 */
#ifndef TESTS_BENCH_NULL_FRONT_H
#define TESTS_BENCH_NULL_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/record.h"

/* What epoll calls when its descriptor is ready; the first member of what has one. */
struct watched {
	void (*ready)(struct watched *watched, uint32_t events);
};

struct front_conn {
	struct watched watched;
	int fd; /* -1: closed */
	bool keep;
	bool begin;	   /* the record being read is a BEGIN */
	unsigned at;	   /* bytes read of its header */
	unsigned content;  /* bytes of content and padding still to come */
	unsigned flags;	   /* bytes until the flags of a BEGIN */
	unsigned awaited;  /* answers that come later: it is not freed before */
	unsigned long key; /* the number behind front_key in what was read last; 0: none */
	unsigned char header[FCGI_HEADER_SIZE];
};

enum { FRONT_ANSWER_MAX = 512 };

/* What comes before a number in the path, or NULL: no number is looked for. */
extern const char *front_key;

/* What is to be done after all that was ready at once, or NULL. */
extern void (*front_turn)(void);

/* A request is whole. What is put at `to` (less than FRONT_ANSWER_MAX bytes) is sent at once with
 * what else was read with it; it returns how much. 0: it comes later, with front_send(). */
extern size_t front_request(struct front_conn *conn, const unsigned char id[2], unsigned char *to);

/* Puts an answer of one request: head and body, and the end. Returns how many bytes. */
size_t front_put(unsigned char *to, const unsigned char id[2], const char *text, size_t n);

/* Sends the answer to a request for which front_request() returned 0. */
void front_send(struct front_conn *conn, const unsigned char *bytes, size_t n);

/* To be called first; ends the program if it cannot listen there. */
void front_listen(const char *path);

/* Calls it when the descriptor is ready, until that is closed; changes for what, if it is watched.
 */
void front_watch(int fd, struct watched *watched, uint32_t events);

/* Does no longer. */
void front_forget(int fd);

/* Serves the socket; does not return. */
void front_serve(void);

#endif
