/* What app/cases depend on is made to fail: what is promised then, on a loop and in a process. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "../support/raw.h"
#include "../support/scripted.h"

#define MAIL(query)                                                                                \
	"begin 1, params 1 REQUEST_METHOD=POST&PATH_INFO=/cases/mail&QUERY_STRING=" query          \
	"&CONTENT_TYPE=application/json, params-end 1, stdin 1 "                                   \
	"{\"to\":\"ann@example.org\"|\"subject\":\"s\"|\"text\":\"t\"}, stdin-end 1"
#define PAYMENT                                                                                    \
	"begin 1, params 1 REQUEST_METHOD=POST&PATH_INFO=/cases/payments&"                         \
	"CONTENT_TYPE=application/json&HTTP_IDEMPOTENCY_KEY=k, params-end 1, stdin 1 "             \
	"{\"order\":\"a\"|\"amount\":5}, stdin-end 1"
#define QUOTES	     "request 1 REQUEST_METHOD=GET&PATH_INFO=/cases/quotes&QUERY_STRING=item=tea"
#define DIGEST(name) "request 1 REQUEST_METHOD=GET&PATH_INFO=/cases/digest/" name

enum { OPTIONS = 16 };

static const char *const engines[] = {"loop", "prefork"};
static const char *files; /* folder */
static struct scripted other;
static struct worker worker;

static void before(void)
{
	files = directory_make_for_all();
	other.pid = 0;
}

static void after(void)
{
	worker_stop(&worker);
	scripted_stop(&other);
	directory_remove(files);
}

/* A worker with these options; NULL behind the last. */
static void begin(const char *engine, const char *const *options)
{
	const char *all[OPTIONS] = {"--engine", engine, "--files", files};
	size_t count = 4;

	while (options && *options && count < OPTIONS - 1)
		all[count++] = *options++;
	CU_ASSERT_FATAL(worker_start(&worker, all, NULL));
}

/* Asks, with "|" for ",": scripts have commas between commands. What is answered has all of these;
 * "" wants nothing. */
static void tells(const char *script, const char *status, const char *body)
{
	char asked[1024];
	struct raw raw;

	snprintf(asked, sizeof(asked), "%s", script);
	for (char *at = asked; (at = strchr(at, '|'));)
		*at = ',';
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
	CU_ASSERT(raw_tells(&raw, asked, "END 1"));
	CU_ASSERT_PTR_NOT_NULL(strstr(raw.text.data, textf("Status: %s", status)));
	CU_ASSERT_PTR_NOT_NULL(strstr(raw.text.data, body));
	if (!strncmp(status, "503", 3))
		CU_ASSERT_PTR_NOT_NULL(strstr(raw.text.data, "Retry-After: 1"));
	if (!strstr(raw.text.data, status) || !strstr(raw.text.data, body))
		printf("    %s\n    not %s %s:\n%s\n", asked, status, body, raw.text.data);
	raw_close(&raw);
}

/* ---- mail ---- */

struct mail_fault {
	const char *script; /* of the server; NULL: there is none */
	const char *login;  /* in the URL */
	const char *tls;
	const char *status;
	const char *body;
};

#define READY "220 hi\r\n|250 me\r\n|"

