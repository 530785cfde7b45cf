/*
 * The admin worker: shows the whole system, from the scoreboard, and carries no application load.
 * So it answers also when every other loop is held. The health worker is another one of
 * its kind, which never holds its loop: it is only asked how the system is.
 */
#ifndef LANES_OBSERVE_ADMIN_H
#define LANES_OBSERVE_ADMIN_H

#include "../await/sched.h"
#include "../http/router.h"
#include "../options.h"
#include "scoreboard.h"

extern const struct routes admin_routes;
extern const struct routes health_routes; /* of them, the quick ones that a monitor asks for */

/* What the handlers below read; borrowed. Before the loop runs. */
void admin_use(const struct scoreboard *board, const struct options *options);

/* For loop_run(): starts the watchdog. */
void admin_opened(struct sched *sched);

/* ---- for the handlers ---- */

const struct scoreboard *admin_board(void);

void status(struct request *req);
void metrics(struct request *req);
void chrome_trace(struct request *req);
void events(struct request *req);

#endif
