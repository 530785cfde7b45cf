/* Calls over TLS, to an nginx that has certificates good and bad. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "../support/secure.h"
#include "../support/upstream.h"
#include "alone.h"
#include "asking.h"
#include "client/fetch_limits.h"

/* One call more, to a server by a name. */
static struct fetch *add_secure(const char *host, int server, const char *path)
{
	struct fetch *f = add(textf("https://%s:%u%s", host, (unsigned)secure_ports[server], path));

	f->ca = secure_ca;
	return f;
}

static void who_is_vouched_for_is_asked(void)
{
	begin_with(1);
	add_secure("here.test", SECURE_GOOD, "/");
	add_secure("127.0.0.1", SECURE_GOOD, "/");
	add_secure("here.test", SECURE_GOOD, "/large");
	ask_all();
	for (int i = 0; i < count; i++)
		CU_ASSERT_EQUAL(calls[i].status, 200);
	HAS(calls[0].content.data, "HTTP/2.0 ");
	CU_ASSERT_EQUAL(calls[2].content.len, 3000);
	finish();
}

static void others_are_not(void)
{
	static const struct {
		const char *host;
		int server;
		bool trusts;
		const char *why;
	} rows[] = {
		{"here.test", SECURE_SELF, true, "self"},
		{"here.test", SECURE_OLD, true, "expired"},
		{"both.test", SECURE_GOOD, true, "both.test"}, /* it has another name */
		{"here.test", SECURE_GOOD, false, "certificate"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		begin_with(1);
		add_secure(rows[i].host, rows[i].server, "/");
		if (!rows[i].trusts)
			calls[0].ca = NULL; /* whom the system trusts */
		ask_all();
		CU_ASSERT_EQUAL(calls[0].error, -EKEYREJECTED);
		CU_ASSERT_EQUAL(calls[0].status, 0);
		if (!strstr(calls[0].why, rows[i].why))
			printf("    %s: %s\n", rows[i].host, calls[0].why);
		HAS(calls[0].why, rows[i].why);
		finish();
	}
}

static void whom_a_process_trusts_is_an_option(void)
{
	begin_with(1);
	fetch_limits.ca = secure_ca;
	add_secure("here.test", SECURE_GOOD, "/")->ca = NULL;
	add_secure("here.test", SECURE_GOOD, "/")->ca = "/etc/hosts"; /* which is no such file */
	ask_all();
	fetch_limits.ca = NULL;
	CU_ASSERT_EQUAL(calls[0].status, 200);
	CU_ASSERT_EQUAL(calls[1].error, -EKEYREJECTED);
	finish();
}

/* What a call trusts is no matter of the call before it. */
static void a_connection_is_not_used_by_who_trusts_others(void)
{
	begin_with(1);
	add_secure("here.test", SECURE_GOOD, "/");
	ask_all();
	CU_ASSERT_EQUAL(calls[0].status, 200);
	calls[0].ca = NULL;
	ask_again();
	CU_ASSERT_EQUAL(calls[0].error, -EKEYREJECTED);
	finish();
}

/* HTTP/2, as TLS has come to an agreement on. */
static void calls_share_a_connection_once_there_is_one(void)
{
	char first[64];

	begin_with(1);
	add_secure("here.test", SECURE_GOOD, "/");
	ask_all();
	snprintf(first, sizeof(first), "%s", calls[0].content.data);
	for (int i = 1; i < 20; i++)
		add_secure("here.test", SECURE_GOOD, "/");
	ask_again();
	for (int i = 0; i < count; i++)
		CU_ASSERT_STRING_EQUAL(calls[i].content.data, first);
	finish();
}

static void from_https_to_http_nobody_is_led(void)
{
	begin_with(1);
	add_secure("here.test", SECURE_GOOD, "/down")->redirects = 5;
	add(textf("/redirect/302/https://here.test:%u/", (unsigned)secure_ports[SECURE_GOOD]))
		->redirects = 1;
	calls[1].ca = secure_ca;
	ask_all();
	CU_ASSERT_EQUAL(calls[0].error, -EACCES);
	CU_ASSERT_EQUAL(calls[1].status, 200);
	finish();
}

static void who_does_not_speak_tls_is_told_apart(void)
{
	begin_with(1);
	add(textf("https://127.0.0.1:%u/ok", (unsigned)upstream.port));
	add(textf("http://127.0.0.1:%u/", (unsigned)secure_ports[SECURE_GOOD]));
	add_secure("here.test", SECURE_GOOD, "/")->within = 1e-6;
	/* Nobody listens on ::1. */
	add(textf("http://both.test:%u/", (unsigned)secure_ports[SECURE_GOOD]));
	ask_all();
	CU_ASSERT_EQUAL(calls[0].error, -EBADMSG);
	CU_ASSERT_EQUAL(calls[1].status, 400);
	CU_ASSERT_EQUAL(calls[2].error, -ETIMEDOUT);
	CU_ASSERT_EQUAL(calls[3].status, 400);
	finish();
}

static void a_client_may_leave_in_the_middle_of_it(void)
{
	for (int turns = 0; turns < 12; turns++) {
		begin_with(1);
		for (int n = 0; n < 3; n++)
			add_secure("here.test", SECURE_GOOD, "/large");
		start_asking();
		for (int n = 0; n < turns && !finished; n++)
			turn();
		if (!finished)
			cancel(asking);
		finish();
	}
}

static const struct test tests[] = {
	{"who is vouched for is asked", who_is_vouched_for_is_asked},
	{"others are not", others_are_not},
	{"whom a process trusts is an option", whom_a_process_trusts_is_an_option},
	{"a connection is not used by who trusts others",
	 a_connection_is_not_used_by_who_trusts_others},
	{"calls share a connection once there is one", calls_share_a_connection_once_there_is_one},
	{"from https to http nobody is led", from_https_to_http_nobody_is_led},
	{"who does not speak TLS is told apart", who_does_not_speak_tls_is_told_apart},
	{"a client may leave in the middle of it", a_client_may_leave_in_the_middle_of_it},
};

static int set_up(void)
{
	fetch_prepare();
	return secure_begin();
}

const struct suite fetch_tls_suite = {"fetch_tls", tests, COUNT(tests), set_up, secure_end};
