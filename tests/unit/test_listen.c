#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/process.h"
#include "caught.h"
#include "engine/listen.h"
#include "engine/peers.h"

static char directory[] = "/tmp/lanes-unit-XXXXXX";
static char path[64];

static bool listen_fails;

static struct listener l; /* of the test */
static const struct sockaddr_storage nobody = {.ss_family = AF_UNIX};

/* Instead of the C library's. */
int listen(int fd, int backlog)
{
	errno = EADDRINUSE;
	return listen_fails ? -1 : (int)syscall(SYS_listen, fd, backlog);
}

static int setup(void)
{
	unsetenv("FCGI_WEB_SERVER_ADDRS");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/socket", directory);
	return 0;
}

static int cleanup(void)
{
	unlink(path);
	return rmdir(directory);
}

static void before(void)
{
	l = (struct listener){.fd = -1};
}

static void after(void)
{
	listener_close(&l);
	unsetenv("FCGI_WEB_SERVER_ADDRS");
}

static void open_at(const char *address)
{
	CU_ASSERT_EQUAL_FATAL(listener_open(&l, address, 8), 0);
}

/* Says why in one line, and nothing is left. */
static void refused_of(const char *address, int err, const char *why, const char *whom)
{
	struct listener none;
	struct caught caught;

	caught_begin();
	CU_ASSERT_EQUAL(listener_open(&none, address, 8), err);
	memory_restore();
	caught_end(&caught);
	CU_ASSERT_TRUE(caught_one_line(&caught, why));
	CU_ASSERT_TRUE(caught_one_line(&caught, whom));
	CU_ASSERT_EQUAL(none.fd, -1);
	CU_ASSERT_PTR_NULL(none.unlink);
	CU_ASSERT_PTR_NULL(none.allowed);
	listener_close(&none);
}

static void refused(const char *address, int err, const char *why)
{
	refused_of(address, err, why, address ? address : "descriptor 0");
}

