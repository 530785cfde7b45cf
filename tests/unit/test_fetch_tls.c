/* Calls over TLS, to an nginx that has certificates good and bad. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "../support/system.h"
#include "../support/upstream.h"
#include "alone.h"
#include "asking.h"
#include "client/fetch_limits.h"

enum { GOOD, SELF_SIGNED, EXPIRED, SERVERS };

static const char *const names[SERVERS] = {"good", "self", "old"};
static const char *directory;
static uint16_t ports[SERVERS];
static pid_t nginx; /* 0: there is none */
static char ca[DIRECTORY_SIZE + 16];

/* Who is here.test and 127.0.0.1, says somebody who is trusted; says nobody; said somebody once. */
static const char certify[] =
	"set -e; cd \"$F\"; new='openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
	"$new -x509 -keyout ca.key -out ca.pem -subj '/CN=Test CA' -days 2\n"
	"$new -x509 -keyout self.key -out self.pem -subj /CN=here.test -days 2 "
	"-addext subjectAltName=DNS:here.test\n"
	"echo subjectAltName=DNS:here.test,IP:127.0.0.1 >names\n"
	"$new -keyout good.key -out good.csr -subj /CN=here.test\n"
	"cp good.key old.key\n"
	"sign() { openssl x509 -req -in good.csr -CA ca.pem -CAkey ca.key -extfile names \"$@\"; "
	"}\n"
	"sign -days 2 -out good.pem; sign -days -1 -out old.pem";

static bool write_configuration(void)
{
	FILE *file = fopen(textf("%s/nginx.conf", directory), "w");

	if (!file)
		return false;
	fprintf(file, "daemon off; master_process off; worker_processes 1;\n"
		      "pid nginx.pid; error_log error.log;\n"
		      "events { worker_connections 256; }\n"
		      "http { access_log off; client_body_temp_path t1; proxy_temp_path t2;\n"
		      "fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n");
	for (int i = 0; i < SERVERS; i++)
		fprintf(file,
			"server { listen 127.0.0.1:%u ssl%s; ssl_certificate %s.pem;\n"
			"ssl_certificate_key %s.key;\n"
			"location / { return 200 \"$server_protocol $connection $http_host\"; }\n"
			"location /down { return 302 http://here.test:1/; }\n"
			"location /large { limit_rate 0; return 200 \"%0*d\"; } }\n",
			(unsigned)ports[i], i == GOOD ? " http2" : "", names[i], names[i], 3000, 0);
	fprintf(file, "}\n");
	return fclose(file) == 0;
}

static bool answers(uint16_t port)
{
	int fd = tcp_open(port);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int set_up(void)
{
	struct outcome outcome;

	fetch_prepare();
	directory = directory_make();
	snprintf(ca, sizeof(ca), "%s/ca.pem", directory);
	for (int i = 0; i < SERVERS; i++)
		ports[i] = port_free();
	if (!succeeds(&outcome, STRINGS("sh", "-c", certify), STRINGS(textf("F=%s", directory))) ||
	    !write_configuration())
		return 1;
	nginx = process_start(
		STRINGS("nginx", "-p", directory, "-c", "nginx.conf", "-e", "error.log"),
		STRINGS("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), textf("%s/log", directory));
	return !EVENTUALLY(answers(ports[SERVERS - 1]) || process_ended(nginx)) ||
	       process_ended(nginx);
}

static int clean_up(void)
{
	if (nginx > 0) {
		kill(nginx, SIGKILL);
		waitpid(nginx, NULL, 0);
	}
	directory_remove(directory);
	return 0;
}

/* One call more, to a server by a name. */
static struct fetch *add_secure(const char *host, int server, const char *path)
{
	struct fetch *f = add(textf("https://%s:%u%s", host, (unsigned)ports[server], path));

	f->ca = ca;
	return f;
}

static void who_is_vouched_for_is_asked(void)
{
	begin_with(1);
	add_secure("here.test", GOOD, "/");
	add_secure("127.0.0.1", GOOD, "/");
	add_secure("here.test", GOOD, "/large");
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
		{"here.test", SELF_SIGNED, true, "self"},
		{"here.test", EXPIRED, true, "expired"},
		{"both.test", GOOD, true, "both.test"}, /* it has another name */
		{"here.test", GOOD, false, "certificate"},
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
	fetch_limits.ca = ca;
	add_secure("here.test", GOOD, "/")->ca = NULL;
	add_secure("here.test", GOOD, "/")->ca = "/etc/hosts"; /* which is no such file */
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
	add_secure("here.test", GOOD, "/");
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
	add_secure("here.test", GOOD, "/");
	ask_all();
	snprintf(first, sizeof(first), "%s", calls[0].content.data);
	for (int i = 1; i < 20; i++)
		add_secure("here.test", GOOD, "/");
	ask_again();
	for (int i = 0; i < count; i++)
		CU_ASSERT_STRING_EQUAL(calls[i].content.data, first);
	finish();
}

static void from_https_to_http_nobody_is_led(void)
{
	begin_with(1);
	add_secure("here.test", GOOD, "/down")->redirects = 5;
	add(textf("/redirect/302/https://here.test:%u/", (unsigned)ports[GOOD]))->redirects = 1;
	calls[1].ca = ca;
	ask_all();
	CU_ASSERT_EQUAL(calls[0].error, -EACCES);
	CU_ASSERT_EQUAL(calls[1].status, 200);
	finish();
}

static void who_does_not_speak_tls_is_told_apart(void)
{
	begin_with(1);
	add(textf("https://127.0.0.1:%u/ok", (unsigned)upstream.port));
	add(textf("http://127.0.0.1:%u/", (unsigned)ports[GOOD]));
	add_secure("here.test", GOOD, "/")->within = 1e-6;
	ask_all();
	CU_ASSERT_EQUAL(calls[0].error, -EBADMSG);
	CU_ASSERT_EQUAL(calls[1].status, 400);
	CU_ASSERT_EQUAL(calls[2].error, -ETIMEDOUT);
	finish();
}

static void a_client_may_leave_in_the_middle_of_it(void)
{
	for (int turns = 0; turns < 12; turns++) {
		begin_with(1);
		for (int n = 0; n < 3; n++)
			add_secure("here.test", GOOD, "/large");
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

const struct suite fetch_tls_suite = {"fetch_tls", tests, COUNT(tests), set_up, clean_up};
