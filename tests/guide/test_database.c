/*
 * /cases/orders and /cases/events, through nginx, with a PostgreSQL that does what it can: is
 * stopped under clients, locked, asked over TLS. What they answer is compared with what FastAPI
 * answers on the same database (tests/oracle/orders_exchanges.py).
 */
#include <libpq-fe.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "../support/postgres.h"

enum { NOT_HERE = 77, CLIENTS = 100, ORDERS = 1000 };

static struct postgres postgres;
static struct system sys;

static bool has_tables(const char *url)
{
	struct outcome outcome;

	return succeeds(&outcome, STRINGS(program(), "--migrate"),
			STRINGS(textf("LANES_DATABASE=%s", url)));
}

static int set_up(void)
{
	static const char *const settings[] = {"max_connections=200", NULL};

	return !postgres_open(&postgres, settings) || !has_tables(postgres.url) ||
	       !system_start(&sys, SYSTEM(.workers = 1, .prefork = 2,
					  .environment =
						  STRINGS(textf("DATABASE_URL=%s", postgres.url))));
}

static int tear_down(void)
{
	int left = !system_stop(&sys);

	postgres_close(&postgres);
	return left;
}

/* Whatever was there before. */
static bool has_orders(void)
{
	return postgres_do(&postgres, "TRUNCATE orders RESTART IDENTITY") &&
	       postgres_do(&postgres,
			   textf("INSERT INTO orders (item, quantity) SELECT 'item ' || n, "
				 "n %% 1000 + 1 FROM generate_series(1, %d) n",
				 ORDERS));
}

/* ---- beside FastAPI ---- */

/* What both answer; which: NULL, or what the script knows besides. False: it cannot be judged. */
static bool answers_as_fastapi(const char *url, const char *variable, const char *which)
{
	static struct outcome outcome;

	run(&outcome,
	    STRINGS("/usr/bin/python3", "-B", "tests/oracle/orders_exchanges.py", url, which),
	    STRINGS(variable), -1);
	if (outcome.status == NOT_HERE) {
		not_judged("FastAPI 0.92 is not here");
		return false;
	}
	CU_ASSERT_EQUAL(outcome.status, 0);
	printf("    %s", outcome.out);
	return true;
}

static void answers_are_fastapis(void)
{
	const char *const prefixes[] = {"", "/prefork"};

	for (size_t i = 0; i < COUNT(prefixes); i++) {
		CU_ASSERT(postgres_do(&postgres, "TRUNCATE orders RESTART IDENTITY"));
		if (!answers_as_fastapi(textf("%s%s", sys.url, prefixes[i]), postgres.variable,
					NULL))
			return;
	}
}

/* ---- clients ---- */

static struct clients {
	pid_t pid;
	char log[DIRECTORY_SIZE + 16];
} clients;

static void clients_begin(const struct system *system, const char *what, int count)
{
	snprintf(clients.log, sizeof(clients.log), "%s/clients.log", postgres.directory);
	unlink(clients.log);
	clients.pid =
		process_start(STRINGS("/usr/bin/python3", "-B", "tests/guide/database_clients.py",
				      what, system->url, textf("%d", count)),
			      NULL, clients.log);
}

static double last_number(const char *text, const char *name)
{
	const char *last = NULL;

	for (const char *at = text; (at = strstr(at, textf("\"%s\": ", name))); at++)
		last = at + strlen(name) + 4;
	return last ? strtod(last, NULL) : 0;
}

/* How many there were until a moment ago. */
static double counted(const char *what)
{
	return last_number(file_text(clients.log), what);
}

/* How many right answers there are in a second, during the next one. */
static double rate(void)
{
	const char *text = file_text(clients.log);
	double begun = last_number(text, "at");
	double before = last_number(text, "right");

	CU_ASSERT(EVENTUALLY(last_number((text = file_text(clients.log)), "at") >= begun + 1));
	return (last_number(text, "right") - before) / (last_number(text, "at") - begun);
}

static void clients_end(void)
{
	kill(clients.pid, SIGTERM);
	CU_ASSERT(EVENTUALLY(file_has(clients.log, "over ")));
	waitpid(clients.pid, NULL, 0);
	clients.pid = 0;
}