static const struct mail_fault mail_faults[] = {
	{NULL, "", "offered", "503", "Service Unavailable"},
	{"hold", "", "offered", "504", "Gateway Timeout"},
	{READY "250 ok\r\n|250 ok\r\n|354 go\r\n|hold", "", "offered", "504", "Gateway Timeout"},
	/* A byte at a time: as soon as it is taken, or it is late. */
	{"drip 220 hi\r\n|drip 250 me\r\n|drip 250 ok\r\n|250 ok\r\n|354 go\r\n|drip 250 "
	 "taken\r\n|",
	 "", "offered", "200", "\"sent\":true"},
	{"drip 220 this is a greeting of more than thirty letters\r\n|hold", "", "offered", "504",
	 "Gateway Timeout"},
	{READY "250 ok\r\n|250 ok\r\n|354 go\r\n|drip 250 nobody waits for the end of that\r\n|",
	 "", "offered", "504", "Gateway Timeout"},
	{"reset", "", "offered", "503", "Service Unavailable"},
	{"", "", "offered", "503", "Service Unavailable"},
	{"220 hi\r\n|", "", "offered", "503", "Service Unavailable"},
	{"554 nobody lives here\r\n|", "", "offered", "502", "the mail server said 554"},
	{"421 too busy\r\n|", "", "offered", "503", "the mail server said 421"},
	{READY "501 not you\r\n|", "", "offered", "502", "the mail server said 501"},
	{READY "250 ok\r\n|450 not now\r\n|", "", "offered", "503", "the mail server said 450"},
	{READY "250 ok\r\n|250 ok\r\n|552 too long\r\n|", "", "offered", "502",
	 "the mail server said 552"},
	{READY "250 ok\r\n|250 ok\r\n|354 go\r\n|554 not that\r\n|", "", "offered", "502",
	 "the mail server said 554"},
	{"220 hi\r\n|250-me\r\n250 AUTH PLAIN\r\n|535 who?\r\n|", "ann:secret@", "offered", "502",
	 "the mail server said 535"},
	/* It is slow to say goodbye: nobody waits for that. */
	{READY "250 ok\r\n|250 ok\r\n|354 go\r\n|250 taken\r\n|hold", "", "offered", "200",
	 "\"sent\":true"},
	{READY "250 ok\r\n|", "", "required", "502", "there is no TLS with the mail server"},
	{"220 hi\r\n|250-me\r\n250 STARTTLS\r\n|220 go\r\n|no TLS this is\r\n|", "", "offered",
	 "502", "there is no TLS with the mail server"},
};

static void mail_servers_fail(void)
{
	for (size_t e = 0; e < COUNT(engines); e++)
		for (size_t i = 0; i < COUNT(mail_faults); i++) {
			const struct mail_fault *fault = &mail_faults[i];

			other.port = port_free();
			if (fault->script)
				scripted_start(&other, fault->script);
			begin(engines[e],
			      STRINGS("--mail",
				      textf("smtp://%s127.0.0.1:%d", fault->login, other.port),
				      "--mail-tls", fault->tls, "--mail-timeout",
				      strstr(fault->status, "504") ? "0.3" : "30"));

			tells(MAIL(""), fault->status, fault->body);
			worker_stop(&worker);
			scripted_stop(&other);
		}
}

static void without_a_mail_server_it_says_what_brings_one(void)
{
	for (size_t e = 0; e < COUNT(engines); e++) {
		begin(engines[e], NULL);
		tells(MAIL(""), "503", "make run MAIL_URL=smtp://HOST:PORT");
		worker_stop(&worker);
	}
}

static void what_fails_after_the_answer_is_in_the_log(void)
{
	scripted_start(&other, "554 no\r\n|");
	for (size_t e = 0; e < COUNT(engines); e++) {
		begin(engines[e], STRINGS("--mail", textf("smtp://127.0.0.1:%d", other.port)));
		tells(MAIL("later=true"), "202", "\"sent\":false");
		CU_ASSERT(EVENTUALLY(file_has(worker.log, "event=mail-failed")));
		CU_ASSERT(file_has(worker.log, "code=554"));
		worker_stop(&worker);
	}
}

/* Whoever is on the way to an answer has it: a worker that drains sends the mails that it owes. */
static void a_worker_that_drains_sends_them_first(void)
{
	scripted_start(&other, READY "250 ok\r\n|250 ok\r\n|354 go\r\n|250 taken\r\n|221 bye\r\n");
	begin("loop", STRINGS("--mail", textf("smtp://127.0.0.1:%d", other.port)));
	tells(MAIL("later=true"), "202", "\"sent\":false");
	kill(worker.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&worker), 0);
	CU_ASSERT_FALSE(file_has(worker.log, "event=mail-failed"));
}

