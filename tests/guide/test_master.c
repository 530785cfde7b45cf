/* A master: its workers are kept, replaced, and ended. */
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "../support/raw.h"

enum { REPLACEMENTS = 5 };

static struct worker master;
static struct raw raw = {.fd = -1};
static const char *directory; /* of a program that tests change */

static size_t lines(const char *text)
{
	return file_lines(master.log, text);
}

static void begin(const char *const *options)
{
	CU_ASSERT_FATAL(worker_start(&master, options, NULL));
	CU_ASSERT_FATAL(EVENTUALLY(lines(" event=ready ") == 1));
}

/* Of a program that can be replaced: what this says, or a copy of the one under test. */
static const char *program_is(const char *text)
{
	const char *path;
	struct outcome outcome;

	if (!directory)
		directory = directory_make();
	path = textf("%s/program", directory);
	if (text) {
		unlink(path);
		CU_ASSERT_FATAL(file_write(path, text));
	} else {
		CU_ASSERT_FATAL(
			succeeds(&outcome, STRINGS("install", "-m", "755", program(), path), NULL));
	}
	return path;
}

static void begin_changing(const char *const *options)
{
	CU_ASSERT_FATAL(worker_start_program(&master, program_is(NULL), options, NULL));
	CU_ASSERT_FATAL(EVENTUALLY(lines(" event=ready ") == 1));
}

static void ends(int status)
{
	CU_ASSERT_EQUAL(worker_wait(&master), status);
	CU_ASSERT_EQUAL(lines(textf(" event=stopped status=%d", status)), 1);
}

static void after(void)
{
	raw_close(&raw);
	worker_stop(&master);
	if (directory)
		directory_remove(directory);
	directory = NULL;
}

/* Answers on a connection of its own. */
static void asked(void)
{
	CU_ASSERT_FATAL(raw_open(&raw, master.socket));
	CU_ASSERT(raw_tells(&raw, "request 1 REQUEST_METHOD=GET&PATH_INFO=/", "END 1 0 COMPLETE"));
	CU_ASSERT_PTR_NOT_NULL(strstr(raw.text.data, "STDOUT 1 Status: 200 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(raw.text.data, "X-Lanes-Worker: loop-"));
	raw_close(&raw);
}

/* The master's only process; 0: it has none. */
static pid_t child(void)
{
	char path[64];
	pid_t pid = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)master.pid, (int)master.pid);
	file = fopen(path, "r");
	if (file && fscanf(file, "%d", &pid) != 1)
		pid = 0;
	if (file)
		fclose(file);
	return pid;
}

static void replaced(size_t times)
{
	CU_ASSERT(EVENTUALLY(lines(" event=replaced ") == times));
}

struct crew_kind {
	const char *engine;
	const char *drain;
};

static const char *served(int id)
{
	return textf("STDOUT %d Status: 200 ", id);
}

/* On connections that come and go, and on one that is kept, which its peer ends. */
static void nobody_is_refused(void)
{
	const struct crew_kind *kind = harness_test()->data;
	struct raw kept;
	uint16_t id = 1;

	begin(STRINGS("--processes", "2", "--drain-idle", "60", "--engine", kind->engine, "--drain",
		      kind->drain));
	for (size_t i = 1; i <= REPLACEMENTS; i++) {
		CU_ASSERT_FATAL(raw_open(&kept, master.socket));
		CU_ASSERT(raw_gets(&kept, id, "/", "", served(id)));
		kill(master.pid, SIGHUP);
		while (lines(" event=replaced ") < i)
			asked();
		for (id++; id < 10 * i; id++)
			CU_ASSERT(raw_gets(&kept, id, "/", "", served(id)));
		raw_close(&kept);
		CU_ASSERT_EQUAL(lines(" event=replacing signal=HUP"), i);
	}
	CU_ASSERT(EVENTUALLY(lines(" event=drained") == 2 * REPLACEMENTS));
	kill(master.pid, SIGTERM);
	ends(0);
	CU_ASSERT_EQUAL(lines("ended-by-force"), 0);
	CU_ASSERT_EQUAL(access(master.socket, F_OK), -1);
}

