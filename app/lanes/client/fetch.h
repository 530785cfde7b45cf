/*
 * Calls to other services over HTTP, without holding the loop: libcurl, on the loop's own polls and
 * timers.
 *
 *	struct price { struct fetch call; };
 *
 *	static void price(struct request *req)
 *	{
 *		struct price *f = FRAME(req, struct price);
 *
 *		ASYNC_BEGIN(req);
 *		f->call.url = fetch_url(req, "%s/items/%s/price", shop, item);
 *		AWAIT(req, fetch(req, &f->call));
 *		reply_bytes(req, 200, "application/json", f->call.content);
 *		ASYNC_END(req);
 *	}
 *
 * Whatever the other service answers is an answer, a 404 as well: .status says it. What fails is to
 * get none. With AWAIT the request is then answered: 504 if it was late, 503 with Retry-After if it
 * cannot be reached or too many wait, 502 if what came is of no use. With TRY_AWAIT, and as the
 * outcome of gather_add_fetch(), there is a negative errno:
 *
 *	-ETIMEDOUT      it was not all there within .within
 *	-ECONNREFUSED   nobody listens there
 *	-EHOSTUNREACH, -ENETUNREACH  there is no way to it; or name servers do not answer
 *	-ENOENT         there is no such name
 *	-ECONNRESET     the connection was closed before the answer had ended
 *	-EFBIG          the answer is longer than .limit, or its headers than FETCH_HEADERS
 *	-EKEYREJECTED   TLS: who answers is not who was asked, or nobody who is trusted says so
 *	-EBADMSG        what came is not HTTP; or not TLS, where that was asked for
 *	-ELOOP          more than .redirects
 *	-EACCES         a redirect that is not followed: to another protocol, or from https to http
 *	-EAGAIN         too many wait already (--fetch-queue)
 *	-ENOMEM, -EMFILE  of this process
 *	-EINVAL         the URL, the method or a header is none
 *	-ENOTSUP        the application does not say .fetches
 *
 * Proxies of the environment, cookies and ~/.netrc are never used; answers are not unpacked, and
 * nobody is asked to pack them. All functions belong to the loop's thread.
 */
#ifndef LANES_CLIENT_FETCH_H
#define LANES_CLIENT_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct fetch_call;
struct request;

enum {
	FETCH_WITHIN = 10,	/* seconds */
	FETCH_LIMIT = 1048576,	/* bytes of an answer */
	FETCH_HEADERS = 65536,	/* … of its headers, of all hops */
	FETCH_METHOD = 16,	/* bytes of a method, and its end */
	FETCH_URL_MOST = 65536, /* bytes of a URL */
};

/* One call: in a frame, where it stays until it has ended. What is 0 has its default. */
struct fetch {
	/* What is asked. All but the body is copied when it begins. */
	const char *method;	    /* NULL: GET, or POST if there is a body */
	struct slice url;	    /* http: or https: */
	const char *const *headers; /* "Name: value", with NULL behind the last; NULL: none */
	struct slice body;	    /* stays where it is until the call has ended */
	double within;		    /* seconds for all of it: FETCH_WITHIN */
	size_t limit;		    /* bytes of the answer's body: FETCH_LIMIT */
	const char *ca;		    /* PEM file of who is trusted: --ca, or the system's */
	int redirects;		    /* that are followed, at most; without, a 302 is an answer */

	/* The answer: valid as long as the request, or until fetch() is called with it again. */
	int status;	      /* 0: there is none */
	struct slice content; /* has a NUL behind it */
	int error;	      /* 0, or a negative errno, as above */
	const char *why;      /* … in words, for a log; "": nothing is known */

	struct fetch_call *call; /* the library's */
};

/* AWAIT(req, fetch(req, &f->call)): goes on when it has ended. */
void fetch(struct request *req, struct fetch *call);

/* Begins it, for gather(). outcome may be NULL: call->error is the same. */
void gather_add_fetch(struct request *req, struct fetch *call, int *outcome);

/* A header of the answer, without the blanks around it; the first, if there are several. {NULL, 0}:
 * there is none. */
struct slice fetch_header(const struct fetch *call, const char *name);

/* A URL, in memory of the request's, as printf() writes it: %s, %.*s, %d and %lld; but what a %s
 * stands for is escaped, so that it is one piece of the path or one value of the query, unless the
 * format begins with it. {NULL, 0}, which nobody can fetch, if memory is out. */
__attribute__((format(printf, 2, 3))) struct slice fetch_url(struct request *req,
							     const char *format, ...);

/* Frees the answer now, and not when the request is no more: for who goes on for long, and fetches
 * into a struct that was cleared. */
void fetch_release(struct fetch *call);

#endif
