#include "system.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIES = 5, VARIABLES = 16, LOWEST_PORT = 10240, HIGHEST_PORT = 32767 };

uint16_t port_free(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint16_t port;

	do {
		if (getrandom(&port, sizeof(port), 0) != sizeof(port))
			abort();
		port = (uint16_t)(LOWEST_PORT + port % (HIGHEST_PORT + 1 - LOWEST_PORT));
		address.sin_port = htons(port);
	} while (bind(fd, (struct sockaddr *)&address, sizeof(address)) && errno == EADDRINUSE);
	close(fd);
	return port;
}

static void choose_port(struct system *s)
{
	s->port = port_free();
	snprintf(s->port_variable, sizeof(s->port_variable), "PORT=%u", (unsigned)s->port);
}

static bool is_served(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool served = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	close(fd);
	return served;
}

static void stop_front(struct system *s)
{
	if (!s->front)
		return;
	kill(s->front, SIGTERM);
	waitpid(s->front, NULL, 0);
	s->front = 0;
}

/* In front of the workers: HAProxy beside nginx. */
static bool start_haproxy(struct system *s)
{
	char port[16];
	char log[DIRECTORY_SIZE + 16];
	struct outcome last;

	snprintf(log, sizeof(log), "%s/haproxy.log", s->run_dir);
	for (int i = 0; i < TRIES; i++) {
		s->front_port = port_free();
		snprintf(port, sizeof(port), "%u", (unsigned)s->front_port);
		unlink(log);
		s->front = process_start(
			(const char *[]){"tests/haproxy/run", port, s->run_dir, NULL}, NULL, log);
		if (WITHIN(SLOW_START, is_served(s->front_port) || process_ended(s->front)) &&
		    !process_ended(s->front))
			return true;
		stop_front(s);
		if (!file_has(log, "in use"))
			break;
	}
	run(&last, (const char *[]){"tail", "-n", "5", log, NULL}, NULL, -1);
	fprintf(stderr, "HAProxy does not start: %s\n", last.out);
	return false;
}

static bool start_front(struct system *s)
{
	const char *wanted = getenv("FRONT");
	bool started = true;

	s->front = 0;
	s->front_port = s->port;
	if (wanted && !strcmp(wanted, "haproxy"))
		started = start_haproxy(s);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", (unsigned)s->front_port);
	return started;
}

bool system_start(struct system *s, const struct system_options *options)
{
	const char *environment[VARIABLES] = {s->port_variable, s->run_dir_variable};
	const char *const *more = options->environment;
	char numbers[4][32];
	struct outcome outcome;
	int count = 2;

	if (!directory_make(s->run_dir) || (options->prepare && !options->prepare(s->run_dir)))
		return false;
	snprintf(s->run_dir_variable, sizeof(s->run_dir_variable), "RUN_DIR=%s", s->run_dir);
	snprintf(numbers[0], 32, "WORKERS=%d", options->workers ? options->workers : 1);
	snprintf(numbers[1], 32, "THREADS=%d", options->threads ? options->threads : 40);
	snprintf(numbers[2], 32, "PREFORK_WORKERS=%d", options->prefork);
	snprintf(numbers[3], 32, "CPU_WORKERS=%d", options->cpu);
	for (int i = 0; i < 4; i++)
		environment[count++] = numbers[i];
	while (more && *more && count < VARIABLES - 1)
		environment[count++] = *more++;
	for (int i = 0; i < TRIES; i++) {
		choose_port(s);
		run_script(&outcome, "spawn/start.sh", environment);
		if (outcome.status == 0 && start_front(s))
			return true;
		/* Somebody may have taken the port since it was found free. */
		if (!strstr(outcome.errors, "in use"))
			break;
	}
	if (outcome.status)
		fprintf(stderr, "spawn/start.sh: status %d: %s\n", outcome.status, outcome.errors);
	/* A start that took too long was killed, and could not clean up. */
	run_script(&outcome, "spawn/stop.sh", environment);
	directory_remove(s->run_dir);
	return false;
}

static bool only_logs_in(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool only = true;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || strstr(entry->d_name, ".log"))
			continue;
		fprintf(stderr, "left in %s: %s\n", path, entry->d_name);
		only = false;
	}
	if (dir)
		closedir(dir);
	return only;
}

bool system_stop(struct system *s)
{
	struct outcome outcome;
	pid_t left;
	bool clean = true;

	stop_front(s);
	run_script(&outcome, "spawn/stop.sh",
		   (const char *[]){s->port_variable, s->run_dir_variable, NULL});
	if (outcome.status) {
		fprintf(stderr, "spawn/stop.sh: status %d: %s\n", outcome.status, outcome.errors);
		clean = false;
	}
	if (processes_in(s->run_dir, NULL, &left, 1)) {
		fprintf(stderr, "still running in %s: %d\n", s->run_dir, (int)left);
		clean = false;
	}
	clean = only_logs_in(s->run_dir) && clean;
	directory_remove(s->run_dir);
	return clean;
}

/* multiwatch is noted in pids/; its child is the worker. */
pid_t system_worker(const struct system *s, int slot)
{
	char path[DIRECTORY_SIZE + 32];
	char name[32] = "";
	int parent = 0;
	int pid = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/pids/loop-%d.pid", s->run_dir, slot);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%d", &parent) == 1)
		snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	fclose(file);
	file = parent ? fopen(path, "r") : NULL;
	if (!file)
		return 0;
	if (fscanf(file, "%d", &pid) != 1)
		pid = 0;
	fclose(file);
	/* It may be on its way still, as setpriv. */
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = pid ? fopen(path, "r") : NULL;
	if (file) {
		if (!fgets(name, sizeof(name), file))
			name[0] = '\0';
		fclose(file);
	}
	return strcmp(name, "lanes\n") ? 0 : pid;
}

bool system_log_has(const struct system *s, const char *text)
{
	char path[DIRECTORY_SIZE + 32];

	snprintf(path, sizeof(path), "%s/worker.log", s->run_dir);
	return file_has(path, text);
}

size_t system_log_count(const struct system *s, const char *log, const char *text)
{
	char path[DIRECTORY_SIZE + 32];
	char line[4096];
	size_t count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", s->run_dir, log);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		count += strstr(line, text) != NULL;
	if (file)
		fclose(file);
	return count;
}
