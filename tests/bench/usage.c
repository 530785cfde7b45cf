#include "usage.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct stat_line {
	int session;
	unsigned long user, system; /* ticks */
};

static int read_stat(const char *pid, struct stat_line *stat)
{
	char path[64];
	char line[1024] = "";
	const char *after;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return -1;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	after = strrchr(line, ')'); /* the name may hold anything */
	if (!after || sscanf(after, ") %*c %*d %*d %d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			     &stat->session, &stat->user, &stat->system) != 3)
		return -1;
	return 0;
}

static double cpu(const char *pid, const struct stat_line *stat)
{
	(void)pid;
	return (double)(stat->user + stat->system) / (double)sysconf(_SC_CLK_TCK);
}

/* Pages that the process has written to. Those of a program's file are its own, too, but only as
 * long as no other process runs it. */
static double memory(const char *pid, const struct stat_line *stat)
{
	char path[64];
	char line[256];
	double kb = 0;
	FILE *file;

	(void)stat;
	snprintf(path, sizeof(path), "/proc/%s/smaps_rollup", pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "Private_Dirty:", 14))
			kb += strtod(strchr(line, ':') + 1, NULL);
	if (file)
		fclose(file);
	return kb * 1024;
}

static double sum(pid_t session, double (*of)(const char *pid, const struct stat_line *stat))
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	double total = 0;

	while (proc && (entry = readdir(proc))) {
		struct stat_line stat;

		if (isdigit((unsigned char)entry->d_name[0]) && !read_stat(entry->d_name, &stat) &&
		    stat.session == session)
			total += of(entry->d_name, &stat);
	}
	if (proc)
		closedir(proc);
	return total;
}

double usage_cpu(pid_t session)
{
	return sum(session, cpu);
}

double usage_memory(pid_t session)
{
	return sum(session, memory);
}
