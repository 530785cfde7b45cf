#include "await/thread_pool.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "base/affinity.h"

enum {
	STACK_SIZE = 256 * 1024,
	PROMPT_NS = 1000000, /* whose wait was shorter has hardly gone, and is not looked at */
};

/* What this thread runs. */
static _Thread_local const struct job *current;
static _Thread_local int peer_here; /* … without a pool: who waits for it; 0: nobody */

struct job_list {
	struct job *first;
	struct job *last;
};

struct thread_pool {
	struct thread_pool_options options;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t work;
	struct job_list queue;
	struct job_list done;
	size_t queued;
	unsigned threads;   /* started */
	unsigned running;   /* of these, busy with a job */
	unsigned abandoned; /* … that nobody wants any more */
	unsigned asleep;    /* of these, waiting to be woken */
	bool waking;	    /* one of them has been woken and does not run yet */
	unsigned born;	    /* threads that have begun to run */
	bool closing;
	pthread_t ids[]; /* [options.threads + options.spares] */
};

static void list_append(struct job_list *list, struct job *job)
{
	job->next = NULL;
	job->prev = list->last;
	if (list->last)
		list->last->next = job;
	else
		list->first = job;
	list->last = job;
}

static void list_remove(struct job_list *list, struct job *job)
{
	if (job->prev)
		job->prev->next = job->next;
	else
		list->first = job->next;
	if (job->next)
		job->next->prev = job->prev;
	else
		list->last = job->prev;
}

struct thread_pool *thread_pool_open(const struct thread_pool_options *options)
{
	size_t most = (size_t)options->threads + options->spares;
	struct thread_pool *pool = calloc(1, sizeof(*pool) + most * sizeof(pool->ids[0]));

	if (!pool)
		return NULL;
	pool->options = *options;
	snprintf(pool->options.board->name, sizeof(pool->options.board->name), "%s", options->name);
	board_set(&pool->options.board->limit, options->threads);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	return pool;
}

/* Threads that work for somebody: those that the limit is for. */
static unsigned at_work(const struct thread_pool *pool)
{
	return pool->running - pool->abandoned;
}

/* A thread that runs an abandoned job is lost for as long as that takes. Another may be started in
 * its place, but not without end: who asks and leaves would have any number of them. */
static unsigned most_threads(const struct thread_pool *pool)
{
	unsigned spares = pool->options.spares;

	return pool->options.threads + (pool->abandoned < spares ? pool->abandoned : spares);
}

/* Threads that could take a job now. */
static unsigned free_threads(const struct thread_pool *pool)
{
	unsigned idle = pool->threads - pool->running;
	unsigned allowed = pool->options.threads - at_work(pool);

	return idle < allowed ? idle : allowed;
}

static void wake_loop(struct thread_pool *pool)
{
	/* EAGAIN means that the counter is full: the loop has plenty to wake up for. */
	while (write(pool->options.wake_fd, &(uint64_t){1}, sizeof(uint64_t)) < 0 && errno == EINTR)
		;
}

/* With the lock held, so the board has one writer at a time. */
static void show(struct thread_pool *pool)
{
	struct board_threads *board = pool->options.board;

	board_set(&board->started, pool->threads);
	board_set(&board->running, at_work(pool));
	board_set(&board->abandoned, pool->abandoned);
	board_set(&board->queued, pool->queued);
	board_set(&board->oldest, pool->queue.first ? pool->queue.first->queued : 0);
}

/* Whether a thread has to be woken; call with the lock held. One is woken at a time. When it takes
 * its job, it wakes the next one if there is more to do: so the few threads that are awake anyway
 * do a burst of short jobs. The wake-up is sent without the lock: a thread of low priority that is
 * preempted while it sends must not keep the loop waiting for the lock. */
static bool wants_wake(struct thread_pool *pool)
{
	bool wanted = pool->queue.first && pool->asleep && !pool->waking && free_threads(pool);

	pool->waking |= wanted;
	return wanted;
}

static bool has_left(int peer)
{
	struct pollfd fd = {.fd = peer, .events = POLLRDHUP};

	return poll(&fd, 1, 0) == 1;
}

/* Whether the job's client has gone, which a held loop cannot notice. Call with the lock held: a
 * queued job is taken out under it before its connection is closed (thread_pool_cancel), so that
 * peer is open here. */
static bool is_pointless(const struct job *job)
{
	return job->peer && job->started - job->queued > PROMPT_NS && has_left(job->peer);
}

