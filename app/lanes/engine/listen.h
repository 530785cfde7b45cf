/*
 * The listening socket: descriptor 0 as spawn-fcgi passes it, one that systemd passes, or one
 * opened here; and who may connect to it (FastCGI specification 2.2 and 3.2).
 */
#ifndef LANES_ENGINE_LISTEN_H
#define LANES_ENGINE_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

struct allowed_peers;

struct listener {
	int fd;		    /* never 0, close-on-exec; non-blocking is up to the engine */
	bool tcp;	    /* else a unix socket */
	const char *unlink; /* the socket file to remove in the end, or NULL */
	struct allowed_peers *allowed; /* NULL: everybody who can connect */
};

/* What a socket file is to be. */
struct socket_file {
	mode_t mode;
	const char *owner; /* a name, or a number; NULL: ours */
	const char *group;
};

/* To be called first, before descriptors are closed: if systemd has passed sockets to this process
 * (LISTEN_PID, LISTEN_FDS), the one that address names ("fd:NAME", of LISTEN_FDNAMES), or the only
 * one if it is NULL, becomes descriptor 0. Any other address leaves them alone. Returns 0, or a
 * negative errno after one line on stderr. */
int listener_adopt(const char *address);

/* Whether somebody else has opened that one, and may have it besides us, and after us. */
bool listener_is_passed(const char *address);

/* Opens address (PATH, unix:PATH, or HOST:PORT; borrowed), or takes over descriptor 0 if it is NULL
 * or fd:NAME, and listens with the backlog. A file gets mode 0660; one that nobody listens on any
 * more is replaced. To be called before there are threads (it changes the umask for a moment).
 * Returns 0, or a negative errno after one line on stderr that says what is wrong and what to do.
 */
int listener_open(struct listener *listener, const char *address, int backlog);

/* The same with another file. */
int listener_open_as(struct listener *listener, const char *address, int backlog,
		     const struct socket_file *file);

/* Whether this peer may speak to us: always for a unix socket; for TCP, if
 * FCGI_WEB_SERVER_ADDRS is set, only from an address or a network of that list. */
bool listener_allows(const struct listener *listener, const struct sockaddr_storage *peer);

/* Nobody connects any more to a unix socket that was opened here: its file is gone. True if so;
 * what waits in its queue can still be accepted, and when nothing is left, accept() fails with
 * EINVAL. */
bool listener_leave(struct listener *listener);

/* Stops listening (idempotent); the socket file stays. */
void listener_stop(struct listener *listener);

/* Stops listening, removes what listener_open() made. Safe to call twice. */
void listener_close(struct listener *listener);

#endif
