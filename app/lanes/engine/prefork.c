/*
 * One worker process, in the order in which a request lives: wait, accept, handle, answer, finish;
 * then signals, and the process itself.
 *
 * Everything blocks: that is what this engine is there to show. Only one thing must not be left
 * to libfcgi: to wait. Its accept and its read cannot be interrupted without a moment in which
 * the signal comes just before the call (and sleeps on), or comes in mid-request (and loses it).
 * So no signal interrupts anything: a thread of their own takes them, and we wait in poll, for
 * input or for that thread's word, before libfcgi is called. Then it finds something to do; or,
 * if another process was faster, a listening socket that does not block.
 */
#include "engine/prefork.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <uv.h>

#include "await/sched.h"
#include "base/log.h"
#include "base/util.h"
#include "engine/database.h"
#include "engine/observer.h"
#include "engine/peers.h"
#include "http/body.h"
#include "http/mount.h"
#include "http/reply.h"

enum {
	ACCEPT_RETRY_MS = 100, /* when descriptors or memory have run out */
	REST_NS = 1000000,     /* who waited for so long in poll, found nothing to do there */
	EXIT_FORCED = 3,
	STDIN_PIECE = 8192,
};

struct prefork {
	const struct options *options;
	struct slice worker;
	struct router router;
	const struct application *application;
	struct bodies bodies;
	struct listener *listener;
	uv_loop_t loop; /* where the one request waits for its timers */
	struct sched sched;
	FCGX_Request fcgi;
	struct request req; /* the same block for every request */
	struct board_slot *board;
	uint64_t serial;
	uint64_t rested; /* uv_hrtime() when nobody was waiting to be accepted */
	bool finished;
	bool stays; /* the request has work for after its answer */

	int drain_fd; /* an eventfd, readable from the first signal on */
	atomic_bool draining;
	atomic_bool drained;
};

/* ---- wait, accept ---- */

/* What the loop has to do between requests: to keep its connection to the database. */
static void turn_between(struct prefork *p)
{
	if (p->options->database)
		uv_run(&p->loop, UV_RUN_NOWAIT);
}

/* Milliseconds until it has something to do by itself; -1: never. */
static int patience(const struct prefork *p)
{
	return p->options->database ? uv_backend_timeout(&p->loop) : -1;
}

/* Waits for a connection or, where the web server keeps its connection, for the next request on
 * it: then nobody else is served by this process, however long that takes. False: we drain, and
 * nothing is left to answer. */
static bool wait_for_input(struct prefork *p)
{
	bool kept = p->fcgi.ipcFd >= 0;
	struct pollfd fds[] = {
		{.fd = kept ? p->fcgi.ipcFd : p->listener->fd, .events = POLLIN},
		{.fd = p->drain_fd, .events = POLLIN},
		{.fd = p->options->database ? uv_backend_fd(&p->loop) : -1, .events = POLLIN},
	};
	uint64_t polled = uv_hrtime();

	do
		turn_between(p);
	while (poll(fds, 3, patience(p)) <= 0 || (!fds[0].revents && !fds[1].revents));
	if (!kept && uv_hrtime() > polled + REST_NS)
		p->rested = uv_hrtime();
	return !fds[1].revents || (kept && fds[0].revents);
}

/* libfcgi knows no networks and no IPv6, and looks at no FCGI_WEB_SERVER_ADDRS. */
static bool peer_allowed(const struct prefork *p)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	return !p->listener->allowed ||
	       (getpeername(p->fcgi.ipcFd, (struct sockaddr *)&peer, &len) == 0 &&
		listener_allows(p->listener, &peer));
}

