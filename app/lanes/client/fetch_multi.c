#include "client/fetch_multi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"

static const char kind; /* of guest */

/* ---- sockets ---- */

struct fetch_watch {
	uv_poll_t poll;
	struct fetcher *fetcher;
	curl_socket_t fd;
	int events; /* that are waited for; 0: none */
	bool ours;  /* a connection, which we open and close */
	bool idle;  /* curl does not want to know */
	bool failed_once;
	bool failed; /* and is not waited for any more */
};

static void act(struct fetcher *fetcher, curl_socket_t fd, int events);

static void on_watch_closed(uv_handle_t *handle)
{
	free(container_of((uv_poll_t *)handle, struct fetch_watch, poll));
}

static void on_event(uv_poll_t *poll, int status, int events);

static void watch_for(struct fetch_watch *watch, int events)
{
	watch->idle = false;
	if (events == watch->events || watch->failed)
		return;
	uv_poll_start(&watch->poll, events, on_event);
	watch->events = events;
}

/* libuv has stopped to look at a socket that has failed, and does so again for what came before
 * that. Where it fails again curl is told of that alone, and gives up. */
static void on_failure(struct fetch_watch *watch)
{
	int events = watch->events;
	bool again = watch->failed_once;

	watch->events = 0;
	watch->failed_once = true;
	watch->failed = again;
	if (watch->idle)
		return;
	watch_for(watch, events);
	act(watch->fetcher, watch->fd,
	    again ? CURL_CSELECT_ERR : CURL_CSELECT_IN | CURL_CSELECT_OUT | CURL_CSELECT_ERR);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct fetch_watch *watch = container_of(poll, struct fetch_watch, poll);

	if (status < 0) {
		on_failure(watch);
	} else if (watch->idle) { /* it was closed: curl sees that when it wants to use it */
		uv_poll_stop(poll);
		watch->events = 0;
	} else {
		act(watch->fetcher, watch->fd,
		    (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
			    (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0));
	}
}

static bool make_room(struct fetcher *fetcher, size_t count)
{
	size_t size = fetcher->watch_count ? fetcher->watch_count : 64;
	struct fetch_watch **watches;

	if (count <= fetcher->watch_count)
		return true;
	while (size < count)
		size *= 2;
	watches = realloc(fetcher->watches, size * sizeof(*watches));
	if (!watches)
		return false;
	for (size_t i = fetcher->watch_count; i < size; i++)
		watches[i] = NULL;
	fetcher->watches = watches;
	fetcher->watch_count = size;
	return true;
}

/* NULL if memory is out. */
static struct fetch_watch *watch_of(struct fetcher *fetcher, curl_socket_t fd)
{
	struct fetch_watch *watch;

	if (!make_room(fetcher, (size_t)fd + 1))
		return NULL;
	watch = fetcher->watches[fd];
	if (watch)
		return watch;
	watch = calloc(1, sizeof(*watch));
	if (!watch || uv_poll_init(fetcher->sched->loop, &watch->poll, fd)) {
		free(watch);
		return NULL;
	}
	watch->fetcher = fetcher;
	watch->fd = fd;
	fetcher->watches[fd] = watch;
	return watch;
}

static struct fetch_call *call_of(CURL *easy)
{
	char *call = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
	return (struct fetch_call *)(void *)call;
}

static void watch_close(struct fetch_watch *watch)
{
	watch->fetcher->watches[watch->fd] = NULL;
	uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

/* curl's: what to wait for. An error returned from here would end all transfers: who cannot be
 * waited for is late. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *unused)
{
	struct fetcher *fetcher = data;
	struct fetch_watch *watch = watch_of(fetcher, fd);

	(void)easy;
	(void)unused;
	if (!watch)
		return 0;
	if (what != CURL_POLL_REMOVE)
		watch_for(watch, (what & CURL_POLL_IN ? UV_READABLE : 0) |
					 (what & CURL_POLL_OUT ? UV_WRITABLE : 0));
	else if (watch->ours)
		watch->idle = true;
	else
		watch_close(watch); /* nobody says when curl closes it */
	return 0;
}

curl_socket_t fetcher_open_socket(struct fetcher *fetcher, const struct curl_sockaddr *address)
{
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
			address->protocol);
	struct fetch_watch *watch;

	if (fd < 0)
		return -errno;
	watch = watch_of(fetcher, fd);
	if (!watch) {
		close(fd);
		return -ENOMEM;
	}
	watch->ours = true;
	return fd;
}

int fetcher_close_socket(void *data, curl_socket_t fd)
{
	struct fetcher *fetcher = data;

	if ((size_t)fd < fetcher->watch_count && fetcher->watches[fd])
		watch_close(fetcher->watches[fd]);
	return close(fd);
}

/* ---- time ---- */

static void on_timer(uv_timer_t *timer)
{
	act(container_of(timer, struct fetcher, timer), CURL_SOCKET_TIMEOUT, 0);
}

/* curl's: when to call it. In 0 milliseconds is the next turn. */
static int on_timeout(CURLM *multi, long milliseconds, void *data)
{
	struct fetcher *fetcher = data;

	(void)multi;
	if (milliseconds < 0)
		uv_timer_stop(&fetcher->timer);
	else
		uv_timer_start(&fetcher->timer, on_timer, (uint64_t)milliseconds, 0);
	return 0;
}

static void on_turn(uv_timer_t *turn)
{
	fetch_hosts_go(container_of(turn, struct fetcher, turn));
}

/* ---- transfers ---- */

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

/* Without memory curl forgets a connection now and then. */
static void close_left_over(struct fetcher *fetcher)
{
	for (size_t fd = 0; fd < fetcher->watch_count; fd++) {
		struct fetch_watch *watch = fetcher->watches[fd];

		if (watch && watch->ours)
			fetcher_close_socket(fetcher, (curl_socket_t)fd);
		else if (watch)
			watch_close(watch);
	}
}

static void close_multi(struct fetcher *fetcher)
{
	while (fetcher->spare_count)
		curl_easy_cleanup(fetcher->spares[--fetcher->spare_count]);
	curl_multi_cleanup(fetcher->multi);
	fetcher->multi = NULL;
	close_left_over(fetcher);
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
	free(fetcher->watches);
	free(fetcher);
}

static void on_close(struct sched_guest *guest)
{
	struct fetcher *fetcher = container_of(guest, struct fetcher, guest);

	end_all(fetcher, -ECANCELED);
	fetch_hosts_close(fetcher);
	close_multi(fetcher);
	uv_close((uv_handle_t *)&fetcher->timer, on_closed);
	uv_close((uv_handle_t *)&fetcher->turn, on_closed);
	uv_close((uv_handle_t *)&fetcher->rest, on_closed);
}

struct fetcher *fetcher_of(struct sched *sched)
{
	struct sched_guest *guest = sched_guest(sched, &kind);
	struct fetcher *fetcher;

	if (guest)
		return container_of(guest, struct fetcher, guest);
	fetcher = calloc(1, sizeof(*fetcher));
	if (!fetcher)
		return NULL;
	fetcher->guest = (struct sched_guest){.kind = &kind, .close = on_close};
	fetcher->sched = sched;
	fetcher->busy_last = &fetcher->busy;
	fetcher->handles = 3;
	uv_timer_init(sched->loop, &fetcher->timer);
	uv_timer_init(sched->loop, &fetcher->turn);
	uv_timer_init(sched->loop, &fetcher->rest);
	fetcher->timer.data = fetcher->turn.data = fetcher->rest.data = fetcher;
	sched_add_guest(sched, &fetcher->guest);
	return fetcher;
}