static int connect_unix(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool can_connect(void)
{
	int fd = connect_unix();

	close(fd);
	return fd >= 0;
}

static struct sockaddr_storage own_address(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof(address);

	CU_ASSERT_EQUAL(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	return address;
}

static struct sockaddr_storage peer(const char *text)
{
	struct sockaddr_storage storage = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
		v4->sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
		v6->sin6_family = AF_INET6;
	return storage;
}

static bool allows(const char *text)
{
	struct sockaddr_storage address = peer(text);

	return listener_allows(&l, &address);
}

/* The lowest descriptor that is free. */
static int lowest(void)
{
	int fd = dup(STDOUT_FILENO);

	close(fd);
	return fd;
}

static void a_path_is_a_unix_socket(void)
{
	mode_t mask = umask(022);
	int free_fd = lowest();
	struct stat file;

	open_at(path);
	CU_ASSERT_EQUAL(umask(mask), 022);
	CU_ASSERT_EQUAL(lstat(path, &file), 0);
	CU_ASSERT_EQUAL(file.st_mode & 07777, 0660);
	CU_ASSERT_FALSE(l.tcp);
	CU_ASSERT_TRUE(l.fd > 2);
	CU_ASSERT_TRUE(fcntl(l.fd, F_GETFD) & FD_CLOEXEC);
	CU_ASSERT_TRUE(listener_allows(&l, &nobody));
	CU_ASSERT_TRUE(can_connect());
	listener_close(&l);
	CU_ASSERT_EQUAL(lstat(path, &file), -1);
	CU_ASSERT_EQUAL(lowest(), free_fd);
}

static void what_has_a_slash_or_no_colon_is_a_path(void)
{
	char *home = getcwd(NULL, 0);

	open_at(textf("%s:1", path));
	CU_ASSERT_FALSE(l.tcp);
	listener_close(&l);
	CU_ASSERT_EQUAL_FATAL(chdir(directory), 0);
	open_at("socket");
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	listener_close(&l);
	CU_ASSERT_EQUAL(chdir(home), 0);
	free(home);
}

static void unix_says_that_it_is_a_path(void)
{
	open_at(textf("unix:%s", path));
	CU_ASSERT_FALSE(l.tcp);
	CU_ASSERT_STRING_EQUAL(l.unlink, path);
	CU_ASSERT_TRUE(can_connect());
	listener_close(&l);
	refused("unix:", -EINVAL, "no path follows");
	refused_of(textf("unix:/%0200d", 0), -ENAMETOOLONG, "too long for a unix socket", "/0000");
}

/* Whoever may be given it. */
static void a_file_is_whose_it_is_to_be(void)
{
	const char *us = textf("%u", (unsigned)geteuid());
	const char *them = geteuid() ? us : "65534";
	const struct socket_file files[] = {{0600, NULL, NULL},
					    {0666, them, NULL},
					    {0, NULL, textf("%u", (unsigned)getegid())},
					    {0777, geteuid() ? us : "root", NULL},
					    {0660, "65534", "65534"}};
	mode_t mask = umask(0777);
	struct stat file;

	for (size_t i = 0; i < COUNT(files); i++) {
		struct caught caught;
		int err;

		caught_begin();
		err = listener_open_as(&l, path, 8, &files[i]);
		caught_end(&caught);
		if (i == 4 && geteuid()) {
			CU_ASSERT_EQUAL(err, -EPERM);
			CU_ASSERT_TRUE(
				caught_one_line(&caught, "may not give it to --listen-owner"));
			CU_ASSERT_EQUAL(lstat(path, &file), -1);
			continue;
		}
		CU_ASSERT_EQUAL(err, 0);
		CU_ASSERT_EQUAL(lstat(path, &file), 0);
		CU_ASSERT_EQUAL(file.st_mode & 07777, files[i].mode);
		CU_ASSERT_EQUAL(file.st_uid, i == 1 || i == 4 ? (uid_t)atoi(them) : geteuid());
		CU_ASSERT_EQUAL(file.st_gid, i == 4 ? 65534 : getegid());
		listener_close(&l);
	}
	umask(mask);
}

static void names_that_nobody_has_are_refused(void)
{
	const struct socket_file files[] = {{0660, "nobody-at-all", NULL},
					    {0660, NULL, "nobody-at-all"},
					    {0660, "-1", NULL},
					    {0660, "99999999999", NULL}};

	for (size_t i = 0; i < COUNT(files); i++) {
		struct caught caught;

		caught_begin();
		CU_ASSERT_EQUAL(listener_open_as(&l, path, 8, &files[i]), -ENOENT);
		caught_end(&caught);
		CU_ASSERT_TRUE(caught_one_line(&caught, i == 1 ? "no group is called so"
							       : "no user is called so"));
		CU_ASSERT_EQUAL(access(path, F_OK), -1);
	}
}

/* ---- what systemd passes ---- */

enum { ADOPTED = 0, REFUSED = 1, NOTHING = 2 };

/* In a process of its own, which has three sockets from 3 on: what of them becomes descriptor 0?
 * The number is added to ADOPTED; it listens to path with that number behind it. */
static int adopts(const char *address, const char *pid, const char *fds, const char *names)
{
	int status = -1;
	pid_t child = fork();

	if (!child) {
		struct listener passed[3];
		int kept[3];
		struct sockaddr_un own = {0};
		socklen_t len = sizeof(own);

		for (int i = 0; i < 3; i++) {
			listener_open(&passed[i], textf("%s%d", path, i), 8);
			kept[i] = fcntl(passed[i].fd, F_DUPFD, 64);
		}
		close(STDERR_FILENO);
		for (int i = 0; i < 3; i++)
			dup2(kept[i], 3 + i);
		setenv("LISTEN_PID", pid ? pid : textf("%d", (int)getpid()), 1);
		setenv("LISTEN_FDS", fds, 1);
		names ? setenv("LISTEN_FDNAMES", names, 1) : unsetenv("LISTEN_FDNAMES");
		if (listener_adopt(address))
			_exit(REFUSED);
		if (getsockname(0, (struct sockaddr *)&own, &len) || own.sun_family != AF_UNIX ||
		    getenv("LISTEN_PID") || getenv("LISTEN_FDS") || getenv("LISTEN_FDNAMES"))
			_exit(NOTHING);
		_exit(10 + own.sun_path[strlen(own.sun_path) - 1] - '0');
	}
	waitpid(child, &status, 0);
	for (int i = 0; i < 3; i++)
		unlink(textf("%s%d", path, i));
	return WEXITSTATUS(status);
}

static void systemd_passes_a_socket(void)
{
	CU_ASSERT_EQUAL(adopts(NULL, NULL, "1", NULL), 10);
	CU_ASSERT_EQUAL(adopts(NULL, NULL, "1", "web"), 10);
	CU_ASSERT_EQUAL(adopts("fd:web", NULL, "1", "web"), 10);
}

static void of_several_one_has_to_be_named(void)
{
	CU_ASSERT_EQUAL(adopts(NULL, NULL, "2", "web:admin"), REFUSED);
	CU_ASSERT_EQUAL(adopts("fd:web", NULL, "2", "web:admin"), 10);
	CU_ASSERT_EQUAL(adopts("fd:admin", NULL, "2", "web:admin"), 11);
	CU_ASSERT_EQUAL(adopts("fd:c", NULL, "3", "aa:b:c"), 12);
	CU_ASSERT_EQUAL(adopts("fd:", NULL, "2", ":b"), 10);
	CU_ASSERT_EQUAL(adopts("fd:we", NULL, "2", "web:admin"), REFUSED);
	CU_ASSERT_EQUAL(adopts("fd:web", NULL, "2", "web:web"), REFUSED);
	CU_ASSERT_EQUAL(adopts("fd:web", NULL, "2", NULL), REFUSED);
	CU_ASSERT_EQUAL(adopts("fd:c", NULL, "2", "a:b:c"), REFUSED);
}

static void what_it_passes_to_others_is_left_alone(void)
{
	CU_ASSERT_EQUAL(adopts(NULL, "1", "1", NULL), NOTHING);
	CU_ASSERT_EQUAL(adopts(NULL, NULL, "0", NULL), NOTHING);
	CU_ASSERT_EQUAL(adopts(NULL, "", "1", NULL), NOTHING);
	CU_ASSERT_EQUAL(adopts(path, NULL, "1", NULL), NOTHING);
	CU_ASSERT_EQUAL(adopts("fd:web", "1", "1", "web"), NOTHING);
}

/* ---- peers ---- */

/* Who connects to the address where l listens is called by that host, and his port. */
static void tcp_peer_is(const char *host)
{
	char text[PEER_SIZE];
	struct sockaddr_storage own = own_address(l.fd);
	int client = socket(own.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int accepted;

	CU_ASSERT_EQUAL(connect(client, (struct sockaddr *)&own, sizeof(own)), 0);
	accepted = accept4(l.fd, NULL, NULL, SOCK_CLOEXEC);
	own = own_address(client);
	/* It is in the same place for both families. */
	CU_ASSERT_STRING_EQUAL(peer_name(accepted, text),
			       textf("%s:%d", host, ntohs(((struct sockaddr_in *)&own)->sin_port)));
	close(client);
	close(accepted);
}

static void a_peer_has_a_name(void)
{
	char text[PEER_SIZE];
	int client, accepted;

	open_at(path);
	client = connect_unix();
	accepted = accept4(l.fd, NULL, NULL, SOCK_CLOEXEC);
	CU_ASSERT_STRING_EQUAL(peer_name(accepted, text),
			       textf("unix pid=%d uid=%u", (int)getpid(), (unsigned)geteuid()));
	close(client);
	close(accepted);
	listener_close(&l);
	open_at("127.0.0.1:0");
	tcp_peer_is("127.0.0.1");
	CU_ASSERT_STRING_EQUAL(peer_name(-1, text), "unknown");
	CU_ASSERT_STRING_EQUAL(peer_name(l.fd, text), "unknown");
}

static void stop_keeps_the_file_and_close_removes_it(void)
{
	struct stat file;

	open_at(path);
	listener_stop(&l);
	listener_stop(&l);
	CU_ASSERT_EQUAL(l.fd, -1);
	CU_ASSERT_EQUAL(lstat(path, &file), 0);
	CU_ASSERT_EQUAL(connect_unix(), -1);
	listener_close(&l);
	CU_ASSERT_EQUAL(lstat(path, &file), -1);
	/* What is there by now is somebody else's. */
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	listener_close(&l);
	CU_ASSERT_EQUAL(lstat(path, &file), 0);
	unlink(path);
}

static void a_path_too_long_is_refused(void)
{
	char longest[120];

	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[108] = '\0';
	refused(longest, -ENAMETOOLONG, "too long for a unix socket");
}

static void a_missing_directory_is_refused(void)
{
	refused("/nonexistent/lanes/socket", -ENOENT, "No such file");
}

static void a_file_in_the_way_is_kept(void)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	struct stat file;

	close(fd);
	refused(path, -EEXIST, "File exists");
	CU_ASSERT_EQUAL(lstat(path, &file), 0);
	CU_ASSERT_TRUE(S_ISREG(file.st_mode));
	unlink(path);
}

static void a_stale_socket_is_replaced(void)
{
	struct listener dead;
	int free_fd = lowest();

	CU_ASSERT_EQUAL_FATAL(listener_open(&dead, path, 8), 0);
	listener_stop(&dead);
	open_at(path);
	CU_ASSERT_TRUE(can_connect());
	listener_close(&l);
	CU_ASSERT_EQUAL(lowest(), free_fd);
}

static void a_live_socket_is_refused(void)
{
	open_at(path);
	refused(path, -EADDRINUSE, "in use");
	CU_ASSERT_TRUE(can_connect());
}

static void a_live_socket_with_a_full_queue_is_refused(void)
{
	int waiting;

	CU_ASSERT_EQUAL_FATAL(listener_open(&l, path, 0), 0);
	waiting = connect_unix();
	refused(path, -EADDRINUSE, "in use");
	close(waiting);
}

/* Runs body with fd as descriptor 0. */
static void with_stdin(int fd, void (*body)(void))
{
	int saved = fcntl(0, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		close(0);
	else
		dup2(fd, 0);
	body();
	dup2(saved, 0);
	close(saved);
}

/* Opening needs at least one, and there is none. */
static void open_without_descriptors(const char *address)
{
	struct rlimit all;
	struct caught caught;
	int err;

	getrlimit(RLIMIT_NOFILE, &all);
	caught_begin();
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)lowest(), all.rlim_max});
	err = listener_open(&l, address, 8);
	setrlimit(RLIMIT_NOFILE, &all);
	caught_end(&caught);
	CU_ASSERT_EQUAL(err, -EMFILE);
	CU_ASSERT_TRUE(caught_one_line(&caught, "Too many open files"));
	CU_ASSERT_TRUE(caught_one_line(&caught, address ? address : "descriptor 0"));
	CU_ASSERT_EQUAL(l.fd, -1);
}