static void successors_have_the_numbers(void)
{
	int slot = atoi(harness_test()->data);
	int first = slot ? slot : 1;
	const char *board;

	directory = directory_make();
	board = textf("%s/scoreboard", directory);
	begin(STRINGS("--processes", "3", "--scoreboard", board, "--slot", harness_test()->data));
	kill(master.pid, SIGHUP);
	replaced(1);
	CU_ASSERT(EVENTUALLY(lines(" event=started ") == 6));
	for (int i = 0; i < 3; i++)
		CU_ASSERT(lines(textf(" worker=loop-%d pid=", first + i)) >= 2);
	kill(master.pid, SIGTTIN);
	CU_ASSERT(EVENTUALLY(lines(" event=started ") == 7));
	kill(master.pid, SIGTTOU);
	CU_ASSERT(EVENTUALLY(lines(" event=drained") == 4));
	for (size_t ended = 5; ended <= 6; ended++) {
		kill(master.pid, SIGTTOU);
		CU_ASSERT(EVENTUALLY(lines(" event=drained") == ended));
	}
	kill(master.pid, SIGTTOU); /* but not the last */
	CU_ASSERT(EVENTUALLY(lines(" event=not-scaling workers=1") == 1));
	asked();
	kill(master.pid, SIGTERM);
	ends(0);
}

static void the_dead_have_successors(void)
{
	begin(STRINGS("--processes", "1"));
	for (size_t i = 1; i <= 3; i++) {
		pid_t pid = child();

		CU_ASSERT_FATAL(pid > 0);
		kill(pid, SIGKILL);
		CU_ASSERT(EVENTUALLY(lines(" event=started ") == i + 1));
		CU_ASSERT_EQUAL(
			lines(textf(" event=worker-ended worker_pid=%d status=137", (int)pid)), 1);
		asked();
	}
	CU_ASSERT_EQUAL(lines(" worker=loop-1 "),
			lines(" worker=loop-") - lines(" worker=loop-master "));
}

/* A successor is there before it has ended. */
static void who_drains_of_his_own_accord_has_one(void)
{
	struct raw kept;
	pid_t pid;

	begin(STRINGS("--processes", "1", "--drain-idle", "60"));
	pid = child();
	CU_ASSERT_FATAL(raw_open(&kept, master.socket));
	CU_ASSERT(raw_gets(&kept, 1, "/", "", "END 1 0 COMPLETE"));
	kill(pid, SIGTERM);
	CU_ASSERT(EVENTUALLY(lines(" event=started ") == 2));
	kill(pid,
	     SIGTERM); /* does not force him: it may be that all were told to end, and he twice */
	asked();
	CU_ASSERT(raw_gets(&kept, 2, "/", "", "END 2 0 COMPLETE"));
	raw_close(&kept);
	CU_ASSERT(EVENTUALLY(lines(" event=drained") == 1));
}

static void who_does_not_start_replaces_nobody(void)
{
	begin_changing(STRINGS("--processes", "2", "--start-timeout", "2"));
	program_is("#!/bin/sh\nexit 5\n");
	kill(master.pid, SIGHUP);
	CU_ASSERT(EVENTUALLY(lines(" event=replace-failed workers=2") == 1));
	program_is("#!/bin/sh\nexec sleep 1000\n");
	kill(master.pid, SIGHUP);
	CU_ASSERT(EVENTUALLY(lines(" event=replace-failed workers=2") == 2));
	CU_ASSERT_EQUAL(lines(" why=start-timeout"), 1);
	unlink(textf("%s/program", directory));
	kill(master.pid, SIGHUP);
	CU_ASSERT(EVENTUALLY(lines(" event=replace-failed workers=2") == 3));
	CU_ASSERT_EQUAL(lines("No such file or directory"), 1);
	asked();
	program_is(NULL);
	kill(master.pid, SIGHUP);
	replaced(1);
	/* Each says so itself, in its own time. */
	CU_ASSERT(EVENTUALLY(lines(" event=draining ") == 2));
	kill(master.pid, SIGTERM);
	ends(0);
}

static void who_dies_again_and_again_is_waited_for(void)
{
	begin_changing(STRINGS("--processes", "1"));
	program_is("#!/bin/sh\nexit 5\n");
	kill(child(), SIGKILL);
	CU_ASSERT(EVENTUALLY(lines(" event=start-delayed ") >= 1));
	CU_ASSERT(lines(" status=5") >= 1);
	program_is(NULL);
	CU_ASSERT(EVENTUALLY(lines(" event=started ") == 2));
	asked();
}

static void who_never_starts_ends_it(void)
{
	struct outcome outcome;

	directory = directory_make();
	run(&outcome, STRINGS(program(), "--processes", "2", "--engine", "jobs"), NULL, -1);
	CU_ASSERT_EQUAL(outcome.status, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, "there is no database"));
	run(&outcome,
	    STRINGS(program(), "--processes", "2", "--listen", textf("%s/no/socket", directory)),
	    NULL, -1);
	CU_ASSERT_EQUAL(outcome.status, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, "No such file or directory"));
}