/* Whatever the test has come to. */
static void after(void)
{
	if (clients.pid) {
		kill(clients.pid, SIGKILL);
		waitpid(clients.pid, NULL, 0);
		clients.pid = 0;
	}
}

static int status_of(const char *target)
{
	return get(&sys, target)->status;
}

static void stopped_under_clients(void)
{
	double usual;
	double again;
	double before;
	double back;

	CU_ASSERT_FATAL(has_orders());
	clients_begin(&sys, "ask", CLIENTS);
	CU_ASSERT_FATAL(EVENTUALLY(counted("right") > 200));
	usual = rate();
	CU_ASSERT_EQUAL(status_of("/readyz"), 200);
	postgres_end(&postgres, SIGINT);
	CU_ASSERT_FATAL(EVENTUALLY(counted("refused") > 200));
	CU_ASSERT(EVENTUALLY(status_of("/readyz") == 503));
	/* Processes that wait for a request know it, too. */
	CU_ASSERT(EVENTUALLY(!strstr(get(&sys, "/status")->body, "\"state\":\"up\"")));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(get(&sys, "/status")->body, "\"database\":{\"state\":\"down\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(get(&sys, "/metrics")->body,
				      "lanes_db_up{worker=\"loop-1\",pool=\"loop\"} 0"));
	get(&sys, "/cases/orders/1");
	CU_ASSERT_FATAL(postgres_start(&postgres));
	back = now();
	before = counted("right");
	CU_ASSERT_FATAL(EVENTUALLY(counted("right") > before + 200));
	IN_TIME(now() - back < 2);
	CU_ASSERT(EVENTUALLY(status_of("/readyz") == 200));
	CU_ASSERT(EVENTUALLY(counted("at") >= back + 2));
	again = rate();
	printf("    %.0f right answers in a second, %.0f two seconds after its return\n", usual,
	       again);
	IN_TIME(again > 0.8 * usual);
	clients_end();
	printf("    %s", strstr(file_text(clients.log), "over "));
	CU_ASSERT_EQUAL(counted("wrong"), 0);
	CU_ASSERT_EQUAL(counted("failed"), 0);
	CU_ASSERT_EQUAL(counted("other"), 0);
	IN_TIME(counted("longest") < 5.5); /* --database-wait */
}

/* Who waits for a connection does so for a second here, and for what it has asked two. */
static void silent_under_clients(void)
{
	enum { HALTED = 5 };
	struct system own;
	double since;
	double before;

	CU_ASSERT_FATAL(has_orders());
	CU_ASSERT_FATAL(system_start(
		&own,
		SYSTEM(.workers = 1,
		       .environment = STRINGS(textf("DATABASE_URL=%s", postgres.url),
					      "LANES_DATABASE_WAIT=1", "LANES_DATABASE_LIMIT=2"))));
	clients_begin(&own, "ask", CLIENTS);
	CU_ASSERT_FATAL(EVENTUALLY(counted("right") > 200));
	postgres_signal(&postgres, SIGSTOP);
	since = now();
	CU_ASSERT(EVENTUALLY(now() >= since + HALTED));
	CU_ASSERT(counted("late") > 0);
	before = counted("right");
	postgres_signal(&postgres, SIGCONT);
	since = now();
	CU_ASSERT(EVENTUALLY(counted("right") > before + 200));
	IN_TIME(now() - since < 2);
	clients_end();
	printf("    %s", strstr(file_text(clients.log), "over "));
	CU_ASSERT_EQUAL(counted("wrong"), 0);
	CU_ASSERT_EQUAL(counted("failed"), 0);
	CU_ASSERT_EQUAL(counted("other"), 0);
	IN_TIME(counted("longest") < 3.5);
	CU_ASSERT(system_stop(&own));
}

