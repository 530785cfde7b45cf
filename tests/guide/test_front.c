/* What nginx does of itself, as its template says: whom it answers, what it takes, how much of it
 * one client may have. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"

SUITE_SYSTEM(lanes, .prefork = 1, .cpu = 1,
	     .environment = STRINGS("SERVER_NAMES=lanes.example *.lanes.example",
				    "ADMIN_FROM=127.0.0.2 127.0.3.0/24"))

static char answer[65536];

/* Asks for a target with further header lines, each with its line break. */
static int ask(const char *method, const char *target, const char *lines, const char *body)
{
	char request[8192];
	int len = snprintf(request, sizeof(request),
			   "%s %s HTTP/1.1\r\nConnection: close\r\n%s\r\n%s", method, target, lines,
			   body);

	exchange(&lanes, "127.0.0.1", request, (size_t)len, answer, sizeof(answer));
	return strncmp(answer, "HTTP/1.1 ", 9) ? 0 : atoi(answer + 9);
}

static bool refused(int status, int wanted, const char *detail)
{
	bool ok = status == wanted && strstr(answer, "\r\nContent-Type: application/json\r\n") &&
		  strstr(answer, "\r\nCache-Control: no-store\r\n") && strstr(answer, detail) &&
		  !strstr(answer, "\r\nX-Lanes-Worker:");

	if (!ok)
		printf("    %d instead of %d: %s\n", status, wanted, answer);
	return ok;
}

/* ---- paths ---- */

static void what_has_no_route_is_the_applications(void)
{
	static const char *const targets[] = {"/cases", "/prefork/cases", "/cpu-pool/cases",
					      "/cases/", "/casesx"};

	for (size_t i = 0; i < COUNT(targets); i++) {
		CU_ASSERT_EQUAL(ask("GET", targets[i], "Host: localhost\r\n", ""), 404);
		CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\r\nX-Lanes-Worker: "));
		CU_ASSERT_PTR_NOT_NULL(strstr(answer, "{\"detail\":\"Not Found\"}"));
		CU_ASSERT_PTR_NULL(strstr(answer, "\r\nLocation: "));
	}
}

/* ---- names ---- */

static void answers_to_its_names_only(void)
{
	static const char *const ours[] = {"localhost",	  "LOCALHOST:1",    "127.0.0.1",
					   "127.0.0.1:8", "[::1]:8080",	    "lanes.example",
					   "localhost.",  "a.lanes.example"};
	static const char *const others[] = {"evil.example",	"evil.example:8080", "127.0.0.1.x",
					     "lanes.example.x", "127.0.0.2",	     "localhost.x"};
	static const char *const targets[] = {"/",	 "/status",  "/prefork/",
					      "/lanes/", "/healthz", "/nowhere"};

	for (size_t i = 0; i < COUNT(ours); i++)
		CU_ASSERT_EQUAL(ask("GET", "/status", textf("Host: %s\r\n", ours[i]), ""), 200);
	for (size_t i = 0; i < COUNT(others); i++)
		CU_ASSERT(refused(ask("GET", targets[i], textf("Host: %s\r\n", others[i]), ""), 421,
				  "\r\n\r\n{\"detail\":\"Misdirected Request\"}"));
	CU_ASSERT(refused(ask("GET", "http://evil.example/status", "Host: localhost\r\n", ""), 421,
			  "Misdirected Request"));
	exchange(&lanes, "127.0.0.1", "GET /readyz HTTP/1.0\r\n\r\n", 24, answer, sizeof(answer));
	CU_ASSERT_PTR_NOT_NULL(strstr(answer, " 200 OK\r\n"));
}

#define FROM(site) "Host: localhost\r\nSec-Fetch-Site: " site "\r\n"

