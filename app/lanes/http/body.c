#include "http/body.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "await/sched.h"
#include "base/buffer.h"
#include "base/log.h"
#include "base/util.h"
#include "http/request.h"
#include "http/router.h"

enum {
	PIECE = 65536,	/* bytes that are read ahead, and read from a file at once */
	AHEAD_MOST = 8, /* memory bounds that a body may be ahead of the disk */
};

/* Its bytes, oldest first: those that the handler has (given), those in the file, those on their
 * way there or from there (moving, which a thread has while it is busy), and those that came last
 * (held). */
struct body {
	struct coroutine co; /* of what threads do for it, one thing at a time */
	struct request *req;
	struct bodies *bodies;
	uint64_t limit;
	uint64_t declared; /* CONTENT_LENGTH; UINT64_MAX: it came without */
	uint64_t length;   /* that has come */

	struct task wait;      /* the handler's */
	struct slice *piece;   /* it waits for; NULL: for all */
	struct timer patience; /* with the peer, meanwhile */
	uint64_t heard;	       /* timers_now() when it last sent some, or the wait began */

	struct buffer given;
	struct buffer moving;
	struct buffer held;
	size_t charged; /* to the request's budget, for these */

	int file; /* -1: none yet */
	uint64_t written;
	uint64_t read;
	uint64_t spooled; /* taken from the spool's budget, for these */
	int result;	  /* of a thread: 0, or a negative errno */
	bool busy;	  /* a thread has moving, file, written, read and result */
	bool reads;	  /* … and fills it from the file; else it empties it there */

	bool whole; /* all of it was asked for */
	bool ended; /* all of it has come */
	int error;  /* no more will be taken from it */
};

static void next(struct body *body);

/* ---- memory ---- */

static void charge(struct body *body)
{
	size_t holds = body->given.size + body->moving.size + body->held.size;

	budget_give(body->req->budget, body->charged);
	budget_charge(body->req->budget, holds);
	body->charged = holds;
}

static void swap(struct buffer *a, struct buffer *b)
{
	struct buffer was = *a;

	*a = *b;
	*b = was;
}

static size_t bound(const struct body *body)
{
	return body->whole || body->spooled ? body->bodies->memory : PIECE;
}

bool body_is_full(const struct request *req)
{
	const struct body *body = req->body;

	return body && !body->error && body->held.len > bound(body);
}

/* ---- to wait ---- */

static void cancel_wait(struct task *task)
{
	struct body *body = container_of(task, struct body, wait);

	timers_remove(&body->co.sched->timers, &body->patience);
}

static bool waits(const struct body *body)
{
	return body->wait.co != NULL;
}

bool body_is_wanted(const struct request *req)
{
	const struct body *body = req->body;

	return body && waits(body) && !body->ended && !body_is_full(req);
}

bool body_is_whole(const struct request *req)
{
	return req->body && req->body->ended;
}

static void end_wait(struct body *body, int error)
{
	cancel_wait(&body->wait);
	coroutine_woken(body->wait.co, timers_now());
	task_end(&body->wait, error);
}

void body_fail(struct request *req, int error)
{
	struct body *body = req->body;

	if (!body->error)
		body->error = error;
	buffer_free(&body->held);
	charge(body);
	if (waits(body))
		end_wait(body, body->error);
}

/* What is waited for may be a thread, or that the engine finds time to read. */
static void on_patience_over(struct timer *timer)
{
	struct body *body = container_of(timer, struct body, patience);
	uint64_t now = timers_now();
	uint64_t due = body->heard + body->bodies->timeout;

	if (body->busy || body->ended || body_is_full(body->req))
		due = now + body->bodies->timeout;
	if (due <= now)
		body_fail(body->req, -ETIME);
	else if (timers_add(&body->co.sched->timers, timer, due))
		body_fail(body->req, -ENOMEM);
}

/* Who waits is the request, or one beside it (gather_add_call), of which one may at a time. */
static void begin_wait(struct request *who, struct slice *piece)
{
	struct body *body = who->body;

	if (!body || waits(body)) {
		if (body)
			coroutine_fail(&who->co, -EBUSY);
		coroutine_gather(&who->co);
		return;
	}
	body->piece = piece;
	body->whole = !piece;
	body->heard = timers_now();
	if (body->whole && !body->bodies->spool && body->declared != UINT64_MAX &&
	    body->declared > body->bodies->memory)
		body_fail(body->req, -EMSGSIZE);
	task_begin(&who->co, &body->wait, cancel_wait, NULL);
	if (body->error)
		end_wait(body, body->error);
	else
		next(body);
	if (waits(body) && timers_add(&body->co.sched->timers, &body->patience,
				      body->heard + body->bodies->timeout))
		body_fail(body->req, -ENOMEM);
	body->req->ops->body_wanted(body->req);
	coroutine_gather(&who->co);
}

