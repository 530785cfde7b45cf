#include "engine/listen.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

struct allowed_peers {
	size_t count;
	struct in6_addr list[]; /* IPv4 as v4-mapped */
};

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

static struct in6_addr mapped(const struct in_addr *v4)
{
	struct in6_addr v6 = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	memcpy(&v6.s6_addr[12], v4, sizeof(*v4));
	return v6;
}

static struct in6_addr address_of(const struct sockaddr_storage *peer)
{
	if (peer->ss_family == AF_INET)
		return mapped(&((const struct sockaddr_in *)peer)->sin_addr);
	return ((const struct sockaddr_in6 *)peer)->sin6_addr;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
	struct in6_addr v6 = address_of(address);

	return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

static int parse_address(const char *text, struct in6_addr *address)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*address = mapped(&v4);
		return 0;
	}
	return inet_pton(AF_INET6, text, address) == 1 ? 0 : -EINVAL;
}

/* "A comma-separated list of valid IP addresses" (3.2). */
static int parse_allowed(const char *list, struct allowed_peers **allowed)
{
	size_t most = 1;
	char one[INET6_ADDRSTRLEN];

	for (const char *c = list; *c; c++)
		most += *c == ',';
	*allowed = calloc(1, sizeof(**allowed) + most * sizeof((*allowed)->list[0]));
	if (!*allowed)
		return fail(ENOMEM, "FCGI_WEB_SERVER_ADDRS", strerror(ENOMEM));
	for (const char *at = list; at;) {
		size_t len = strcspn(at, ",");

		if (copy(one, sizeof(one), at, len) ||
		    parse_address(one, &(*allowed)->list[(*allowed)->count++]))
			return fail(EINVAL, "FCGI_WEB_SERVER_ADDRS",
				    "not a comma-separated list of IP addresses");
		at = at[len] ? at + len + 1 : NULL;
	}
	return 0;
}

static int set_access(struct listener *l, const struct sockaddr_storage *own, const char *what)
{
	const char *list = getenv("FCGI_WEB_SERVER_ADDRS");

	l->tcp = own->ss_family != AF_UNIX;
	if (!l->tcp)
		return 0;
	if (list)
		return parse_allowed(list, &l->allowed);
	if (is_loopback(own))
		return 0;
	return fail(EACCES, what,
		    "not a loopback address: anyone could send requests; set "
		    "FCGI_WEB_SERVER_ADDRS to the web servers' IP addresses");
}

/* Descriptor 0 is shared with whoever started us, and libuv closes no descriptor below 3. */
static int take_over_stdin(struct listener *l)
{
	int listening = 0;
	socklen_t len = sizeof(listening);
	int null;

	if (getsockopt(0, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) || !listening)
		return fail(ENOTSOCK, "descriptor 0",
			    "no listening socket: start me through spawn-fcgi, or use --listen "
			    "PATH or HOST:PORT");
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

static int open_unix(struct listener *l, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int err;

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(ENAMETOOLONG, path, "too long for a unix socket (107 bytes at most)");
	memcpy(address.sun_path, path, strlen(path) + 1);
	err = remove_stale(&address);
	if (err)
		return fail(-err, path, strerror(-err));
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return fail(errno, path, strerror(errno));
	mask = umask(0117); /* 0660 whatever ours is, and from the first moment */
	err = bind(l->fd, (struct sockaddr *)&address, sizeof(address)) ? errno : 0;
	umask(mask);
	if (err)
		return fail(err, path, strerror(err));
	l->unlink = path;
	return 0;
}

/* getaddrinfo() takes any number, and what is left of it in 16 bits. */
static bool is_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits && digits <= 5 && !text[digits] && atoi(text) <= UINT16_MAX;
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
	    getaddrinfo(!strcmp(host, "localhost") ? "127.0.0.1" : host, colon + 1, &hints, &found))
		return fail(EINVAL, address, "not an IP address and port");
	l->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) ||
	    bind(l->fd, found->ai_addr, found->ai_addrlen))
		err = errno;
	freeaddrinfo(found);
	return err ? fail(err, address, strerror(err)) : 0;
}

static int open_socket(struct listener *l, const char *address)
{
	if (!address)
		return take_over_stdin(l);
	if (strchr(address, '/') || !strchr(address, ':'))
		return open_unix(l, address);
	return open_tcp(l, address);
}

int listener_open(struct listener *l, const char *address, int backlog)
{
	struct sockaddr_storage own = {0};
	socklen_t len = sizeof(own);
	const char *what = address ? address : "descriptor 0";
	int err;

	*l = (struct listener){.fd = -1};
	err = open_socket(l, address);
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

bool listener_allows(const struct listener *l, const struct sockaddr_storage *peer)
{
	struct in6_addr address;

	if (!l->allowed)
		return true;
	address = address_of(peer);
	for (size_t i = 0; i < l->allowed->count; i++)
		if (IN6_ARE_ADDR_EQUAL(&address, &l->allowed->list[i]))
			return true;
	return false;
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