/* Statements that wait for a lock are ended when their clients leave, and nobody else's. */
static void clients_that_leave(void)
{
	static const char waiting[] =
		"SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
		"AND query LIKE '%FROM orders WHERE id = $1%' AND pid <> "
		"pg_backend_pid()";
	PGconn *other = PQconnectdb(postgres.url);
	char left[64]; /* by PostgreSQL's clock */
	double seconds;

	CU_ASSERT_FATAL(has_orders());
	PQclear(PQexec(other, "BEGIN; LOCK TABLE orders"));
	clients_begin(&sys, "ask", CLIENTS);
	CU_ASSERT_FATAL(EVENTUALLY(atoi(postgres_ask(&postgres, waiting)) == 8));
	snprintf(left, sizeof(left), "%s", postgres_ask(&postgres, "SELECT clock_timestamp()"));
	after();
	CU_ASSERT(EVENTUALLY(atoi(postgres_ask(&postgres, waiting)) == 0));
	seconds = atof(postgres_ask(
		&postgres,
		textf("SELECT extract(epoch FROM clock_timestamp() - '%s'::timestamptz)", left)));
	printf("    nobody works for them any more after %.0f ms\n", seconds * 1000);
	IN_TIME(seconds < 0.2); /* with nginx, and the end of the clients */
	PQclear(PQexec(other, "COMMIT"));
	PQfinish(other);
	CU_ASSERT_EQUAL(status_of("/cases/orders/1"), 200);
}

/* A client of a prefork process; its socket. */
static int ask_prefork(const char *target)
{
	const char *text =
		textf("GET %s/prefork%s HTTP/1.1\r\nHost: localhost\r\n\r\n", sys.mount, target);
	int fd = tcp_open(sys.port);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	return fd;
}

static int sleeping(void)
{
	return atoi(postgres_ask(&postgres, "SELECT count(*) FROM pg_stat_activity WHERE state = "
					    "'active' AND query LIKE 'SELECT pg_sleep%'"));
}

/* Both processes wait for the database, as long as they may. */
static void clients_of_processes_that_leave(void)
{
	int fds[2];
	double left;

	for (int i = 0; i < 2; i++)
		fds[i] = ask_prefork("/cases/slow-query?seconds=10");
	CU_ASSERT_FATAL(EVENTUALLY(sleeping() == 2));
	left = now();
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	CU_ASSERT(EVENTUALLY(sleeping() == 0));
	CU_ASSERT(now() - left < 8);
	IN_TIME(now() - left < 0.5); /* with PostgreSQL's look at its connection, each 0.1 s */
	CU_ASSERT_EQUAL(status_of("/prefork/cases/slow-query?seconds=0"), 200);
}

static bool is_occupied(int process)
{
	return strstr(get(&sys, "/metrics")->body,
		      textf("lanes_requests_in_flight{worker=\"prefork-%d\",pool=\"prefork\"} 1\n",
			    process)) != NULL;
}

/* Both processes have somebody who listens, and no event for as long as the heartbeat. */
static void listeners_of_processes_that_leave(void)
{
	char head[12];
	int fds[2];
	double left;

	CU_ASSERT_FATAL(has_orders());
	left = now();
	for (int i = 0; i < 2; i++)
		fds[i] = ask_prefork("/cases/events");
	CU_ASSERT_FATAL(EVENTUALLY(is_occupied(1) && is_occupied(2)));
	/* Their heads do not wait for what comes next, a heartbeat after 15 s. */
	for (int i = 0; i < 2; i++)
		CU_ASSERT(recv(fds[i], head, sizeof(head), 0) == sizeof(head));
	CU_ASSERT(now() - left < 12);
	CU_ASSERT(!memcmp(head, "HTTP/1.1 200", sizeof(head)));
	left = now();
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	CU_ASSERT_EQUAL(status_of("/prefork/cases/orders/1"), 200);
	CU_ASSERT(now() - left < 10);
	IN_TIME(now() - left < 2);
}

static long statements(void)
{
	const char *at = strstr(get(&sys, "/status")->body, "\"statements\":");

	return at ? atol(at + strlen("\"statements\":")) : 0;
}

