/* The program itself: options, and what it makes of its socket. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/raw.h"
#include "../support/system.h"

static struct outcome outcome;

static void lanes(const char *const *options, const char *const *environment)
{
	const char *arguments[16] = {program()};
	int count = 1;

	while (*options && count < 15)
		arguments[count++] = *options++;
	run(&outcome, arguments, environment, -1);
}

static void help_and_version(void)
{
	static const char *const names[] = {"--listen", "--threads", "--drain-timeout", "--slot"};

	lanes(STRINGS("--help"), NULL);
	CU_ASSERT_EQUAL(outcome.status, 0);
	CU_ASSERT_STRING_EQUAL(outcome.errors, "");
	for (size_t i = 0; i < COUNT(names); i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, names[i]));
	lanes(STRINGS("--version"), NULL);
	CU_ASSERT_EQUAL(outcome.status, 0);
	CU_ASSERT_EQUAL(strncmp(outcome.out, "lanes ", 6), 0);
}

static void bad_options(void)
{
	static const struct {
		const char *option;
		const char *value;
		const char *said;
	} bad[] = {
		{"--threads", "0", "--threads: '0' is not a whole number from 1 to 1024"},
		{"--threads", "4x", "--threads"},
		{"--threads", NULL, "--threads"},
		{"--header-timeout", "soon", "--header-timeout"},
		{"--drain", "perhaps", "--drain: 'perhaps' is not auto|refuse|wait"},
		{"--engine", "steam", "--engine"},
		{"--nonsense", "1", "--nonsense"},
		{"nonsense", NULL, "nonsense"},
		{"--help=1", NULL, "--help=1"},
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		lanes(STRINGS(bad[i].option, bad[i].value), NULL);
		CU_ASSERT(was_refused(&outcome, bad[i].said));
	}
	lanes(STRINGS("--version"), STRINGS("LANES_THREADS=many"));
	CU_ASSERT(was_refused(&outcome, "LANES_THREADS"));
}

/* The environment sets what no flag sets. */
static void environment_and_flags(void)
{
	struct worker worker;

	CU_ASSERT(worker_start(&worker, STRINGS("--threads", "3"),
			       STRINGS("LANES_THREADS=7", "LANES_CPU_THREADS=5")));
	CU_ASSERT(file_has(worker.log, " threads=3 cpu_threads=5"));
	worker_stop(&worker);
}

static void descriptor_0_is_no_listening_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX}; /* any name will do */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	lanes(STRINGS(NULL), NULL);
	CU_ASSERT(was_refused(&outcome, "descriptor 0: no listening socket"));
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
	run(&outcome, STRINGS(program()), NULL, fd);
	CU_ASSERT(was_refused(&outcome, "descriptor 0: no listening socket"));
	close(fd);
}

static void addresses_that_are_none(void)
{
	const struct {
		const char *address;
		const char *said;
	} bad[] = {
		{textf("/tmp/%0200d", 0), "too long"},
		{"/nowhere/at/all.sock", "/nowhere/at/all.sock"},
		{"example.com:80", "not an IP address and port"},
		{"127.0.0.1:http", "not an IP address and port"},
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		lanes(STRINGS("--listen", bad[i].address), NULL);
		CU_ASSERT(was_refused(&outcome, bad[i].said));
	}
}

static void files_in_the_way(void)
{
	struct worker worker;
	struct worker second;
	const char *path;

	CU_ASSERT_FATAL(worker_start(&worker, NULL, NULL));
	lanes(STRINGS("--listen", worker.socket), NULL);
	CU_ASSERT(was_refused(&outcome, "in use"));
	CU_ASSERT(raw_asked(worker.socket, "/", "END 1 ")); /* and the first one lives */
	/* A killed worker leaves its socket behind: the next one may take the place. */
	kill(worker.pid, SIGKILL);
	CU_ASSERT_EQUAL(worker_wait(&worker), 128 + SIGKILL);
	CU_ASSERT_EQUAL(access(worker.socket, F_OK), 0);
	CU_ASSERT(worker_start(&second, STRINGS("--listen", worker.socket), NULL));
	CU_ASSERT(raw_asked(worker.socket, "/", "END 1 "));
	kill(second.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&second), 0);
	CU_ASSERT_NOT_EQUAL(access(worker.socket, F_OK), 0);
	worker_stop(&second);
	/* Any other file is somebody's. */
	path = textf("%s/precious", worker.directory);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	lanes(STRINGS("--listen", path), NULL);
	CU_ASSERT(was_refused(&outcome, "precious"));
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	worker_stop(&worker);
}

/* True if who is connected there is answered. */
static bool is_welcome(int fd)
{
	struct raw raw = {.fd = fd};
	bool welcome = raw_get(&raw, 1, "/", "") && raw_answers(&raw, "END 1 0 COMPLETE");

	raw_close(&raw);
	return welcome;
}

