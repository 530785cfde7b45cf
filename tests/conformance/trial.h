/*
 * One case at work: the connections it opens, what it says on them, and what it expects. The first
 * thing that is not as it should be is kept as the reason of the failure; a case goes on after it
 * only as far as it likes.
 */
#ifndef TESTS_CONFORMANCE_TRIAL_H
#define TESTS_CONFORMANCE_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

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
	struct peer peers[PEERS];
	size_t peer_count;
	bool skipped;
	char failure[256]; /* empty: none so far */
	char saw[256];	   /* which of the outcomes that the specification allows */
};

struct conformance_case {
	const char *name;
	const char *section; /* of the FastCGI Specification 1.0; "-": a hazard it does not name */
	void (*run)(struct trial *t);
};

struct chapter {
	const char *name;
	const struct conformance_case *cases;
	size_t count;
};

/* ---- saying ---- */

/* A new connection; never NULL. */
struct peer *trial_peer(struct trial *t);

/* Appends what the script says: the commands of stream_script(), without the values of PAIRS that
 * hold ", "; and for requests as the settings have them, or their PARAMS, not ended,
 *
 *     ask ID [keep]    slow ID [keep]    queue ID [keep]    hold ID [keep]
 *        pairs ID    slow-pairs ID
 */
void write_script(const struct trial *t, struct buffer *to, const char *script);

/* The same with padding of random length behind every record. */
void write_padded(const struct trial *t, struct buffer *to, const char *script, uint32_t seed);

/* Sends the script. Not taking it is no failure: what follows will tell. */
void say(struct trial *t, struct peer *p, const char *script);
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
/* One more request on the same connection, with this id, is answered normally. */
bool expect_usable(struct trial *t, struct peer *p, int id);
/* A request on a connection of its own is answered normally. */
bool expect_served(struct trial *t);
bool expect_closed(struct trial *t, struct peer *p);
/* The n-th answer for an id ended with this protocolStatus. */
bool expect_end(struct trial *t, struct peer *p, int id, int protocol_status);

bool is_normal(const struct trial *t, const struct answer *answer);
/* The HTTP status of an answer: 200 unless its head says otherwise, 0 if it has no head. */
int answer_status(const struct answer *answer);
/* Waits until the connection has so many ended requests or is closed, and notes what came: each
 * answer's status, and the closing. False if neither came. */
bool any_outcome(struct trial *t, struct peer *p, size_t answers);

#endif