static pid_t postbox(uint16_t port, const char *kind, const char *name, const char *password)
{
	const char *arguments[] = {"/usr/bin/python3",
				   "-B",
				   "tests/oracle/postbox.py",
				   textf("%d", port),
				   textf("%s/mails", files),
				   kind,
				   textf("%s/cert", files),
				   textf("%s/key", files),
				   name,
				   password,
				   NULL};
	pid_t pid = process_start(arguments, NULL, textf("%s/postbox.log", files));

	unlink(textf("%s/mails", files));
	CU_ASSERT(EVENTUALLY(access(textf("%s/mails", files), F_OK) == 0 || process_ended(pid)));
	return pid;
}

static void make_certificate(void)
{
	struct outcome outcome;

	CU_ASSERT_FATAL(succeeds(&outcome,
				 STRINGS("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
					 "-days", "2", "-subj", "/CN=localhost", "-addext",
					 "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
					 textf("%s/key", files), "-out", textf("%s/cert", files)),
				 NULL));
}

static void mail_goes_through_tls_and_a_login(void)
{
	static const struct {
		const char *kind;
		const char *login;
		bool trusts;
		const char *status;
		const char *body;
	} rows[] = {
		{"smtp", "ann:se%20cret@", true, "200", "\"sent\":true"},
		{"smtps", "ann:se%20cret@", true, "200", "\"sent\":true"},
		{"smtp", "ann:se%20cret@", false, "502", "there is no TLS"},
		{"smtps", "ann:se%20cret@", false, "502", "there is no TLS"},
		{"smtp", "ann:wrong@", true, "502", "the mail server said 535"},
		{"smtp", "", true, "502", "the mail server said 530"},
	};

	make_certificate();
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint16_t port = port_free();
		pid_t server = postbox(port, rows[i].kind, "ann", "se cret");
		const char *url = textf("%s://%s127.0.0.1:%d", rows[i].kind, rows[i].login, port);

		begin(engines[i % 2], STRINGS("--mail", url, rows[i].trusts ? "--mail-ca" : NULL,
					      textf("%s/cert", files)));
		tells(MAIL(""), rows[i].status, rows[i].body);
		CU_ASSERT_EQUAL(file_has(textf("%s/mails", files), "authenticated=True"),
				!strcmp(rows[i].status, "200"));
		worker_stop(&worker);
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
}

/* ---- others ---- */

#define HTTP(status, length) "|HTTP/1.1 " status "\r\nContent-Length: " length "\r\n\r\n"

struct gateway_fault {
	const char *script; /* NULL: there is nobody */
	const char *status;
};

static const struct gateway_fault gateway_faults[] = {
	{NULL, "503"},
	{"|hold", "504"},
	{HTTP("201 Created", "40") "half of it|hold", "504"},
	{"|reset", "502"},
	{"|", "502"},
	{"|garbage\r\n\r\n", "502"},
	{HTTP("500 Internal Server Error", "0"), "502"},
	{HTTP("200 OK", "16") "{\"payment\":\"p-1\"}", "502"},
	{HTTP("302 Found", "0"), "502"},
	{HTTP("201 Created", "40") "half of it", "502"},
	{HTTP("201 Created", "0"), "502"},
	{HTTP("201 Created", "2") "{}", "502"},
	{HTTP("201 Created", "13") "{\"payment\":1}", "502"},
	{HTTP("201 Created", "5") "[\"p\"]", "502"},
	{HTTP("201 Created", "99999999") "{\"payment\":|hold", "504"},
	{HTTP("402 Payment Required", "0"), "402"},
	{HTTP("201 Created", "17") "{\"payment\":\"p-1\"}", "201"},
};