/* All of them hear of each order, once, in their order; one of them reads. */
static void many_listen(void)
{
	enum { LISTENERS = 500, NEWS = 20 };
	long before;

	if (!needs_connections(LISTENERS))
		return;
	CU_ASSERT_FATAL(has_orders());
	clients_begin(&sys, "listen", LISTENERS);
	CU_ASSERT_FATAL(EVENTUALLY(counted("listening") == LISTENERS));
	before = statements();
	for (int i = 1; i <= NEWS; i++) {
		postgres_ask(&postgres, "INSERT INTO orders (item, quantity) VALUES ('tea', 1)");
		postgres_ask(&postgres, "NOTIFY orders");
		CU_ASSERT_FATAL(EVENTUALLY(counted("right") == (double)LISTENERS * i));
	}
	CU_ASSERT(statements() - before < LISTENERS);
	/* A connection for each worker that anybody has ever listened to. */
	CU_ASSERT(atoi(postgres_ask(&postgres,
				    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE "
				    "'LISTEN%' AND pid <> pg_backend_pid()")) <= 3);
	clients_end();
	CU_ASSERT_EQUAL(counted("wrong"), 0);
	CU_ASSERT_EQUAL(counted("failed"), 0);
}

/* As many as there are, from the first on, in their order, however they are kept. */
static void what_was_missed_comes(void)
{
	CU_ASSERT_FATAL(has_orders());
	for (int i = 0; i < 3; i++) {
		const struct outcome *outcome;

		setenv("F", postgres.directory, 1);
		outcome = shell(textf(
			"seq %d >want; : >got; "
			"curl -sN -H 'Last-Event-ID: 0-0' %s/cases/events >got & "
			"n=0; while [ $(grep -c ^data: got) != %d ] && [ $((n += 1)) -lt 600 ]; "
			"do sleep 0.1; done; kill $!; "
			"sed -n 's/^data: {\"id\":\\([0-9]*\\),.*/\\1/p' got | diff - want | wc -l",
			ORDERS, sys.url, ORDERS));
		CU_ASSERT_STRING_EQUAL(outcome->out, "0\n");
	}
	unsetenv("F");
}

/* … or invented: it would be waited for long, and by all who listen there. */
static void a_place_of_another_database_is_now(void)
{
	const struct outcome *outcome;

	CU_ASSERT_FATAL(has_orders());
	setenv("F", postgres.directory, 1);
	outcome = shell(
		textf("cd \"$F\"; : >far; : >near; "
		      "curl -sN -H 'Last-Event-ID: 999999999-1' %s/cases/events >far & far=$!; "
		      "curl -sN %s/cases/events >near & near=$!; n=0; "
		      "until grep -q ^data: far && grep -q ^data: near; do "
		      "[ $((n += 1)) -lt 300 ] || break; "
		      "curl -s -H 'Content-Type: application/json' -d "
		      "'{\"item\":\"tea\",\"quantity\":1}' "
		      "%s/cases/orders >made; sleep 0.1; done; kill $far $near; "
		      "grep -l ^data: far near",
		      sys.url, sys.url, sys.url));
	CU_ASSERT_STRING_EQUAL(outcome->out, "far\nnear\n");
	unsetenv("F");
}

/* ---- over TCP ---- */

/* The order that is asked for, of a system of its own. */
static int status_with(const char *url)
{
	struct system own;
	int status = 0;

	if (system_start(&own, SYSTEM(.workers = 1,
				      .environment = STRINGS(textf("DATABASE_URL=%s", url)))))
		EVENTUALLY((status = get(&own, "/cases/orders/1")->status) == 200 ||
			   system_log_has(&own, "database-down"));
	if (status != 200)
		status = get(&own, "/cases/orders/1")->status;
	if (status != 200)
		printf("    %s",
		       shell(textf("grep -h database-down %s/worker.log", own.run_dir))->out);
	/* The driver that blocks has a connection of its own. */
	CU_ASSERT_EQUAL(get(&own, "/cases/slow-query/blocking?seconds=0")->status, status);
	CU_ASSERT(system_stop(&own));
	return status;
}

