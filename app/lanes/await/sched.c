#include "await/sched.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "await/coroutine.h"

enum {
	BATCH = 64,	   /* requests that are resumed before the loop looks at its sockets */
	REST_NS = 1000000, /* libuv's clock ticks in milliseconds */
};

/* Where a loop writes that nobody watches. */
static struct board_slot unseen;

void sched_ready(struct sched *sched, struct coroutine *co)
{
	if (co->ready)
		return;
	co->ready = true;
	co->ready_next = NULL;
	co->ready_prev = sched->ready_last;
	if (sched->ready_last)
		sched->ready_last->ready_next = co;
	else
		sched->ready_first = co;
	sched->ready_last = co;
}

void sched_unready(struct sched *sched, struct coroutine *co)
{
	if (!co->ready)
		return;
	co->ready = false;
	if (co->ready_prev)
		co->ready_prev->ready_next = co->ready_next;
	else
		sched->ready_first = co->ready_next;
	if (co->ready_next)
		co->ready_next->ready_prev = co->ready_prev;
	else
		sched->ready_last = co->ready_prev;
}

static void on_idle(uv_idle_t *handle)
{
	(void)handle;
}

/* Runs what was ready when the batch began, or the first part of it. What becomes ready meanwhile
 * has to wait until the loop has looked at its sockets again, or a handler that awaits sleep_for(0)
 * could starve them; and so have the many that may become ready at once. */
static void run_batch(struct sched *sched)
{
	const struct coroutine *last = sched->ready_last;
	bool more = last != NULL;
	uint64_t now = more ? board_now() : 0;

	for (unsigned i = 0; i < BATCH && more && sched->ready_first; i++) {
		struct coroutine *co = sched->ready_first;

		more = co != last;
		sched_unready(sched, co);
		now = co->ops->resume(co, now);
	}
	if (sched->options.settled)
		sched->options.settled(sched->options.owner);
	if (sched->ready_first)
		uv_idle_start(&sched->idle, on_idle);
	else
		uv_idle_stop(&sched->idle);
}

/* When poll last returned: libuv reads its clock then. */
static uint64_t woken(const struct sched *sched)
{
	return uv_now(sched->loop) * 1000000;
}

static void note_rest(struct sched *sched)
{
	if (woken(sched) > sched->polled + REST_NS && !sched->deaf)
		sched->rested = woken(sched);
}

uint64_t sched_busy(struct sched *sched, uint64_t now)
{
	note_rest(sched);
	return now - sched->rested;
}

static void on_prepare(uv_prepare_t *handle)
{
	struct sched *sched = handle->data;
	uint64_t ended;

	run_batch(sched);
	ended = board_turn_ends(sched->options.board);
	sched->polled = ended ? ended : woken(sched);
}

/* Nearly always nobody is ready: what has come was begun at once. What is to be settled is, before
 * the loop polls again. */
static void on_check(uv_check_t *handle)
{
	struct sched *sched = handle->data;

	note_rest(sched);
	if (sched->ready_first)
		run_batch(sched);
}

static void take_back(struct job *job)
{
	struct job *next;

	for (; job; job = next) {
		next = job->next;
		coroutine_job_done(job);
	}
}

static void on_wake(uv_poll_t *handle, int status, int events)
{
	struct sched *sched = handle->data;
	uint64_t count;

	(void)status;
	(void)events;
	if (read(sched->wake_fd, &count, sizeof(count)) < 0)
		return; /* EAGAIN: somebody else's wake-up was served already */
	for (unsigned i = 0; i < sched->pool_count; i++)
		take_back(thread_pool_reap(sched->pools[i]));
}

/* The next of them. */
static int open_pool(struct sched *sched, struct thread_pool_options options)
{
	struct thread_pool *pool;

	options.wake_fd = sched->wake_fd;
	options.board = &sched->options.board->pools[sched->pool_count];
	pool = thread_pool_open(&options);
	if (!pool)
		return UV_ENOMEM;
	sched->pools[sched->pool_count++] = pool;
	return 0;
}

static int open_pools(struct sched *sched)
{
	const struct sched_options *o = &sched->options;
	int err;

	sched->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (sched->wake_fd < 0)
		return UV_EMFILE;
	err = uv_poll_init(sched->loop, &sched->wake, sched->wake_fd);
	if (err)
		return err;
	sched->wake.data = sched;
	err = open_pool(sched, (struct thread_pool_options){.name = "blocking",
							    .threads = o->threads,
							    .spares = o->spare_threads,
							    .queue = o->thread_queue});
	if (!err)
		err = open_pool(sched, (struct thread_pool_options){.name = "cpu",
								    .threads = o->cpu_threads,
								    .queue = o->cpu_queue,
								    .nice = o->cpu_nice});
	for (int i = 0; i < BOARD_OWN_POOLS && o->own[i] && !err; i++)
		err = open_pool(sched, *o->own[i]);
	return err ? err : uv_poll_start(&sched->wake, UV_READABLE, on_wake);
}

int sched_open(struct sched *sched, uv_loop_t *loop, const struct sched_options *options)
{
	int err;

	*sched = (struct sched){.options = *options, .loop = loop, .wake_fd = -1};
	if (!options->board) {
		sched->options.board = &unseen;
		board_set(&unseen.thing_count, 0);
	}
	for (unsigned i = BOARD_WAITERS; i;)
		sched->places[sched->places_left++] = &sched->options.board->waiters[--i];
	uv_prepare_init(loop, &sched->prepare);
	uv_check_init(loop, &sched->check);
	uv_idle_init(loop, &sched->idle);
	sched->prepare.data = sched->check.data = sched;
	uv_prepare_start(&sched->prepare, on_prepare);
	uv_check_start(&sched->check, on_check);
	err = timers_open(&sched->timers, loop);
	if (!err && options->threads)
		err = open_pools(sched);
	return err;
}

enum board_pool sched_own_pool(const struct sched *sched, const struct thread_pool_options *own)
{
	unsigned i = 0;

	while (i < BOARD_OWN_POOLS && sched->options.own[i] != own)
		i++;
	return BOARD_OWN + i;
}

struct sched_guest *sched_guest(const struct sched *sched, const void *kind)
{
	struct sched_guest *guest = sched->guests;

	while (guest && guest->kind != kind)
		guest = guest->next;
	return guest;
}

void sched_add_guest(struct sched *sched, struct sched_guest *guest)
{
	guest->next = sched->guests;
	sched->guests = guest;
}

void sched_close(struct sched *sched)
{
	struct job *done;
	bool idle = true;

	while (sched->guests) {
		struct sched_guest *guest = sched->guests;

		sched->guests = guest->next;
		guest->close(guest);
	}
	for (unsigned i = 0; i < sched->pool_count; i++) {
		idle = thread_pool_close(sched->pools[i], &done) && idle;
		take_back(done);
	}
	uv_close((uv_handle_t *)&sched->prepare, NULL);
	uv_close((uv_handle_t *)&sched->check, NULL);
	uv_close((uv_handle_t *)&sched->idle, NULL);
	timers_close(&sched->timers);
	if (sched->wake.data)
		uv_close((uv_handle_t *)&sched->wake, NULL);
	if (sched->wake_fd >= 0 && idle)
		close(sched->wake_fd);
}
