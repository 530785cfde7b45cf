/* ABORT_REQUEST (section 5.4): of a request in every state it can be in. */
#include "chapters.h"

static const struct conformance_case cases[] = {
	{"of a request in its params", "5.4",
	 "begin 1 keep, pairs 1, abort 1; ended 1; aborted 1; usable 1"},
	{"of a request in its stdin", "5.4",
	 "begin 1 keep, params 1 CONTENT_LENGTH=9, pairs 1, params-end 1, stdin 1 abc, abort 1; "
	 "ended 1; aborted 1; usable 1"},
	{"of a running request", "5.4",
	 "slow 1 keep; settle; abort 1; ended 1; aborted 1; usable 1"},
	{"of a queued request", "5.4",
	 "queue 1-30 keep; settle; abort 30; ended 30; aborted 30; complete 29"},
	{"of a finished request is ignored", "3.3, 5.4",
	 "ask 1 keep; normal 1; abort 1; usable 1; answers 2"},
	{"of an unknown request is ignored", "3.3, 5.4",
	 "abort 1, abort 77, abort 65535; usable 1; answers 1"},
	{"with content", "5.4", "begin 1 keep, record 2 1 content; ended 1; aborted 1"},
	{"without keep-conn closes", "5.4, 3.5", "begin 1, pairs 1, abort 1; closed; outcome 0"},
	{"the id may be used again at once", "5.4, 3.3",
	 "100 times begin 1 keep, pairs 1, abort 1, abort 1; ended 100; usable 1; answers 101"},
	{"ends only its own request", "5.4",
	 "begin 1 keep, begin 2 keep, pairs 2, abort 1, params-end 2, stdin-end 2; ended 2; "
	 "taken 2"},
	{"a thousand at once", "5.4", "slow 1-1000 keep; abort 1-1000; ended 1000; answers 1000"},
};

const struct chapter chapter_abort = {"abort", cases, COUNT(cases)};
