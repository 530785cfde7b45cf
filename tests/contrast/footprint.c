#include "footprint.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "../integration/process.h"

enum { PROCESSES = 256 };

/* A worker says on its command line which pool it belongs to. */
static bool belongs(pid_t pid, const char *pool)
{
	char path[64];
	char line[1024];
	char sought[64];
	size_t len = 0;
	size_t sought_len = (size_t)snprintf(sought, sizeof(sought), "--pool%c%s", 0, pool) + 1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	file = fopen(path, "re");
	if (file) {
		len = fread(line, 1, sizeof(line), file);
		fclose(file);
	}
	return memmem(line, len, sought, sought_len) != NULL;
}

static long anonymous_kb(pid_t pid)
{
	char path[64];
	char line[256];
	long kb = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Pss_Anon: %ld", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return kb;
}

void footprint_raise(struct footprint *most, const char *run_dir, const char *pool)
{
	pid_t pids[PROCESSES];
	int count = processes_in(run_dir, "lanes", pids, PROCESSES);
	struct footprint seen = {0};

	for (int i = 0; i < count && i < PROCESSES; i++) {
		if (!belongs(pids[i], pool))
			continue;
		seen.processes++;
		seen.threads += process_status(pids[i], "Threads");
		seen.kilobytes += anonymous_kb(pids[i]);
	}
	if (seen.processes > most->processes)
		most->processes = seen.processes;
	if (seen.threads > most->threads)
		most->threads = seen.threads;
	if (seen.kilobytes > most->kilobytes)
		most->kilobytes = seen.kilobytes;
}
