#include "engine/prefork_door.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/parent.h"
#include "engine/peers.h"

enum {
	ACCEPT_RETRY_MS = 100, /* when descriptors or memory have run out */
	REST_NS = 1000000,     /* who waited for so long in poll, found nothing to do there */
	LAST_MS = 1000,	       /* for what came when the time to drain was over */
	EXIT_FORCED = 3,
};

/* ---- wait, accept ---- */

/* What the loop has to do between requests: to keep its connection to the database. */
static void turn_between(struct door *door)
{
	if (door->loop)
		uv_run(door->loop, UV_RUN_NOWAIT);
}

/* Milliseconds of --header-timeout that who has connected and said nothing yet has left; -1: there
 * is nobody like that. */
static int silence_left(const struct door *door)
{
	int64_t left = door->options->header_timeout -
		       (int64_t)((uv_hrtime() - door->silent_since) / 1000000);

	if (!door->silent_since)
		return -1;
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* Milliseconds until it has something to do by itself; -1: never. */
static int patience(const struct door *door)
{
	int loop = door->loop ? uv_backend_timeout(door->loop) : -1;
	int silence = silence_left(door);

	return loop < 0 || (silence >= 0 && silence < loop) ? silence : loop;
}

static void hang_up(struct door *door)
{
	FCGX_Free(door->fcgi, 1);
	door->silent_since = 0;
}

/* libfcgi would look at FCGI_WEB_SERVER_ADDRS only for IPv4, and close a unix socket that says
 * nothing for two seconds. */
static void take_connection(struct door *door)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);
	int fd = accept4(door->listener->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);

	if (fd < 0 && door->leaving && (errno == EAGAIN || errno == EINVAL)) {
		door->leaving = false;
	} else if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
		log_event(LOG_LEVEL_WARNING, "accept-failed", "error", strerror(errno), NULL);
		uv_sleep(ACCEPT_RETRY_MS);
	} else if (fd >= 0 && !listener_allows(door->listener, &peer)) {
		log_event(LOG_LEVEL_WARNING, "peer-refused", "peer",
			  peer_name(fd, (char[PEER_SIZE]){0}), NULL);
		close(fd);
	} else if (fd >= 0) {
		if (door->listener->tcp)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
		door->fcgi->ipcFd = fd;
		door->fcgi->keepConnection = 1; /* or libfcgi would close it at once */
		door->silent_since = uv_hrtime();
	}
}

/* The signals' thread has something to tell: we drain, or are to end what is idle. */
static void hear(struct door *door)
{
	eventfd_t count;

	eventfd_read(door->told, &count);
	if (!door->heard && !atomic_exchange(&door->left, true))
		door->leaving = listener_leave(door->listener);
	door->heard = true;
}

bool door_wait(struct door *door)
{
	for (;;) {
		bool open = door->fcgi->ipcFd >= 0;
		bool last = door->heard && (open ? door->parting : !door->leaving);
		struct pollfd fds[] = {
			{.fd = open ? door->fcgi->ipcFd : door->listener->fd, .events = POLLIN},
			{.fd = door->told, .events = POLLIN},
			{.fd = door->loop ? uv_backend_fd(door->loop) : -1, .events = POLLIN},
		};
		uint64_t polled = uv_hrtime();

		turn_between(door);
		poll(fds, 3, last ? 0 : patience(door));
		if (fds[0].revents && (!open || door->silent_since) &&
		    uv_hrtime() > polled + REST_NS)
			door->rested = uv_hrtime();
		if (fds[1].revents)
			hear(door);
		if (open && fds[0].revents)
			return true;
		if (last)
			return false;
		if (open && silence_left(door) == 0)
			hang_up(door);
		else if (fds[0].revents && (!door->heard || door->leaving))
			take_connection(door);
	}
}

/* ---- signals ---- */

static sigset_t drain_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	return set;
}

static const char *in_flight(const struct door *door)
{
	return log_number((long long)board_get(&door->board->in_flight));
}

static void end_by_force(struct door *door, const char *why)
{
	log_event(LOG_LEVEL_WARNING, "ended-by-force", "why", why, "in_flight", in_flight(door),
		  NULL);
	if (door->file && !atomic_exchange(&door->left, true))
		unlink(door->file);
	_exit(EXIT_FORCED);
}

/* False if another signal comes in so many milliseconds. Where there is a master, that is none of
 * ours: it may well be that both of us were told to end. */
static bool is_let_be(const sigset_t *set, int64_t ms)
{
	uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000;
	int number = -1;

	do {
		uint64_t now = uv_hrtime();
		uint64_t left = end > now ? end - now : 0;
		const struct timespec most = {.tv_sec = (time_t)(left / 1000000000),
					      .tv_nsec = (long)(left % 1000000000)};

		number = sigtimedwait(set, NULL, &most);
	} while (number >= 0 && parent_is_there());
	return number < 0;
}

static void *watch_signals(void *watched)
{
	struct door *door = watched;
	const struct options *o = door->options;
	int64_t idle = o->drain_idle < o->drain_timeout ? o->drain_idle : o->drain_timeout;
	int64_t left = o->drain_timeout - idle;
	sigset_t set = drain_signals();
	bool in_time;
	int number;

	sigwait(&set, &number);
	log_event(LOG_LEVEL_INFO, "draining", "in_flight", in_flight(door), "signal",
		  sigabbrev_np(number), NULL);
	board_set(&door->board->draining, 1);
	parent_leave();
	door->draining = true;
	eventfd_write(door->told, 1);
	in_time = is_let_be(&set, idle);
	if (in_time && (left || !board_get(&door->board->in_flight))) {
		door->parting = true;
		eventfd_write(door->told, 1);
		in_time = is_let_be(&set, left ? left : LAST_MS);
	}
	if (!door->drained)
		end_by_force(door, in_time ? "drain-timeout" : "second-signal");
	return NULL;
}

int door_open(struct door *door)
{
	sigset_t set = drain_signals();
	pthread_t thread;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* for the spool, an error like any other */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	door->file = door->listener->unlink;
	door->told = eventfd(0, EFD_CLOEXEC);
	return door->told < 0 ? -errno : -pthread_create(&thread, NULL, watch_signals, door);
}