static void take_over_without_descriptors(void)
{
	open_without_descriptors(NULL);
}

static void without_descriptors_nothing_opens(void)
{
	struct listener given;

	open_without_descriptors(path);
	open_without_descriptors("127.0.0.1:0");
	CU_ASSERT_EQUAL_FATAL(listener_open(&given, path, 8), 0);
	with_stdin(given.fd, take_over_without_descriptors);
	listener_stop(&given);
	open_without_descriptors(path); /* where a stale socket is */
	listener_close(&given);
}

static void refuse_stdin(void)
{
	refused(NULL, -ENOTSOCK, "no listening socket");
}

static void descriptor_0_must_be_a_listening_socket(void)
{
	int file = open("/dev/null", O_RDONLY);
	int idle = socket(AF_UNIX, SOCK_STREAM, 0);

	with_stdin(file, refuse_stdin);
	with_stdin(idle, refuse_stdin);
	with_stdin(-1, refuse_stdin);
	close(file);
	close(idle);
}

static void take_over(void)
{
	struct stat zero;
	struct stat null;
	int free_fd = lowest();
	int next_fd;
	int fd;

	fd = dup(0);
	next_fd = lowest();
	close(fd);
	open_at(NULL);
	CU_ASSERT_TRUE(l.fd > 2);
	CU_ASSERT_FALSE(l.tcp);
	CU_ASSERT_EQUAL(lowest(), next_fd); /* nothing else is left open */
	CU_ASSERT_EQUAL(fstat(0, &zero), 0);
	CU_ASSERT_EQUAL(stat("/dev/null", &null), 0);
	CU_ASSERT_EQUAL(zero.st_rdev, null.st_rdev);
	CU_ASSERT_TRUE(can_connect());
	listener_close(&l);
	CU_ASSERT_EQUAL(lowest(), free_fd);
	CU_ASSERT_EQUAL(lstat(path, &zero), 0);
}