/* By name, over TLS that is looked at, with a password; in the sandbox. */
static void over_tls(void)
{
	struct postgres secure;
	uint16_t port = port_free();
	struct outcome outcome;
	const char *ca;

	CU_ASSERT_FATAL(postgres_open(&secure, STRINGS(textf("port=%d", port))));
	setenv("F", secure.directory, 1);
	ca = textf("%s/ca.pem", secure.directory);
	run(&outcome,
	    STRINGS("/bin/sh", "-c",
		    "cd \"$F\" && openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out "
		    "ca.pem "
		    "-subj /CN=test -days 2 && openssl req -newkey rsa:2048 -nodes -keyout "
		    "data/server.key -subj /CN=localhost -out server.csr && printf "
		    "'subjectAltName=DNS:localhost\\n' >san && openssl x509 -req -in server.csr "
		    "-CA "
		    "ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out "
		    "data/server.crt && "
		    "openssl req -x509 -newkey rsa:2048 -nodes -keyout o.key -out other.pem -subj "
		    "/CN=other -days 2 && chmod 644 *.pem && chmod 600 data/server.key && chown "
		    "--reference=data data/server.*"),
	    NULL, -1);
	CU_ASSERT_EQUAL_FATAL(outcome.status, 0);
	CU_ASSERT(has_tables(secure.url) &&
		  postgres_do(&secure,
			      "INSERT INTO orders (item, quantity) VALUES ('tea', 1); "
			      "CREATE ROLE app LOGIN PASSWORD 'a secret'; GRANT ALL ON orders "
			      "TO app"));
	CU_ASSERT(file_write(textf("%s/data/pg_hba.conf", secure.directory),
			     "local all all trust\nhostssl all app all scram-sha-256\n"));
	postgres_end(&secure, SIGINT);
	secure.settings = STRINGS(textf("port=%d", port), "listen_addresses=127.0.0.1", "ssl=on");
	CU_ASSERT_FATAL(postgres_start(&secure));
	CU_ASSERT_EQUAL(status_with(textf("postgresql://app:a%%20secret@localhost:%d/"
					  "postgres?sslmode=verify-full&sslrootcert=%s",
					  port, ca)),
			200);
	CU_ASSERT_EQUAL(status_with(textf("postgres://app:a%%20secret@127.0.0.1:%d/"
					  "postgres?sslmode=require",
					  port)),
			200);
	CU_ASSERT_EQUAL(status_with(textf("postgresql://app:a%%20secret@localhost:%d/"
					  "postgres?sslmode=verify-full&sslrootcert=%s/other.pem",
					  port, secure.directory)),
			503);
	CU_ASSERT_EQUAL(status_with(textf("postgresql://app:wrong@127.0.0.1:%d/postgres", port)),
			503);
	unsetenv("F");
	postgres_close(&secure);
}

static void without_one(void)
{
	const struct response *response;
	struct system own;

	CU_ASSERT_FATAL(system_start(&own, SYSTEM(.workers = 1)));
	response = get(&own, "/cases/orders/1");
	CU_ASSERT_EQUAL(response->status, 503);
	CU_ASSERT_STRING_EQUAL(
		response->body,
		"{\"detail\":\"no database: make run DATABASE=private brings one\"}");
	CU_ASSERT_STRING_EQUAL(header(response, "Retry-After"), "1");
	CU_ASSERT_EQUAL(get(&own, "/cases/events")->status, 503);
	CU_ASSERT_EQUAL(get(&own, "/cases/slow-query")->status, 503);
	response = get(&own, "/cases/slow-query/blocking");
	CU_ASSERT_EQUAL(response->status, 503);
	CU_ASSERT_STRING_EQUAL(
		response->body,
		"{\"detail\":\"no database: make run DATABASE=private brings one\"}");
	CU_ASSERT_EQUAL(get(&own, "/readyz")->status, 200);
	CU_ASSERT_PTR_NULL(strstr(get(&own, "/status")->body, "\"database\""));
	CU_ASSERT(system_stop(&own));
}

/* A system with this database that starts: what it says on stderr, in one line at most. */
static const char *start_with(struct system *own, const char *url)
{
	static struct outcome outcome;

	system_at(own, port_free(), directory_make());
	run_script(&outcome, "spawn/start.sh",
		   STRINGS(own->port_variable, own->run_dir_variable, "WORKERS=1",
			   "PREFORK_WORKERS=1", "CPU_WORKERS=0", textf("DATABASE_URL=%s", url)));
	CU_ASSERT_EQUAL(outcome.status, 0);
	return outcome.errors;
}

static void answers(struct system *own, const char *target, int status, const char *body)
{
	const struct response *response = get(own, target);

	CU_ASSERT_EQUAL(response->status, status);
	CU_ASSERT_STRING_EQUAL(response->body, body);
	if (status == 503)
		CU_ASSERT_STRING_EQUAL(header(response, "Retry-After"), "1");
}