static void requests_in_flight_finish(void)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGQUIT, SIGUSR1};

	for (int i = 0; i < 4; i++) {
		begin(STRINGS("--processes", "2"));
		CU_ASSERT_FATAL(raw_open(&raw, master.socket));
		CU_ASSERT(raw_get(&raw, 1, "/async/await-one", "seconds=0.5"));
		CU_ASSERT(raw_gets(&raw, 2, "/", "", "END 2 0 COMPLETE"));
		kill(master.pid, numbers[i]);
		CU_ASSERT(raw_answers(&raw, "END 1 0 COMPLETE"));
		ends(0);
		raw_close(&raw);
		worker_stop(&master);
	}
}

/* Nobody else has that socket: whom --drain wait left in its queue would be cut. */
static void the_queue_of_its_own_socket_is_served(void)
{
	enum { MANY = 20 };
	struct raw waiting[MANY];

	begin(STRINGS("--processes", "1", "--drain", harness_test()->data));
	kill(child(), SIGSTOP);
	for (int i = 0; i < MANY; i++) {
		CU_ASSERT_FATAL(raw_open(&waiting[i], master.socket));
		CU_ASSERT(raw_send(&waiting[i], "request 1 REQUEST_METHOD=GET&PATH_INFO=/"));
	}
	kill(master.pid, SIGTERM);
	CU_ASSERT(EVENTUALLY(lines(" event=stopping ") == 1));
	kill(child(), SIGCONT);
	for (int i = 0; i < MANY; i++) {
		CU_ASSERT(raw_answers(&waiting[i], "END 1 0 COMPLETE"));
		raw_close(&waiting[i]);
	}
	ends(0);
}

static void usr2_is_not_known(void)
{
	begin(STRINGS("--processes", "1"));
	kill(master.pid, SIGUSR2);
	CU_ASSERT(EVENTUALLY(lines(" event=signal-unknown signal=USR2 instead=HUP") == 1));
	asked();
	kill(master.pid, SIGTERM);
	ends(0);
}

static void a_second_signal_does_not_wait(void)
{
	begin(STRINGS("--processes", "2"));
	CU_ASSERT_FATAL(raw_open(&raw, master.socket));
	CU_ASSERT(raw_get(&raw, 1, "/sync/noawait", "seconds=60"));
	kill(master.pid, SIGTERM);
	CU_ASSERT(EVENTUALLY(lines(" event=drained") == 1));
	kill(master.pid, SIGTERM);
	ends(3);
}

static void a_killed_master_leaves_nobody(void)
{
	begin(STRINGS("--processes", "2"));
	CU_ASSERT_FATAL(raw_open(&raw, master.socket));
	CU_ASSERT(raw_get(&raw, 1, "/async/await-one", "seconds=0.5"));
	CU_ASSERT(raw_gets(&raw, 2, "/", "", "END 2 0 COMPLETE"));
	kill(master.pid, SIGKILL);
	CU_ASSERT(raw_answers(&raw, "END 1 0 COMPLETE"));
	CU_ASSERT(EVENTUALLY(lines(" event=drained") == 2));
	CU_ASSERT_EQUAL(worker_wait(&master), 128 + SIGKILL);
}

static void its_log_is_opened_anew(void)
{
	const char *log;
	const char *old;

	directory = directory_make();
	log = textf("%s/log", directory);
	old = textf("%s/old", directory);
	master.directory = directory_make();
	snprintf(master.socket, sizeof(master.socket), "%s/worker.sock", master.directory);
	master.pid = process_start(
		STRINGS(program(), "--processes", "1", "--listen", master.socket, "--log", log),
		NULL, textf("%s/stderr", directory));
	CU_ASSERT(EVENTUALLY(file_has(log, " event=ready ")));
	rename(log, old);
	kill(master.pid, SIGHUP);
	CU_ASSERT(EVENTUALLY(file_has(log, " event=replaced ")));
	CU_ASSERT(EVENTUALLY(file_has(log, " event=started ")));
	CU_ASSERT(!file_has(old, " event=replaced "));
	kill(master.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&master), 0);
}

static bool is_told(int fd, const char *text)
{
	char got[512];
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	got[n > 0 ? n : 0] = '\0';
	return strstr(got, text) != NULL;
}

