/* Where a worker gets its socket from, and who speaks to it there; with tests/bodies/app.c. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/raw.h"
#include "../support/system.h"

static const char *folder;
static char path[DIRECTORY_SIZE + 16]; /* of a socket in it */
static char log_path[DIRECTORY_SIZE + 16];
static struct worker worker;
static struct raw raw = {.fd = -1};

static void before(void)
{
	folder = directory_make();
	snprintf(path, sizeof(path), "%s/passed", folder);
	snprintf(log_path, sizeof(log_path), "%s/log", folder);
	setenv("APP", built("bodies-app"), 1);
}

static void after(void)
{
	raw_close(&raw);
	worker_stop(&worker);
	directory_remove(folder);
}

/* As systemd passes it: on descriptor 3, and again on 4. spawn-fcgi opens it. */
static pid_t start_with_passed(const char *environment, const char *options)
{
	const char *command =
		textf("exec spawn-fcgi -n -s '%s' -- /bin/sh -c 'exec 3<&0 4<&0 </dev/null; "
		      "LISTEN_PID=$$ %s exec $APP %s'",
		      path, environment, options);

	return process_start(STRINGS("sh", "-c", command), NULL, log_path);
}

static void systemd_passes_a_socket(void)
{
	const char *engine = harness_test()->data;
	pid_t pid = start_with_passed("LISTEN_FDS=1", textf("--engine %s", engine));

	CU_ASSERT_FATAL(EVENTUALLY(file_has(log_path, "event=started") || process_ended(pid)));
	CU_ASSERT(raw_asked(path, "/free", "Status: 200 OK"));
	kill(pid, SIGTERM);
	CU_ASSERT(EVENTUALLY(process_ended(pid)));
	CU_ASSERT(file_has(log_path, "event=drained"));
	CU_ASSERT_EQUAL(access(path, F_OK), 0); /* it is systemd's */
}

static void of_several_a_name_says_which(void)
{
	pid_t pid = start_with_passed("LISTEN_FDS=2 LISTEN_FDNAMES=admin:web", "--listen fd:web");

	CU_ASSERT_FATAL(EVENTUALLY(file_has(log_path, "event=started") || process_ended(pid)));
	CU_ASSERT(raw_asked(path, "/free", "Status: 200 OK"));
	kill(pid, SIGKILL);
	CU_ASSERT(EVENTUALLY(process_ended(pid)));
	unlink(path);
	pid = start_with_passed("LISTEN_FDS=2 LISTEN_FDNAMES=admin:web", "");
	CU_ASSERT(EVENTUALLY(process_ended(pid)));
	CU_ASSERT(file_has(log_path, "LISTEN_FDS: 2 sockets (admin:web), and a worker has one: "
				     "--listen fd:NAME says which"));
}

static void a_socket_file_is_as_it_is_to_be(void)
{
	struct stat file;
	struct outcome outcome;

	/* Root may give it away. */
	CU_ASSERT_FATAL(worker_start_program(
		&worker, getenv("APP"),
		STRINGS("--processes", harness_test()->data, "--listen", textf("unix:%s", path),
			"--listen-mode", "0606", "--listen-owner",
			geteuid() ? textf("%u", (unsigned)geteuid()) : "65534", "--listen-group",
			geteuid() ? textf("%u", (unsigned)getegid()) : "65534"),
		NULL));
	CU_ASSERT_EQUAL(stat(path, &file), 0);
	CU_ASSERT_EQUAL(file.st_mode & 07777, 0606);
	CU_ASSERT_EQUAL(file.st_uid, geteuid() ? geteuid() : 65534);
	CU_ASSERT_EQUAL(file.st_gid, geteuid() ? getegid() : 65534);
	CU_ASSERT(raw_asked(path, "/free", "Status: 200 OK"));
	CU_ASSERT_EQUAL(worker_end(&worker), 0);
	CU_ASSERT_EQUAL(access(path, F_OK), -1);
	run(&outcome, STRINGS(getenv("APP"), "--listen", "9000"), NULL, -1);
	CU_ASSERT(was_refused(&outcome, "9000: a port, or a file?"));
	run(&outcome, STRINGS(getenv("APP"), "--listen", path, "--listen-owner", "nobody-at-all"),
	    NULL, -1);
	CU_ASSERT(was_refused(&outcome, "no user is called so"));
}

/* ---- peers ---- */

static void peers_are_of_networks(void)
{
	const char *engine = harness_test()->data;
	static const struct {
		const char *allowed;
		bool welcome;
	} lists[] = {{"FCGI_WEB_SERVER_ADDRS=10.0.0.0/8, 127.0.0.0/8", true},
		     {"FCGI_WEB_SERVER_ADDRS=10.0.0.0/8,fe80::/10", false}};

	for (size_t i = 0; i < COUNT(lists); i++) {
		uint16_t port = port_free();

		CU_ASSERT_FATAL(worker_start_program(
			&worker, getenv("APP"),
			STRINGS("--engine", engine, "--listen", textf(":%u", (unsigned)port)),
			STRINGS(lists[i].allowed)));
		raw = (struct raw){.fd = tcp_open(port)};
		raw_get(&raw, 1, "/free", "");
		CU_ASSERT_EQUAL(raw_answers(&raw, "Status: 200 OK"), lists[i].welcome);
		raw_close(&raw);
		CU_ASSERT_EQUAL(file_has(worker.log, "event=peer-refused peer=127.0.0.1:"),
				!lists[i].welcome);
		worker_stop(&worker);
	}
}

static void who_breaks_the_protocol_is_named(void)
{
	CU_ASSERT_FATAL(worker_start_program(&worker, getenv("APP"), NULL, NULL));
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
	CU_ASSERT(write(raw.fd, "GET / HTTP/1.1\r\n\r\n", 18) == 18);
	CU_ASSERT(raw_closed(&raw));
	CU_ASSERT(file_has(worker.log, textf("event=protocol-error reason=\"what came is not "
					     "FastCGI\" peer=\"unix pid=%d uid=%u\"",
					     (int)getpid(), (unsigned)geteuid())));
}

/* ---- streams ---- */

/* Of whom nobody says that the client has gone. */
static void a_stream_has_an_age(void)
{
	const char *engine = harness_test()->data;

	CU_ASSERT_FATAL(worker_start_program(
		&worker, getenv("APP"), STRINGS("--engine", engine, "--stream-age", "0.2"), NULL));
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
	CU_ASSERT(raw_gets(&raw, 1, "/endless", "", "STDOUT 1 on "));
	CU_ASSERT(raw_answers(&raw, "END 1 0 COMPLETE"));
	CU_ASSERT_FALSE(file_has(worker.log, "event=stream-unread"));
}

static const struct test tests[] = {
	{"systemd passes a socket", systemd_passes_a_socket, "loop"},
	{"systemd passes a socket to a process, too", systemd_passes_a_socket, "prefork"},
	{"of several a name says which", of_several_a_name_says_which},
	{"a socket file is as it is to be", a_socket_file_is_as_it_is_to_be, "0"},
	{"a master's is, too", a_socket_file_is_as_it_is_to_be, "2"},
	{"peers are of networks", peers_are_of_networks, "loop"},
	{"peers of a process are, too", peers_are_of_networks, "prefork"},
	{"who breaks the protocol is named", who_breaks_the_protocol_is_named},
	{"a stream has an age", a_stream_has_an_age, "loop"},
	{"a stream of a process has one, too", a_stream_has_an_age, "prefork"},
};

const struct suite sockets_suite = {"sockets", tests, COUNT(tests), .before = before,
				    .after = after};