static void other_sites_reach_the_page_only(void)
{
	static const char *const refusals[] = {"/async/bad-blocking",
					       "/prefork/",
					       "/cpu-pool/",
					       "/exercise/",
					       "/status",
					       "/events",
					       "/trace",
					       "/nowhere",
					       "/openapi.json",
					       "/lanesx"};
	static const char *const sites[] = {FROM("same-origin"), FROM("same-site"), FROM("none")};

	for (size_t i = 0; i < COUNT(refusals); i++)
		CU_ASSERT(refused(ask("GET", refusals[i], FROM("cross-site"), ""), 403,
				  "\r\n\r\n{\"detail\":\"Forbidden\"}"));
	CU_ASSERT_EQUAL(ask("GET", "/", FROM("cross-site") "Accept: text/html\r\n", ""), 200);
	CU_ASSERT_PTR_NOT_NULL(strstr(answer, "<!DOCTYPE html>"));
	CU_ASSERT_EQUAL(ask("GET", "/lanes/app.js", FROM("cross-site"), ""), 200);
	CU_ASSERT_EQUAL(ask("GET", "/docs", FROM("cross-site"), ""), 302);
	CU_ASSERT_PTR_NOT_NULL(strstr(answer, "Location: /lanes/#docs\r\n"));
	for (size_t i = 0; i < COUNT(sites); i++)
		CU_ASSERT_EQUAL(ask("GET", "/async/await-one?seconds=0", sites[i], ""), 200);
}

/* ---- requests ---- */

static void takes_no_body(void)
{
	static const char *const targets[] = {"/", "/prefork/", "/cpu-pool/", "/status",
					      "/healthz"};
	static const char *const lines[] = {
		"Host: localhost\r\nContent-Length: 12\r\n",
		"Host: localhost\r\nContent-Length: 2\r\n",
		"Host: localhost\r\nTransfer-Encoding: chunked\r\n",
	};

	for (size_t i = 0; i < COUNT(targets); i++)
		for (size_t j = 0; j < COUNT(lines); j++)
			CU_ASSERT(refused(ask("POST", targets[i], lines[j], "2\r\nab\r\n0\r\n\r\n"),
					  413,
					  "\r\n\r\n{\"detail\":\"Request Entity Too Large\"}"));
	CU_ASSERT(refused(ask("POST", "/lanes/", lines[0], "2\r\nab\r\n0\r\n\r\n"), 413,
			  "\r\n\r\n{\"detail\":\"Request Entity Too Large\"}"));
	CU_ASSERT_EQUAL(ask("POST", "/", "Host: localhost\r\nContent-Length: 0\r\n", ""), 405);
}

static void q_0_is_no_wish_for_the_page(void)
{
	static const struct {
		const char *accept;
		bool page;
	} wishes[] = {{"text/html", true},
		      {"TEXT/HTML", true},
		      {"application/json, text/html;q=0.1, */*", true},
		      {"text/html;level=1;q=0.01", true},
		      {"text/html ; q=1", true},
		      {"a/b;q=0, text/html", true},
		      {"text/html;q=0", false},
		      {"a/b, text/html ; level=1 ; q=0.000 , */*", false},
		      {"text/htmlx", false},
		      {"xtext/html", false},
		      {"*/*", false}};

	for (size_t i = 0; i < COUNT(wishes); i++) {
		CU_ASSERT_EQUAL(ask("GET", "/",
				    textf("Host: localhost\r\nAccept: %s\r\n", wishes[i].accept),
				    ""),
				200);
		CU_ASSERT_EQUAL(strstr(answer, "<!DOCTYPE html>") != NULL, wishes[i].page);
	}
}

/* ---- probes ---- */

static void probes_do_not_wait_for_traces(void)
{
	pid_t admin = worker_pid(&lanes, "admin-1");

	CU_ASSERT_FATAL(admin > 0);
	kill(admin, SIGSTOP); /* as long as it takes, it computes a trace */
	CU_ASSERT_STRING_EQUAL(get(&lanes, "/healthz")->body, "ok\n");
	CU_ASSERT_STRING_EQUAL(get(&lanes, "/readyz")->body, "ready\n");
	kill(admin, SIGCONT);
	CU_ASSERT_EQUAL(get(&lanes, "/status")->status, 200);
}

/* ---- too much ---- */

/* With FILES, nginx takes (FILES - 64) connections for each of its processes, which are as many as
 * cores, four at most. */
enum { FILES = 700, ROOM_FOR_ALL = 4 * (FILES - 64) };

