#include "engine/listen.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/peers.h"

enum { SHOWN = 1000 }; /* bytes, of what is wrong */

static int fail(int err, const char *what, const char *why)
{
	assert(err > 0);
	log_complaint("%.1000s: %s", what, why);
	return -err;
}

/* Cuts nothing off: a text that does not fit is an error. */
static int copy(char *to, size_t size, const char *text, size_t len)
{
	if (len >= size)
		return -EINVAL;
	memcpy(to, text, len);
	to[len] = '\0';
	return 0;
}

static int set_access(struct listener *l, const struct sockaddr_storage *own, const char *what)
{
	const char *list = getenv("FCGI_WEB_SERVER_ADDRS");

	l->tcp = own->ss_family != AF_UNIX;
	if (!l->tcp)
		return 0;
	if (list) {
		struct slice wrong = {NULL, 0};
		int err = peers_parse(list, &l->allowed, &wrong);

		if (err == -EINVAL)
			log_complaint("FCGI_WEB_SERVER_ADDRS: \"%.*s\" is no IP address, and no "
				      "network such as 10.0.0.0/8; commas separate them",
				      (int)(wrong.len < SHOWN ? wrong.len : SHOWN), wrong.data);
		else if (err)
			fail(-err, "FCGI_WEB_SERVER_ADDRS", strerror(-err));
		return err;
	}
	if (address_is_loopback(own))
		return 0;
	return fail(EACCES, what,
		    "not a loopback address: anyone could send requests; set "
		    "FCGI_WEB_SERVER_ADDRS to the web servers' IP addresses or networks");
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* ---- sockets that systemd passes: sd_listen_fds(3) ---- */

enum { FIRST_PASSED = 3 };

/* Which of the names, with colons between them, is this; negative if none is, or several are. */
static int find_name(const char *names, const char *name)
{
	int found = -ENOENT;
	int number = 0;

	for (const char *at = names; at; number++) {
		size_t len = strcspn(at, ":");

		if (len == strlen(name) && !memcmp(at, name, len))
			found = found < 0 ? number : -EEXIST;
		at = at[len] ? at + len + 1 : NULL;
	}
	return found == -EEXIST ? -ENOENT : found;
}

bool listener_is_passed(const char *address)
{
	return !address || begins(address, "fd:");
}

int listener_adopt(const char *address)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	int count = pid && fds && atoll(pid) == getpid() ? atoi(fds) : 0;
	int number = 0;

	if (count < 1 || !listener_is_passed(address))
		return 0;
	if (address)
		number = find_name(names, address + strlen("fd:"));
	if (number < 0 || number >= count)
		return fail(ENOENT, address,
			    "not one, and only one, of the names in LISTEN_FDNAMES");
	if (!address && count > 1) {
		log_complaint("LISTEN_FDS: %d sockets (%.1000s), and a worker has one: --listen "
			      "fd:NAME says which, FileDescriptorName= of a socket unit names it",
			      count, names ? names : "without names");
		return -E2BIG;
	}
	if (dup2(FIRST_PASSED + number, 0) < 0)
		return fail(errno, "LISTEN_FDS", strerror(errno));
	/* As the others are closed, nobody whom we start is to look for them. */
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return 0;
}

/* Descriptor 0 is shared with whoever started us, and libuv closes no descriptor below 3. */
static int take_over_stdin(struct listener *l, const char *passed)
{
	int listening = 0;
	socklen_t len = sizeof(listening);
	int null;

	if (getsockopt(0, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len))
		listening = 0;
	if (!listening && passed)
		return fail(ENOTSOCK, passed,
			    "no socket was passed (LISTEN_FDS, LISTEN_PID): start me through a "
			    "systemd socket, or use --listen PATH or HOST:PORT");
	if (!listening)
		return fail(ENOTSOCK, "descriptor 0",
			    "no listening socket: start me through spawn-fcgi or a systemd socket, "
			    "or use --listen PATH or HOST:PORT");
	l->fd = fcntl(0, F_DUPFD_CLOEXEC, 3);
	if (l->fd < 0)
		return fail(errno, "descriptor 0", strerror(errno));
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, 0);
		close(null);
	}
	return 0;
}

