/* The example of app/examples behind its own nginx.conf, with curl, on both engines. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/raw.h"
#include "../support/system.h"

static struct worker worker;
static const char *folder;
static pid_t nginx;

static void begin_nginx(void)
{
	const char *log = textf("%s/error.log", folder);
	const char *command;
	int port = port_free();

	setenv("ON", textf("http://127.0.0.1:%d", port), 1);
	command = textf("{ %s sed 's|@PORT@|%d|; s|@SOCKET@|%s|; s|@PAPERS@|%s/papers|' "
			"\"$OLDPWD\"/app/examples/nginx.conf; } >nginx.conf && mkdir temp",
			geteuid() ? "" : "echo 'user root;';", port, worker.socket, folder);
	CU_ASSERT_EQUAL_FATAL(shell(command)->status, 0);
	nginx = process_start(STRINGS("/usr/sbin/nginx", "-p", folder, "-c",
				      textf("%s/nginx.conf", folder), "-e", log),
			      NULL, log);
	CU_ASSERT_FATAL(EVENTUALLY(!shell("curl -sS $ON/orders/1")->status));
}

/* accel: nginx sends the papers. */
static void begin(const char *engine, bool accel)
{
	folder = directory_make();
	setenv("F", folder, 1);
	setenv("T", "Authorization: Bearer secret", 1);
	CU_ASSERT_EQUAL_FATAL(shell("mkdir spool papers papers/old && "
				    "echo 'these are the terms' >papers/terms && "
				    "echo 'those were' >'papers/old/terms?' && "
				    "ln -s /etc/passwd papers/out")
				      ->status,
			      0);
	CU_ASSERT_FATAL(worker_start_program(
		&worker, built("orders"),
		STRINGS("--engine", engine, "--spool", textf("%s/spool", folder), "--scoreboard",
			textf("%s/board", folder), "--doctor", "off"), /* it takes memory */
		STRINGS(textf("ORDERS_PAPERS=%s/papers", folder),
			accel ? "ORDERS_ACCEL=/accel/" : "ORDERS_ACCEL")));
	begin_nginx();
}

static void end(void)
{
	kill(nginx, SIGQUIT);
	waitpid(nginx, NULL, 0);
	worker_stop(&worker);
	directory_remove(folder);
}

static const char *const engines[] = {"loop", "prefork"};

/* On both engines. */
static void on_both(void (*check)(void), bool accel)
{
	for (int i = 0; i < 2; i++) {
		begin(engines[i], accel);
		check();
		end();
	}
}

static bool create(void)
{
	return says("curl -sS -i -H \"$T\" -H 'Content-Type: application/json' -d '{\"item\":\"a "
		    "\\\"tea\\\"\",\"quantity\":3}' "
		    "$ON/orders",
		    "HTTP/1.1 201 Created");
}

/* A test of what is the same on both engines. */
struct both {
	void (*check)(void);
};

static void the_same_on_both(void)
{
	on_both(((const struct both *)harness_test()->data)->check, false);
}

/* ---- the handlers ---- */

static void check_handlers(void)
{
	CU_ASSERT(create());
	CU_ASSERT(says("curl -sS -d '{\"item\":\"x\",\"quantity\":3}' -i $ON/orders",
		       "HTTP/1.1 401 Unauthorized"));
	CU_ASSERT(says("curl -sS $ON/orders/1", "{\"id\":1,\"item\":\"a \\\"tea\\\"\","));
	CU_ASSERT(says("curl -sS \"$ON/orders?least=3&confirmed=no&limit=1\"", "[{\"id\":1,"));
	CU_ASSERT(says("curl -sS $ON/orders/1/estimate", "{\"price\":28.50,\"days\":2}"));
	CU_ASSERT(says("curl -sS -X POST -H \"$T\" $ON/orders/1/confirm", "\"confirmed\":true"));
	CU_ASSERT(EVENTUALLY(file_has(worker.log, "event=confirmed")));
	CU_ASSERT(says("curl -sS -i $ON/orders.csv", "Content-Type: text/csv\r\n"));
	CU_ASSERT(says("curl -sS $ON/orders.csv",
		       "id,item,quantity,confirmed\r\n1,\"a \"\"tea\"\"\",3,true\r\n"));
}

static void check_metric(void)
{
	struct worker admin;

	CU_ASSERT(create());
	CU_ASSERT_FATAL(worker_start(&admin,
				     STRINGS("--routes", "admin", "--pool", "admin", "--scoreboard",
					     textf("%s/board", folder)),
				     NULL));
	CU_ASSERT(raw_asked(admin.socket, "/metrics", "orders_created_total{"));
	worker_stop(&admin);
}

/* ---- files ---- */

