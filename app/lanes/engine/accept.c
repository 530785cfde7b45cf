#include "engine/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/conn.h"
#include "engine/parent.h"
#include "engine/peers.h"

enum {
	ACCEPTS_AT_ONCE =
		64, /* one where a master may have others at the same socket: each its share */
	ACCEPT_RETRY_MS = 100, /* when descriptors or memory have run out */
	OTHER_FILES = 64,      /* that a worker has open */
};

static void on_connections(uv_poll_t *handle, int status, int readable);

static void accept_pause(struct engine *engine)
{
	if (engine->accepting)
		uv_poll_stop(&engine->accept);
	engine->accepting = false;
	engine->sched.deaf = true;
}

void accept_resume(struct engine *engine)
{
	if (!engine->accepting && engine->listener->fd >= 0)
		engine->accepting =
			uv_poll_start(&engine->accept, UV_READABLE, on_connections) == 0;
	engine->sched.deaf = !engine->accepting;
}

static void on_accept_retry(uv_timer_t *timer)
{
	accept_resume(timer->data);
}

/* Tries again in a while, and says so once, until a connection was accepted. */
static void accept_failed(struct engine *engine, const char *why)
{
	if (!engine->accept_failing)
		log_event(LOG_LEVEL_WARNING, "accept-failed", "error", why, NULL);
	engine->accept_failing = true;
	accept_pause(engine);
	uv_timer_start(&engine->accept_retry, on_accept_retry, ACCEPT_RETRY_MS, 0);
}

/* True if there may be more to accept. */
static bool accept_one(struct engine *engine)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);
	int fd = accept4(engine->listener->fd, (struct sockaddr *)&peer, &len,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		int err = errno;

		if (err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM)
			accept_failed(engine, strerror(err));
		else if (engine->leaving && (err == EAGAIN || err == EINVAL))
			accept_stop(engine);
		return err == ECONNABORTED || err == EINTR;
	}
	engine->accept_failing = false;
	if (listener_allows(engine->listener, &peer)) {
		conn_new(engine, fd);
	} else {
		char name[PEER_SIZE];

		log_event(LOG_LEVEL_WARNING, "peer-refused", "peer", peer_name(fd, name), NULL);
		close(fd);
	}
	return true;
}

static void on_connections(uv_poll_t *handle, int status, int readable)
{
	struct engine *engine = handle->data;

	(void)readable;
	if (status < 0)
		accept_failed(engine, uv_strerror(status));
	for (int i = 0; engine->accepting && i < (parent_is_there() ? 1 : ACCEPTS_AT_ONCE); i++) {
		if (engine->conn_count >= (size_t)engine->options->max_conns)
			accept_pause(engine);
		else if (!accept_one(engine))
			return;
	}
}

void accept_make_room(const struct engine *engine)
{
	rlim_t wanted = (rlim_t)engine->options->max_conns + OTHER_FILES;
	struct rlimit files;
	int last;

	if (!engine->listener || getrlimit(RLIMIT_NOFILE, &files))
		return;
	wanted = files.rlim_cur < wanted ? files.rlim_cur : wanted;
	last = fcntl(engine->listener->fd, F_DUPFD_CLOEXEC, (int)wanted - 1);
	if (last >= 0)
		close(last);
}

int accept_open(struct engine *engine)
{
	int fd = engine->listener->fd;
	int err;

	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	err = uv_poll_init(&engine->loop, &engine->accept, fd);
	engine->accept.data = engine;
	if (err)
		return err;
	accept_resume(engine);
	return engine->accepting ? 0 : UV_EIO;
}

void accept_leave(struct engine *engine)
{
	if (!engine->listener)
		return;
	engine->leaving = engine->accept.data && listener_leave(engine->listener);
	if (engine->leaving) {
		on_connections(&engine->accept, 0, UV_READABLE);
		return;
	}
	while (engine->accepting && engine->conn_count < (size_t)engine->options->max_conns &&
	       accept_one(engine))
		;
	accept_stop(engine);
}

void accept_stop(struct engine *engine)
{
	if (!engine->listener)
		return;
	accept_pause(engine);
	listener_stop(engine->listener);
}
