#include "client/fetch_multi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"

static const char kind; /* of guest */

/* ---- sockets ---- */

enum { AT_ONCE = 64 /* sockets that are served in a turn */ };

/* What curl wants of a descriptor. */
struct fetch_socket {
	uint8_t events; /* EPOLLIN, EPOLLOUT: as the kernel was told */
	bool idle;	/* curl does not want to know */
	uint8_t failures;
};

static void act(struct fetcher *fetcher, curl_socket_t fd, int events);

/* What curl has closed without a word the kernel has forgotten: so either call may be right. */
static void tell_kernel(struct fetcher *fetcher, curl_socket_t fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	if (!events)
		epoll_ctl(fetcher->epoll, EPOLL_CTL_DEL, fd, NULL);
	else if (epoll_ctl(fetcher->epoll, EPOLL_CTL_MOD, fd, &event) && errno == ENOENT)
		epoll_ctl(fetcher->epoll, EPOLL_CTL_ADD, fd, &event);
	fetcher->sockets[fd].events = (uint8_t)events;
}

/* A socket that has failed: what came before that may still be read. If it fails again curl is told
 * of that alone, and gives up. */
static int events_of_failure(struct fetcher *fetcher, curl_socket_t fd)
{
	struct fetch_socket *socket = &fetcher->sockets[fd];

	if (!socket->failures++)
		return CURL_CSELECT_IN | CURL_CSELECT_OUT | CURL_CSELECT_ERR;
	tell_kernel(fetcher, fd, 0);
	return CURL_CSELECT_ERR;
}

static void on_event(struct fetcher *fetcher, const struct epoll_event *event)
{
	curl_socket_t fd = event->data.fd;

	if (fetcher->sockets[fd].idle) /* closed: curl sees that when it wants to use it */
		tell_kernel(fetcher, fd, 0);
	else if (event->events & EPOLLERR)
		act(fetcher, fd, events_of_failure(fetcher, fd));
	else
		act(fetcher, fd,
		    ((event->events & (EPOLLIN | EPOLLHUP)) ? CURL_CSELECT_IN : 0) |
			    ((event->events & (EPOLLOUT | EPOLLHUP)) ? CURL_CSELECT_OUT : 0));
}

static void on_events(uv_poll_t *poll, int status, int unused)
{
	struct fetcher *fetcher = container_of(poll, struct fetcher, poll);
	struct epoll_event events[AT_ONCE];
	int count = epoll_wait(fetcher->epoll, events, AT_ONCE, 0);

	(void)status;
	(void)unused;
	for (int i = 0; i < count && fetcher->multi; i++)
		on_event(fetcher, &events[i]);
}

static bool make_room(struct fetcher *fetcher, size_t count)
{
	size_t size = fetcher->socket_count ? fetcher->socket_count : 64;
	struct fetch_socket *sockets;

	if (count <= fetcher->socket_count)
		return true;
	while (size < count)
		size *= 2;
	sockets = realloc(fetcher->sockets, size * sizeof(*sockets));
	if (!sockets)
		return false;
	memset(sockets + fetcher->socket_count, 0,
	       (size - fetcher->socket_count) * sizeof(*sockets));
	fetcher->sockets = sockets;
	fetcher->socket_count = size;
	return true;
}

/* curl's: what to wait for. An error returned from here would end all transfers: who cannot be
 * waited for is late. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *unused)
{
	struct fetcher *fetcher = data;
	uint32_t events =
		((what & CURL_POLL_IN) ? EPOLLIN : 0) | ((what & CURL_POLL_OUT) ? EPOLLOUT : 0);

	(void)easy;
	(void)unused;
	if (!make_room(fetcher, (size_t)fd + 1))
		return 0;
	fetcher->sockets[fd].idle = what == CURL_POLL_REMOVE;
	if (what != CURL_POLL_REMOVE && events != fetcher->sockets[fd].events)
		tell_kernel(fetcher, fd, events);
	return 0;
}

/* It may have the number of one that curl has closed, and still believes to be watched. */
curl_socket_t fetcher_open_socket(struct fetcher *fetcher, const struct curl_sockaddr *address)
{
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
			address->protocol);
	struct fetch_socket *known;

	if (fd < 0)
		return -errno;
	if (!make_room(fetcher, (size_t)fd + 1)) {
		close(fd);
		return -ENOMEM;
	}
	known = &fetcher->sockets[fd];
	known->failures = 0;
	if (known->events && !known->idle)
		tell_kernel(fetcher, fd, known->events);
	else
		known->events = 0;
	return fd;
}