static void check_upload(void)
{
	CU_ASSERT(create());
	shell("head -c 8388608 /dev/urandom >$F/big");
	CU_ASSERT(says("curl -sS -w '%{http_code}' $ON/orders/1/attachment", "404"));
	CU_ASSERT(says("curl -sS -w '%{http_code}' -H \"$T\" -T $F/big $ON/orders/1/attachment",
		       "204"));
	CU_ASSERT(says("curl -sS $ON/orders/1/attachment | cmp - $F/big && echo same", "same"));
	CU_ASSERT(says("curl -sS -I $ON/orders/1/attachment", "Content-Length: 8388608\r\n"));
	CU_ASSERT(says("curl -sS -w '%{http_code}' -T $F/big $ON/orders/1/attachment", "401"));
	CU_ASSERT(says("head -c 20000000 /dev/zero | curl -sS -w '%{http_code}' -H \"$T\" -T - "
		       "$ON/orders/1/attachment",
		       "413"));
	CU_ASSERT(says("curl -sS $ON/orders/1/attachment | cmp - $F/big && echo same", "same"));
	CU_ASSERT(says("echo other | curl -sS -w '%{http_code}' -H \"$T\" -T - "
		       "$ON/orders/1/attachment",
		       "204"));
	CU_ASSERT(says("curl -sS $ON/orders/1/attachment", "other"));
}

static void check_tag(void)
{
	CU_ASSERT(create());
	shell("echo one | curl -sS -H \"$T\" -T - $ON/orders/1/attachment");
	CU_ASSERT(says("cd $F && curl -sS --etag-save tag $ON/orders/1/attachment && "
		       "curl -sS --etag-compare tag -w '%{http_code}' $ON/orders/1/attachment",
		       "one\n304"));
	CU_ASSERT(says("cd $F && curl -sS -i --etag-compare tag $ON/orders/1/attachment",
		       "Cache-Control: no-cache\r\n"));
	shell("echo two | curl -sS -H \"$T\" -T - $ON/orders/1/attachment");
	CU_ASSERT(says("cd $F && curl -sS --etag-compare tag -w '%{http_code}' "
		       "$ON/orders/1/attachment",
		       "two\n200"));
}

static void check_papers(void)
{
	CU_ASSERT(says("curl -sS -i $ON/papers/terms", "these are the terms\n"));
	CU_ASSERT(says("curl -sS -i $ON/papers/terms",
		       "Content-Type: text/plain; charset=utf-8\r\n"));
	CU_ASSERT(says("curl -sS -i $ON/papers/terms", "Last-Modified: "));
	CU_ASSERT(says("curl -sS -I $ON/papers/terms", "Content-Length: 20\r\n"));
	CU_ASSERT(says("curl -sS $ON/papers/old/terms%3F", "those were"));
	CU_ASSERT(says("curl -sS -w '%{http_code}' $ON/papers/other", "404"));
	CU_ASSERT(says("cd $F && curl -sS -R -o terms $ON/papers/terms && "
		       "curl -sS -z terms -w '%{http_code}' $ON/papers/terms",
		       "304"));
}

static void a_folder_is_served_from_here(void)
{
	on_both(check_papers, false);
	begin("loop", false);
	CU_ASSERT(says("curl -sS -w '%{http_code}' $ON/papers/out", "404"));
	CU_ASSERT(says("curl -sS -w '%{http_code}' $ON/papers/old", "404"));
	CU_ASSERT(says("curl -sS -w '%{http_code}' -r 6-8 $ON/papers/terms", "200"));
	end();
}

static void or_by_nginx(void)
{
	on_both(check_papers, true);
	begin("loop", true);
	CU_ASSERT(says("curl -sS -w '%{http_code}' -r 6-8 $ON/papers/terms", "are206"));
	CU_ASSERT(says("curl -sS -w '%{http_code}' $ON/accel/terms", "404")); /* for nginx only */
	end();
}

/* The order's own stays open. */
static bool one_is_open(void)
{
	return process_open(worker.pid, "/spool/") == 1;
}

static void who_leaves_leaves_nothing(void)
{
	begin("loop", false);
	CU_ASSERT(create());
	shell("head -c 8000000 /dev/zero | curl -sS -H \"$T\" -T - $ON/orders/1/attachment");
	CU_ASSERT(one_is_open());
	/* Killed: at its --max-time curl may send the end of a body that it has read from a pipe,
	 * and what came until then is an attachment like any other. */
	shell("head -c 8000000 /dev/zero | timeout -s KILL 0.5 curl -s --limit-rate 1M -H \"$T\" "
	      "-T - $ON/orders/1/attachment");
	CU_ASSERT(EVENTUALLY(one_is_open()));
	shell("curl -s -o /dev/null --limit-rate 1M --max-time 0.5 $ON/orders/1/attachment");
	CU_ASSERT(EVENTUALLY(one_is_open()));
	CU_ASSERT(says("curl -sS $ON/orders/1/attachment | wc -c", "8000000"));
	end();
}

