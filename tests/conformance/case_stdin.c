/* STDIN (section 5.3), and records of requests that are not active (3.3). */
#include "chapters.h"

static void stdin_may_come_in_pieces(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "begin 1 keep, params 1 CONTENT_LENGTH=500, pairs 1, params-end 1");
	for (int i = 0; i < 500; i++) {
		say(t, p, "stdin 1 x");
		if (i % 50 == 0)
			peer_settle(p);
	}
	say(t, p, "stdin-end 1");
	expect_normal(t, p, 1);
}

static const struct conformance_case cases[] = {
	{"stdin may come in pieces", "5.3", .run = stdin_may_come_in_pieces},
	{"stdin may be large", "5.3",
	 "begin 1 keep, params 1 CONTENT_LENGTH=800000, pairs 1, params-end 1; "
	 "stdin 1 *800000, stdin-end 1; normal 1; usable 1"},
	{"stdin over every limit gets an answer", "-",
	 "begin 1 keep, params 1 CONTENT_LENGTH=4000000, pairs 1, params-end 1; "
	 "stdin 1 *4000000, stdin-end 1; outcome 1; usable-if-open 1"},
	{"stdin over every limit of a running request", "-",
	 "begin 1 keep, params 1 CONTENT_LENGTH=4000000, slow-pairs 1, params-end 1; "
	 "stdin 1 *4000000, stdin-end 1; outcome 1; usable-if-open 1"},
	{"stdin after its end, while the request runs", "5.3",
	 "slow 1 keep; stdin 1 *10, stdin-end 1; outcome 1; usable-if-open 1"},
	{"stdin may end twice", "3.3, 5.3",
	 "begin 1 keep, pairs 1, params-end 1, stdin-end 1, stdin-end 1, stdin 1 late, "
	 "stdin-end 1; normal 1; usable 1"},
	{"an end before stdin's end leaves the id usable", "5.3, 5.5",
	 "begin 1 keep, params 1 CONTENT_LENGTH=6, pairs 1, params-end 1, stdin 1 abc; look; "
	 "stdin 1 abc, stdin-end 1; normal 1; usable 1"},
	/* It ends again for one that did not count what came too early. */
	{"stdin before the end of params harms nobody", "5.2, 5.3",
	 "begin 1 keep, stdin 1 abc, pairs 1, stdin-end 1, params-end 1; look; stdin-end 1; "
	 "outcome 1; served"},
	{"params and stdin may be interleaved", "5.2, 5.3",
	 "begin 1 keep, params 1 HTTP_A=x, stdin 1 abc, params 1 HTTP_B=y, stdin 1 def, pairs 1, "
	 "params-end 1, stdin 1 ghi, stdin-end 1; outcome 1; served"},

	/* Ids that are not active: their records are ignored. */
	{"STDIN before BEGIN is ignored", "3.3", "stdin 1 abc, stdin-end 1; usable 1; answers 1"},
	{"PARAMS before BEGIN are ignored", "3.3",
	 "params 1 A=x, params-end 1, pairs 1; usable 1; answers 1"},
	{"records of ids that never began are ignored", "3.3",
	 "stdin 9 abc, params 300 A=x, params-end 65535, stdin-end 2, record 8 5 abc, "
	 "record 8 5; usable 1; answers 1"},
	{"late records of an ended request are ignored", "3.3",
	 "ask 1 keep; normal 1; "
	 "stdin 1 abc, stdin-end 1, params 1 A=x, params-end 1, record 8 1 abc; usable 1"},
	{"records of other ids in a request are ignored", "3.3",
	 "begin 1 keep, stdin 2 abc, params 2 PATH_INFO=/other, pairs 1, params-end 2, "
	 "params-end 1, stdin-end 2, stdin-end 1; normal 1"},
	{"types nobody sends harm nobody", "3.3, 4.2",
	 "begin 1 keep, record 6 1 abc, record 7 1 abc, record 3 1 abcdefgh, record 9 1 abc, "
	 "record 100 1 abc, pairs 1, params-end 1, stdin-end 1; outcome 1; served"},
};

const struct chapter chapter_stdin = {"stdin", cases, COUNT(cases)};