static void systemd_is_told(void)
{
	const struct timeval patience = {.tv_sec = PATIENCE};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char *variable, *ready;

	directory = directory_make();
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", directory);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	variable = textf("NOTIFY_SOCKET=%s", address.sun_path);
	CU_ASSERT_FATAL(worker_start(&master, STRINGS("--processes", "2"), STRINGS(variable)));
	ready = textf("READY=1\nMAINPID=%d\nSTATUS=workers that serve: 2", (int)master.pid);
	CU_ASSERT(is_told(fd, ready));
	kill(master.pid, SIGHUP);
	CU_ASSERT(is_told(fd, "RELOADING=1\nMONOTONIC_USEC="));
	CU_ASSERT(is_told(fd, "READY=1\n"));
	kill(master.pid, SIGTERM);
	CU_ASSERT(is_told(fd, "STOPPING=1"));
	ends(0);
	close(fd);
}

/* ---- CPUs ---- */

static cpu_set_t allowed; /* the test's, and so the master's */

static void allow(const cpu_set_t *cpus)
{
	CU_ASSERT_EQUAL_FATAL(sched_setaffinity(0, sizeof(*cpus), cpus), 0);
}

/* The one at this place of those that are allowed, and so on round. */
static int cpu_at(int place)
{
	int cpu = 0;

	place %= CPU_COUNT(&allowed);
	while (!CPU_ISSET(cpu, &allowed) || place--)
		cpu++;
	return cpu;
}

/* How many threads of the process may run on all that the test may, and on this CPU only. */
static void count_threads(pid_t pid, int cpu, int *free, int *bound)
{
	DIR *dir = opendir(textf("/proc/%d/task", (int)pid));
	struct dirent *entry;

	*free = *bound = 0;
	CU_ASSERT_FATAL(dir != NULL);
	while ((entry = readdir(dir))) {
		pid_t thread = atoi(entry->d_name);
		cpu_set_t cpus;

		if (!thread || sched_getaffinity(thread, sizeof(cpus), &cpus))
			continue;
		*free += CPU_EQUAL(&cpus, &allowed);
		*bound += CPU_COUNT(&cpus) == 1 && CPU_ISSET(cpu, &cpus);
	}
	closedir(dir);
}

/* Whether the loop has the CPU for itself, and its threads, of which there is one at least, have
 * all. */
static bool is_bound(pid_t pid, int cpu)
{
	int free;
	int bound;

	count_threads(pid, cpu, &free, &bound);
	return CPU_COUNT(&allowed) == 1 ? free >= 2 : bound == 1 && free >= 1;
}

static pid_t pid_of(int number)
{
	const char *text = textf(" worker=loop-%d pid=", number);
	const char *at = strstr(file_text(master.log), text);

	CU_ASSERT_FATAL(at != NULL);
	return atoi(at + strlen(text));
}

/* Each has the doctor's thread, and who answers one of a pool. */
static void loops_have_a_cpu_each(void)
{
	const char *count = harness_test()->data;

	begin(STRINGS("--processes", count, "--cpu-affinity", "auto"));
	CU_ASSERT_FATAL(raw_open(&raw, master.socket));
	CU_ASSERT(raw_gets(&raw, 1, "/sync/noawait", "seconds=0", served(1)));
	for (int i = 0; i < atoi(count); i++)
		CU_ASSERT(EVENTUALLY(is_bound(pid_of(i + 1), cpu_at(i))));
	raw_close(&raw);
	kill(master.pid, SIGTERM);
	ends(0);
}

static void only_allowed_cpus_are_had(void)
{
	cpu_set_t before = allowed;
	int last = cpu_at(CPU_COUNT(&allowed) - 1);

	CPU_ZERO(&allowed);
	CPU_SET(last, &allowed);
	allow(&allowed);
	begin(STRINGS("--processes", "2", "--cpu-affinity", "auto"));
	CU_ASSERT(EVENTUALLY(is_bound(pid_of(1), last) && is_bound(pid_of(2), last)));
	worker_stop(&master);
	allow(&before);
	allowed = before;
	begin(STRINGS("--processes", "2", "--cpu-affinity", textf("%d,1022-1023", last)));
	CU_ASSERT(EVENTUALLY(is_bound(pid_of(1), last) && is_bound(pid_of(2), last)));
	CU_ASSERT_EQUAL(lines("cpu-affinity: "), 0);
}