static void run_job(struct thread_pool *pool, struct job *job, unsigned thread)
{
	struct board_doing unseen = {0};
	struct board_doing *board =
		thread < BOARD_THREADS ? &pool->options.board->threads[thread] : &unseen;
	bool first;
	bool wake;

	list_remove(&pool->queue, job);
	pool->queued--;
	pool->running++;
	job->taken = job->running = true;
	job->thread = thread;
	job->started = uv_hrtime();
	job->dropped = is_pointless(job);
	show(pool);
	wake = wants_wake(pool);
	pthread_mutex_unlock(&pool->lock);
	if (wake)
		pthread_cond_signal(&pool->work);

	if (!job->dropped) {
		board_begin(board, job->owner, job->started);
		current = job;
		job->run(job);
		current = NULL;
		job->ended = uv_hrtime();
		board_end(board);
	}

	pthread_mutex_lock(&pool->lock);
	pool->running--;
	job->running = false;
	pool->abandoned -= job->abandoned;
	show(pool);
	first = !pool->done.first;
	list_append(&pool->done, job);
	if (!first)
		return;
	pthread_mutex_unlock(&pool->lock);
	wake_loop(pool);
	pthread_mutex_lock(&pool->lock);
}

static void *thread_main(void *argument)
{
	struct thread_pool *pool = argument;
	unsigned thread;
	char name[16];

	affinity_leave();
	if (pool->options.nice)
		setpriority(PRIO_PROCESS, (id_t)gettid(),
			    getpriority(PRIO_PROCESS, 0) + pool->options.nice);
	pthread_mutex_lock(&pool->lock);
	thread = pool->born++;
	/* Its own name: another thread's is a file that would have to be opened. */
	snprintf(name, sizeof(name), "%.10s-%u", pool->options.name, thread + 1);
	pthread_setname_np(pthread_self(), name);
	while (!pool->closing) {
		if (pool->queue.first && free_threads(pool)) {
			run_job(pool, pool->queue.first, thread);
			continue;
		}
		pool->asleep++;
		pthread_cond_wait(&pool->work, &pool->lock);
		pool->asleep--;
		pool->waking = false;
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Signals are the loop's business, so threads are born with all of them blocked. A failure is no
 * error as long as there is another thread to do the work. */
static void start_thread(struct thread_pool *pool)
{
	pthread_attr_t attr;
	sigset_t all;
	sigset_t before;
	bool failed;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&pool->ids[pool->threads], &attr, thread_main, pool) != 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (!failed)
		pool->threads++;
}

static void start_thread_if_needed(struct thread_pool *pool)
{
	if (pool->queued >= free_threads(pool) && pool->threads < most_threads(pool))
		start_thread(pool);
}

/* A job queued for a thread that is about to wake up, or being born, does not wait: what counts as
 * the queue's length is the jobs beyond the threads that are free. */
int thread_pool_submit(struct thread_pool *pool, struct job *job)
{
	bool wake = false;
	int err = 0;

	job->queued = uv_hrtime();
	job->taken = job->running = false;
	job->abandoned = false;
	pthread_mutex_lock(&pool->lock);
	start_thread_if_needed(pool);
	if (pool->threads == 0 || pool->queued >= pool->options.queue + free_threads(pool)) {
		err = -EAGAIN;
		board_add(&pool->options.board->refused, 1);
	} else {
		list_append(&pool->queue, job);
		pool->queued++;
		show(pool);
		wake = wants_wake(pool);
	}
	pthread_mutex_unlock(&pool->lock);
	if (wake)
		pthread_cond_signal(&pool->work);
	return err;
}

bool thread_pool_cancel(struct thread_pool *pool, struct job *job)
{
	bool dropped;
	bool wake;

	pthread_mutex_lock(&pool->lock);
	dropped = !job->taken;
	if (dropped) {
		list_remove(&pool->queue, job);
		pool->queued--;
	} else if (job->running) {
		job->abandoned = true;
		pool->abandoned++;
		if (pool->queue.first)
			start_thread_if_needed(pool);
	}
	show(pool);
	wake = wants_wake(pool);
	pthread_mutex_unlock(&pool->lock);
	if (wake)
		pthread_cond_signal(&pool->work);
	return dropped;
}

void thread_pool_run_here(void (*fn)(void *arg), void *arg, int peer)
{
	int outer = peer_here;

	peer_here = peer;
	fn(arg);
	peer_here = outer;
}

bool still_wanted(void)
{
	return current ? !current->abandoned : !peer_here || !has_left(peer_here);
}

struct job *thread_pool_reap(struct thread_pool *pool)
{
	struct job *first;

	pthread_mutex_lock(&pool->lock);
	first = pool->done.first;
	pool->done = (struct job_list){0};
	pthread_mutex_unlock(&pool->lock);
	return first;
}

bool thread_pool_close(struct thread_pool *pool, struct job **done)
{
	bool busy;

	*done = NULL;
	if (!pool)
		return true;
	pthread_mutex_lock(&pool->lock);
	pool->closing = true;
	*done = pool->done.first;
	pool->done = (struct job_list){0};
	busy = pool->running > 0;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	if (busy)
		return false;
	for (unsigned i = 0; i < pool->threads; i++)
		pthread_join(pool->ids[i], NULL);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
	return true;
}