static void descriptor_0_is_taken_over_and_its_file_stays(void)
{
	struct listener given;

	CU_ASSERT_EQUAL_FATAL(listener_open(&given, path, 8), 0);
	with_stdin(given.fd, take_over);
	listener_close(&given);
}

static void take_over_tcp(void)
{
	open_at(NULL);
	CU_ASSERT_TRUE(l.tcp);
}

static void descriptor_0_may_be_tcp_on_loopback(void)
{
	struct listener given;

	CU_ASSERT_EQUAL_FATAL(listener_open(&given, "127.0.0.1:0", 8), 0);
	with_stdin(given.fd, take_over_tcp);
	listener_close(&given);
}

static void tcp_on_loopback_is_open_to_local_peers(void)
{
	static const char *const addresses[] = {"127.0.0.1:0", "localhost:0", "127.1.2.3:0"};

	for (size_t i = 0; i < COUNT(addresses); i++) {
		int on = 0;
		socklen_t len = sizeof(on);
		struct sockaddr_storage own;
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		open_at(addresses[i]);
		CU_ASSERT_TRUE(l.tcp);
		/* Connections that have just been closed do not keep the port. */
		CU_ASSERT_EQUAL(getsockopt(l.fd, SOL_SOCKET, SO_REUSEADDR, &on, &len), 0);
		CU_ASSERT_TRUE(on);
		CU_ASSERT_TRUE(fcntl(l.fd, F_GETFD) & FD_CLOEXEC);
		own = own_address(l.fd);
		CU_ASSERT_EQUAL(connect(fd, (struct sockaddr *)&own, sizeof(struct sockaddr_in)),
				0);
		CU_ASSERT_TRUE(allows("127.0.0.1"));
		close(fd);
		listener_close(&l);
	}
}

