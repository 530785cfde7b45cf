/*
 * Taking connections off the listening socket, as long as there is room for them.
 *
 * Not uv_listen(): out of descriptors, libuv accepts and closes at once, and the web server gets an
 * error where it could have waited. Here the connection stays in the socket's queue.
 */
#ifndef LANES_ENGINE_ACCEPT_H
#define LANES_ENGINE_ACCEPT_H

#include "engine/engine.h"

/* Makes the kernel's table of descriptors as large as --max-conns want it, or as the limit of open
 * files lets it be: eight bytes each. While the process has one thread, that takes no time; later
 * the kernel waits for all CPUs whenever the table doubles (Linux, fs/file.c: expand_fdtable(),
 * synchronize_rcu()), some ten milliseconds each time, and a rush overflows the backlog. */
void accept_make_room(const struct engine *engine);

/* Begins to accept. 0 or a UV_E*. */
int accept_open(struct engine *engine);

/* Leaves new connections in the queue, for good (drain) … */
void accept_stop(struct engine *engine);

/* … or takes those that are there first. Whoever else has the socket takes what comes then; where
 * it is nobody's but ours, who comes then is refused at once, and goes elsewhere, with a POST, too.
 * Of our own unix socket none is lost, though it may take until there is room for the last. */
void accept_leave(struct engine *engine);

/* … or takes them again, if there is room and nothing speaks against it: a connection has gone. */
void accept_resume(struct engine *engine);

#endif