static void a_gateway_fails(void)
{
	for (size_t e = 0; e < COUNT(engines); e++)
		for (size_t i = 0; i < COUNT(gateway_faults); i++) {
			const struct gateway_fault *fault = &gateway_faults[i];

			other.port = port_free();
			if (fault->script)
				scripted_start(&other, fault->script);
			begin(engines[e],
			      STRINGS("--outside", textf("http://127.0.0.1:%d", other.port),
				      "--payment-timeout",
				      strcmp(fault->status, "504") ? "30" : "0.3"));

			tells(PAYMENT, fault->status,
			      strcmp(fault->status, "201") ? "detail" : "p-1");
			worker_stop(&worker);
			scripted_stop(&other);
		}
}

static void a_gateway_that_is_silent_holds_up_nobody_else(void)
{
	struct raw raw;

	scripted_start(&other, "|hold");
	begin("loop", STRINGS("--outside", textf("http://127.0.0.1:%d", other.port), "--threads",
			      "1", "--payment-timeout", "60"));
	CU_ASSERT(file_write(textf("%s/hello", files), "hello"));
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
	for (int i = 0; i < 20; i++) {
		char script[512];

		snprintf(script, sizeof(script),
			 "begin %d, params %d REQUEST_METHOD=POST&PATH_INFO=/cases/payments&"
			 "CONTENT_TYPE=application/json&HTTP_IDEMPOTENCY_KEY=k, params-end %d, "
			 "stdin %d {\"order\":\"a\"|\"amount\":5}, stdin-end %d",
			 i + 2, i + 2, i + 2, i + 2, i + 2);
		*strchr(script, '|') = ',';
		CU_ASSERT(raw_send(&raw, script));
	}
	tells(DIGEST("hello"), "200", "\"bytes\":5");
	raw_close(&raw);
}

static void suppliers_fail(void)
{
	static const struct {
		const char *script;
		const char *body;
	} rows[] = {
		{NULL, "\"quotes\":[],\"late\":[],\"failed\":[1,2,3]"},
		{"|hold", "\"quotes\":[],\"late\":[1,2,3],\"failed\":[]"},
		{"|reset", "\"quotes\":[],\"late\":[],\"failed\":[1,2,3]"},
		{HTTP("404 Not Found", "0"), "\"quotes\":[],\"late\":[],\"failed\":[1,2,3]"},
		{HTTP("200 OK", "13") "{\"price\":\"1\"}", "\"failed\":[1,2,3]"},
		{HTTP("200 OK", "13") "{\"price\":1.5}", "\"failed\":[1,2,3]"},
		{HTTP("200 OK", "22") "{\"price\":123456789012}", "\"failed\":[1,2,3]"},
		{HTTP("200 OK", "5") "price", "\"failed\":[1,2,3]"},
		{HTTP("200 OK", "99999") "{\"price\":1}|hold", "\"failed\":[1,2,3]"},
		{HTTP("200 OK", "11") "{\"price\":7}",
		 "\"quotes\":[{\"supplier\":1,\"price\":7},{\"supplier\":2,\"price\":7},"
		 "{\"supplier\":3,\"price\":7}],\"late\":[],\"failed\":[]"},
	};

	for (size_t e = 0; e < COUNT(engines); e++)
		for (size_t i = 0; i < COUNT(rows); i++) {
			bool late = rows[i].script && !strcmp(rows[i].script, "|hold");

			other.port = port_free();
			if (rows[i].script)
				scripted_start(&other, rows[i].script);
			begin(engines[e],
			      STRINGS("--outside", textf("http://127.0.0.1:%d", other.port)));
			tells(late ? QUOTES "&within=0.2" : QUOTES "&within=10", "200",
			      rows[i].body);
			worker_stop(&worker);
			scripted_stop(&other);
		}
}

static void without_others_it_says_what_brings_them(void)
{
	begin("loop", NULL);
	tells(QUOTES, "503", "--outside URL");
	tells(PAYMENT, "503", "--outside URL");
}

