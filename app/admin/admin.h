/*
 * The admin worker: shows the whole system, from the scoreboard, and carries no application load.
 * So it answers also when every other loop is held. The health worker is another one of
 * its kind, which never holds its loop: it is only asked how the system is.
 */
#ifndef LANES_ADMIN_ADMIN_H
#define LANES_ADMIN_ADMIN_H

#include <lanes.h>

enum { BURST_MAX = 200 }; /* requests of a burst */

extern const struct application admin;
extern const struct application health; /* of its routes, the quick ones that a monitor asks for */

/* ---- for the handlers ---- */

/* What both keep: request_state(). */
struct admin {
	const struct scoreboard *board;
	double ready_held; /* seconds that a loop may be held by a worker that counts as ready */
	const char *ready_pools; /* names with commas between them */
	double slow;		 /* seconds from which on a loop counts as held */
	/* The health worker has none of: */
	bool has_front;
	struct front front; /* where the system is asked from outside */
	struct feed *feed;
	struct otlp *otlp;	 /* NULL: traces are for nobody */
	struct control *control; /* NULL: nobody changes the number of workers */
	struct classroom *room;
};

/* Whether a path, decoded, is one of the admin worker's. */
bool admin_serves(struct slice path);

struct status_form {
	struct slice text; /* NULL: it is to be JSON */
};

struct trace_span {
	double seconds; /* until now; 0 to 60 */
};

struct burst_groups {
	int64_t n;	  /* how often each path is asked for */
	struct list r;	  /* of struct slice: DELAY_MS,TIMES,TARGET */
	struct list path; /* of struct slice */
};

extern const struct field burst_fields[3];

struct control_form {
	struct slice password;
	int64_t workers;
};

extern const struct field control_fields[2];

struct class_form {
	struct slice who; /* a number that the page has thought of */
	struct slice name;
	struct slice exercise; /* these two: "" if they predict nothing */
	struct slice option;
	bool running;	   /* that exercise, now */
	struct slice mark; /* in the trace of what the page sends; "": none */
};

extern const struct field class_fields[6];

/* In the admin worker's background: logs who holds a loop for too long. */
void watchdog(struct request *req, void *state);

void status(struct request *req);
void metrics(struct request *req);
void chrome_trace(struct request *req);
void events(struct request *req);
void burst(struct request *req);

#endif