static void tables_that_are_missing(void)
{
	static const char missing[] = "tables are missing in the database: make migrate makes them";
	static const char *const targets[] = {"/cases/orders/1", "/cases/renders/1",
					      "/prefork/cases/orders/1"};
	struct postgres empty;
	struct system own;

	CU_ASSERT_FATAL(postgres_open(&empty, NULL));
	CU_ASSERT_STRING_EQUAL(start_with(&own, empty.url), textf("lanes: %s\n", missing));
	answers(&own, "/readyz", 503, textf("not ready: loop prefork (%s)\n", missing));
	for (size_t i = 0; i < COUNT(targets); i++)
		answers(&own, targets[i], 503, textf("{\"detail\":\"%s\"}", missing));
	CU_ASSERT_PTR_NOT_NULL(strstr(get(&own, "/status")->body, "\"state\":\"no-tables\""));
	CU_ASSERT_EQUAL(get(&own, "/")->status, 200);
	CU_ASSERT_EQUAL(get(&own, "/cases/slow-query?seconds=0")->status, 200);
	answers_as_fastapi(own.url, empty.variable, "missing");

	/* It is said until they are there, and no worker is started anew. */
	CU_ASSERT(script_works(&own, "migrate.sh", NULL));
	CU_ASSERT(EVENTUALLY(get(&own, "/readyz")->status == 200));
	for (size_t i = 0; i < COUNT(targets); i++)
		CU_ASSERT_EQUAL(get(&own, targets[i])->status, 404);
	CU_ASSERT(system_log_has(&own, "event=tables-there"));

	/* Some of an older program's are not all. */
	CU_ASSERT(postgres_do(&empty, "DELETE FROM lanes_migrations WHERE component = 'cases'; "
				      "DROP TABLE orders"));
	CU_ASSERT(script_works(&own, "restart.sh", NULL));
	CU_ASSERT(EVENTUALLY(!strcmp(get(&own, "/readyz")->body,
				     textf("not ready: loop prefork (%s)\n", missing))));
	CU_ASSERT_EQUAL(get(&own, "/cases/renders/1")->status, 404);
	CU_ASSERT(system_stop(&own));
	postgres_close(&empty);
}

static void a_database_that_does_not_answer(void)
{
	static const char body[] = "{\"detail\":\"the database does not answer\"}";
	static const char *const targets[] = {
		"/cases/orders/1", "/cases/events", "/cases/slow-query?seconds=0",
		"/cases/slow-query/blocking?seconds=0", "/prefork/cases/orders/1"};
	const char *url = textf("postgresql://u:s3cr3t@127.0.0.1:%d/x", port_free());
	const char *said;
	struct system own;

	said = start_with(&own, url);
	CU_ASSERT_STRING_EQUAL(said, textf("lanes: the database does not answer, and what needs "
					   "it is a 503: see %s/worker.log\n",
					   own.run_dir));
	answers(&own, "/readyz", 503, "not ready: loop prefork (the database does not answer)\n");
	for (size_t i = 0; i < COUNT(targets); i++)
		answers(&own, targets[i], 503, body);
	CU_ASSERT_EQUAL(get(&own, "/")->status, 200);
	answers_as_fastapi(own.url, textf("LANES_DATABASE=%s", url), "missing");
	CU_ASSERT(system_stop(&own));
}

static const struct test tests[] = {
	{"orders and events are answered as FastAPI does", answers_are_fastapis},
	{"stopped under 100 clients, and started again", stopped_under_clients},
	{"silent for five seconds under 100 clients", silent_under_clients},
	{"statements of clients that leave are ended", clients_that_leave},
	{"so are those that a process waits for", clients_of_processes_that_leave},
	{"500 listen, and one reads", many_listen},
	{"processes are free when their listeners leave", listeners_of_processes_that_leave},
	{"what was missed comes", what_was_missed_comes},
	{"a place of another database is now", a_place_of_another_database_is_now},
	{"over TLS, by name, with a password", over_tls},
	{"tables that are missing: who starts it is told, and who asks", tables_that_are_missing},
	{"one that does not answer: the same", a_database_that_does_not_answer},
	{"without one it is a 503 that says what brings one", without_one},
};

const struct suite database_suite = {"database", tests,	    COUNT(tests),
				     set_up,	 tear_down, .after = after};