static void missing_cpus_are_told(void)
{
	int free;
	int bound;

	begin(STRINGS("--processes", "1", "--cpu-affinity", "1023"));
	CU_ASSERT_EQUAL(lines("lanes: cpu-affinity: No such device"), 1);
	count_threads(pid_of(1), 1023, &free, &bound);
	CU_ASSERT(free >= 1 && !bound);
	asked();
}

static int know_cpus(void)
{
	return sched_getaffinity(0, sizeof(allowed), &allowed);
}

/* What has lost its parents is its child, as it is of process 1, which it may be; and what had
 * ended before it could hear of that. The test has the commands that make some and become it. */
static void orphans_are_reaped(void)
{
	struct outcome outcome;
	const char *script =
		"unshare -Urpf --mount-proc sh -c '%s \"$0\" --processes 1 --listen \"$1\"' "
		"\"$0\" \"$1\" 2>\"$2\" & sleep 0.01; "
		"until grep -q event=ready \"$2\"; do sleep 0.05; done; pid=$(pgrep -P $!); "
		"for look in $(seq 400); do "
		"children=$(pgrep -c -P $pid); [ $children -gt 1 ] || break; sleep 0.05; done; "
		"kill -TERM $pid; wait $!; echo \"$children $?\"";

	directory = directory_make();
	run(&outcome, STRINGS("unshare", "-Urpf", "true"), NULL, -1);
	if (outcome.status) {
		not_judged("no namespace of processes");
		return;
	}
	run(&outcome,
	    STRINGS("sh", "-c", textf(script, (const char *)harness_test()->data), program(),
		    textf("%s/socket", directory), textf("%s/log", directory)),
	    NULL, -1);
	CU_ASSERT_STRING_EQUAL(outcome.out, "1 0\n");
}

static const struct test tests[] = {
	{"while it replaces its workers nobody is refused, and no connection closed",
	 nobody_is_refused, &(const struct crew_kind){"loop", "auto"}},
	{"nor by prefork processes", nobody_is_refused,
	 &(const struct crew_kind){"prefork", "auto"}},
	{"nor with --drain refuse: the others take what comes", nobody_is_refused,
	 &(const struct crew_kind){"loop", "refuse"}},
	{"nor with --drain wait", nobody_is_refused, &(const struct crew_kind){"loop", "wait"}},
	{"successors have the numbers of those that they replace", successors_have_the_numbers,
	 "0"},
	{"which begin with --slot", successors_have_the_numbers, "5"},
	{"a worker that is killed has a successor at once", the_dead_have_successors},
	{"one that drains of its own accord has one before it ends",
	 who_drains_of_his_own_accord_has_one},
	{"a program that does not start replaces nobody", who_does_not_start_replaces_nobody},
	{"workers that die again and again are waited for", who_dies_again_and_again_is_waited_for},
	{"where none ever starts, it ends with their status", who_never_starts_ends_it},
	{"TERM, INT, QUIT, USR1: requests in flight finish, then status 0",
	 requests_in_flight_finish},
	{"who waits in the queue of its own socket is served",
	 the_queue_of_its_own_socket_is_served, "auto"},
	{"with --drain wait, too", the_queue_of_its_own_socket_is_served, "wait"},
	{"USR2 is not known, and does nothing", usr2_is_not_known},
	{"a second signal kills what still runs: status 3", a_second_signal_does_not_wait},
	{"when it is killed, its workers drain", a_killed_master_leaves_nobody},
	{"HUP opens its log anew", its_log_is_opened_anew},
	{"systemd is told what it does", systemd_is_told},
	{"--cpu-affinity auto: the loop of a worker has a CPU, and its threads have all",
	 loops_have_a_cpu_each, "1"},
	{"of two, one each", loops_have_a_cpu_each, "2"},
	{"of eight, one each, and so on round", loops_have_a_cpu_each, "8"},
	{"CPUs are those that the master may have, or of these the listed",
	 only_allowed_cpus_are_had},
	{"where none of the listed is there, it is said, and all are had", missing_cpus_are_told},
	{"as process 1 it reaps orphans, and drains", orphans_are_reaped,
	 "(sleep 0.1 & exec sleep 0.05) & exec"},
	{"as process 1 it reaps who has ended before it began", orphans_are_reaped,
	 "exec python3 -c \"import os, sys; child = os.fork() or os._exit(0); "
	 "os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT); "
	 "os.execv(sys.argv[1], sys.argv[1:])\""},
};

const struct suite master_suite = {"master", tests, COUNT(tests), know_cpus, .after = after};