static void a_port_in_use_is_refused(void)
{
	struct sockaddr_storage own;

	open_at("127.0.0.1:0");
	own = own_address(l.fd);
	refused(textf("127.0.0.1:%d", ntohs(((struct sockaddr_in *)&own)->sin_port)), -EADDRINUSE,
		"in use");
}

/* Nobody else can listen where one is bound, though others were bound there, too. */
static void who_cannot_listen_says_so(void)
{
	listen_fails = true;
	refused("127.0.0.1:0", -EADDRINUSE, "in use");
	refused(path, -EADDRINUSE, "in use");
	listen_fails = false;
	CU_ASSERT_EQUAL(access(path, F_OK), -1);
}

static void the_last_port_is_one(void)
{
	struct caught caught;
	int err;

	caught_begin();
	err = listener_open(&l, "127.0.0.1:65535", 8);
	caught_end(&caught);
	CU_ASSERT_TRUE(err == 0 || err == -EADDRINUSE);
}

static void an_address_that_is_none_is_refused(void)
{
	const char **wrong =
		STRINGS(":", "example.org:9000", "127.0.0.1:http", "127.0.0.1:", "127.0.0.1:99999",
			"127.0.0.1:-1", "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.256:1",
			"[::1:1", "127.0.0.1: 1", /* and one for which there is no room */
			"0000000000000000000000000000000000000000000000:1");

	for (; *wrong; wrong++)
		refused(*wrong, -EINVAL, "not an IP address and port");
}

static void other_addresses_need_a_list(void)
{
	struct sockaddr_storage own;

	refused("0.0.0.0:0", -EACCES, "set FCGI_WEB_SERVER_ADDRS");
	refused(":0", -EACCES, "set FCGI_WEB_SERVER_ADDRS");
	setenv("FCGI_WEB_SERVER_ADDRS", "127.0.0.1", 1);
	open_at(":0");
	own = own_address(l.fd);
	CU_ASSERT_EQUAL(own.ss_family, AF_INET);
	CU_ASSERT_EQUAL(((struct sockaddr_in *)&own)->sin_addr.s_addr, INADDR_ANY);
}

