/*
 * The admin worker: shows the whole system, from the scoreboard, and carries no application load.
 * So it answers also when every other loop is held. The health worker is another one of
 * its kind, which never holds its loop: it is only asked how the system is.
 */
#ifndef LANES_ADMIN_ADMIN_H
#define LANES_ADMIN_ADMIN_H

#include "await/sched.h"
#include "client/volley.h"
#include "engine/application.h"
#include "http/input.h"
#include "http/router.h"
#include "scoreboard/scoreboard.h"

enum { BURST_MAX = 200 }; /* requests of a burst */

extern const struct application admin;
extern const struct application health; /* of its routes, the quick ones that a monitor asks for */

/* Of both: what the handlers below read, and what the watchdog needs. */
bool admin_prepare(const struct options *options, const struct scoreboard *board,
		   struct sandbox *needs);
void admin_opened(struct sched *sched);

/* ---- for the handlers ---- */

const struct scoreboard *admin_board(void);

/* Where the system is asked from outside; NULL if nobody said. */
const struct front *admin_front(void);

/* From how many seconds on a loop counts as held. */
double admin_slow(void);

/* Whether a path, decoded, is one of the admin worker's. */
bool admin_serves(struct slice path);

struct trace_span {
	double seconds; /* until now; 0 to 60 */
};

struct burst_groups {
	int64_t n;	  /* how often each path is asked for */
	struct list r;	  /* of struct slice: DELAY_MS,TIMES,TARGET */
	struct list path; /* of struct slice */
};

extern const struct field burst_fields[3];

void status(struct request *req);
void metrics(struct request *req);
void chrome_trace(struct request *req);
void events(struct request *req);
void burst(struct request *req);

#endif