/* A start that may only have so many open files, and may not change that. */
static void start_small(struct system *s)
{
	struct outcome outcome;

	*s = (struct system){0};
	system_at(s, port_free(), directory_make());
	CU_ASSERT_FATAL(succeeds(
		&outcome, STRINGS("sh", "-c", textf("ulimit -n %d && exec spawn/start.sh", FILES)),
		STRINGS(s->port_variable, s->run_dir_variable, "WORKERS=1", "PREFORK_WORKERS=0",
			"CPU_WORKERS=0")));
}

static void half_headers_lock_nobody_out(void)
{
	static int fds[ROOM_FOR_ALL];
	static const char half[] = "GET / HTTP/1.1\r\nHost: local";
	struct system s;
	double start;

	if (!needs_files(ROOM_FOR_ALL + 100))
		return;
	start_small(&s);
	start = now();
	for (size_t i = 0; i < ROOM_FOR_ALL; i++) {
		fds[i] = tcp_open(s.port); /* the last may be turned away */
		send(fds[i], half, sizeof(half) - 1, MSG_NOSIGNAL);
	}
	CU_ASSERT(EVENTUALLY(get(&s, "/")->status == 200));
	printf("    %d half-sent headers: room for others after %.1f s\n", ROOM_FOR_ALL,
	       now() - start);
	IN_TIME(now() - start < 20);
	for (size_t i = 0; i < ROOM_FOR_ALL; i++)
		close(fds[i]);
	CU_ASSERT(system_stop(&s));
}

/* A third of the connections is the share of one address; two of them are one request. */
static void one_address_leaves_room_for_others(void)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n"
				      "Connection: close\r\n\r\n";
	struct system s;
	struct load *burst;
	const struct load_result *result;

	if (!needs_files(ROOM_FOR_ALL + 100))
		return;
	start_small(&s);
	burst = load_system(&s, PLAN(.target = "/async/await-one?seconds=8",
				     .connections = ROOM_FOR_ALL / 2, .may_fail = true));
	CU_ASSERT(EVENTUALLY(get(&s, "/")->status == 429 || load_answered(burst)));
	CU_ASSERT_STRING_EQUAL(get(&s, "/")->body, "{\"detail\":\"Too Many Requests\"}");
	exchange(&s, "127.0.0.2", request, sizeof(request) - 1, answer, sizeof(answer));
	CU_ASSERT_PTR_NOT_NULL(strstr(answer, " 200 OK\r\n"));
	CU_ASSERT_EQUAL(get(&s, "/healthz")->status, 200);
	IN_TIME(!load_answered(burst));
	result = load_wait(burst);
	CU_ASSERT(result->answered > 0 && result->failed > 0);
	CU_ASSERT_EQUAL(get(&s, "/")->status, 200);
	CU_ASSERT(system_stop(&s));
}

/* ---- the cases ---- */

/* An array of so many numbers, on every pool that answers it; and what is too long for nginx. */
static void the_cases_take_bodies(void)
{
	static const char *const pools[] = {"", "/cpu-pool", "/prefork"};
	enum { NUMBERS = 300000, TOO_LONG = 16 * 1024 * 1024 + 1 };
	static const char send[] =
		"{ printf '[1'; yes ,1 | head -n \"$2\" | tr -d '\\n'; echo ']'; } |"
		"curl -sS --noproxy '*' --json @- \"$1\"";
	struct outcome outcome;

	for (size_t i = 0; i < COUNT(pools); i++) {
		const char *url = textf("%s%s/cases/json-stats", lanes.url, pools[i]);

		run(&outcome, STRINGS("sh", "-c", send, "sh", url, textf("%d", NUMBERS - 1)), NULL,
		    -1);
		CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, textf("\"integers\":%d,", NUMBERS)));
	}
	/* One is enough: nginx waits for the rest of it for a while. */
	CU_ASSERT(refused(ask("POST", "/cases/json-stats",
			      textf("Host: localhost\r\nContent-Length: %d\r\n", TOO_LONG), ""),
			  413, "Request Entity Too Large"));
}