/* ---- the file ---- */

int spool_file(const char *folder)
{
	int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return file < 0 ? -errno : file;
}

static void write_on_thread(void *arg)
{
	struct body *body = arg;
	size_t done = 0;

	/* What was read whole may be longer than what follows it. */
	if (!body->written && body->file >= 0) {
		close(body->file);
		body->file = -1;
	}
	if (body->file < 0)
		body->file = spool_file(body->bodies->spool);
	body->result = body->file < 0 ? body->file : 0;
	while (!body->result && done < body->moving.len) {
		ssize_t n = pwrite(body->file, body->moving.data + done, body->moving.len - done,
				   (off_t)body->written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			body->result = n ? -errno : -EIO;
			break;
		}
		done += (size_t)n;
		body->written += (uint64_t)n;
	}
}

static void read_on_thread(void *arg)
{
	struct body *body = arg;
	ssize_t n;

	do
		n = pread(body->file, body->moving.data, PIECE, (off_t)body->read);
	while (n < 0 && errno == EINTR);
	body->result = n < 0 ? -errno : n ? 0 : -EIO;
	if (n <= 0)
		return;
	body->moving.len = (size_t)n;
	body->read += (uint64_t)n;
}

static void begin_job(struct body *body, bool reads)
{
	body->busy = true;
	body->reads = reads;
	body->co.owner = body->req->co.owner;
	body->co.suspended = true;
	coroutine_add_job(&body->co, BOARD_BLOCKING, reads ? read_on_thread : write_on_thread, body,
			  NULL);
	if (body->co.error) {
		body->busy = false;
		body_fail(body->req, body->co.error);
		return;
	}
	coroutine_gather(&body->co);
}

static void begin_write(struct body *body)
{
	if (!budget_take(&body->bodies->spooled, body->held.len)) {
		body_fail(body->req, -ENOSPC);
		return;
	}
	body->spooled += body->held.len;
	buffer_free(&body->moving);
	swap(&body->moving, &body->held);
	begin_job(body, false);
}

static void begin_read(struct body *body)
{
	body->moving.len = 0;
	if (buffer_reserve(&body->moving, PIECE))
		begin_job(body, true);
	else
		body_fail(body->req, -ENOMEM);
	charge(body);
}

/* What was read whole makes room. */
static void rewind_file(struct body *body)
{
	if (!body->written || body->read < body->written)
		return;
	budget_give(&body->bodies->spooled, body->spooled);
	body->spooled = body->written = body->read = 0;
}

static void give(struct body *body, struct buffer *from)
{
	body->given.len = 0;
	swap(&body->given, from);
	*body->piece = buffer_slice(&body->given);
	end_wait(body, 0);
}

/* A full disk is one, whoever has set its bounds; what else is wrong with it says nothing to who
 * asked. */
static int disk_error(int error)
{
	bool full = error == -ENOSPC || error == -EFBIG || error == -EDQUOT;

	return full ? -ENOSPC : -EIO;
}

/* It has nothing to go on with, and so is not resumed: a thread is done, and that is all. */
static uint64_t on_done(struct coroutine *co, uint64_t now)
{
	struct body *body = container_of(co, struct body, co);

	(void)now;
	co->suspended = body->busy = false;
	if (body->result) {
		log_event(LOG_LEVEL_WARNING, "spool-failed", "error", strerror(-body->result),
			  NULL);
		body_fail(body->req, disk_error(body->result));
	} else if (!body->reads)
		buffer_free(&body->moving);
	else if (waits(body) && body->piece)
		give(body, &body->moving);
	else
		body->read -= body->moving.len; /* it is not waited for any more */
	charge(body);
	next(body);
	body->req->ops->body_wanted(body->req);
	return timers_now();
}

static void *job_alloc(struct coroutine *co, size_t size)
{
	return request_alloc(container_of(co, struct body, co)->req, size);
}

static void job_ref(struct coroutine *co)
{
	request_ref(container_of(co, struct body, co)->req);
}

static void job_unref(struct coroutine *co)
{
	request_unref(container_of(co, struct body, co)->req);
}

