#include "system.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
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

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

uint16_t port_free(void)
{
	struct sockaddr_in address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint16_t port;

	do {
		if (getrandom(&port, sizeof(port), 0) != sizeof(port))
			abort();
		port = (uint16_t)(LOWEST_PORT + port % (HIGHEST_PORT + 1 - LOWEST_PORT));
		address = loopback(port);
	} while (bind(fd, (struct sockaddr *)&address, sizeof(address)) && errno == EADDRINUSE);
	close(fd);
	return port;
}

int tcp_open(uint16_t port)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

int tcp_listen(uint16_t *port)
{
	struct sockaddr_in address = loopback(0);
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&address, len) || listen(fd, 512) ||
	    getsockname(fd, (struct sockaddr *)&address, &len))
		abort();
	*port = ntohs(address.sin_port);
	return fd;
}

void system_at(struct system *s, uint16_t port, const char *run_dir)
{
	s->port = s->front_port = port;
	s->foreign = false;
	s->mount[0] = '\0';
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", (unsigned)port);
	snprintf(s->port_variable, sizeof(s->port_variable), "PORT=%u", (unsigned)port);
	if (run_dir != s->run_dir)
		snprintf(s->run_dir, sizeof(s->run_dir), "%s", run_dir);
	snprintf(s->run_dir_variable, sizeof(s->run_dir_variable), "RUN_DIR=%s", run_dir);
}

static bool is_served(uint16_t port)
{
	int fd = tcp_open(port);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
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
	const char *log = system_file(s, "haproxy.log");

	for (int i = 0; i < TRIES; i++) {
		s->front_port = port_free();
		unlink(log);
		s->front = process_start(STRINGS("tests/haproxy/run",
						 textf("%u", (unsigned)s->front_port), s->run_dir),
					 NULL, log);
		if (WITHIN(SLOW_START, is_served(s->front_port) || process_ended(s->front)) &&
		    !process_ended(s->front))
			return true;
		stop_front(s);
		if (!file_has(log, "in use"))
			break;
	}
	fprintf(stderr, "HAProxy does not start: %s\n", file_text(log));
	return false;
}

static bool start_front(struct system *s)
{
	const char *wanted = getenv("FRONT");
	bool started = true;

	s->front = 0;
	if (wanted && !strcmp(wanted, "haproxy"))
		started = start_haproxy(s);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", (unsigned)s->front_port);
	return started;
}

/* Which runs already. */
static bool find_foreign(struct system *s, const char *url)
{
	const char *host = strstr(url, "://");
	size_t len = host ? strcspn(host + 3, "/") + (size_t)(host + 3 - url) : sizeof(s->url);

	if (len >= sizeof(s->url) || strlen(url + len) >= sizeof(s->mount)) {
		fprintf(stderr,
			"LANES_URL=%s: http://HOST:PORT or http://HOST:PORT/MOUNT is wanted\n",
			url);
		return false;
	}
	*s = (struct system){.foreign = true};
	memcpy(s->url, url, len);
	strcpy(s->mount, url + len);
	return true;
}

bool system_differs(const char *what)
{
	const char *line = getenv("LANES_DIFFERS");
	bool found = false;

	for (; line && *line && !found; line += strcspn(line, "\n"), line += *line == '\n')
		found = !fnmatch(textf("%.*s", (int)strcspn(line, "\n"), line), what, 0);
	return found;
}

bool system_start(struct system *s, const struct system_options *options)
{
	const char *environment[VARIABLES] = {s->port_variable, s->run_dir_variable};
	const char *const *more = options->environment;
	struct outcome outcome;
	int count = 2;

	if (getenv("LANES_URL"))
		return find_foreign(s, getenv("LANES_URL"));
	system_at(s, port_free(), directory_make());
	if (options->prepare && !options->prepare(s->run_dir))
		return false;
	environment[count++] = textf("WORKERS=%d", options->workers ? options->workers : 1);
	environment[count++] = textf("THREADS=%d", options->threads ? options->threads : 40);
	environment[count++] = textf("PREFORK_WORKERS=%d", options->prefork);
	environment[count++] = textf("CPU_WORKERS=%d", options->cpu);
	while (more && *more && count < VARIABLES - 1)
		environment[count++] = *more++;
	for (int i = 0; i < TRIES; i++) {
		system_at(s, port_free(), s->run_dir);
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

bool systems_start(struct system *first, const struct system_options *options,
		   struct system *second, const struct system_options *second_options)
{
	if (!system_start(first, options))
		return false;
	if (system_start(second, second_options))
		return true;
	system_stop(first);
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
	pid_t left;
	bool clean;

	if (s->foreign)
		return true;
	stop_front(s);
	clean = script_works(s, "stop.sh", NULL);
	if (processes_in(s->run_dir, NULL, &left, 1)) {
		fprintf(stderr, "still running in %s: %d\n", s->run_dir, (int)left);
		clean = false;
	}
	clean = only_logs_in(s->run_dir) && clean;
	directory_remove(s->run_dir);
	return clean;
}

bool systems_stop(struct system *first, struct system *second)
{
	bool clean = system_stop(first);

	return system_stop(second) && clean;
}

const struct outcome *script(const struct system *s, const char *name, const char *setting)
{
	static struct outcome outcome;

	run_script(&outcome, textf("spawn/%s", name),
		   STRINGS(s->port_variable, s->run_dir_variable, setting));
	return &outcome;
}

bool script_works(const struct system *s, const char *name, const char *setting)
{
	const struct outcome *outcome = script(s, name, setting);

	if (outcome->status)
		fprintf(stderr, "%s: status %d: %s\n", name, outcome->status, outcome->errors);
	return outcome->status == 0;
}

const char *system_file(const struct system *s, const char *name)
{
	return textf("%s/%s", s->run_dir, name);
}

pid_t system_noted(const struct system *s, const char *name)
{
	char path[DIRECTORY_SIZE + 32];

	snprintf(path, sizeof(path), "%s/pids/%.16s.pid", s->run_dir, name);
	return atoi(file_text(path));
}

/* The master is noted in pids/; its youngest child is the worker: older ones drain. */
pid_t system_worker(const struct system *s, int slot)
{
	char path[64];
	const char *children;
	pid_t parent;
	pid_t pid = 0;
	int n = 0;

	snprintf(path, sizeof(path), "loop-%d", slot);
	parent = system_noted(s, path);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	for (children = file_text(path); sscanf(children, "%d%n", &pid, &n) == 1; children += n)
		;
	return pid;
}

bool system_log_has(const struct system *s, const char *text)
{
	return system_log_count(s, "worker.log", text) > 0;
}

size_t system_log_count(const struct system *s, const char *log, const char *text)
{
	char path[DIRECTORY_SIZE + 32];

	snprintf(path, sizeof(path), "%s/%s", s->run_dir, log);
	return file_lines(path, text);
}
