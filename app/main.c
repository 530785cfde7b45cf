#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "endpoints/endpoints.h"
#include "engine/listen.h"
#include "engine/loop.h"
#include "engine/prefork.h"
#include "log.h"
#include "options.h"

#ifndef LANES_VERSION
#define LANES_VERSION "0.1.0"
#endif

int main(int argc, char **argv)
{
	struct options options;
	struct listener listener;
	char worker[64];
	int status;

	if (options_parse(&options, argc, argv))
		return 2;
	if (options.help) {
		options_help(stdout);
		return 0;
	}
	if (options.version) {
		puts("lanes " LANES_VERSION);
		return 0;
	}
	snprintf(worker, sizeof(worker), "%.40s-%lld", options.pool,
		 (long long)(options.slot ? options.slot : getpid()));
	log_init(worker);
	if (listener_open(&listener, options.listen, (int)options.backlog))
		return 1;
	if (options.nice && nice((int)options.nice) < 0)
		perror("lanes: nice");
	status = options.engine == ENGINE_PREFORK
			 ? prefork_run(&options, &listener, worker, &endpoints)
			 : loop_run(&options, &listener, worker, &endpoints);
	listener_close(&listener);
	return status;
}