static const struct coroutine_ops job_ops = {
	.resume = on_done, .alloc = job_alloc, .ref = job_ref, .unref = job_unref};

/* ---- what is to be done ---- */

static bool has_to_be_written(const struct body *body)
{
	return body->held.len > body->bodies->memory ||
	       (body->whole && body->ended && body->written && body->held.len);
}

static void give_piece(struct body *body)
{
	if (body->read < body->written)
		begin_read(body);
	else if (body->held.len)
		give(body, &body->held);
	else if (body->ended)
		end_wait(body, 0);
}

static void next(struct body *body)
{
	if (body->busy || body->error)
		return;
	rewind_file(body);
	if (waits(body) && body->piece)
		give_piece(body);
	if (body->busy || body->error)
		return;
	if (has_to_be_written(body))
		begin_write(body);
	else if (waits(body) && !body->piece && body->ended)
		end_wait(body, 0);
}

void body_came(struct request *req, struct slice bytes)
{
	struct body *body = req->body;
	int error = 0;

	if (body->error)
		return;
	body->heard = timers_now();
	body->ended = !bytes.len;
	body->length += bytes.len;
	if (body->length > body->limit)
		error = -EMSGSIZE;
	else if (body->declared != UINT64_MAX &&
		 (body->ended ? body->length != body->declared : body->length > body->declared))
		error = -EPROTO;
	else if (bytes.len && budget_is_spent(req->budget))
		error = -ENOMEM;
	else
		buffer_append(&body->held, bytes.data, bytes.len);
	if (!error && body->held.failed)
		error = -ENOMEM;
	if (!error && body->held.len > body->bodies->memory && !body->bodies->spool)
		error = body->whole ? -EMSGSIZE : -EAGAIN;
	if (!error && body->held.len > body->bodies->memory * AHEAD_MOST)
		error = -EAGAIN;
	charge(body);
	if (error)
		body_fail(req, error);
	else
		next(body);
}

/* ---- for handlers ---- */

void request_read(struct request *req, struct slice *piece)
{
	*piece = (struct slice){"", 0};
	begin_wait(req, piece);
}

void request_body(struct request *req)
{
	begin_wait(req, NULL);
}

struct slice request_body_bytes(const struct request *req)
{
	const struct body *body = req->body;

	if (!body || (!body->spooled && !body->held.len))
		return (struct slice){"", 0};
	return body->spooled ? (struct slice){NULL, 0} : buffer_slice(&body->held);
}

int request_body_file(const struct request *req)
{
	const struct body *body = req->body;
	bool there = body && body->spooled;

	return there && lseek(body->file, (off_t)body->read, SEEK_SET) >= 0 ? body->file : -1;
}

uint64_t request_body_length(const struct request *req)
{
	return req->body ? req->body->length : 0;
}

/* ---- for engines ---- */

/* Digits and nothing else, or false. No text, and Caddy's -1, is a length that is not known. */
static bool parse_length(struct slice text, uint64_t *length)
{
	uint64_t number = 0;

	*length = UINT64_MAX;
	if (!text.len || slice_is(text, "-1"))
		return true;
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = (unsigned char)text.data[i] - (unsigned)'0';

		if (digit > 9 || number > (UINT64_MAX - 1 - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*length = number;
	return true;
}

int body_open(struct request *req, struct bodies *bodies)
{
	uint64_t limit = req->route->body_limit ? req->route->body_limit : bodies->limit;
	uint64_t declared;
	struct body *body;

	if (!parse_length(request_param(req, "CONTENT_LENGTH"), &declared))
		return 400;
	if (declared != UINT64_MAX && declared > limit)
		return 413;
	body = request_alloc(req, sizeof(*body));
	if (!body)
		return 503;
	body->co.ops = &job_ops;
	body->co.sched = req->co.sched;
	body->patience.fire = on_patience_over;
	body->req = req;
	body->bodies = bodies;
	body->limit = limit;
	body->declared = declared;
	body->file = -1;
	req->body = body;
	return 0;
}

__attribute__((noinline)) void body_drop(struct request *req)
{
	struct body *body = req->body;

	if (!body)
		return;
	body->error = -ECANCELED;
	coroutine_cancel(&body->co);
}

void body_free(struct request *req)
{
	struct body *body = req->body;

	budget_give(&body->bodies->spooled, body->spooled);
	if (body->file >= 0)
		close(body->file);
	buffer_free(&body->given);
	buffer_free(&body->moving);
	buffer_free(&body->held);
	charge(body);
}
