#include "engine/hangup.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

#include "base/util.h"

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct hangup *hangup = container_of(poll, struct hangup, poll);

	(void)events;
	if (!status)
		hangup->heard(hangup);
}

int hangup_open(struct hangup *hangup, uv_loop_t *loop, void (*heard)(struct hangup *hangup))
{
	int err;

	hangup->heard = heard;
	hangup->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (hangup->epoll < 0)
		return -errno;
	err = uv_poll_init(loop, &hangup->poll, hangup->epoll);
	if (!err)
		err = uv_poll_start(&hangup->poll, UV_READABLE, on_event);
	if (!err)
		uv_unref((uv_handle_t *)&hangup->poll);
	return err;
}

void hangup_listen(struct hangup *hangup, int fd)
{
	epoll_ctl(hangup->epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLRDHUP});
	uv_ref((uv_handle_t *)&hangup->poll);
}

void hangup_ignore(struct hangup *hangup, int fd)
{
	epoll_ctl(hangup->epoll, EPOLL_CTL_DEL, fd, NULL);
	uv_unref((uv_handle_t *)&hangup->poll);
}

bool hangup_is_there(int fd)
{
	struct pollfd peer = {.fd = fd, .events = POLLRDHUP};

	return poll(&peer, 1, 0) == 1;
}
