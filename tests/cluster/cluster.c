#include "cluster.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "../support/load.h"

struct system cluster;

static pid_t runner;
static const char *log_file;

/* ---- start, stop ---- */

static bool possible(void)
{
	static const char *const programs[] = {"haproxy", "socat",   "ip",
					       "unshare", "nsenter", "psql"};

	for (size_t i = 0; i < COUNT(programs); i++)
		if (shell(textf("command -v %s", programs[i]))->status) {
			not_judged("%s is not installed: spawn/deps.sh cluster", programs[i]);
			return false;
		}
	if (shell("unshare --user --map-root-user --net --pid --fork --mount-proc true")->status) {
		not_judged("namespaces are not allowed here");
		return false;
	}
	return true;
}

static bool ready(void)
{
	return file_has(log_file, "Ctrl-C stops it");
}

/* The program that runs it: the script, as whoever it is to be. */
static pid_t start_as(const char *user, const char *const *environment)
{
	if (!user || geteuid() != 0)
		return process_start(STRINGS("spawn/cluster.sh"), environment, log_file);
	if (shell(textf("chown %s '%s'", user, cluster.run_dir))->status)
		return -1;
	return process_start(STRINGS("setpriv", "--reuid", user, "--regid", "nogroup",
				     "--clear-groups", "spawn/cluster.sh"),
			     environment, log_file);
}

bool cluster_start_as(const char *user, const char *const *settings)
{
	const char *environment[16] = {textf("PROGRAM=%s", built("cluster-app")),
				       textf("HOSTS=%d", HOSTS), textf("WORKERS=%d", WORKERS),
				       "JOB_WORKERS=1"};
	int count = 4;

	if (!possible())
		return false;
	system_at(&cluster, port_free(), directory_make_for_all());
	environment[count++] = cluster.port_variable;
	environment[count++] = cluster.run_dir_variable;
	while (settings && *settings)
		environment[count++] = *settings++;
	log_file = strdup(textf("%s/start.log", cluster.run_dir));
	runner = start_as(user, environment);
	if (runner > 0 && EVENTUALLY(ready() || process_ended(runner)) && ready())
		return true;
	printf("    the cluster does not start: %s\n", file_text(log_file));
	CU_FAIL("the cluster starts");
	cluster_stop();
	return false;
}

bool cluster_start(const char *const *settings)
{
	return cluster_start_as(NULL, settings);
}

/* Processes that see its files as it does, as all of its do; they end with the first of them. */
static int inside(const char *namespace)
{
	DIR *all = opendir("/proc");
	char link[64];
	int count = 0;

	for (struct dirent *one; all && (one = readdir(all));) {
		ssize_t len =
			readlink(textf("/proc/%s/ns/mnt", one->d_name), link, sizeof(link) - 1);

		link[len > 0 ? len : 0] = '\0';
		count += len > 0 && !strcmp(link, namespace);
	}
	closedir(all);
	return count;
}

bool cluster_stop(void)
{
	char namespace[64] = "";
	pid_t worker;
	int status = -1;
	bool nothing;

	if (runner <= 0)
		return true;
	worker = cluster_worker("host1", 1);
	if (worker &&
	    readlink(textf("/proc/%d/ns/mnt", (int)worker), namespace, sizeof(namespace) - 1) < 0)
	namespace[0] = '\0';
	kill(runner, SIGINT);
	if (!EVENTUALLY(process_ended(runner)))
		kill(runner, SIGKILL);
	waitpid(runner, &status, 0);
	runner = 0;
	nothing = inside(namespace) == 0;
	if (status == 0 && nothing)
		directory_remove(cluster.run_dir);
	else
		printf("    status %d, %d left in %s: %s\n", status, inside(namespace), namespace,
		       file_text(log_file));
	return status == 0 && nothing;
}

void cluster_kill(void)
{
	kill(runner, SIGKILL);
	waitpid(runner, NULL, 0);
	runner = 0;
}

/* ---- what is done to it ---- */

