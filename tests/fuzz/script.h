/*
 * What web servers and operators do to the engine, as bytes say: an operation and its operands at a
 * time, whenever the loop polls or is held. They connect, send and read or do not, hang up; signals
 * come; calls and allocations fail; time passes. When it is over, a signal has the engine drain.
 */
#ifndef TESTS_FUZZ_SCRIPT_H
#define TESTS_FUZZ_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "http/router.h"
#include "peer.h"

enum { PEERS = 4 };

struct script {
	const uint8_t *at;
	size_t left;
	const struct routes *routes; /* to be asked for */
	struct sockaddr_un address;  /* of the engine */
	socklen_t address_len;
	struct peer peers[PEERS];
	size_t connections; /* made */
	unsigned signals;
	uint64_t signalled;  /* when the first came */
	bool memory_fails;   /* or has done so */
	bool wild;	     /* a peer has broken the protocol */
	unsigned last_turns; /* since it was over */
};

extern struct script script;

/* For struct simulation. */
void script_turn(void);

#endif
