/* The units of spawn/systemd, in a machine that systemd has booted: what spawn/README.md has typed,
 * under load. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/booted.h"
#include "../support/client.h"
#include "../support/harness.h"

enum { PORT = 8080, CLIENTS = 16, SOME = 200 };

static const char *why_not; /* there is a machine */
static struct system site;

/* The line of the README that has this, typed; what follows "#" is for who reads. */
static bool typed(const char *what)
{
	struct outcome outcome;
	char *line;
	char *end;

	if (!succeeds(&outcome, STRINGS("tests/documents/block", "systemd", "spawn/README.md"),
		      NULL))
		return false;
	for (line = strtok_r(outcome.out, "\n", &end); line; line = strtok_r(NULL, "\n", &end))
		if (strstr(line, what))
			return machine_did(line);
	printf("    no line of spawn/README.md has: %s\n", what);
	return false;
}

static int boot(void)
{
	const char *tree = textf("%s/tree", directory_make_for_all());
	struct outcome outcome;

	why_not = "make install fails";
	if (succeeds(&outcome,
		     STRINGS("make", "-s", "--no-print-directory", textf("DESTDIR=%s", tree),
			     "PREFIX=/usr/local", "install"),
		     NULL))
		why_not = machine_boot(tree);
	if (!why_not)
		system_at(&site, PORT, directory_make());
	return 0;
}

static int halt(void)
{
	machine_end();
	return 0;
}

/* Each test begins so. */
#define IN_MACHINE                                                                                 \
	if (why_not) {                                                                             \
		not_judged("%s", why_not);                                                         \
		return;                                                                            \
	}

static const char *const services[] = {"lanes-loop@1",	"lanes-loop@2",	 "lanes-cpu@1",
				       "lanes-prefork", "lanes-outside", "lanes-admin",
				       "lanes-health",	"lanes-nginx"};

static bool all_run(void)
{
	for (size_t i = 0; i < COUNT(services); i++)
		if (machine_does(textf("systemctl is-active --quiet %s.service", services[i]))
			    ->status)
			return false;
	return true;
}

static bool answers(const char *path, const char *what)
{
	return strstr(machine_does(textf("curl -sS -m 10 -w ' %%{http_code} "
					 "%%header{x-lanes-worker}' 'http://localhost:%d%s'",
					 PORT, path))
			      ->out,
		      what) != NULL;
}

static void its_lines_start_it(void)
{
	static const struct {
		const char *path, *what;
	} asked[] = {
		{"/", "200 loop-"},	    {"/prefork/", "200 prefork-"},
		{"/cpu-pool/", "200 cpu-"}, {"/healthz", "200 health-"},
		{"/readyz", "200 health-"}, {"/metrics", "200 admin-1"},
		{"/lanes/", "<html"},	    {"/cases/quotes?item=A", "200 loop-"},
	};

	IN_MACHINE
	CU_ASSERT_FATAL(typed("systemd-sysusers"));
	CU_ASSERT_FATAL(typed("systemctl enable --now lanes.target"));
	CU_ASSERT_FATAL(EVENTUALLY(all_run()));
	for (size_t i = 0; i < COUNT(asked); i++)
		if (!EVENTUALLY(answers(asked[i].path, asked[i].what)))
			CU_FAIL(asked[i].path);
}

/* Workers, those that look at all, and nginx are users of their own; and all is in its sandbox. */
static void nobody_is_root(void)
{
	static const struct {
		const char *service, *user;
	} of[] = {{"lanes-loop@1", "lanes"},
		  {"lanes-prefork", "lanes"},
		  {"lanes-admin", "lanes-admin"},
		  {"lanes-nginx", "lanes-nginx"}};

	IN_MACHINE
	for (size_t i = 0; i < COUNT(of); i++) {
		const char *pids = textf("$(systemctl show -P MainPID %s.service)", of[i].service);

		CU_ASSERT(machine_says(
			textf("ps -o user:20= -p %s; ps -o user:20= --ppid %s", pids, pids),
			of[i].user));
		CU_ASSERT(!strstr(
			machine_does(textf("ps -o user:20= -p %s --ppid %s", pids, pids))->out,
			"root"));
		CU_ASSERT(machine_says(
			textf("grep -E 'CapBnd|NoNewPrivs|^Seccomp:' /proc/%s/status", pids),
			"CapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2"));
	}
	CU_ASSERT(machine_says("journalctl -q LANES_EVENT=sandbox-incomplete | wc -l", "0\n"));
	CU_ASSERT(machine_says("journalctl -q | grep -c 'no scoreboard'", "0\n"));
	/* The admin worker sees what those of another user take. */
	CU_ASSERT(machine_says("curl -sS http://localhost:8080/metrics | "
			       "grep -c 'lanes_worker_memory_bytes.*loop-[12].* [1-9]'",
			       "2\n"));
}