bool cluster_does(const char *const *command)
{
	static struct outcome outcome;
	const char *arguments[8] = {"spawn/cluster.sh"};

	for (int i = 1; *command; i++)
		arguments[i] = *command++;
	return succeeds(&outcome, arguments, STRINGS(cluster.run_dir_variable));
}

static double plugging(const char *command, const char *machine)
{
	static struct outcome outcome;
	struct timespec t;

	CU_ASSERT(succeeds(&outcome, STRINGS("spawn/cluster.sh", command, machine),
			   STRINGS(cluster.run_dir_variable)));
	clock_gettime(CLOCK_REALTIME, &t);
	return now() - ((double)t.tv_sec + (double)t.tv_nsec / 1e9 - atof(outcome.out));
}

double cluster_unplug(const char *machine)
{
	return plugging("unplug", machine);
}

double cluster_plug(const char *machine)
{
	return plugging("plug", machine);
}

/* ---- a slow cable ---- */

static pid_t link_program;

/* In the place of the cable there are two, and the program between them. */
static bool link_start(const char *host, int milliseconds, int percent)
{
	struct outcome outcome;
	const char *numbers = textf("%d %d", milliseconds, percent);
	bool made =
		succeeds(&outcome,
			 STRINGS("install", built("link"), textf("%s/cluster/", cluster.run_dir)),
			 NULL) &&
		cluster_does(STRINGS(
			"on", "client", "sh", "-c",
			textf("ip link set %s nomaster; ip link add slow type veth peer name "
			      "slow-end &&"
			      "ip link set slow up && ip link set slow-end master bridge up",
			      host)));

	if (made)
		link_program = process_start(
			STRINGS("spawn/cluster.sh", "on", "client", "sh", "-c",
				textf("exec ./link %s slow %s", host, numbers)),
			STRINGS(cluster.run_dir_variable), textf("%s/link.log", cluster.run_dir));
	return made;
}

bool cluster_slow(const char *host, int milliseconds, int percent)
{
	struct outcome outcome;

	run(&outcome,
	    STRINGS("spawn/cluster.sh", "slow", host, textf("%d", milliseconds),
		    textf("%d", percent)),
	    STRINGS(cluster.run_dir_variable), -1);
	return outcome.status == 0 || link_start(host, milliseconds, percent);
}

bool cluster_fast(const char *host)
{
	if (!link_program)
		return cluster_does(STRINGS("fast", host));
	cluster_does(STRINGS("on", "client", "pkill", "link"));
	waitpid(link_program, NULL, 0);
	link_program = 0;
	return cluster_does(STRINGS("on", "client", "sh", "-c",
				    textf("ip link del slow; ip link set %s master bridge", host)));
}

const char *cluster_sql(const char *statement)
{
	static struct outcome outcome;
	FILE *in = tmpfile();

	fprintf(in, "%s;", statement);
	rewind(in);
	run(&outcome, STRINGS("spawn/cluster.sh", "sql"), STRINGS(cluster.run_dir_variable),
	    fileno(in));
	fclose(in);
	if (outcome.status)
		printf("    %s: %s\n", statement, outcome.errors);
	return textf("%.*s", (int)strcspn(outcome.out, "\n"), outcome.out);
}

/* What the runtime API answers: a socket's name is a file's, in whichever network it listens. */
static bool haproxy_says(const char *front, const char *command, char *answer, size_t size)
{
	const char *path = textf("%s/cluster/%s/haproxy.sock", cluster.run_dir, front);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = 0;
	ssize_t n = 0;

	if (strlen(path) < sizeof(address.sun_path))
		strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    dprintf(fd, "%s\n", command) > 0)
		while (len < size - 1 && (n = read(fd, answer + len, size - 1 - len)) > 0)
			len += (size_t)n;
	close(fd);
	answer[len] = '\0';
	return len != 0;
}

