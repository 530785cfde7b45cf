/*
 * Who waits for what, and where, of a worker's slot; and what has held its loop: for readers, as in
 * board_reader.h, and, at the end, for who writes it.
 */
#ifndef LANES_SCOREBOARD_BOARD_TASK_H
#define LANES_SCOREBOARD_BOARD_TASK_H

#include "scoreboard/board_reader.h"

/* What a request awaits, or one of its functions that run beside each other. */
struct board_task {
	struct running request; /* and for how long it has been awaiting that */
	const char *kind; /* "sleep", "thread", "fetch", "db", "body", "gather" …; "await" */
	unsigned things;  /* so many are awaited there, of which the last is enough to go on */
	bool known;	  /* … what follows is */
	bool own;	  /* it is the service's source, not the library's */
	char what[BOARD_THING]; /* as it is written in AWAIT(req, …) */
	char function[BOARD_PATH];
	char file[BOARD_SOURCE];
	unsigned line;
};

/* The one of this seat, below BOARD_WAITERS; false: nobody waits there. A request that runs now is
 * there with what it awaited last. */
bool board_task(const struct board_slot *slot, unsigned seat, uint64_t now,
		struct board_task *task);

enum { BOARD_HOLD_CALL = BOARD_NAME * 2 };

/* What held a loop. */
struct held_by {
	uint64_t turn;		/* since when: as turn_since was */
	struct running request; /* that ran then, if there was one */
	bool is_request;
	bool many;  /* … after many others */
	double ago; /* seconds, since it was seen */
	char function[BOARD_SOURCE];
	char at[BOARD_SOURCE];
	char from[BOARD_SOURCE];
	char call[BOARD_HOLD_CALL];
	char cure[BOARD_SOURCE];
};

/* The last one of this slot; false: there was none. */
bool board_held_by(const struct board_slot *slot, uint64_t now, struct held_by *held);

/* ---- writing ---- */

/* The next place of the source: nothing where there is no room for another. Loop thread. */
void board_add_place(struct board_slot *slot, const char *what, const char *file,
		     const char *function, unsigned line);

/* The last hold is this one; owner is packed, 0: no request. Doctor's thread. */
void board_tell_hold(struct board_slot *slot, const struct held_by *held, uint64_t owner,
		     uint64_t now);

#endif
