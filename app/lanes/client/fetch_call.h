/*
 * One call on its way, from fetch() until its answer is released; for the files of fetch alone.
 *
 *	fetch.c           what a handler sees: begins, ends, releases
 *	fetch_host.c      waits for the name's addresses, and for its turn
 *	fetch_multi.c     is one of curl's transfers, on the loop's polls and timers
 *	fetch_easy.c      what curl is told of it, and what curl tells
 *	fetch_redirect.c  where it is led to
 */
#ifndef LANES_CLIENT_FETCH_CALL_H
#define LANES_CLIENT_FETCH_CALL_H

#include <curl/curl.h>
#include <stdbool.h>

#include "await/awaited.h"
#include "await/coroutine.h"
#include "await/timers.h"
#include "base/buffer.h"
#include "client/fetch.h"
#include "client/fetch_limits.h"

struct budget;
struct fetcher;

/* Calls, in their order. */
struct fetch_list {
	struct fetch_call *first;
	struct fetch_call *last;
};

/* Those of a request. */
struct fetch_kept {
	struct fetch_call *first;
};

struct fetch_call {
	struct task task;
	struct coroutine *co; /* that waits, or has waited, for it */
	struct fetch *asked;
	struct fetcher *fetcher;
	struct timer deadline;
	struct fetch_call *kept_next; /* of the same request */
	struct fetch_kept *kept;      /* where that is remembered */
	struct budget *budget;
	size_t charged;		/* bytes */
	uint64_t begun;		/* uv_hrtime() */
	struct awaited awaited; /* by what the scoreboard calls its host */

	/* Where it is: in one list, or none. */
	struct fetch_host *host; /* NULL: at none */
	struct fetch_list *list;
	struct fetch_call *next;
	struct fetch_call *prev;
	CURL *easy; /* NULL: curl does not have it */

	/* What is asked. */
	char *url;   /* as curl writes it */
	bool secure; /* it is https: */
	char method[FETCH_METHOD];
	struct curl_slist *headers;
	struct curl_slist *resolved; /* what curl is told of the name */
	char *ca;
	struct slice body;
	size_t sent; /* of it */
	size_t limit;
	int redirects; /* that are left */
	bool follows;  /* it may be redirected */

	/* The answer. */
	struct buffer lines; /* its headers, as they come */
	size_t header_bytes;
	struct buffer content;
	int status;
	int error;  /* why we want no more of it */
	int socket; /* why it got none, a negative errno */
	char why[CURL_ERROR_SIZE];
};

void fetch_list_add(struct fetch_list *list, struct fetch_call *call);

/* Takes it out of the list it is in, if it is in one. */
void fetch_list_remove(struct fetch_call *call);

/* ---- fetch.c ---- */

/* It has come to this: 0, or a negative errno. It is in no list, and curl does not have it. */
void fetch_end(struct fetch_call *call, int error);

/* More bytes for a buffer of it, of its request's budget; false: -ENOMEM is its error. */
bool fetch_reserve(struct fetch_call *call, struct buffer *buffer, size_t n);

/* Adds a header to those it sends. False if memory is out. */
bool fetch_add_header(struct fetch_call *call, const char *line);

/* ---- fetch_easy.c ---- */

/* Tells curl all of it. 0 or -ENOMEM. */
int fetch_easy_set_up(struct fetch_call *call);

/* What the transfer has come to. */
int fetch_easy_error(const struct fetch_call *call, CURLcode code);

/* ---- fetch_redirect.c ---- */

/* Whether its answer leads elsewhere, and that is where it is now on its way. If that cannot be,
 * *error is why. */
bool fetch_is_redirected(struct fetch_call *call, int *error);

#endif