static void the_journal_has_fields(void)
{
	const char *entry = "journalctl -q -n 1 -o json -u lanes-loop@1 LANES_EVENT=started "
			    "LANES_WORKER=loop-1";

	IN_MACHINE
	CU_ASSERT(machine_says(entry, "\"PRIORITY\":\"6\""));
	CU_ASSERT(machine_says(entry, "\"SYSLOG_IDENTIFIER\":\"lanes\""));
	CU_ASSERT(machine_says(entry, "\"LANES_THREADS\":\"40\""));
	CU_ASSERT(machine_says(entry, "\"MESSAGE\":\"worker=loop-1 pid="));
	CU_ASSERT(
		machine_says("systemctl status lanes-loop@1", "Status: \"workers that serve: 1\""));
}

/* ---- traffic ---- */

struct traffic {
	struct load *loads[2];
};

static struct load *send_some(const char *target, const char *type, struct slice content)
{
	return load_system(&site, PLAN(.target = target, .type = type, .content = content,
				       .connections = CLIENTS, .repeat = true, .may_fail = true,
				       .pause = 5000000));
}

static bool goes_on(struct traffic *t)
{
	return load_goes_on(t->loads[0], SOME) && load_goes_on(t->loads[1], SOME);
}

static struct traffic begin(void)
{
	struct traffic t = {
		{send_some("/async/await-one?seconds=0.02", NULL, slice_of("")),
		 send_some("/cases/json-stats", "application/json", slice_of("[1,2]"))}};

	CU_ASSERT_FATAL(goes_on(&t));
	return t;
}

struct lost {
	size_t gets, posts; /* that failed, or had to be sent again */
};

static struct lost end(struct traffic *t)
{
	struct lost lost = {0};

	for (int post = 0; post < 2; post++) {
		const struct load_result *result = load_wait(t->loads[post]);

		CU_ASSERT_EQUAL(result->unanswered, 0);
		*(post ? &lost.posts : &lost.gets) = result->failed + result->resent;
		printf("    %zu of %zu %s lost%s%s\n", result->failed, result->sent,
		       post ? "POSTs" : "GETs", result->failed ? ": " : "", result->failure);
	}
	return lost;
}

/* The worker of a service: its master's child. */
static const char *worker_of(const char *service)
{
	static char pid[16];
	const char *out =
		machine_does(textf("pgrep -P $(systemctl show -P MainPID %s.service)", service))
			->out;

	snprintf(pid, sizeof(pid), "%.*s", (int)strcspn(out, "\n"), out);
	return pid;
}

/* None of those before it drains any more. */
static bool has_one_worker(const char *service)
{
	return !strcmp(
		machine_does(textf("pgrep -c -P $(systemctl show -P MainPID %s.service)", service))
			->out,
		"1\n");
}

static bool is_another(const char *service, const char *before)
{
	const char *now_ = worker_of(service);

	return *now_ && strcmp(now_, before) != 0;
}

static void reload_replaces_workers(void)
{
	struct traffic traffic;
	struct lost lost;
	char before[16];

	IN_MACHINE
	traffic = begin();
	for (int i = 0; i < 3; i++) {
		snprintf(before, sizeof(before), "%s", worker_of("lanes-loop@2"));
		CU_ASSERT(typed("systemctl reload lanes.target"));
		CU_ASSERT(EVENTUALLY(is_another("lanes-loop@2", before)));
		CU_ASSERT(goes_on(&traffic));
	}
	lost = end(&traffic);
	CU_ASSERT_EQUAL(lost.gets, 0);
	CU_ASSERT_EQUAL(lost.posts, 0);
}

/* ---- what workers read ---- */

static bool loop_has(const char *field)
{
	return strstr(machine_does("journalctl -q -n 1 -o json -u lanes-loop@1 "
				   "LANES_EVENT=started LANES_WORKER=loop-1")
			      ->out,
		      field) != NULL;
}

/* Changed lines are those of successors; and where one is wrong there are none, and it is said why.
 */
