/*
 * That the peer of a process's one connection hangs up while a handler waits.
 *
 * What libuv polls does not block any more, and libfcgi's connection must. So libuv polls an epoll
 * descriptor, which has the connection for as long as somebody wants to know. Nothing is read:
 * input that is there stays for libfcgi, and is no reason to wake up.
 *
 * All functions belong to the loop's thread.
 */
#ifndef LANES_ENGINE_HANGUP_H
#define LANES_ENGINE_HANGUP_H

#include <stdbool.h>
#include <uv.h>

struct hangup {
	uv_poll_t poll;
	int epoll;
	void (*heard)(struct hangup *hangup);
};

/* 0 or a negative errno. It stays as long as the process. */
int hangup_open(struct hangup *hangup, uv_loop_t *loop, void (*heard)(struct hangup *hangup));

/* heard() is called in each turn of the loop in which the peer has gone, until hangup_ignore(); as
 * long, the loop has something to wait for. Where the kernel has no memory for it, nobody is told.
 */
void hangup_listen(struct hangup *hangup, int fd);
void hangup_ignore(struct hangup *hangup, int fd);

/* Whether the peer of a connection has hung up, whatever it has left to be read. */
bool hangup_is_there(int fd);

#endif