static void a_number_may_be_a_port_or_a_file(void)
{
	refused("9000", -EINVAL, "a port, or a file? :9000 or 127.0.0.1:9000 is a port");
}

static void ipv6_on_loopback_is_open_to_local_peers(void)
{
	static const struct {
		const char *address;
		int err;
	} cases[] = {
		{"[::1]:0", 0},	     {"[::ffff:127.0.0.1]:0", 0},     {"::1:0", 0},
		{"[::]:0", -EACCES}, {"[::ffff:0.0.0.0]:0", -EACCES},
	};
	struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool there = fd >= 0 && bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0;

	close(fd);
	if (!there) {
		not_judged("there is no IPv6 here");
		return;
	}
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (cases[i].err) {
			refused(cases[i].address, cases[i].err, "set FCGI_WEB_SERVER_ADDRS");
			continue;
		}
		open_at(cases[i].address);
		CU_ASSERT_TRUE(l.tcp);
		if (i == 0)
			tcp_peer_is("[::1]");
		listener_close(&l);
	}
}

static void a_list_names_who_may_connect(void)
{
	setenv("FCGI_WEB_SERVER_ADDRS", "127.0.0.1,192.0.2.7,2001:db8::1", 1);
	open_at("127.0.0.1:0");
	CU_ASSERT_TRUE(allows("127.0.0.1"));
	CU_ASSERT_TRUE(allows("192.0.2.7"));
	CU_ASSERT_TRUE(allows("2001:db8::1"));
	CU_ASSERT_TRUE(allows("::ffff:192.0.2.7"));
	CU_ASSERT_FALSE(allows("127.0.0.2"));
	CU_ASSERT_FALSE(allows("::1"));
	CU_ASSERT_FALSE(allows("2001:db8::2"));
	CU_ASSERT_FALSE(allows("::192.0.2.7"));
	listener_close(&l); /* and once more after the test */
}

