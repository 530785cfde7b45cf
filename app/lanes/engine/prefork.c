/*
 * One worker process, in the order in which a request lives: wait, accept, handle, answer, finish;
 * then signals, and the process itself.
 *
 * Everything blocks: that is what this engine is there to show; but for waiting
 * (engine/prefork_door.h), also of a handler, whose client may leave (engine/hangup.h).
 */
#include "engine/prefork.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <uv.h>

#include "await/sched.h"
#include "base/log.h"
#include "base/util.h"
#include "engine/database.h"
#include "engine/hangup.h"
#include "engine/observer.h"
#include "engine/parent.h"
#include "engine/prefork_door.h"
#include "engine/tables.h"
#include "http/body.h"
#include "http/mount.h"
#include "http/reply.h"

enum { STDIN_PIECE = 8192 };

struct prefork {
	const struct options *options;
	struct slice worker;
	struct router router;
	const struct application *application;
	struct turn *tables; /* looks for those of the database; NULL: nothing does */
	struct bodies bodies;
	struct door door; /* where it waits for connections */
	uv_loop_t loop;	  /* where the one request waits for its timers */
	struct sched sched;
	struct hangup hangup; /* of who waits for it */
	FCGX_Request fcgi;
	struct request req; /* the same block for every request */
	struct board_slot *board;
	uint64_t serial;
	bool finished;
	bool stays; /* the request has work for after its answer */
};

/* ---- accept ---- */

/* There is input. False: not a request's; the peer has gone. */
static bool accept_request(struct prefork *p)
{
	p->door.silent_since = 0;
	return FCGX_Accept_r(&p->fcgi) == 0;
}

/* ---- handle, answer, finish ---- */

static struct slice request_variable(const struct request *req, const char *name)
{
	const struct prefork *p = container_of(req, struct prefork, req);
	const char *value = FCGX_GetParam(name, p->fcgi.envp);

	return value ? slice_of(value) : (struct slice){NULL, 0};
}

/* libfcgi pads records to 8 bytes, and an nginx that finds padding behind the head of a stream
 * sends that on only with what comes next. So blanks before its last line ends make it as long. */
static void fill_up(struct buffer *head)
{
	static const char end[] = "       \r\n\r\n";
	size_t missing = -head->len & 7;

	if (head->failed)
		return;
	head->len -= 4;
	buffer_append(head, end + 7 - missing, missing + 4);
}

/* False if memory is out. */
static bool put_head(struct prefork *p)
{
	struct buffer head = {0};
	bool made;

	reply_head(&p->req, p->worker, &head);
	if (p->req.reply.streams)
		fill_up(&head);
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

	return !p->door.draining && !request_is_old(req, uv_hrtime(), p->options->stream_age);
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

/* Reads, and waits for it, for as long as the handler does. Who has left in the middle of it is
 * seen by wait_for_answer(). */
static void request_body_wanted(struct request *req)
{
	struct prefork *p = container_of(req, struct prefork, req);
	char bytes[STDIN_PIECE];
	int error = 0;

	while (body_is_wanted(req) && !error) {
		size_t n = read_stdin(p, bytes, &error);

		if (error && hangup_is_there(p->fcgi.ipcFd))
			return;
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
	request_params_done(&p->req, p->req.times.received - p->door.rested);
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

/* Nobody wants it any more, and the handler is not resumed. */
static void give_up(struct prefork *p)
{
	struct request *req = &p->req;

	observer_gone(req, uv_hrtime());
	coroutine_cancel(&req->co);
	body_drop(req);
	p->fcgi.keepConnection = 0;
	p->finished = true;
	uv_stop(&p->loop);
}

static void on_hangup(struct hangup *hangup)
{
	struct prefork *p = container_of(hangup, struct prefork, hangup);

	if (!p->finished)
		give_up(p);
}

/* Until it is answered, or its client has left: it may have, while the handler blocked. */
static void wait_for_answer(struct prefork *p)
{
	int fd = p->fcgi.ipcFd;

	if (hangup_is_there(fd)) {
		give_up(p);
		return;
	}
	hangup_listen(&p->hangup, fd);
	while (!p->finished)
		uv_run(&p->loop, UV_RUN_DEFAULT);
	hangup_ignore(&p->hangup, fd);
}

static void handle(struct prefork *p)
{
	bool answered;

	request_init(&p->req, &ops, &p->sched);
	p->req.serial = ++p->serial;
	p->req.times.received = uv_hrtime();
	p->req.co.peer = p->fcgi.ipcFd;
	p->finished = false;
	answered = refused(p);
	observer_picked_up(&p->req);
	/* Who gave up while others were served has hung up since, and left its request here. */
	if (hangup_is_there(p->fcgi.ipcFd))
		give_up(p);
	else if (answered)
		request_is_answered(&p->req);
	else
		request_resume(&p->req, uv_hrtime());
	if (!p->finished)
		wait_for_answer(p);
	/* What the handler has not taken would be taken for the beginning of the next request. */
	if (p->req.route && route_takes_body(p->req.route) && !body_is_whole(&p->req))
		p->fcgi.keepConnection = 0;
	board_turn_ends(p->board); /* the loop did not turn if nothing had to be waited for */
	request_unref(&p->req);
}

static void serve(struct prefork *p)
{
	for (;;) {
		application_ask(p->application, p->board);
		if (!door_wait(&p->door))
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
	}
	log_event(LOG_LEVEL_INFO, "drained", NULL);
}

/* ---- the process ---- */

static int open_fcgi(struct prefork *p)
{
	int fd = p->door.listener->fd;

	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	if (FCGX_Init() || FCGX_InitRequest(&p->fcgi, fd, FCGI_FAIL_ACCEPT_ON_INTR))
		return -ENOMEM;
	FCGX_ShutdownPending(); /* libfcgi accepts nobody: we do */
	return 0;
}

/* No threads: what would run in a pool runs here and blocks. */
static int open_loop(struct prefork *p)
{
	int err = uv_loop_init(&p->loop);

	if (!err)
		err = sched_open(&p->sched, &p->loop, &(struct sched_options){.board = p->board});
	if (!err)
		err = hangup_open(&p->hangup, &p->loop, on_hangup);
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
			     .door = {.options = options,
				      .listener = listener,
				      .board = board->own,
				      .fcgi = &p.fcgi,
				      .loop = options->database ? &p.loop : NULL},
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
		err = door_open(&p.door);
	if (err) {
		log_event(LOG_LEVEL_ERROR, "start-failed", "error", uv_strerror(err), NULL);
		return 1;
	}
	p.tables = tables_begin(application, &p.sched);
	if (application->start &&
	    !application_run(application, application->start, &p.sched, 0, &never)) {
		log_event(LOG_LEVEL_ERROR, "start-failed", "error", "the application's", NULL);
		return 1;
	}
	if (parent_is_there())
		tables_await(&p.sched, &never);
	parent_accepts(options->slot);
	log_event(LOG_LEVEL_INFO, "started", "engine", "prefork", NULL);
	serve(&p);
	if (application->stop &&
	    !application_run(application, application->stop, &p.sched, 0, &never))
		log_event(LOG_LEVEL_WARNING, "stop-failed", NULL);
	p.door.drained = true; /* the loop, and the thread for the signals, end with the process */
	return 0;
}
