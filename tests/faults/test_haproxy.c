/* HAProxy as a front: many requests at once on few connections. */
#include <stdio.h>
#include <stdlib.h>

#include "../support/harness.h"
#include "faults.h"

enum { CLIENTS = 256, REQUESTS_OF_A_CONNECTION = 16 };

static void many_on_few_connections(void)
{
	struct system sys;
	struct scoreboard board;
	struct load *burst;
	const struct board_slot *slot;
	uint64_t connections = 0;
	double end;

	setenv("FRONT", "haproxy", 1);
	CU_ASSERT_FATAL(system_start(&sys, SYSTEM(.workers = 1)));
	unsetenv("FRONT");
	CU_ASSERT_FATAL(board_open(&board, &sys));
	slot = board_find(&board, "loop", 1);
	burst = load_system(&sys, PLAN(.target = "/async/await-one?seconds=0.05",
				       .connections = CLIENTS, .repeat = true));
	end = now() + fault_seconds(30);
	while (now() < end) {
		uint64_t n = board_get(&slot->connections);

		connections = n > connections ? n : connections;
		block(0.02);
	}
	all_answered(burst, "256 clients of HAProxy");
	printf("    %lu connections to the worker at most\n", (unsigned long)connections);
	CU_ASSERT(connections <= 4 * CLIENTS / REQUESTS_OF_A_CONNECTION);
	CU_ASSERT_EQUAL(board_get(&slot->aborted), 0);
	scoreboard_close(&board);
	CU_ASSERT(system_stop(&sys));
}

static const struct test tests[] = {
	{"HAProxy, multiplexing: no request fails", many_on_few_connections},
};

const struct suite haproxy_suite = {"haproxy", tests, COUNT(tests)};