static void reload_reads_the_configuration(void)
{
	struct traffic traffic;
	struct lost lost;
	char before[16];

	IN_MACHINE
	CU_ASSERT(machine_says("stat -c '%a %U %G' /etc/lanes/lanes.conf", "640 root lanes\n"));
	traffic = begin();
	CU_ASSERT(machine_did("echo 'threads = 7' >/etc/lanes/lanes.conf"));
	CU_ASSERT(machine_did("systemctl reload lanes.target"));
	CU_ASSERT(EVENTUALLY(loop_has("\"LANES_THREADS\":\"7\"")));
	CU_ASSERT(goes_on(&traffic));
	CU_ASSERT(EVENTUALLY(has_one_worker("lanes-loop@1")));
	snprintf(before, sizeof(before), "%s", worker_of("lanes-loop@1"));
	CU_ASSERT(machine_did("echo 'threads = many' >/etc/lanes/lanes.conf"));
	CU_ASSERT(machine_did("systemctl reload lanes-loop@1.service; [ $? != 0 ]"));
	CU_ASSERT(machine_says("journalctl -q -n 20 -u lanes-loop@1",
			       "/etc/lanes/lanes.conf:1: threads"));
	CU_ASSERT(goes_on(&traffic));
	CU_ASSERT_STRING_EQUAL(worker_of("lanes-loop@1"), before);
	CU_ASSERT(machine_did(": >/etc/lanes/lanes.conf"));
	CU_ASSERT(machine_did("systemctl reload lanes-loop@1.service"));
	CU_ASSERT(EVENTUALLY(loop_has("\"LANES_THREADS\":\"40\"")));
	lost = end(&traffic);
	CU_ASSERT_EQUAL(lost.gets, 0);
	CU_ASSERT_EQUAL(lost.posts, 0);
}

/* While a service has nobody, who connects waits for the next: systemd keeps the socket. */
static void restart_in_turn_loses_nothing(void)
{
	struct traffic traffic;
	struct lost lost;

	IN_MACHINE
	traffic = begin();
	for (int i = 1; i <= 2; i++) {
		CU_ASSERT(machine_did(textf("systemctl restart lanes-loop@%d.service", i)));
		CU_ASSERT(goes_on(&traffic));
	}
	lost = end(&traffic);
	CU_ASSERT_EQUAL(lost.gets, 0);
	CU_ASSERT_EQUAL(lost.posts, 0);
}

/* All of it, one time after the other: no unit has enough of that, and the port is there again. */
static void restarts_of_all_in_a_row(void)
{
	IN_MACHINE
	for (int i = 0; i < 8; i++)
		CU_ASSERT(machine_did("systemctl restart lanes.target"));
	CU_ASSERT(EVENTUALLY(all_run()));
	CU_ASSERT(EVENTUALLY(answers("/", "200 loop-")));
}

/* A worker, whose master starts another; and a master, whom systemd starts anew. Who waited for it
 * gets an error, if it was a POST. */
static void the_killed_come_back(void)
{
	struct traffic traffic;
	struct lost lost;
	char before[16];

	IN_MACHINE
	traffic = begin();
	snprintf(before, sizeof(before), "%s", worker_of("lanes-loop@1"));
	CU_ASSERT(machine_did(textf("kill -9 %s", before)));
	CU_ASSERT(EVENTUALLY(is_another("lanes-loop@1", before)));
	CU_ASSERT(goes_on(&traffic));
	CU_ASSERT(machine_did("systemctl kill -s KILL --kill-who=main lanes-loop@2.service"));
	CU_ASSERT(EVENTUALLY(
		!strcmp(machine_does("systemctl show -P NRestarts lanes-loop@2")->out, "1\n") &&
		all_run()));
	CU_ASSERT(goes_on(&traffic));
	lost = end(&traffic);
	CU_ASSERT_EQUAL(lost.gets, 0);
	CU_ASSERT(lost.posts <= 2 * CLIENTS);
}

/* ---- the watchdog ---- */

static const char *held_entries =
	"journalctl -q -o json -u lanes-loop@2 LANES_EVENT=worker-killed LANES_WHY=watchdog";

/* One loop is held. Its requests that are GETs go to the others, who lose nothing: what only they
 * get, and POSTs as well. */
