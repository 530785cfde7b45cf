/* BEGIN_REQUEST: roles, keep-conn, ids (section 5.1), and the end of connections (3.5). */
#include "chapters.h"

/* BEGIN_REQUEST of id 1 with this body, in hexadecimal, and the rest of a request. */
#define BEGIN(body) "hex 0101000100080000 " body "; pairs 1, params-end 1, stdin-end 1; "

static const struct conformance_case cases[] = {
	{"with keep-conn the connection stays", "5.1, 3.5", "100 times usable 1; stays"},
	{"without keep-conn the connection is closed", "5.1, 3.5", "ask 1; normal 1; closed"},
	{"keep-conn counts for each request", "5.1", "usable 1; ask 1; normal 2; closed"},
	{"flags but keep-conn are ignored", "5.1", BEGIN("0001fe0000000000") "normal 1; closed"},
	/* What the peer still sends, and nobody reads, must not cost it the answer. */
	{"an answer before the end of stdin arrives", "3.5, 5.3",
	 "deaf 1; "
	 "begin 1, params 1 CONTENT_LENGTH=50000, pairs 1, params-end 1, stdin 1 *20000; settle; "
	 "stdin 1 *30000, stdin-end 1; deaf 0; normal 1; closed"},
	{"a short body harms nobody", "5.1",
	 "record 1 1; served; look; new; record 1 1 abcdefg; served; look"},
	{"a long body harms nobody", "5.1",
	 "hex 01010001000c0000 0001010000000000 6d6f7265; pairs 1, params-end 1, stdin-end 1; "
	 "outcome 1"},
	{"a second BEGIN of an id harms nobody", "5.1",
	 "begin 1 keep, begin 1 keep, pairs 1, params-end 1, stdin-end 1; outcome 1; served"},
	{"a BEGIN of a running id harms nobody", "5.1",
	 "slow 1 keep, begin 1 keep; outcome 1; served"},
	/* Refusing it is what a responder should do; one that fills the role may answer. */
	{"an authorizer is refused or served", "5.1, 6.3",
	 "begin 1 keep authorizer, pairs 1, params-end 1, stdin-end 1; outcome 1"},
	{"a filter is refused or served", "5.1, 6.4",
	 "begin 1 keep filter, pairs 1, params-end 1, stdin-end 1, record 8 1; outcome 1"},
	{"an unknown role is refused", "5.1, 5.5",
	 BEGIN("0000010000000000") "outcome 1; no-role 1; new; " BEGIN(
		 "0063010000000000") "outcome 1"},
	{"a refused role leaves the connection usable", "5.1, 5.5",
	 BEGIN("0063010000000000") "outcome 1; usable 1"},
	{"a refused role without keep-conn closes", "5.1, 3.5",
	 BEGIN("0063000000000000") "outcome 1; closed"},
	{"an id may be used again at once", "3.3", "1000 times usable 7"},
	{"an id is used again before its answer was read", "3.3",
	 "begin 1 keep, pairs 1, params-end 1, stdin-end 1, begin 1 keep, pairs 1, params-end 1, "
	 "stdin-end 1; outcome 2"},
};

const struct chapter chapter_begin = {"begin", cases, COUNT(cases)};