/* libfcgi looks at the list for IPv4 only. */
static void ipv6_peers_have_to_be_listed(void)
{
	static const char *const engines[] = {"loop", "prefork"};
	static const struct {
		const char *allowed;
		bool welcome;
	} lists[] = {
		{"FCGI_WEB_SERVER_ADDRS=127.0.0.1,::1", true},
		{"FCGI_WEB_SERVER_ADDRS=127.0.0.1,::2", false},
	};
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool there = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	close(fd);
	if (!there) {
		not_judged("there is no IPv6 here");
		return;
	}
	for (int i = 0; i < 4; i++) {
		const bool welcome = lists[i % 2].welcome;
		uint16_t port = port_free();
		struct worker worker;

		address.sin6_port = htons(port);
		CU_ASSERT_FATAL(worker_start(&worker,
					     STRINGS("--listen", textf("[::1]:%u", (unsigned)port),
						     "--engine", engines[i / 2]),
					     STRINGS(lists[i % 2].allowed)));
		fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
		CU_ASSERT_EQUAL(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
		CU_ASSERT_EQUAL(is_welcome(fd), welcome);
		CU_ASSERT_EQUAL(file_has(worker.log, "event=peer-refused"), !welcome);
		worker_stop(&worker);
	}
}

static void tcp_needs_to_know_its_peers(void)
{
	static const struct {
		const char *allowed;
		bool welcome;
	} lists[] = {
		{NULL, true},
		{"FCGI_WEB_SERVER_ADDRS=10.0.0.1,127.0.0.1", true},
		{"FCGI_WEB_SERVER_ADDRS=127.0.0.2", false},
	};
	struct worker worker;

	lanes(STRINGS("--listen", "0.0.0.0:0"), NULL);
	CU_ASSERT(was_refused(&outcome, "FCGI_WEB_SERVER_ADDRS"));
	lanes(STRINGS("--listen", "127.0.0.1:0"), STRINGS("FCGI_WEB_SERVER_ADDRS=localhost"));
	CU_ASSERT(was_refused(&outcome, "FCGI_WEB_SERVER_ADDRS"));
	for (size_t i = 0; i < COUNT(lists); i++) {
		uint16_t port = port_free();

		CU_ASSERT_FATAL(worker_start(
			&worker, STRINGS("--listen", textf("127.0.0.1:%u", (unsigned)port)),
			STRINGS(lists[i].allowed)));
		CU_ASSERT_EQUAL(is_welcome(tcp_open(port)), lists[i].welcome);
		CU_ASSERT_EQUAL(file_has(worker.log, "event=peer-refused"), !lists[i].welcome);
		worker_stop(&worker);
	}
}

/* Somebody holds a lock on all of the scoreboard, and does not let go. */
static void a_locked_scoreboard(void)
{
	struct flock all = {.l_type = F_RDLCK};
	struct worker worker;
	const char *directory = directory_make();
	int fd;
	const char *path = textf("%s/scoreboard", directory);

	CU_ASSERT_FATAL(worker_start(&worker, STRINGS("--scoreboard", path), NULL));
	worker_stop(&worker);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(fcntl(fd, F_SETLK, &all), 0);
	CU_ASSERT(worker_start(&worker, STRINGS("--scoreboard", path), NULL));
	CU_ASSERT(file_has(worker.log, "no scoreboard: its lock is held"));
	worker_stop(&worker);
	close(fd);
	directory_remove(directory);
}

/* In a process of several threads, the kernel keeps a worker waiting where it makes that table
 * larger: in a rush, which then overflows the backlog. */
static void room_for_descriptors(void)
{
	static struct worker worker;

	CU_ASSERT_FATAL(worker_start(&worker, STRINGS("--max-conns", "4000"), NULL));
	CU_ASSERT(process_status(worker.pid, "FDSize") >= 4000);
	worker_stop(&worker);
}

/* The script counts their stores, and says so if another worker has made one there, or if there are
 * more of them beside others. */
static void lines_of_the_board_have_one_writer(void)
{
#ifdef __x86_64__
	if (!MEMORY_COUNTS) {
		not_judged("a sanitizer has signals and memory of its own");
		return;
	}
	CU_ASSERT(succeeds(&outcome, STRINGS("tests/bench/lines"),
			   STRINGS(textf("PROGRAM=%s", program()))));
#else
	not_judged("only x86-64 is known to do one instruction and stop");
#endif
}

static const struct test tests[] = {
	{"--help names the options, --version says which", help_and_version},
	{"bad options: one line that says which and what is allowed", bad_options},
	{"flags win over the environment, that over the defaults", environment_and_flags},
	{"descriptor 0 has to be a listening socket", descriptor_0_is_no_listening_socket},
	{"addresses that are none", addresses_that_are_none},
	{"a stale socket is replaced, one in use or another file is not", files_in_the_way},
	{"TCP beyond loopback needs FCGI_WEB_SERVER_ADDRS, which is kept",
	 tcp_needs_to_know_its_peers},
	{"a worker serves without a scoreboard that somebody keeps locked, and says so",
	 a_locked_scoreboard},
	{"there is room for the descriptors of all its connections from the start",
	 room_for_descriptors},
	{"with a list, a peer that speaks IPv6 has to be on it, for either engine",
	 ipv6_peers_have_to_be_listed},
	{"no two workers that serve write to one cache line of the scoreboard",
	 lines_of_the_board_have_one_writer},
};

const struct suite worker_suite = {"worker", tests, COUNT(tests)};
