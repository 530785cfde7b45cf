/* An e-mail, and how it is sent. */
#ifndef LANES_CASES_EMAIL_H
#define LANES_CASES_EMAIL_H

#include <lanes.h>

#include <time.h>

enum { ADDRESS_MAX = 254 };

enum email_outcome {
	EMAIL_SENT,
	EMAIL_LATE,	/* not within --mail-timeout */
	EMAIL_DOWN,	/* there is no server, it hung up, or memory is out */
	EMAIL_DEFERRED, /* the server does not want it now: a code from 400 on */
	EMAIL_REFUSED,	/* … at all: from 500 on */
	EMAIL_UNSAFE,	/* TLS: there is none, or the server is not who it says */
};

/* One on its way: nothing of it is a request's. */
struct email {
	char to[ADDRESS_MAX + 3]; /* <a@b> */
	struct buffer text;	  /* as it is sent, with its headers */
	size_t sent;		  /* bytes of it */
	struct timespec end;	  /* when it is late, by the monotonic clock */
	enum email_outcome outcome;
	long code; /* what the server said last; 0: nothing */
};

/* Writes the message. Whatever stands in the texts, they do not become headers: what is more than
 * printable ASCII is encoded. email->text fails if memory is out. */
void email_write(struct email *email, struct slice to, struct slice subject, struct slice text);

/* Sends it to --mail, and blocks: on a thread. */
void email_send(void *email);

#endif