int fetcher_close_socket(void *data, curl_socket_t fd)
{
	struct fetcher *fetcher = data;

	if ((size_t)fd < fetcher->socket_count)
		fetcher->sockets[fd] = (struct fetch_socket){0};
	return close(fd);
}

/* ---- time ---- */

static void on_timer(uv_timer_t *timer)
{
	struct fetcher *fetcher = container_of(timer, struct fetcher, timer);

	fetcher->is_timer = true;
	act(fetcher, CURL_SOCKET_TIMEOUT, 0);
	fetcher->is_timer = false;
}

/* curl's: when to call it. In 0 milliseconds is the next turn; but for libuv it is this one as long
 * as its timers run, so that who sends without a pause would hold the loop. */
static int on_timeout(CURLM *multi, long milliseconds, void *data)
{
	struct fetcher *fetcher = data;

	(void)multi;
	if (milliseconds < 0)
		uv_timer_stop(&fetcher->timer);
	else
		uv_timer_start(&fetcher->timer, on_timer,
			       milliseconds ? (uint64_t)milliseconds : fetcher->is_timer, 0);
	return 0;
}

static void on_turn(uv_timer_t *turn)
{
	fetch_hosts_go(container_of(turn, struct fetcher, turn));
}

/* ---- transfers ---- */

static struct fetch_call *call_of(CURL *easy)
{
	char *call = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
	return (struct fetch_call *)(void *)call;
}

static void on_done(struct fetch_call *call, CURLcode code)
{
	int error = fetch_easy_error(call, code);
	long status = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	call->status = (int)status;
	if (error == -EFBIG)
		strcpy(call->why, "longer than it may be");
	else if (error && !call->why[0])
		snprintf(call->why, sizeof(call->why), "%s", curl_easy_strerror(code));
	if (!error && fetch_is_redirected(call, &error))
		return;
	fetch_host_leave(call);
	fetch_end(call, error);
}

static void end_all(struct fetcher *fetcher, int error)
{
	while (fetcher->flying.first) {
		struct fetch_call *call = fetcher->flying.first;

		fetch_host_leave(call);
		fetch_end(call, error);
	}
}

static void close_multi(struct fetcher *fetcher)
{
	while (fetcher->spare_count)
		curl_easy_cleanup(fetcher->spares[--fetcher->spare_count]);
	curl_multi_cleanup(fetcher->multi);
	fetcher->multi = NULL;
	uv_timer_stop(&fetcher->timer);
	uv_timer_stop(&fetcher->rest);
}

/* Tells curl what has happened, and takes what it has done. */
static void act(struct fetcher *fetcher, curl_socket_t fd, int events)
{
	CURLMsg *message;
	CURLMcode code;
	int count;

	code = curl_multi_socket_action(fetcher->multi, fd, events, &count);
	while ((message = curl_multi_info_read(fetcher->multi, &count)))
		if (message->msg == CURLMSG_DONE)
			on_done(call_of(message->easy_handle), message->data.result);
	if (code) { /* it does not say for whom it had no memory, and is broken now */
		end_all(fetcher, -ENOMEM);
		close_multi(fetcher);
	}
	fetch_hosts_go(fetcher);
}

/* Who closed an idle connection is only noticed when it is to be used again: so they are closed, if
 * none was used for a while. */
static void on_rest(uv_timer_t *rest)
{
	struct fetcher *fetcher = container_of(rest, struct fetcher, rest);
	uint64_t most = (uint64_t)(fetch_limits.idle * 1e3);
	uint64_t idle = (uv_hrtime() - fetcher->landed) / 1000000;

	if (fetcher->flying_count || idle < most)
		uv_timer_start(rest, on_rest, fetcher->flying_count ? most : most - idle, 0);
	else
		close_multi(fetcher);
}

