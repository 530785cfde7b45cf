/*
 * The admin worker: shows the whole system, from the scoreboard, and carries no application load.
 * So it answers also when every other loop is held.
 */
#ifndef LANES_OBSERVE_ADMIN_H
#define LANES_OBSERVE_ADMIN_H

#include "../await/sched.h"
#include "../http/router.h"
#include "../options.h"
#include "scoreboard.h"

extern const struct routes admin_routes;

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
