/*
 * The master (--processes N): holds the socket and never accepts, keeps N workers alive behind it,
 * and replaces them without a gap. It is what spawn-fcgi, systemd, runit, supervisord or a
 *container starts, and the one process that they know.
 *
 *	TERM, INT, QUIT, USR1	every worker drains, then it ends with the worst of their statuses;
 *				once more, and they are killed
 *	HUP			opens --log anew, and replaces each worker: a successor is started,
 *of the program as it is now, and when it accepts the old one is told to drain. If one does not
 *start, the old ones go on TTIN, TTOU		one worker more, one less
 *
 * A worker that dies has a successor at once, or, when they die again and again, after a second.
 *One that drains though nobody here told it has one at once, too. A worker whose master was killed
 * drains. One whose loop is held is killed (engine/held.h). What is not its child, and has no other
 *parent any more, is reaped as well (pid 1).
 */
#ifndef LANES_ENGINE_MASTER_H
#define LANES_ENGINE_MASTER_H

#include "engine/options.h"

/* Looks after the workers until a signal ends them. argv is how it was started, and ends with NULL:
 * so they are. Returns the exit status; that of the first worker, if none has ever accepted. */
int master_run(const struct options *options, int argc, char **argv);

#endif