/* What stands in for services elsewhere is for this machine. */
/* Its body is on the way. Whoever gets a 413 gives up for good; a 502 may be tried again. */
static void a_post_whose_worker_dies_is_a_502(void)
{
	static const char request[] =
		"POST /cases/json-stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
		"Content-Type: application/json\r\nContent-Length: 24\r\n\r\n[1";
	int fd = tcp_open(lanes.port);
	size_t len = 0;
	ssize_t n;

	CU_ASSERT_FATAL(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0);
	CU_ASSERT_FATAL(EVENTUALLY(
		strstr(get(&lanes, "/metrics")->body,
		       "lanes_requests_in_flight{worker=\"loop-1\",pool=\"loop\"} 1\n") != NULL));
	kill(system_worker(&lanes, 1), SIGKILL);
	while (len < sizeof(answer) - 1 &&
	       (n = recv(fd, answer + len, sizeof(answer) - 1 - len, 0)) > 0)
		len += (size_t)n;
	answer[len] = '\0';
	close(fd);
	CU_ASSERT(refused(atoi(answer + 9), 502, "{\"detail\":\"Bad Gateway\"}"));
	CU_ASSERT(EVENTUALLY(
		file_has(system_file(&lanes, "access.log"),
			 "\"method\":\"POST\",\"uri\":\"/cases/json-stats\",\"status\":502,")));
}

static void outside_is_for_this_machine(void)
{
	static const char of_another[] = "GET /outside/suppliers/1/price?item=tea HTTP/1.0\r\n\r\n";
	const struct response *response = get(&lanes, "/outside/suppliers/1/price?item=tea");

	CU_ASSERT_EQUAL(response->status, 200);
	CU_ASSERT_STRING_EQUAL(header(response, "X-Lanes-Worker"), "outside-1");
	exchange(&lanes, "127.0.0.2", of_another, sizeof(of_another) - 1, answer, sizeof(answer));
	CU_ASSERT_EQUAL(atoi(answer + 9), 403);
	CU_ASSERT_EQUAL(get(&lanes, "/cases/quotes?item=tea&within=5")->status, 200);
	CU_ASSERT_EQUAL(get(&lanes, "/cases/digest/index.html")->status, 200);
}

/* Of those who are not 127.0.0.1, as whom this machine comes. */
static void what_goes_on_is_shown_to_those_named(void)
{
	static const char request[] = "GET /status?text HTTP/1.0\r\n\r\n";
	static const struct {
		const char *from;
		int status;
	} askers[] = {
		{"127.0.0.1", 200}, {"127.0.0.2", 200}, {"127.0.3.9", 200}, {"127.0.4.9", 403}};

	for (size_t i = 0; i < COUNT(askers); i++) {
		exchange(&lanes, askers[i].from, request, sizeof(request) - 1, answer,
			 sizeof(answer));
		CU_ASSERT_EQUAL(atoi(answer + 9), askers[i].status);
	}
}

static const struct test tests[] = {
	{"what has no route is the application's to answer", what_has_no_route_is_the_applications},
	{"who is called by another name answers 421 (DNS rebinding)", answers_to_its_names_only},
	{"what other sites make a browser ask is refused, but for the page",
	 other_sites_reach_the_page_only},
	{"where no route takes one, a body is a 413, whole or in chunks", takes_no_body},
	{"text/html;q=0 is no wish for the page", q_0_is_no_wish_for_the_page},
	{"/healthz and /readyz do not wait for the admin worker", probes_do_not_wait_for_traces},
	{"half-sent headers do not lock others out", half_headers_lock_nobody_out},
	{"one address leaves connections for others", one_address_leaves_room_for_others},
	{"a POST whose worker dies is a 502", a_post_whose_worker_dies_is_a_502},
	{"the cases take bodies, on every pool", the_cases_take_bodies},
	{"what stands in for services elsewhere is for this machine", outside_is_for_this_machine},
	{"what goes on is shown to those whom ADMIN_FROM names",
	 what_goes_on_is_shown_to_those_named},
};

const struct suite front_suite = {"front", tests, COUNT(tests), set_up, tear_down};
