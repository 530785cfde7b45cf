#include "footprint.h"

#include <stdio.h>
#include <string.h>

#include "../support/process.h"
#include "scoreboard/board_reader.h"

static long threads_at_work(const struct worker_state *worker)
{
	long count = 1;

	for (int i = 0; i < BOARD_POOLS; i++)
		count += (long)worker->pools[i].running;
	return count;
}

static struct footprint of_pool(const struct workers *workers, const char *pool)
{
	struct footprint seen = {0};

	for (size_t i = 0; i < workers->count; i++) {
		const struct worker_state *worker = &workers->list[i];

		if (strcmp(worker->pool, pool) != 0)
			continue;
		seen.processes++;
		seen.threads += threads_at_work(worker);
		seen.kilobytes += (long)(worker->memory / 1024);
	}
	return seen;
}

void footprint_raise(struct footprint *most, const char *run_dir, const char *pool)
{
	char path[DIRECTORY_SIZE + 32];
	struct scoreboard board;
	struct workers workers;
	struct footprint seen;

	snprintf(path, sizeof(path), "%s/board/scoreboard", run_dir);
	if (scoreboard_open_to_read(&board, path))
		return;
	if (workers_read(&board, &workers) == 0) {
		seen = of_pool(&workers, pool);
		workers_free(&workers);
		if (seen.processes > most->processes)
			most->processes = seen.processes;
		if (seen.threads > most->threads)
			most->threads = seen.threads;
		if (seen.kilobytes > most->kilobytes)
			most->kilobytes = seen.kilobytes;
	}
	scoreboard_close(&board);
}
