/*
 * What starts workers and keeps them: the lines that spawn/README.md says, typed on the stage. The
 * front is nginx as Debian ships it. Main thread.
 */
#ifndef TESTS_FRONTS_SUPERVISORS_H
#define TESTS_FRONTS_SUPERVISORS_H

#include "fronts.h"

struct supervisor {
	const char *program;	   /* which has to be installed */
	const char *row;	   /* of its commands in the README */
	const char *file;	   /* the example that is a file of its; or NULL */
	const char *path;	   /* … and where that is, for worker-1 */
	const char *const *daemon; /* what has to run before; or NULL */
	const char *running;	   /* the file that is there when it does; or NULL */
	int workers;		   /* of each of its two services, which have a socket each */
	bool master;		   /* they have one */
	bool replaces;		   /* something replaces them in a service */

	/* What is expected. False: what is right. */
	bool forgets; /* who dies stays dead */
	bool holds;   /* the socket, while nobody accepts there any more: who connects is lost */
};

enum { SERVICES = 2 };

/* Its rows: the front is the same, and has a supervisor. */
extern const struct front supervised[];
extern const size_t supervised_count;

/* Starts its daemon and its services; what it says is in supervisor.log. False if it does not. */
bool supervisor_start(const struct supervisor *supervisor);

/* Ends all that runs on the stage, and was not ended. */
void supervisor_end(void);

/* Types what the README says for that ("stop") of service N; the caller waits for the process that
 * does. Where no command restarts, it is stopped, and when it has gone it is started. */
pid_t supervisor_type(const struct supervisor *supervisor, const char *what, int service);

/* Waits for it; whether its status is 0. */
bool supervisor_typed(pid_t pid);

#endif