static void a_list_names_networks(void)
{
	static const struct {
		const char *list;
		const char *in, *out; /* with blanks between them */
	} lists[] = {
		{"10.0.0.0/8", "10.0.0.0 10.255.255.255 ::ffff:10.1.2.3",
		 "11.0.0.0 9.255.255.255 a::"},
		{"192.0.2.77/28", "192.0.2.64 192.0.2.79", "192.0.2.63 192.0.2.80"},
		{"192.0.2.7/32", "192.0.2.7", "192.0.2.6 192.0.2.8"},
		{"0.0.0.0/0", "1.2.3.4 255.255.255.255 0.0.0.0", "::1 fe80::1"},
		{"fe80::/10", "fe80::1 febf::1", "fec0::1 fe7f::1 127.0.0.1"},
		{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
		{"2001:db8::7/128", "2001:db8::7", "2001:db8::6"},
		{"::/0", "::1 fe80::1 ::192.0.2.7", "10.0.0.1 ::ffff:10.0.0.1"},
		{"::/80", "::1", "10.0.0.1"},
		{"::ffff:0:0/96", "10.0.0.1 ::ffff:10.0.0.1", "::1"},
		{"::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"},
		{"127.0.0.1, 10.0.0.0/8,  fe80::/10", "127.0.0.1 10.1.1.1 fe80::2", "127.0.0.2"},
	};

	for (size_t i = 0; i < COUNT(lists); i++) {
		char in[64], out[64];

		strcpy(in, lists[i].in);
		strcpy(out, lists[i].out);
		setenv("FCGI_WEB_SERVER_ADDRS", lists[i].list, 1);
		open_at("127.0.0.1:0");
		for (char *at = strtok(in, " "); at; at = strtok(NULL, " "))
			CU_ASSERT_TRUE(allows(at));
		for (char *at = strtok(out, " "); at; at = strtok(NULL, " "))
			CU_ASSERT_FALSE(allows(at));
		listener_close(&l);
	}
}

static void a_bad_list_is_refused(void)
{
	/* The last of each is the wrong one. */
	const char **wrong = STRINGS("", "127.0.0.1,", "127.0.0.1, 10.0.0.1x",
				     "127.0.0.1 192.0.2.1", "localhost", "10.0.0.0/33", "10.0.0.0/",
				     "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/0x8", "10.0.0.0/8 ",
				     "10/8", "::/129", "fe80::/1000", "fe80::/00000000010", "/8",
				     "fe80:::/10", "0000:0000:0000:0000:0000:ffff:127.100.100.1009",
				     "0000:0000:0000:0000:0000:ffff:127.100.100.100/1288");

	for (; *wrong; wrong++) {
		const char *last = strrchr(*wrong, ',');

		last = last ? last + 1 + strspn(last + 1, " ") : *wrong;
		setenv("FCGI_WEB_SERVER_ADDRS", *wrong, 1);
		refused_of("127.0.0.1:0", -EINVAL,
			   textf("\"%s\" is no IP address, and no network", last),
			   "FCGI_WEB_SERVER_ADDRS: ");
	}
}

/* A list that cannot be kept is not no list. */
static void a_list_needs_memory(void)
{
	setenv("FCGI_WEB_SERVER_ADDRS", "127.0.0.1", 1);
	memory_fail_after(0);
	refused_of("127.0.0.1:0", -ENOMEM, "Cannot allocate memory", "FCGI_WEB_SERVER_ADDRS: ");
}

static void a_unix_socket_needs_no_list(void)
{
	setenv("FCGI_WEB_SERVER_ADDRS", "192.0.2.7", 1);
	open_at(path);
	CU_ASSERT_TRUE(listener_allows(&l, &nobody));
}

static const struct test tests[] = {
	{"a path is a unix socket", a_path_is_a_unix_socket},
	{"what has a slash or no colon is a path", what_has_a_slash_or_no_colon_is_a_path},
	{"unix: says that it is a path", unix_says_that_it_is_a_path},
	{"a file is whose it is to be", a_file_is_whose_it_is_to_be},
	{"names that nobody has are refused", names_that_nobody_has_are_refused},
	{"systemd passes a socket", systemd_passes_a_socket},
	{"of several one has to be named", of_several_one_has_to_be_named},
	{"what it passes to others is left alone", what_it_passes_to_others_is_left_alone},
	{"a peer has a name", a_peer_has_a_name},
	{"stop keeps the file and close removes it", stop_keeps_the_file_and_close_removes_it},
	{"a path too long is refused", a_path_too_long_is_refused},
	{"a missing directory is refused", a_missing_directory_is_refused},
	{"a file in the way is kept", a_file_in_the_way_is_kept},
	{"a stale socket is replaced", a_stale_socket_is_replaced},
	{"a live socket is refused", a_live_socket_is_refused},
	{"a live socket with a full queue is refused", a_live_socket_with_a_full_queue_is_refused},
	{"without descriptors nothing opens", without_descriptors_nothing_opens},
	{"descriptor 0 must be a listening socket", descriptor_0_must_be_a_listening_socket},
	{"descriptor 0 is taken over and its file stays",
	 descriptor_0_is_taken_over_and_its_file_stays},
	{"descriptor 0 may be TCP on loopback", descriptor_0_may_be_tcp_on_loopback},
	{"TCP on loopback is open to local peers", tcp_on_loopback_is_open_to_local_peers},
	{"a port in use is refused", a_port_in_use_is_refused},
	{"who cannot listen says so", who_cannot_listen_says_so},
	{"the last port is one", the_last_port_is_one},
	{"an address that is none is refused", an_address_that_is_none_is_refused},
	{"other addresses need a list", other_addresses_need_a_list},
	{"a number may be a port or a file", a_number_may_be_a_port_or_a_file},
	{"IPv6 on loopback is open to local peers", ipv6_on_loopback_is_open_to_local_peers},
	{"a list names who may connect", a_list_names_who_may_connect},
	{"a list names networks", a_list_names_networks},
	{"a bad list is refused", a_bad_list_is_refused},
	{"a list needs memory", a_list_needs_memory},
	{"a unix socket needs no list", a_unix_socket_needs_no_list},
};

const struct suite listen_suite = {"listen", tests, COUNT(tests), setup, cleanup, before, after};