static bool accept_request(struct prefork *p)
{
	int err = FCGX_Accept_r(&p->fcgi);

	if (!err && !peer_allowed(p)) {
		log_event(LOG_LEVEL_WARNING, "peer-refused", "peer",
			  peer_name(p->fcgi.ipcFd, (char[PEER_SIZE]){0}), NULL);
		FCGX_Free(&p->fcgi, 1);
		return false;
	}
	if (err && err != -EAGAIN && !p->draining) {
		log_event(LOG_LEVEL_WARNING, "accept-failed", "error", strerror(-err), NULL);
		uv_sleep(ACCEPT_RETRY_MS);
	}
	return !err;
}

/* ---- handle, answer, finish ---- */

static struct slice request_variable(const struct request *req, const char *name)
{
	const struct prefork *p = container_of(req, struct prefork, req);
	const char *value = FCGX_GetParam(name, p->fcgi.envp);

	return value ? slice_of(value) : (struct slice){NULL, 0};
}

/* False if memory is out. */
static bool put_head(struct prefork *p)
{
	struct buffer head = {0};
	bool made;

	reply_head(&p->req, p->worker, &head);
	made = !head.failed;
	if (made)
		FCGX_PutStr(head.data, (int)head.len, p->fcgi.out);
	buffer_free(&head);
	return made;
}

static bool request_stream(struct request *req)
{
	struct prefork *p = container_of(req, struct prefork, req);

	if (!put_head(p)) {
		reply_instead(req, 503);
		return false;
	}
	FCGX_FFlush(p->fcgi.out);
	return true;
}

/* Blocks until it is sent. */
static void request_stream_write(struct request *req, struct coroutine *writer, struct slice bytes)
{
	struct prefork *p = container_of(req, struct prefork, req);

	FCGX_PutStr(bytes.data, (int)bytes.len, p->fcgi.out);
	if (FCGX_FFlush(p->fcgi.out))
		coroutine_fail(writer, -EPIPE);
	coroutine_gather(writer);
}

static bool request_stream_room(const struct request *req)
{
	(void)req;
	return true;
}

static bool request_stream_wanted(const struct request *req)
{
	const struct prefork *p = container_of(req, struct prefork, req);

	return !p->draining && !request_is_old(req, uv_hrtime(), p->options->stream_age);
}

static void request_finished(struct request *req)
{
	struct prefork *p = container_of(req, struct prefork, req);
	struct slice body = reply_body(req);

	if (req->reply.begun || put_head(p))
		FCGX_PutStr(body.data, (int)body.len, p->fcgi.out);
	p->finished = true;
	uv_stop(&p->loop);
}

static void request_stays(struct request *req, bool stays)
{
	struct prefork *p = container_of(req, struct prefork, req);

	p->stays = stays;
	uv_stop(&p->loop);
}

static void request_release(struct request *req)
{
	(void)req;
}

/* Less than a piece at STDIN's end, or if the peer is late, or gone: error is a negative errno. */
static size_t read_stdin(struct prefork *p, char *bytes, int *error)
{
	int n = FCGX_GetStr(bytes, STDIN_PIECE, p->fcgi.in);
	int failed = FCGX_GetError(p->fcgi.in);

	*error = !failed ? 0 : failed == EAGAIN ? -ETIME : -ECANCELED;
	return (size_t)n;
}

/* Reads, and waits for it, for as long as the handler does. */
static void request_body_wanted(struct request *req)
{
	struct prefork *p = container_of(req, struct prefork, req);
	char bytes[STDIN_PIECE];
	int error = 0;

	while (body_is_wanted(req) && !error) {
		size_t n = read_stdin(p, bytes, &error);

		if (n)
			body_came(req, (struct slice){bytes, n});
		if (error)
			body_fail(req, error);
		else if (n < STDIN_PIECE)
			body_came(req, (struct slice){NULL, 0});
	}
}

static const struct request_ops ops = {
	.param = request_variable,
	.ran = observer_ran,
	.finished = request_finished,
	.stream = request_stream,
	.stream_write = request_stream_write,
	.stream_room = request_stream_room,
	.stream_wanted = request_stream_wanted,
	.body_wanted = request_body_wanted,
	.stays = request_stays,
	.release = request_release,
};