static void a_held_loop_is_replaced(void)
{
	struct load *siblings;
	struct traffic traffic;
	struct lost lost;
	struct raw held;

	IN_MACHINE
	CU_ASSERT_FATAL(machine_did("mkdir -p /etc/systemd/system/lanes-loop@2.service.d && "
				    "printf '[Service]\\nWatchdogSec=2\\n' "
				    ">/etc/systemd/system/lanes-loop@2.service.d/10-mine.conf && "
				    "systemctl daemon-reload && systemctl restart lanes-loop@2"));
	CU_ASSERT_FATAL(EVENTUALLY(all_run()));
	siblings = send_some("/cpu-pool/cases/json-stats", "application/json", slice_of("[1,2]"));
	CU_ASSERT_FATAL(load_goes_on(siblings, SOME));
	/* Straight to its socket: nginx would choose. */
	CU_ASSERT_FATAL(raw_open(&held, machine_file("/run/lanes/worker-2.sock")));
	CU_ASSERT(raw_get(&held, 1, "/async/bad-blocking", "seconds=50"));
	traffic = begin();
	CU_ASSERT(EVENTUALLY(*machine_does(held_entries)->out));
	CU_ASSERT(goes_on(&traffic));
	lost = end(&traffic);
	CU_ASSERT_EQUAL(lost.gets, 0);
	CU_ASSERT(lost.posts <= CLIENTS);
	CU_ASSERT_EQUAL(load_wait(siblings)->failed, 0);
	CU_ASSERT(machine_says(held_entries, "\"LANES_ROUTE\":\"/async/bad-blocking\""));
	CU_ASSERT(machine_says(held_entries, "\"PRIORITY\":\"3\""));
	CU_ASSERT(machine_says(held_entries, "\"LANES_SECONDS\":\"2."));
	CU_ASSERT(machine_says(held_entries, "\"LANES_AT\":\"app/guide/tasks.c:"));
	CU_ASSERT(machine_says("journalctl -q -o json -u lanes-loop@2 LANES_EVENT=loop-held",
			       "\"LANES_FROM\":\"app/guide/async_bad_blocking.c:"));
	CU_ASSERT(typed("journalctl LANES_WHY=watchdog"));
	/* systemd was told in time: it has killed nobody. */
	CU_ASSERT(
		machine_says("journalctl -q -u lanes-loop@2 | grep -c 'Watchdog timeout'", "0\n"));
	CU_ASSERT(raw_closed(&held));
	raw_close(&held);
}

/* A master that does not speak any more is systemd's. */
static void a_silent_master_is_replaced(void)
{
	IN_MACHINE
	CU_ASSERT(machine_did("systemctl kill -s STOP --kill-who=main lanes-loop@2.service"));
	CU_ASSERT(EVENTUALLY(machine_does("journalctl -q -u lanes-loop@2 | "
					  "grep -q 'Watchdog timeout'")
				     ->status == 0));
	CU_ASSERT(EVENTUALLY(all_run()));
	CU_ASSERT(answers("/", "200 loop-"));
}

/* ---- jobs ---- */

/* A database in the machine, on a unix socket, which workers and those for jobs get to. */
static bool has_database(void)
{
	return machine_did("install -d -o postgres /var/lib/pg && setpriv --reuid postgres "
			   "--clear-groups /usr/lib/postgresql/*/bin/initdb -A trust -U lanes -D "
			   "/var/lib/pg >/dev/null && systemd-run -q --unit=pg -p User=postgres "
			   "-p RuntimeDirectory=pg sh -c 'exec /usr/lib/postgresql/*/bin/postgres "
			   "-D /var/lib/pg -k /run/pg -c listen_addresses='") &&
	       machine_did("mkdir -p /etc/lanes && echo 'database = host=/run/pg user=lanes "
			   "dbname=postgres' >/etc/lanes/lanes.conf");
}

static void jobs_are_done(void)
{
	static const char migrate[] =
		"/usr/local/bin/lanes --config /etc/lanes/lanes.conf --migrate";

	IN_MACHINE
	if (machine_does("ls /usr/lib/postgresql/*/bin/initdb")->status) {
		not_judged("PostgreSQL is not installed");
		return;
	}
	/* Without a database there is nothing to do. */
	CU_ASSERT(machine_did("systemctl start lanes-jobs@1.service"));
	CU_ASSERT(machine_says("systemctl is-active lanes-jobs@1.service", "inactive\n"));
	CU_ASSERT_FATAL(has_database());
	CU_ASSERT_FATAL(EVENTUALLY(machine_does(migrate)->status == 0));
	CU_ASSERT(machine_did("systemctl reload 'lanes-loop@*.service' && "
			      "systemctl enable --now lanes-jobs@1.service"));
	CU_ASSERT(EVENTUALLY(machine_does("curl -sS -f --json '{\"width\":64,\"height\":64}' "
					  "http://localhost:8080/cases/renders")
				     ->status == 0));
	CU_ASSERT(EVENTUALLY(machine_does("curl -sS -o /dev/null -w '%{content_type}' "
					  "http://localhost:8080/cases/renders/1 | grep image/png")
				     ->status == 0));
	CU_ASSERT(machine_says("ps -o user:20= -p $(systemctl show -P MainPID lanes-jobs@1)",
			       "lanes-jobs"));
	CU_ASSERT(machine_says("journalctl -q LANES_EVENT=sandbox-incomplete | wc -l", "0\n"));
}

