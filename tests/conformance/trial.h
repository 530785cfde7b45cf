/*
 * One case at work: the connections it opens, what it says on them, and what it expects. The first
 * thing that is not as it should be is kept as the reason of the failure; a case goes on after it
 * only as far as it likes.
 */
#ifndef TESTS_CONFORMANCE_TRIAL_H
#define TESTS_CONFORMANCE_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "../support/harness.h"
#include "base/buffer.h"
#include "peer.h"

enum { PEERS = 128, EXTRA_PARAMS = 32 };

struct settings {
	const char *address;
	const char *fast;   /* "PATH?QUERY" that is answered at once */
	const char *slow;   /* that takes a while, or NULL */
	const char *queued; /* whose requests wait for each other, or NULL */
	const char *hold;   /* that holds the responder longer than patience, or NULL */
	const char *params[EXTRA_PARAMS]; /* "NAME=VALUE" */
	int timeout;			  /* milliseconds a responder may take for anything */
	int patience; /* after so many it closes a connection of a silent peer, or one that does
			 not read; 0: not known */
	struct buffer body; /* of a normal answer */
	bool body_varies;   /* it is not always the same */
};

struct trial {
	const struct settings *settings;
	const char *text; /* the case's */
	struct peer peers[PEERS];
	size_t peer_count;
	bool skipped;
	char failure[256]; /* empty: none so far */
	char saw[256];	   /* which of the outcomes that the specification allows */
};

struct conformance_case {
	const char *name;
	const char *section; /* of the FastCGI Specification 1.0; "-": a hazard it does not name */
	const char *text;    /* its steps, or what run() makes of it */
	void (*run)(struct trial *t); /* NULL: play_steps() */
};

struct chapter {
	const char *name;
	const struct conformance_case *cases;
	size_t count;
};

/* ---- steps ---- */

/* Plays the text: steps, separated by "; ", on one connection, as far as what is expected comes. A
 * step is a script to say, as write_script() has it, or one of
 *
 *     new                       from here on another connection
 *     deaf 1    deaf 0          does not read; reads again
 *     settle                    peer_settle()
 *     look                      notes how many have ended, and whether the connection is open
 *     normal N  all N  outcome N  usable ID  closed  values N     as below
 *     ended N                   so many requests have ended …
 *     answers N                 … and no record came for another
 *     answered ID               its answer is the normal one …
 *     taken ID                  … or CANT_MPX_CONN
 *     aborted ID                it ended with REQUEST_COMPLETE, answered or not …
 *     complete N                … as did all from 1 to N
 *     no-role ID                it ended with UNKNOWN_ROLE, if it did
 *     usable-if-open ID         usable, unless the connection was closed
 *     stays                     the connection is not closed
 *     served N                  so many requests on connections of their own are answered
 *     given-up                  while others are served the responder closes the connection
 *     values-if-open N          values, unless the connection was closed
 *     unknown N                 so many UNKNOWN_TYPE came
 *
 * "N times" before a step plays it so often. Where no number follows a word it is 1. */
void play_steps(struct trial *t);

/* ---- saying ---- */

/* A new connection; never NULL. */
struct peer *trial_peer(struct trial *t);

/* Appends what the script says: the commands of stream_script(), without the values of PAIRS that
 * hold ", "; and for requests as the settings have them, or their PARAMS, not ended,
 *
 *     ask ID [keep]    slow ID [keep]    queue ID [keep]    hold ID [keep]
 *        pairs ID    slow-pairs ID       hex BYTES, which are sent as they are
 *
 * ID may be a range: "ask 1-50 keep" is fifty commands. */
void write_script(const struct trial *t, struct buffer *to, const char *script);

/* The same with padding of random length behind every record. */
void write_padded(const struct trial *t, struct buffer *to, const char *script, uint32_t seed);

/* Sends the script, with padding if there is a seed; false if it is not taken. That is no failure:
 * what follows will tell. */
bool say_padded(struct trial *t, struct peer *p, const char *script, uint32_t seed);
bool say(struct trial *t, struct peer *p, const char *script);
void say_bytes(struct peer *p, const void *bytes, size_t n);

/* ---- expecting ---- */

/* Fails the trial, printf-like; the first failure counts. Returns false. */
bool fail(struct trial *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Notes which of several allowed outcomes came. */
void saw(struct trial *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* True, and the case should return, if the setting is NULL. */
bool needs(struct trial *t, const char *setting, const char *option);

/* So many requests have ended on this connection, no record came for any other, and all brought
 * the normal answer. */
bool expect_normal(struct trial *t, struct peer *p, size_t answers);
/* The same, but some of them, not all, may be refused in a way that is allowed. */
bool expect_all(struct trial *t, struct peer *p, size_t answers);
/* One more request on the same connection, with this id, is answered normally. */
bool expect_usable(struct trial *t, struct peer *p, size_t id);
/* A request on a connection of its own is answered normally. */
bool expect_served(struct trial *t);
bool expect_closed(struct trial *t, struct peer *p);
/* So many GET_VALUES_RESULT came. */
bool expect_values(struct trial *t, struct peer *p, size_t count);
/* The n-th answer for an id ended with this protocolStatus. */
bool expect_end(struct trial *t, struct peer *p, size_t id, int protocol_status);
/* Sends the script, with padding if there is a seed, in two parts, once for every place to cut it,
 * and expects this: each more than the last time. */
void cut_everywhere(struct trial *t, struct peer *p, const char *script, uint32_t seed,
		    bool (*expect)(struct trial *t, struct peer *p, size_t n), size_t each);

bool is_normal(const struct trial *t, const struct answer *answer);
/* The body behind the head, or {NULL, 0} if there is no head. */
struct slice answer_body(const struct answer *answer);
/* The HTTP status of an answer: 200 unless its head says otherwise, 0 if it has no head. */
int answer_status(const struct answer *answer);
/* Waits until the connection has so many ended requests or is closed, and notes what came: each
 * answer's status, and the closing. False if neither came. */
bool any_outcome(struct trial *t, struct peer *p, size_t answers);

#endif