int cluster_up(const char *front, const char *host)
{
	static char answer[65536];
	int up = 0;

	if (!haproxy_says(front, "show stat", answer, sizeof(answer)))
		return -1;
	for (char *line = strtok(answer, "\n"); line; line = strtok(NULL, "\n"))
		up += !strncmp(line, textf("lanes,%s", host), 6 + strlen(host)) &&
		      strstr(line, ",UP");
	return up;
}

/* Whether a process works in that folder, by whatever name it knows it, and its command line has
 * the text. */
static bool works_in(const char *pid, const struct stat *folder, const char *text)
{
	char line[4096] = "";
	struct stat place;
	int fd;
	ssize_t len;

	if (stat(textf("/proc/%s/cwd", pid), &place) || place.st_ino != folder->st_ino ||
	    place.st_dev != folder->st_dev)
		return false;
	fd = open(textf("/proc/%s/cmdline", pid), O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);
	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < len; i++)
		line[i] = line[i] ? line[i] : ' ';
	return strstr(line, text);
}

pid_t cluster_worker(const char *host, int number)
{
	DIR *all = opendir("/proc");
	struct stat folder;
	pid_t found = 0;

	if (stat(textf("%s/cluster/%s", cluster.run_dir, host), &folder))
		folder = (struct stat){0};
	for (struct dirent *one; all && !found && (one = readdir(all));)
		if (one->d_name[0] >= '1' && one->d_name[0] <= '9' &&
		    works_in(one->d_name, &folder, textf(":%d ", 9000 + number)) &&
		    works_in(one->d_name, &folder, "--processes=0"))
			found = atoi(one->d_name);
	closedir(all);
	return found;
}

const char *cluster_answerer(void)
{
	return header(get(&cluster, "/"), "X-Lanes-Host");
}

/* Whoever answers so would have more to do if others were asked, too. */
void cluster_moves_no_503(void)
{
	CU_ASSERT_EQUAL(get(&cluster, "/unavailable/0")->status, 503);
	CU_ASSERT_STRING_EQUAL(cluster_sql("SELECT arrivals FROM once WHERE key = '0'"), "1");
}

/* ---- load ---- */

enum { CLIENTS = CONNECTIONS / 3, KEYS = 1000000, SOME = 60 };

static struct load *quick, *slow, *posts;
static int phase;

/* Nobody sends again what was lost. */
static struct load *load_of(const char *target, const char *type, unsigned keys)
{
	const char *const port = strrchr(cluster.url, ':') + 1;

	return load_start(PLAN(.servers = &port, .server_count = 1, .http = true, .together = true,
			       .target = target, .type = type, .keys = keys, .connections = CLIENTS,
			       .repeat = true, .may_fail = true, .pause = 10000000,
			       .patience = PATIENCE * UINT64_C(1000000000)));
}

void traffic_begin(void)
{
	phase++;
	quick = load_of("/", NULL, 0);
	slow = load_of("/wait", NULL, 0);
	posts = load_of(textf("/once/%d-{}", phase), "text/plain", KEYS);
	CU_ASSERT_FATAL(traffic_goes_on());
}

bool traffic_goes_on(void)
{
	return load_goes_on(quick, SOME) && load_goes_on(slow, SOME) && load_goes_on(posts, SOME);
}

static void tell(const char *what, const struct load_result *result)
{
	printf("    %zu %s sent, %zu answered, %zu failed; the longest took %.2f s\n", result->sent,
	       what, result->answered, result->failed, (double)result->answers.longest / 1e9);
	if (result->failed)
		printf("    %s\n", result->failure);
}

static void add_gets(struct lost *lost, const struct load_result *result)
{
	double longest = (double)result->answers.longest / 1e9;

	tell("GETs", result);
	lost->gets += result->sent;
	lost->gets_lost += result->sent - result->answered;
	lost->longest = longest > lost->longest ? longest : lost->longest;
	CU_ASSERT_EQUAL(result->unanswered, 0);
}