/* ---- nginx ---- */

static void nginx_hears_of_another_worker(void)
{
	IN_MACHINE
	CU_ASSERT(typed("systemctl enable --now lanes-loop@3.service"));
	CU_ASSERT(EVENTUALLY(answers("/", "200 loop-3")));
	CU_ASSERT(
		machine_did("mkdir -p /etc/lanes && echo CLIENT_CONNS=none >/etc/lanes/nginx.env"));
	CU_ASSERT(machine_did("systemctl reload lanes-nginx.service; [ $? != 0 ]"));
	CU_ASSERT(machine_says("journalctl -q -u lanes-nginx", "a whole number from 1 to 65535"));
	CU_ASSERT(answers("/", "200 loop-"));
	CU_ASSERT(machine_did("rm /etc/lanes/nginx.env && systemctl reload lanes-nginx.service"));
	CU_ASSERT(answers("/", "200 loop-"));
	CU_ASSERT(machine_says("wc -l </var/log/lanes-nginx/access.log", "\n"));
	/* Without its socket, nothing starts it again. */
	CU_ASSERT(machine_did("systemctl disable --now lanes-loop@3.service && "
			      "systemctl stop lanes-loop@3.socket && "
			      "systemctl reload lanes-nginx.service"));
	CU_ASSERT(machine_did("[ ! -e /run/lanes/worker-3.sock ]"));
}

/* ---- the end ---- */

/* Requests in flight are answered, and then nothing is left. */
static void stop_waits_for_answers(void)
{
	const char *log;
	pid_t client;
	int status = -1;

	IN_MACHINE
	log = "/tmp/answers";
	client = machine_begins(
		textf("for i in 1 2 3 4 5 6 7 8; do curl -sS -m 30 -w '%%{http_code}\\n' "
		      "-o /dev/null 'http://localhost:%d/async/await-one?seconds=3' "
		      ">>%s & done; wait",
		      PORT, log));
	CU_ASSERT(EVENTUALLY(atoi(machine_does("curl -sS http://localhost:8080/metrics | awk "
					       "'/^lanes_requests_in_flight.*loop/ { n += $2 } "
					       "END { print n }'")
					  ->out) == 8));
	CU_ASSERT(typed("systemctl stop lanes.target lanes.slice"));
	waitpid(client, &status, 0);
	CU_ASSERT(machine_says(textf("grep -c 200 %s", log), "8\n"));
	CU_ASSERT(machine_says("systemctl list-units --no-legend 'lanes-*' | wc -l", "0\n"));
	CU_ASSERT(machine_says("ls /run/lanes", "board\n") &&
		  !strstr(machine_does("ls /run/lanes")->out, "sock"));
	CU_ASSERT(machine_says("pgrep -c -x 'lanes|nginx'", "0\n"));
}

static const struct test tests[] = {
	{"the lines of the README start all of it", its_lines_start_it},
	{"nobody is root, or has a privilege, and everybody is in a sandbox", nobody_is_root},
	{"the journal has fields", the_journal_has_fields},
	{"reload replaces workers, and no request is lost", reload_replaces_workers},
	{"reload reads the configuration, and refuses a wrong one", reload_reads_the_configuration},
	{"restarted one after the other, nothing is lost either", restart_in_turn_loses_nothing},
	{"all of it may be restarted again and again", restarts_of_all_in_a_row},
	{"a killed worker and a killed master come back", the_killed_come_back},
	{"a held loop is replaced: the journal says by which request, and siblings lose nothing",
	 a_held_loop_is_replaced},
	{"a master that is silent is replaced", a_silent_master_is_replaced},
	{"workers for jobs do what others enqueue", jobs_are_done},
	{"nginx hears of another worker, and takes no wrong configuration",
	 nginx_hears_of_another_worker},
	{"stop waits for answers, and leaves nothing", stop_waits_for_answers},
};

const struct suite systemd_suite = {"systemd", tests, COUNT(tests), .setup = boot, .cleanup = halt};