static int open_multi(struct fetcher *fetcher)
{
	CURLM *multi = fetcher->multi ? fetcher->multi : curl_multi_init();

	if (!multi)
		return -ENOMEM;
	if (multi == fetcher->multi)
		return 0;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, fetcher);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, fetcher);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)fetch_limits.most);
	fetcher->multi = multi;
	fetcher->landed = uv_hrtime();
	uv_timer_start(&fetcher->rest, on_rest, (uint64_t)(fetch_limits.idle * 1e3), 0);
	return 0;
}

static void put_back(struct fetcher *fetcher, CURL *easy)
{
	curl_easy_reset(easy);
	if (fetcher->spare_count < FETCH_SPARES)
		fetcher->spares[fetcher->spare_count++] = easy;
	else
		curl_easy_cleanup(easy);
}

int fetcher_launch(struct fetch_call *call)
{
	struct fetcher *fetcher = call->fetcher;
	int err = open_multi(fetcher);

	if (err)
		return err;
	call->easy =
		fetcher->spare_count ? fetcher->spares[--fetcher->spare_count] : curl_easy_init();
	if (!call->easy)
		return -ENOMEM;
	fetch_list_add(&fetcher->flying, call);
	fetcher->flying_count++;
	call->host->flying++;
	err = fetch_easy_set_up(call);
	if (!err && curl_multi_add_handle(fetcher->multi, call->easy))
		err = -ENOMEM;
	if (err)
		fetcher_land(call);
	return err;
}

void fetcher_land(struct fetch_call *call)
{
	struct fetcher *fetcher = call->fetcher;

	curl_multi_remove_handle(fetcher->multi, call->easy);
	/* A reset keeps a list that was not read yet. */
	curl_easy_setopt(call->easy, CURLOPT_RESOLVE, NULL);
	curl_slist_free_all(call->resolved);
	call->resolved = NULL;
	put_back(fetcher, call->easy);
	call->easy = NULL;
	fetch_list_remove(call);
	fetcher->flying_count--;
	call->host->flying--;
	fetcher->landed = uv_hrtime();
	if (fetcher->busy && !uv_is_active((uv_handle_t *)&fetcher->turn))
		uv_timer_start(&fetcher->turn, on_turn, 0, 0);
}

/* ---- its life ---- */

static void on_closed(uv_handle_t *handle)
{
	struct fetcher *fetcher = handle->data;

	if (--fetcher->handles)
		return;
	free(fetcher->sockets);
	free(fetcher);
}

static void on_close(struct sched_guest *guest)
{
	struct fetcher *fetcher = container_of(guest, struct fetcher, guest);

	end_all(fetcher, -ECANCELED);
	fetch_hosts_close(fetcher);
	close_multi(fetcher);
	uv_close((uv_handle_t *)&fetcher->poll, on_closed);
	uv_close((uv_handle_t *)&fetcher->timer, on_closed);
	uv_close((uv_handle_t *)&fetcher->turn, on_closed);
	uv_close((uv_handle_t *)&fetcher->rest, on_closed);
	close(fetcher->epoll);
}

static void open_handles(struct fetcher *fetcher)
{
	uv_loop_t *loop = fetcher->sched->loop;

	uv_timer_init(loop, &fetcher->timer);
	uv_timer_init(loop, &fetcher->turn);
	uv_timer_init(loop, &fetcher->rest);
	fetcher->timer.data = fetcher->turn.data = fetcher->rest.data = fetcher->poll.data =
		fetcher;
	fetcher->handles = 4;
	uv_poll_start(&fetcher->poll, UV_READABLE, on_events);
}

int fetcher_of(struct sched *sched, struct fetcher **fetcher)
{
	struct sched_guest *guest = sched_guest(sched, &kind);
	struct fetcher *made;
	int err = 0;

	if (guest) {
		*fetcher = container_of(guest, struct fetcher, guest);
		return 0;
	}
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (made->epoll < 0)
		err = -errno;
	if (!err)
		err = uv_poll_init(sched->loop, &made->poll, made->epoll);
	if (err) {
		if (made->epoll >= 0)
			close(made->epoll);
		free(made);
		return err;
	}
	made->guest = (struct sched_guest){.kind = &kind, .close = on_close};
	made->sched = sched;
	made->busy_last = &made->busy;
	open_handles(made);
	sched_add_guest(sched, &made->guest);
	*fetcher = made;
	return 0;
}