/* Of the keys of this phase, those that are not in the table. */
static size_t missing(size_t sent)
{
	return sent - (size_t)atol(cluster_sql(
			      textf("SELECT count(*) FROM once WHERE key LIKE '%d-%%'", phase)));
}

/* All come again, also those whose clients know that they were done. */
static void come_again(size_t sent)
{
	const struct load_result *result;
	const char *port = strrchr(cluster.url, ':') + 1;
	const char *target = textf("/once/%d-{}", phase);
	/* Connections take keys in turn, and some twice. */
	struct load *again =
		load_start(PLAN(.servers = &port, .server_count = 1, .http = true, .target = target,
				.type = "text/plain", .keys = (unsigned)sent,
				.connections = CLIENTS, .requests = sent / CLIENTS + 1,
				.may_resend = true, .patience = PATIENCE * UINT64_C(1000000000)));

	result = load_wait(again);
	printf("    %zu came again, %zu were answered\n", result->sent, result->answered);
	CU_ASSERT(result->answered >= sent && result->answered == result->sent);
}

struct lost traffic_end(void)
{
	struct lost lost = {0};
	struct load_result posted;

	add_gets(&lost, load_wait(quick));
	add_gets(&lost, load_wait(slow));
	posted = *load_wait(posts);
	tell("POSTs", &posted);
	lost.posts = posted.sent;
	lost.posts_lost = posted.sent - posted.answered;
	CU_ASSERT_EQUAL(posted.unanswered, 0);
	CU_ASSERT(missing(posted.sent) <= lost.posts_lost);
	CU_ASSERT_STRING_EQUAL(
		cluster_sql("SELECT count(*) FROM once WHERE arrivals > 1 AND key LIKE "
			    "(SELECT max(split_part(key, '-', 1)::int) FROM once) || '-%'"),
		"0");
	come_again(posted.sent);
	CU_ASSERT_EQUAL(missing(posted.sent), 0);
	/* Their jobs are done, on whichever host. */
	CU_ASSERT(
		EVENTUALLY(!strcmp(cluster_sql("SELECT count(*) FROM once WHERE done = 0"), "0")));
	printf("    jobs: %s\n",
	       cluster_sql("SELECT count(*) || ', on ' || count(DISTINCT done_by) || ' hosts, ' || "
			   "count(*) FILTER (WHERE done > 1) || ' done twice' FROM once"));
	return lost;
}

/* ---- results ---- */

enum { RESULTS = 16 };

static const char *lines[RESULTS];
static int line_count;

void result(const char *what, const struct lost *lost, const char *detection, const char *back)
{
	const char *line = strdup(textf("| %s | %zu of %zu | %zu of %zu | %.1f s | %s | %s |", what,
					lost->gets_lost, lost->gets, lost->posts_lost, lost->posts,
					lost->longest, detection, back));
	int i = 0;

	/* A test that is run again says it again. */
	while (i < line_count && strncmp(lines[i], line, strlen(what) + 3))
		i++;
	if (i < RESULTS)
		lines[i] = line;
	line_count = i == line_count && i < RESULTS ? i + 1 : line_count;
}

static const char *table(void)
{
	static char text[8192];
	int len = snprintf(text, sizeof(text),
			   "| what happens | GETs lost | POSTs failed | longest GET | noticed "
			   "after | back after |\n"
			   "| --- | --- | --- | --- | --- | --- |\n");

	for (int i = 0; i < line_count; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%s\n", lines[i]);
	return text;
}

void results_print(void)
{
	if (line_count)
		printf("%s\n", table());
}

void results_keep(void)
{
	static const char path[] = "tests/cluster/README.md";
	const char *const mark = "<!-- results -->\n";
	char *text = strdup(file_text(path));
	char *place = strstr(text, mark);
	char *rest = place ? strstr(place, "\n\n") : NULL;

	if (rest) {
		FILE *out = fopen(path, "w");

		fprintf(out, "%.*s%s%s%s", (int)(place - text), text, mark, table(), rest + 1);
		fclose(out);
	}
	free(text);
}