/* It waits in the file, and nobody waits for its client. */
static void what_nobody_reads_is_not_read(void)
{
	struct raw reader;
	struct raw other;
	static char bytes[65536];
	ssize_t rest = 15000000;
	ssize_t n;
	long before;

	begin("loop", false);
	CU_ASSERT(create());
	shell("head -c 16000000 /dev/zero | curl -sS -H \"$T\" -T - $ON/orders/1/attachment");
	before = process_status(worker.pid, "VmRSS");
	CU_ASSERT_FATAL(raw_open(&reader, worker.socket));
	CU_ASSERT_FATAL(raw_open(&other, worker.socket));
	CU_ASSERT(raw_gets(&reader, 1, "/orders/1/attachment", "", "Content-Length: 16000000"));
	for (int i = 1; i <= 50; i++)
		CU_ASSERT(raw_gets(&other, i, "/orders/1", "", textf("END %d ", i)));
	if (MEMORY_COUNTS)
		CU_ASSERT(process_status(worker.pid, "VmHWM") < before + 4096);
	while (rest > 0 && (n = recv(reader.fd, bytes, sizeof(bytes), 0)) > 0)
		rest -= n;
	CU_ASSERT(rest <= 0);
	raw_close(&reader);
	raw_close(&other);
	end();
}

/* ---- who may ask, and how often ---- */

static void check_cors(void)
{
#define PREFLIGHT                                                                                  \
	"curl -sS -i -X OPTIONS -H 'Access-Control-Request-Method: POST' -H "                      \
	"'Access-Control-Request-Headers: authorization' $ON/orders -H "
#define FROM_PAGE "curl -sS -i -H 'Origin: https://example.org' "
	static const char *const errors[] = {FROM_PAGE "$ON/nothing", FROM_PAGE "$ON/orders/1/",
					     FROM_PAGE "-X DELETE $ON/orders",
					     FROM_PAGE "$ON/orders/one"};

	CU_ASSERT(create());
	CU_ASSERT(says(PREFLIGHT "'Origin: https://example.org'", "HTTP/1.1 204 No Content"));
	CU_ASSERT(says(PREFLIGHT "'Origin: https://example.org'",
		       "Access-Control-Allow-Origin: https://example.org\r\n"));
	CU_ASSERT(says(PREFLIGHT "'Origin: https://example.org'",
		       "Access-Control-Allow-Methods: GET, POST, PUT\r\n"));
	CU_ASSERT(says(PREFLIGHT "'Origin: https://other.org' | grep -c Access-Control", "0\n"));
	CU_ASSERT(says("curl -sS -i -X OPTIONS $ON/orders/1", "Allow: GET, HEAD, OPTIONS\r\n"));
	CU_ASSERT(says("curl -sS -i -H 'Origin: https://example.org' $ON/orders/1",
		       "Access-Control-Allow-Origin: https://example.org\r\n"));
	for (size_t i = 0; i < COUNT(errors); i++)
		CU_ASSERT(says(errors[i], "Access-Control-Allow-Origin: https://example.org\r\n"));
	CU_ASSERT(says("curl -sS -i $ON/orders/1", "Vary: Origin\r\n"));
	CU_ASSERT(says("curl -sS -i $ON/orders/1 | grep -c Access-Control", "0\n"));
}

/* 21 at once, and then ten in a second. */
static void who_asks_too_often_is_slowed_down(void)
{
	begin("loop", false);
	CU_ASSERT(says("curl -sS -o /dev/null -w '%{http_code}\\n' \"$ON/orders?limit=[1-20]\" | "
		       "sort | uniq -c",
		       "20 200\n"));
	CU_ASSERT(says("curl -sS -o /dev/null -w '%{http_code}\\n' \"$ON/orders?n=[1-2000]\" | "
		       "sort -u | tr '\\n' ' '",
		       "200 429 "));
	CU_ASSERT(says("curl -sS -i \"$ON/orders?n=[1-2000]\" | grep -m 1 Retry-After",
		       "Retry-After: 1"));
	CU_ASSERT(says("curl -sS -w '%{http_code}' $ON/orders/1", "404")); /* another location */
	end();
}

static const struct test tests[] = {
	{"every handler answers, on both engines", the_same_on_both,
	 &(const struct both){check_handlers}},
	{"what happened is counted", the_same_on_both, &(const struct both){check_metric}},
	{"an upload of 8 MB is served back", the_same_on_both, &(const struct both){check_upload}},
	{"who has it is told so", the_same_on_both, &(const struct both){check_tag}},
	{"a folder is served from here", a_folder_is_served_from_here},
	{"or by nginx, with ranges", or_by_nginx},
	{"who leaves leaves nothing", who_leaves_leaves_nothing},
	{"what nobody reads is not read", what_nobody_reads_is_not_read},
	{"pages of another site may ask", the_same_on_both, &(const struct both){check_cors}},
	{"who asks too often is slowed down", who_asks_too_often_is_slowed_down},
};

const struct suite shop_suite = {"shop", tests, COUNT(tests)};