/* Returns the status of a refusal, or 0. libfcgi gives strings and keeps no lengths: a name with a
 * NUL byte is one without '='; a value ends at its first, and nobody can see that more came. */
static int take_params(struct prefork *p)
{
	size_t bytes = 0;

	for (char **pair = p->fcgi.envp; *pair; pair++) {
		const char *equals = strchr(*pair, '=');

		if (!equals)
			return 400;
		bytes += strlen(*pair) + 1;
		request_take_param(&p->req, (struct slice){*pair, (size_t)(equals - *pair)},
				   slice_of(equals + 1));
	}
	request_params_done(&p->req, p->req.times.received - p->rested);
	return bytes > (size_t)p->options->params_limit ? 431 : 0;
}

/* Of a request whose route takes none. Returns the status of a refusal, or 0. */
static int drain_stdin(struct prefork *p)
{
	char unwanted[STDIN_PIECE];
	size_t bytes = 0;
	int error = 0;
	size_t n;

	do {
		n = read_stdin(p, unwanted, &error);
		bytes += n;
	} while (n == STDIN_PIECE && !error);
	return error ? 408 : bytes > (size_t)p->options->stdin_limit ? 413 : 0;
}

/* A peer that sends half a body and no more must not keep the process. */
static void limit_silence(struct prefork *p)
{
	const struct timeval silence = {.tv_sec = p->options->body_timeout / 1000,
					.tv_usec = p->options->body_timeout % 1000 * 1000};

	setsockopt(p->fcgi.ipcFd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
}

/* True if the request has been answered without a handler. */
static bool refused(struct prefork *p)
{
	struct request *req = &p->req;
	int status = take_params(p);
	bool has_body = false;

	limit_silence(p);
	if (!status && request_is_late(req, p->options->queue_timeout))
		status = 503;
	if (status)
		reply_error(req, status);
	else
		has_body = router_route(&p->router, req) && route_takes_body(req->route);
	status = has_body ? body_open(req, &p->bodies) : drain_stdin(p);
	if (status && !req->reply.status)
		reply_error(req, status);
	return req->reply.status != 0;
}

/* Who gave up while other requests were served has hung up since, and left its request here. */
static bool is_gone(const struct prefork *p)
{
	struct pollfd peer = {.fd = p->fcgi.ipcFd, .events = POLLRDHUP};

	return poll(&peer, 1, 0) == 1;
}

static void handle(struct prefork *p)
{
	bool answered;

	request_init(&p->req, &ops, &p->sched);
	p->req.serial = ++p->serial;
	p->req.times.received = uv_hrtime();
	p->finished = false;
	answered = refused(p);
	observer_picked_up(&p->req);
	if (is_gone(p)) {
		observer_gone(&p->req, uv_hrtime());
		p->finished = true;
	} else if (answered) {
		request_is_answered(&p->req);
	} else {
		request_resume(&p->req, uv_hrtime());
	}
	while (!p->finished)
		uv_run(&p->loop, UV_RUN_DEFAULT);
	/* What the handler has not taken would be taken for the beginning of the next request. */
	if (p->req.route && route_takes_body(p->req.route) && !body_is_whole(&p->req))
		p->fcgi.keepConnection = 0;
	board_turn_ends(p->board); /* the loop did not turn if nothing had to be waited for */
	request_unref(&p->req);
}

/* A kept connection may hold a request that was sent before the web server could see that we go:
 * when we drain, one more is taken. */
static void serve(struct prefork *p)
{
	bool last;

	do {
		application_ask(p->application, p->board);
		last = p->draining;
		if (!wait_for_input(p))
			break;
		if (!accept_request(p))
			continue;
		board_set(&p->board->in_flight, 1);
		board_watch_start(&p->board->occupied, uv_hrtime());
		handle(p);
		FCGX_Finish_r(&p->fcgi);
		while (p->stays)
			uv_run(&p->loop, UV_RUN_DEFAULT);
		board_watch_stop(&p->board->occupied, uv_hrtime());
		board_set(&p->board->in_flight, 0);
	} while (!last);
	log_event(LOG_LEVEL_INFO, "drained", NULL);
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

static const char *in_flight(const struct prefork *p)
{
	return log_number((long long)board_get(&p->board->in_flight));
}

static void end_by_force(struct prefork *p, const char *why)
{
	log_event(LOG_LEVEL_WARNING, "ended-by-force", "why", why, "in_flight", in_flight(p), NULL);
	if (p->listener->unlink)
		unlink(p->listener->unlink);
	_exit(EXIT_FORCED);
}

static void *watch_signals(void *prefork)
{
	struct prefork *p = prefork;
	sigset_t set = drain_signals();
	struct timespec most = {.tv_sec = p->options->drain_timeout / 1000,
				.tv_nsec = p->options->drain_timeout % 1000 * 1000000};
	int number;

	sigwait(&set, &number);
	log_event(LOG_LEVEL_INFO, "draining", "in_flight", in_flight(p), NULL);
	p->draining = true;
	board_set(&p->board->draining, 1);
	FCGX_ShutdownPending(); /* libfcgi accepts nobody any more */
	eventfd_write(p->drain_fd, 1);
	number = sigtimedwait(&set, NULL, &most);
	if (!p->drained)
		end_by_force(p, number < 0 ? "drain-timeout" : "second-signal");
	return NULL;
}

/* ---- the process ---- */

static int open_signals(struct prefork *p)
{
	sigset_t set = drain_signals();
	pthread_t thread;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* for the spool, an error like any other */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	p->drain_fd = eventfd(0, EFD_CLOEXEC);
	return p->drain_fd < 0 ? -errno : -pthread_create(&thread, NULL, watch_signals, p);
}

static int open_fcgi(struct prefork *p)
{
	int fd = p->listener->fd;

	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	unsetenv("FCGI_WEB_SERVER_ADDRS");
	return FCGX_Init() || FCGX_InitRequest(&p->fcgi, fd, FCGI_FAIL_ACCEPT_ON_INTR) ? -ENOMEM
										       : 0;
}

/* No threads: what would run in a pool runs here and blocks. */
static int open_loop(struct prefork *p)
{
	int err = uv_loop_init(&p->loop);

	if (!err)
		err = sched_open(&p->sched, &p->loop, &(struct sched_options){.board = p->board});
	return err ? err : database_open(p->options, &p->sched);
}

int prefork_run(const struct options *options, struct listener *listener, const char *worker,
		const struct application *application, const struct scoreboard *board)
{
	static struct prefork p;
	const bool never = false;
	int err;

	p = (struct prefork){.options = options,
			     .worker = slice_of(worker),
			     .listener = listener,
			     .board = board->own,
			     .application = application};
	options_of_bodies(options, &p.bodies);
	err = router_open(&p.router, &application->routes);
	p.router.mount = mount_of(options->mount);
	if (!err)
		err = open_loop(&p);
	if (!err)
		err = open_fcgi(&p);
	if (!err)
		err = open_signals(&p);
	if (err) {
		log_event(LOG_LEVEL_ERROR, "start-failed", "error", uv_strerror(err), NULL);
		return 1;
	}
	if (application->start &&
	    !application_run(application, application->start, &p.sched, 0, &never)) {
		log_event(LOG_LEVEL_ERROR, "start-failed", "error", "the application's", NULL);
		return 1;
	}
	log_event(LOG_LEVEL_INFO, "started", "engine", "prefork", NULL);
	serve(&p);
	if (application->stop &&
	    !application_run(application, application->stop, &p.sched, 0, &never))
		log_event(LOG_LEVEL_WARNING, "stop-failed", NULL);
	p.drained = true; /* the loop, and the thread for the signals, end with the process */
	return 0;
}