static int remove_stale(const struct sockaddr_un *address)
{
	int fd;
	int err;
	struct stat file;

	if (lstat(address->sun_path, &file))
		return 0; /* nothing there, or bind() will say what is wrong */
	if (!S_ISSOCK(file.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return 0; /* nor will there be one to listen on, which is said then */
	err = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
	close(fd);
	/* Where somebody listens, bind() will say so. */
	return err == ECONNREFUSED && unlink(address->sun_path) ? -errno : 0;
}

/* The number of a user or a group, which may be said as such; else find() knows the name. */
static int number_of(const char *name, const char *what, int (*find)(const char *name, id_t *id),
		     id_t *id)
{
	size_t digits = name ? strspn(name, "0123456789") : 0;

	*id = (id_t)-1; /* as it is */
	if (!name)
		return 0;
	if (digits && digits < 10 && !name[digits])
		*id = (id_t)atoi(name);
	else if (find(name, id))
		return fail(ENOENT, name, what);
	return 0;
}

static int find_user(const char *name, id_t *id)
{
	const struct passwd *user = getpwnam(name);

	if (user)
		*id = user->pw_uid;
	return user ? 0 : -ENOENT;
}

static int find_group(const char *name, id_t *id)
{
	const struct group *group = getgrnam(name);

	if (group)
		*id = group->gr_gid;
	return group ? 0 : -ENOENT;
}

/* Nobody can connect yet. */
static int give_away(const char *path, const struct socket_file *file)
{
	id_t owner;
	id_t group;
	int err =
		number_of(file->owner, "no user is called so (--listen-owner)", find_user, &owner);

	if (!err)
		err = number_of(file->group, "no group is called so (--listen-group)", find_group,
				&group);
	if (!err && (file->owner || file->group) && lchown(path, owner, group))
		return fail(errno, path,
			    "this user may not give it to --listen-owner or "
			    "--listen-group");
	return err;
}

static int open_unix(struct listener *l, const char *path, const struct socket_file *file)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int err;

	if (!*path)
		return fail(EINVAL, "unix:", "no path follows");
	if (strlen(path) >= sizeof(address.sun_path))
		return fail(ENAMETOOLONG, path, "too long for a unix socket (107 bytes at most)");
	memcpy(address.sun_path, path, strlen(path) + 1);
	err = remove_stale(&address);
	if (err)
		return fail(-err, path, strerror(-err));
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return fail(errno, path, strerror(errno));
	mask = umask(~file->mode & 0777); /* whatever ours is, and from the first moment */
	err = bind(l->fd, (struct sockaddr *)&address, sizeof(address)) ? errno : 0;
	umask(mask);
	if (err)
		return fail(err, path, strerror(err));
	l->unlink = path;
	return give_away(path, file);
}

/* getaddrinfo() takes any number, and what is left of it in 16 bits. */
static bool is_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits && digits <= 5 && !text[digits] && atoi(text) <= UINT16_MAX;
}

/* Two hosts that are no IP addresses: "localhost", and "", which is all of IPv4. */
static const char *numeric(const char *host)
{
	return !*host ? "0.0.0.0" : !strcmp(host, "localhost") ? "127.0.0.1" : host;
}

static int open_tcp(struct listener *l, const char *address)
{
	const char *colon = strrchr(address, ':');
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				 .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	const char *host_text = address;
	char host[INET6_ADDRSTRLEN];
	size_t len = (size_t)(colon - address);
	int err = 0;

	if (address[0] == '[' && colon[-1] == ']') {
		host_text++;
		len -= 2;
	}
	if (!is_port(colon + 1) || copy(host, sizeof(host), host_text, len) ||
	    getaddrinfo(numeric(host), colon + 1, &hints, &found))
		return fail(EINVAL, address, "not an IP address and port");
	l->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) ||
	    bind(l->fd, found->ai_addr, found->ai_addrlen))
		err = errno;
	freeaddrinfo(found);
	return err ? fail(err, address, strerror(err)) : 0;
}

static int open_socket(struct listener *l, const char *address, const struct socket_file *file)
{
	if (listener_is_passed(address))
		return take_over_stdin(l, address);
	if (begins(address, "unix:"))
		return open_unix(l, address + strlen("unix:"), file);
	if (!address[strspn(address, "0123456789")])
		return fail(EINVAL, address,
			    "a port, or a file? :9000 or 127.0.0.1:9000 is a port, ./9000 a file");
	if (strchr(address, '/') || !strchr(address, ':'))
		return open_unix(l, address, file);
	return open_tcp(l, address);
}

int listener_open_as(struct listener *l, const char *address, int backlog,
		     const struct socket_file *file)
{
	struct sockaddr_storage own = {0};
	socklen_t len = sizeof(own);
	const char *what = address ? address : "descriptor 0";
	int err;

	*l = (struct listener){.fd = -1};
	err = open_socket(l, address, file);
	if (!err) {
		getsockname(l->fd, (struct sockaddr *)&own, &len);
		err = set_access(l, &own, what);
	}
	if (!err && listen(l->fd, backlog))
		err = fail(errno, what, strerror(errno));
	if (err)
		listener_close(l);
	return err;
}

int listener_open(struct listener *l, const char *address, int backlog)
{
	return listener_open_as(l, address, backlog, &(struct socket_file){.mode = 0660});
}

bool listener_allows(const struct listener *l, const struct sockaddr_storage *peer)
{
	return !l->allowed || peers_allow(l->allowed, peer);
}

bool listener_leave(struct listener *l)
{
	if (!l->unlink)
		return false;
	unlink(l->unlink); /* first: whoever finds it refused may put his own in its place */
	l->unlink = NULL;
	return shutdown(l->fd, SHUT_RD) == 0;
}

void listener_stop(struct listener *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

void listener_close(struct listener *l)
{
	listener_stop(l);
	if (l->unlink)
		unlink(l->unlink);
	l->unlink = NULL;
	free(l->allowed);
	l->allowed = NULL;
}