/* ---- files ---- */

/* A sparse one: reading it takes a while. */
static void make_large(const char *path, off_t size)
{
	CU_ASSERT(file_write(path, "x"));
	CU_ASSERT_EQUAL(truncate(path, size), 0);
}

static void a_file_has_a_limit(void)
{
	make_large(textf("%s/large", files), 1001);
	make_large(textf("%s/fits", files), 1000);
	begin("loop", STRINGS("--digest-limit", "1000"));
	tells(DIGEST("large"), "413", "large has more than 1000 bytes");
	tells(DIGEST("fits"), "200", "\"bytes\":1000");
}

/* Once it is being read. */
static bool is_read(const char *name)
{
	return process_open(worker.pid, name) > 0;
}

static void files_change_while_they_are_read(void)
{
	enum { SIZE = 512 << 20 };
	const char *path = textf("%s/changing", files);
	struct raw raw;

	for (int i = 0; i < 3; i++) {
		make_large(path, SIZE);
		begin("loop", STRINGS("--digest-limit", "600000000"));
		CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
		CU_ASSERT(raw_send(&raw, DIGEST("changing")));
		CU_ASSERT(EVENTUALLY(is_read("changing")));
		/* It is gone: what was opened is read. Shorter; longer than it may be. */
		CU_ASSERT_EQUAL(i ? truncate(path, i == 1 ? 1 : 700000000) : unlink(path), 0);
		CU_ASSERT(raw_answers(&raw, "END 1"));
		CU_ASSERT_PTR_NOT_NULL(
			strstr(raw.text.data, i < 2 ? "\"sha256\":\"" : "changing has more than"));
		raw_close(&raw);
		worker_stop(&worker);
	}
}

/* With one thread and no spare one, who comes next is answered when the thread has stopped; or the
 * process. */
static void who_leaves_is_read_for_no_more(void)
{
	struct raw raw;

	make_large(textf("%s/endless", files), (off_t)1 << 40);
	make_large(textf("%s/short", files), 5);
	for (size_t e = 0; e < COUNT(engines); e++) {
		begin(engines[e], STRINGS("--digest-limit", "9000000000000", "--threads", "1",
					  "--spare-threads", "0"));
		CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
		CU_ASSERT(raw_send(&raw, DIGEST("endless")));
		CU_ASSERT(EVENTUALLY(is_read("endless")));
		raw_close(&raw);
		tells(DIGEST("short"), "200", "\"bytes\":5");
		worker_stop(&worker);
	}
}

static void without_a_folder_it_says_what_brings_one(void)
{
	CU_ASSERT_FATAL(worker_start(&worker, STRINGS("--sandbox", "on"), NULL));
	tells(DIGEST("x"), "503", "--files FOLDER");
}

static const struct test tests[] = {
	{"mail servers fail", mail_servers_fail},
	{"without a mail server it says what brings one",
	 without_a_mail_server_it_says_what_brings_one},
	{"what fails after the answer is in the log", what_fails_after_the_answer_is_in_the_log},
	{"a worker that drains sends the mails that it owes",
	 a_worker_that_drains_sends_them_first},
	{"mail goes through TLS and a login", mail_goes_through_tls_and_a_login},
	{"a gateway fails", a_gateway_fails},
	{"a gateway that is silent holds up nobody else",
	 a_gateway_that_is_silent_holds_up_nobody_else},
	{"suppliers fail", suppliers_fail},
	{"without others it says what brings them", without_others_it_says_what_brings_them},
	{"a file has a limit", a_file_has_a_limit},
	{"files change while they are read", files_change_while_they_are_read},
	{"who leaves is read for no more", who_leaves_is_read_for_no_more},
	{"without a folder it says what brings one", without_a_folder_it_says_what_brings_one},
};

const struct suite case_faults_suite = {
	"case-faults", tests, COUNT(tests), .before = before, .after = after,
};
