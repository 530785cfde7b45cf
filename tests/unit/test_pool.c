/* Threads are held and let go by semaphores; no test depends on how long anything takes. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "await/thread_pool.h"
#include "scoreboard/board_reader.h"

enum { MOST = 16 };

/* A job that says it runs, and waits to be let go. */
struct held {
	struct job job;
	sem_t entered;
	sem_t gate;
	int order; /* from 1, in which jobs ran; 0: not run */
	pthread_t thread;
	char name[16];
	int nice;
	bool signals_blocked;
	size_t stack; /* bytes */
};

/* Instead of the C library's. */
int __real_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_signal(pthread_cond_t *cond);

int __real_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock);

static atomic_int wakes;  /* of threads */
static atomic_int sleeps; /* how often one has fallen asleep */

int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
	atomic_fetch_add(&wakes, 1);
	return __real_pthread_cond_signal(cond);
}

/* With the lock held, which is given up when it sleeps: who sees the count, and then gets the lock,
 * finds it asleep. */
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
	atomic_fetch_add(&sleeps, 1);
	return __real_pthread_cond_wait(cond, lock);
}

static void asleep(int times)
{
	while (atomic_load(&sleeps) < times)
		sched_yield();
}

static struct held jobs[MOST];
static atomic_int started;
static int wake_fd;

static void run(struct job *job)
{
	struct held *held = (struct held *)job;
	pthread_attr_t attr;
	sigset_t blocked;

	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstacksize(&attr, &held->stack);
	pthread_attr_destroy(&attr);
	held->order = atomic_fetch_add(&started, 1) + 1;
	held->thread = pthread_self();
	held->nice = getpriority(PRIO_PROCESS, (id_t)gettid());
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	held->signals_blocked = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGINT);
	sem_post(&held->entered);
	while (sem_wait(&held->gate))
		;
	pthread_getname_np(pthread_self(), held->name, sizeof(held->name));
}

static struct thread_pool *begin(unsigned threads, size_t queue, int nice)
{
	struct thread_pool *pool;

	atomic_store(&started, 0);
	atomic_store(&wakes, 0);
	atomic_store(&sleeps, 0);
	for (int i = 0; i < MOST; i++) {
		memset(&jobs[i], 0, sizeof(jobs[i]));
		jobs[i].job.run = run;
		sem_init(&jobs[i].entered, 0, 0);
		sem_init(&jobs[i].gate, 0, 0);
	}
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pool = thread_pool_open(&(struct thread_pool_options){.name = "test",
							      .threads = threads,
							      .spares = 1,
							      .queue = queue,
							      .nice = nice,
							      .wake_fd = wake_fd});
	CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
	return pool;
}

static void end(struct thread_pool *pool)
{
	struct job *done;

	CU_ASSERT_TRUE(thread_pool_close(pool, &done));
	CU_ASSERT_PTR_NULL(done);
	close(wake_fd);
}

static void entered(int i)
{
	while (sem_wait(&jobs[i].entered))
		;
}

static void let_go(int i)
{
	sem_post(&jobs[i].gate);
}

static int submit(struct thread_pool *pool, int i)
{
	return thread_pool_submit(pool, &jobs[i].job);
}

/* Takes count jobs back, in the order in which they came. */
static void reap(struct thread_pool *pool, int count, struct held **out)
{
	int got = 0;

	while (got < count) {
		struct job *job = thread_pool_reap(pool);

		for (; job; job = job->next)
			out[got++] = (struct held *)job;
		if (got < count)
			poll(&(struct pollfd){.fd = wake_fd, .events = POLLIN}, 1, 1);
	}
	CU_ASSERT_EQUAL(got, count);
}

static void jobs_run_first_in_first_out(void)
{
	struct thread_pool *pool = begin(1, MOST, 0);
	struct held *done[MOST];

	for (int i = 0; i < MOST; i++) {
		CU_ASSERT_EQUAL(submit(pool, i), 0);
		let_go(i);
	}
	reap(pool, MOST, done);
	for (int i = 0; i < MOST; i++) {
		CU_ASSERT_PTR_EQUAL(done[i], &jobs[i]);
		CU_ASSERT_EQUAL(jobs[i].order, i + 1);
	}
	end(pool);
}

static void one_wake_up_serves_many_done_jobs(void)
{
	struct thread_pool *pool = begin(1, MOST, 0);
	struct held *done[4];
	uint64_t written = 0;

	for (int i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(submit(pool, i), 0);
		if (i < 3)
			let_go(i);
	}
	entered(3); /* so the three before it are done, and nobody has looked yet */
	CU_ASSERT_EQUAL(read(wake_fd, &written, sizeof(written)), sizeof(written));
	CU_ASSERT_EQUAL(written, 1);
	reap(pool, 3, done);
	let_go(3);
	reap(pool, 1, done);
	CU_ASSERT_EQUAL(poll(&(struct pollfd){.fd = wake_fd, .events = POLLIN}, 1, -1), 1);
	end(pool);
}

static void no_more_threads_than_the_limit(void)
{
	struct thread_pool *pool = begin(2, MOST, 0);
	struct held *done[6];

	for (int i = 0; i < 6; i++)
		CU_ASSERT_EQUAL(submit(pool, i), 0);
	entered(0);
	entered(1);
	for (int i = 0; i < 6; i++)
		let_go(i);
	reap(pool, 6, done);
	for (int i = 2; i < 6; i++)
		CU_ASSERT_TRUE(pthread_equal(jobs[i].thread, jobs[0].thread) ||
			       pthread_equal(jobs[i].thread, jobs[1].thread));
	CU_ASSERT_FALSE(pthread_equal(jobs[0].thread, jobs[1].thread));
	end(pool);
}

static void an_idle_thread_comes_before_a_new_one(void)
{
	struct thread_pool *pool = begin(4, MOST, 0);
	struct held *done[1];

	for (int i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(submit(pool, i), 0);
		let_go(i);
		reap(pool, 1, done);
		CU_ASSERT_TRUE(pthread_equal(jobs[i].thread, jobs[0].thread));
	}
	end(pool);
}

static void jobs_run_at_the_same_time(void)
{
	struct thread_pool *pool = begin(3, 0, 0);
	struct held *done[3];

	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(submit(pool, i), 0);
	for (int i = 0; i < 3; i++)
		entered(i); /* all three, while none has ended */
	for (int i = 0; i < 3; i++)
		let_go(i);
	reap(pool, 3, done);
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_TRUE(jobs[i].job.thread < 3 &&
			       jobs[i].job.thread != jobs[(i + 1) % 3].job.thread);
	end(pool);
}

/* Of threads that sleep one is woken, and wakes the next. */
static void sleeping_threads_are_woken_for_all_there_is_to_do(void)
{
	struct thread_pool *pool = begin(3, 0, 0);
	struct held *done[3];

	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 3; i++)
			CU_ASSERT_EQUAL(submit(pool, i), 0);
		for (int i = 0; i < 3; i++)
			entered(i);
		for (int i = 0; i < 3; i++)
			let_go(i);
		reap(pool, 3, done);
	}
	end(pool);
}

static void the_board_shows_what_the_pool_does(void)
{
	static struct board_threads board;
	struct thread_pool *pool;
	struct held *done[2];
	uint64_t since;
	uint64_t owner;

	end(begin(1, 2, 0)); /* for the jobs */
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pool = thread_pool_open(&(struct thread_pool_options){.name = "test",
							      .threads = 1,
							      .spares = 1,
							      .queue = 2,
							      .wake_fd = wake_fd,
							      .board = &board});
	CU_ASSERT_EQUAL(board_get(&board.limit), 1);
	jobs[0].job.owner = 77;
	CU_ASSERT_EQUAL(submit(pool, 0), 0);
	entered(0);
	CU_ASSERT_EQUAL(board_get(&board.running), 1);
	CU_ASSERT_EQUAL(board_get(&board.queued), 0);
	CU_ASSERT_EQUAL(board_get(&board.oldest), 0);
	CU_ASSERT_TRUE(board_doing(&board.threads[0], &since, &owner));
	CU_ASSERT_EQUAL(since, jobs[0].job.started);
	CU_ASSERT_EQUAL(owner, 77);
	CU_ASSERT_EQUAL(submit(pool, 1), 0);
	CU_ASSERT_EQUAL(submit(pool, 2), 0);
	CU_ASSERT_EQUAL(submit(pool, 3), -EAGAIN);
	CU_ASSERT_EQUAL(board_get(&board.started), 1);
	CU_ASSERT_EQUAL(board_get(&board.queued), 2);
	CU_ASSERT_EQUAL(board_get(&board.oldest), jobs[1].job.queued);
	CU_ASSERT_EQUAL(board_get(&board.refused), 1);
	CU_ASSERT_TRUE(thread_pool_cancel(pool, &jobs[1].job));
	CU_ASSERT_EQUAL(board_get(&board.queued), 1);
	CU_ASSERT_EQUAL(board_get(&board.oldest), jobs[2].job.queued);
	let_go(0);
	let_go(2);
	reap(pool, 2, done);
	CU_ASSERT_EQUAL(board_get(&board.running), 0);
	CU_ASSERT_EQUAL(board_get(&board.queued), 0);
	CU_ASSERT_FALSE(board_doing(&board.threads[0], &since, &owner));
	end(pool);
}

static void the_board_tells_who_works_for_nobody(void)
{
	static struct board_threads board;
	struct thread_pool *pool;
	struct held *done[2];

	end(begin(1, 2, 0)); /* for the jobs */
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pool = thread_pool_open(&(struct thread_pool_options){.name = "test",
							      .threads = 1,
							      .spares = 1,
							      .queue = 2,
							      .wake_fd = wake_fd,
							      .board = &board});
	CU_ASSERT_EQUAL(submit(pool, 0), 0);
	entered(0);
	CU_ASSERT_FALSE(thread_pool_cancel(pool, &jobs[0].job));
	CU_ASSERT_EQUAL(board_get(&board.running), 0);
	CU_ASSERT_EQUAL(board_get(&board.abandoned), 1);
	CU_ASSERT_EQUAL(submit(pool, 1), 0);
	entered(1);
	CU_ASSERT_EQUAL(board_get(&board.started), 2);
	CU_ASSERT_EQUAL(board_get(&board.running), 1);
	CU_ASSERT_EQUAL(board_get(&board.abandoned), 1);
	let_go(0);
	reap(pool, 1, done);
	CU_ASSERT_EQUAL(board_get(&board.running), 1);
	CU_ASSERT_EQUAL(board_get(&board.abandoned), 0);
	let_go(1);
	reap(pool, 1, done);
	/* Who comes too late to abandon it changes nothing. */
	CU_ASSERT_FALSE(thread_pool_cancel(pool, &jobs[1].job));
	CU_ASSERT_EQUAL(board_get(&board.running), 0);
	CU_ASSERT_EQUAL(board_get(&board.abandoned), 0);
	end(pool);
}

/* One thread is the limit, another is spare, and there are no more. */
static void a_stand_in_has_no_stand_in(void)
{
	static struct board_threads board;
	struct thread_pool *pool;
	struct held *done[3];

	end(begin(1, 2, 0)); /* for the jobs */
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pool = thread_pool_open(&(struct thread_pool_options){.name = "test",
							      .threads = 1,
							      .spares = 1,
							      .queue = 2,
							      .wake_fd = wake_fd,
							      .board = &board});
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(submit(pool, i), 0);
		entered(i);
		CU_ASSERT_FALSE(thread_pool_cancel(pool, &jobs[i].job));
	}
	CU_ASSERT_EQUAL(board_get(&board.abandoned), 2);
	CU_ASSERT_EQUAL(submit(pool, 2), 0);
	CU_ASSERT_EQUAL(board_get(&board.started), 2);
	CU_ASSERT_EQUAL(board_get(&board.queued), 1);
	for (int i = 0; i < 3; i++)
		let_go(i);
	reap(pool, 3, done);
	CU_ASSERT_EQUAL(jobs[2].order, 3);
	end(pool);
}

/* A thread sleeps, another works, and what is queued may not be begun: until nobody wants any more
 * what that one does. */
static void who_abandons_a_job_wakes_a_thread_for_the_next(void)
{
	struct thread_pool *pool = begin(1, MOST, 0);
	struct held *done[2];

	CU_ASSERT_EQUAL(submit(pool, 0), 0);
	entered(0);
	CU_ASSERT_FALSE(thread_pool_cancel(pool, &jobs[0].job));
	CU_ASSERT_EQUAL(submit(pool, 1), 0);
	entered(1);
	let_go(0);
	reap(pool, 1, done);
	usleep(5000); /* its thread falls asleep */
	CU_ASSERT_EQUAL(submit(pool, 2), 0);
	CU_ASSERT_FALSE(thread_pool_cancel(pool, &jobs[1].job));
	entered(2);
	let_go(1);
	let_go(2);
	reap(pool, 2, done);
	end(pool);
}

static void nobody_is_woken_for_nothing(void)
{
	struct thread_pool *pool = begin(1, MOST, 0);
	struct held *done[3];

	CU_ASSERT_EQUAL(submit(pool, 0), 0); /* for this one a thread is begun … */
	entered(0);
	CU_ASSERT_EQUAL(submit(pool, 1), 0); /* … which is busy now */
	CU_ASSERT_EQUAL(submit(pool, 2), 0);
	CU_ASSERT_TRUE(thread_pool_cancel(pool, &jobs[2].job));
	CU_ASSERT_FALSE(thread_pool_cancel(pool, &jobs[0].job)); /* and has a stand-in */
	entered(1);
	CU_ASSERT_EQUAL(atomic_load(&wakes), 0);
	let_go(0);
	reap(pool, 1, done);
	asleep(1);
	CU_ASSERT_EQUAL(submit(pool, 3), 0);
	CU_ASSERT_EQUAL(atomic_load(&wakes), 0); /* as long as 1 works */
	CU_ASSERT_FALSE(thread_pool_cancel(pool, &jobs[1].job));
	entered(3);
	CU_ASSERT_EQUAL(atomic_load(&wakes), 1);
	let_go(1);
	let_go(3);
	reap(pool, 2, done);
	asleep(3); /* both of them, one for the second time */
	CU_ASSERT_FALSE(
		thread_pool_cancel(pool, &jobs[3].job)); /* too late, and nothing is to do */
	CU_ASSERT_EQUAL(atomic_load(&wakes), 1);
	end(pool);
}

static void a_burst_wakes_one_thread(void)
{
	struct thread_pool *pool = begin(1, MOST, 0);
	struct held *done[MOST];

	CU_ASSERT_EQUAL(submit(pool, 0), 0);
	let_go(0);
	reap(pool, 1, done);
	usleep(5000); /* its thread falls asleep */
	for (int i = 1; i < MOST; i++)
		CU_ASSERT_EQUAL(submit(pool, i), 0);
	entered(1);
	CU_ASSERT_EQUAL(atomic_load(&wakes), 1);
	for (int i = 1; i < MOST; i++)
		let_go(i);
	reap(pool, MOST - 1, done);
	CU_ASSERT_EQUAL(atomic_load(&wakes), 1);
	end(pool);
}

/* Of two threads one sleeps, is woken, and works; the other is begun, and sleeps. */
static void a_thread_that_works_is_not_waited_for(void)
{
	struct thread_pool *pool = begin(2, MOST, 0);
	struct held *done[2];

	CU_ASSERT_EQUAL(submit(pool, 0), 0);
	let_go(0);
	reap(pool, 1, done);
	asleep(1);
	CU_ASSERT_EQUAL(submit(pool, 1), 0);
	entered(1);
	CU_ASSERT_EQUAL(submit(pool, 2), 0);
	entered(2);
	let_go(2);
	reap(pool, 1, done);
	asleep(2);
	CU_ASSERT_EQUAL(submit(pool, 3), 0);
	entered(3); /* while 1 works */
	let_go(1);
	let_go(3);
	reap(pool, 2, done);
	end(pool);
}

/* The loop has been woken often enough. */
static void a_counter_that_is_full_wakes_all_the_same(void)
{
	struct thread_pool *pool = begin(1, MOST, 0);
	struct held *done[1];
	uint64_t most = UINT64_MAX - 1;

	CU_ASSERT_EQUAL(write(wake_fd, &most, sizeof(most)), sizeof(most));
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(submit(pool, i), 0);
		let_go(i);
		reap(pool, 1, done);
	}
	end(pool);
}

/* The board has room for some threads, and the pool may have more. */
static void the_board_shows_as_many_threads_as_it_has_room_for(void)
{
	enum { THREADS = BOARD_THREADS + 1 };
	static struct held many[THREADS];
	static struct {
		struct board_threads threads;
		struct board_doing behind;
	} board;
	struct thread_pool *pool;
	struct held *done[THREADS];

	end(begin(1, 2, 0)); /* for the clock of who runs first */
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pool = thread_pool_open(&(struct thread_pool_options){
		.name = "test", .threads = THREADS, .wake_fd = wake_fd, .board = &board.threads});
	for (int i = 0; i < THREADS; i++) {
		many[i].job.run = run;
		many[i].job.owner = 77;
		sem_init(&many[i].entered, 0, 0);
		sem_init(&many[i].gate, 0, 0);
		CU_ASSERT_EQUAL(thread_pool_submit(pool, &many[i].job), 0);
		while (sem_wait(&many[i].entered))
			;
	}
	CU_ASSERT_EQUAL(board_get(&board.threads.running), THREADS);
	CU_ASSERT_EQUAL(board_get(&board.threads.threads[BOARD_THREADS - 1].owner), 77);
	CU_ASSERT_EQUAL(board_get(&board.behind.owner), 0);
	for (int i = 0; i < THREADS; i++)
		sem_post(&many[i].gate);
	reap(pool, THREADS, done);
	end(pool);
}

/* After a while in the queue it is looked whether anybody still wants it. */
static void a_job_whose_peer_has_gone_is_not_run(void)
{
	struct thread_pool *pool = begin(1, MOST, 0);
	struct held *done[5];
	int gone[2];
	int there[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gone), 0);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, there), 0);
	CU_ASSERT_EQUAL(submit(pool, 0), 0);
	entered(0);
	jobs[1].job.peer = gone[0];
	jobs[2].job.peer = there[0];
	for (int i = 1; i < 4; i++)
		CU_ASSERT_EQUAL(submit(pool, i), 0);
	close(gone[1]);
	usleep(3000);
	for (int i = 0; i < 4; i++)
		let_go(i);
	reap(pool, 4, done);
	CU_ASSERT_TRUE(jobs[1].job.dropped);
	CU_ASSERT_EQUAL(jobs[1].order, 0);
	CU_ASSERT_FALSE(jobs[2].job.dropped || jobs[3].job.dropped);
	CU_ASSERT_EQUAL(jobs[2].order, 2);
	CU_ASSERT_EQUAL(jobs[3].order, 3);
	close(gone[0]);
	close(there[0]);
	close(there[1]);
	end(pool);
}

/* That somebody is there takes no time to see. */
static void a_job_whose_peer_is_there_does_not_wait(void)
{
	struct thread_pool *pool = begin(1, MOST, 0);
	struct held *done[MOST];
	struct timespec begun;
	struct timespec ended;
	int there[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, there), 0);
	for (int i = 0; i < MOST; i++) {
		jobs[i].job.peer = there[0];
		CU_ASSERT_EQUAL(submit(pool, i), 0);
		if (i)
			let_go(i);
	}
	entered(0);
	usleep(3000);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	let_go(0);
	entered(MOST - 1);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	IN_TIME((ended.tv_sec - begun.tv_sec) * 1000000000 + ended.tv_nsec - begun.tv_nsec <
		(MOST - 1) * 1000000);
	reap(pool, MOST, done);
	close(there[0]);
	close(there[1]);
	end(pool);
}

static void a_full_queue_refuses(void)
{
	struct thread_pool *pool = begin(1, 2, 0);
	struct held *done[4];

	CU_ASSERT_EQUAL(submit(pool, 0), 0);
	entered(0);
	CU_ASSERT_EQUAL(submit(pool, 1), 0);
	CU_ASSERT_EQUAL(submit(pool, 2), 0);
	CU_ASSERT_EQUAL(submit(pool, 3), -EAGAIN);
	for (int i = 0; i < 4; i++)
		let_go(i);
	reap(pool, 3, done);
	CU_ASSERT_EQUAL(jobs[3].order, 0);
	CU_ASSERT_EQUAL(submit(pool, 3), 0);
	reap(pool, 1, done);
	end(pool);
}

static void without_a_queue_a_free_thread_still_takes_a_job(void)
{
	struct thread_pool *pool = begin(1, 0, 0);
	struct held *done[1];

	CU_ASSERT_EQUAL(submit(pool, 0), 0);
	CU_ASSERT_EQUAL(submit(pool, 1), -EAGAIN);
	entered(0);
	CU_ASSERT_EQUAL(submit(pool, 1), -EAGAIN);
	let_go(0);
	reap(pool, 1, done);
	end(pool);
}

static void a_queued_job_can_be_dropped(void)
{
	struct thread_pool *pool = begin(1, MOST, 0);
	struct held *done[3];

	for (int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(submit(pool, i), 0);
	entered(0);
	CU_ASSERT_TRUE(thread_pool_cancel(pool, &jobs[2].job));
	for (int i = 0; i < 4; i++)
		let_go(i);
	reap(pool, 3, done);
	CU_ASSERT_PTR_EQUAL(done[2], &jobs[3]);
	CU_ASSERT_EQUAL(jobs[2].order, 0);
	CU_ASSERT_FALSE(thread_pool_cancel(pool, &jobs[0].job)); /* it has run */
	/* It may be queued again, and is as good as new. */
	CU_ASSERT_EQUAL(submit(pool, 4), 0);
	entered(4);
	CU_ASSERT_EQUAL(submit(pool, 0), 0);
	CU_ASSERT_TRUE(thread_pool_cancel(pool, &jobs[0].job));
	let_go(4);
	reap(pool, 1, done);
	end(pool);
}

/* Of one thread's limit: jobs 0 and 1 run, one of them for nobody; 2 has to wait for 1, and is not
 * given a third thread. */
static void an_abandoned_job_has_a_stand_in(void)
{
	struct thread_pool *pool = begin(1, MOST, 0);
	struct held *done[4];

	CU_ASSERT_EQUAL(submit(pool, 0), 0);
	entered(0);
	CU_ASSERT_EQUAL(submit(pool, 1), 0);
	CU_ASSERT_FALSE(thread_pool_cancel(pool, &jobs[0].job)); /* it runs */
	entered(1);
	CU_ASSERT_EQUAL(submit(pool, 2), 0);
	CU_ASSERT_FALSE(thread_pool_cancel(pool, &jobs[1].job));
	CU_ASSERT_EQUAL(submit(pool, 3), 0);
	let_go(2);
	let_go(3);
	let_go(1);
	reap(pool, 3, done);
	CU_ASSERT_PTR_EQUAL(done[0], &jobs[1]);
	CU_ASSERT_TRUE(pthread_equal(jobs[2].thread, jobs[1].thread));
	CU_ASSERT_EQUAL(jobs[3].order, 4);
	let_go(0);
	reap(pool, 1, done);
	end(pool);
}

/* When the abandoned job is done there are two threads, of which one may work. */
static void a_stand_in_is_not_one_more(void)
{
	struct thread_pool *pool = begin(1, 0, 0);
	struct held *done[1];

	CU_ASSERT_EQUAL(submit(pool, 0), 0);
	entered(0);
	CU_ASSERT_FALSE(thread_pool_cancel(pool, &jobs[0].job));
	CU_ASSERT_EQUAL(submit(pool, 1), 0);
	entered(1);
	let_go(0);
	reap(pool, 1, done);
	CU_ASSERT_EQUAL(submit(pool, 2), -EAGAIN);
	let_go(1);
	reap(pool, 1, done);
	CU_ASSERT_EQUAL(submit(pool, 2), 0);
	let_go(2);
	reap(pool, 1, done);
	end(pool);
}

static void a_dropped_job_makes_room(void)
{
	struct thread_pool *pool = begin(1, 1, 0);
	struct held *done[2];

	CU_ASSERT_EQUAL(submit(pool, 0), 0);
	entered(0);
	CU_ASSERT_EQUAL(submit(pool, 1), 0);
	CU_ASSERT_TRUE(thread_pool_cancel(pool, &jobs[1].job));
	CU_ASSERT_EQUAL(submit(pool, 2), 0);
	let_go(0);
	let_go(2);
	reap(pool, 2, done);
	CU_ASSERT_PTR_EQUAL(done[1], &jobs[2]);
	end(pool);
}

static void times_follow_each_other(void)
{
	struct thread_pool *pool = begin(1, MOST, 0);
	struct held *done[2];

	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(submit(pool, i), 0);
		let_go(i);
	}
	reap(pool, 2, done);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_TRUE(jobs[i].job.queued <= jobs[i].job.started);
		CU_ASSERT_TRUE(jobs[i].job.started <= jobs[i].job.ended);
	}
	CU_ASSERT_TRUE(jobs[0].job.ended <= jobs[1].job.started);
	end(pool);
}

static void threads_have_names_and_niceness_and_no_signals(void)
{
	struct thread_pool *pool = begin(1, 0, 1);
	int own = getpriority(PRIO_PROCESS, 0);
	struct held *done[1];
	sigset_t ours;

	CU_ASSERT_EQUAL(submit(pool, 0), 0);
	entered(0);
	let_go(0);
	reap(pool, 1, done);
	CU_ASSERT_STRING_EQUAL(jobs[0].name, "test-1");
	CU_ASSERT_EQUAL(jobs[0].nice, own < 19 ? own + 1 : own);
	CU_ASSERT_TRUE(jobs[0].signals_blocked);
	CU_ASSERT_TRUE(jobs[0].stack < 1 << 20);
	pthread_sigmask(SIG_SETMASK, NULL, &ours);
	CU_ASSERT_FALSE(sigismember(&ours, SIGTERM) || sigismember(&ours, SIGINT));
	CU_ASSERT_EQUAL(getpriority(PRIO_PROCESS, 0), own);
	end(pool);
}

static void a_pool_that_was_never_used_closes(void)
{
	end(begin(40, 1000, 19));
	CU_ASSERT_TRUE(thread_pool_close(NULL, &(struct job *){NULL}));
}

static void close_hands_back_what_nobody_reaped(void)
{
	struct thread_pool *pool = begin(1, MOST, 0);
	struct job *done;

	CU_ASSERT_EQUAL(submit(pool, 0), 0);
	let_go(0);
	CU_ASSERT_EQUAL(poll(&(struct pollfd){.fd = wake_fd, .events = POLLIN}, 1, -1), 1);
	CU_ASSERT_TRUE(thread_pool_close(pool, &done));
	CU_ASSERT_PTR_EQUAL(done, &jobs[0].job);
	CU_ASSERT_PTR_NULL(done->next);
	close(wake_fd);
}

/* Left as it is until the program ends, as thread_pool_close() says. */
static void a_running_job_outlives_its_pool(void)
{
	static struct held forever;
	static struct thread_pool *left;
	struct job *done;

	left = begin(1, MOST, 0);
	forever.job.run = run;
	sem_init(&forever.entered, 0, 0);
	sem_init(&forever.gate, 0, 0);
	CU_ASSERT_EQUAL(thread_pool_submit(left, &forever.job), 0);
	while (sem_wait(&forever.entered))
		;
	CU_ASSERT_EQUAL(submit(left, 0), 0);
	CU_ASSERT_FALSE(thread_pool_close(left, &done));
	CU_ASSERT_PTR_NULL(done);
	CU_ASSERT_EQUAL(jobs[0].order, 0);
}

static void memory_out_is_no_pool(void)
{
	memory_fail_after(0);
	CU_ASSERT_PTR_NULL(
		thread_pool_open(&(struct thread_pool_options){.name = "test", .threads = 1}));
	memory_restore();
}

static const struct test tests[] = {
	{"jobs run first in, first out", jobs_run_first_in_first_out},
	{"one wake-up serves many done jobs", one_wake_up_serves_many_done_jobs},
	{"the pool starts no more threads than its limit", no_more_threads_than_the_limit},
	{"an idle thread comes before a new one", an_idle_thread_comes_before_a_new_one},
	{"jobs run at the same time", jobs_run_at_the_same_time},
	{"sleeping threads are woken for all there is to do",
	 sleeping_threads_are_woken_for_all_there_is_to_do},
	{"the board shows what the pool does", the_board_shows_what_the_pool_does},
	{"the board tells who works for nobody", the_board_tells_who_works_for_nobody},
	{"a stand-in has no stand-in", a_stand_in_has_no_stand_in},
	{"who abandons a job wakes a thread for the next",
	 who_abandons_a_job_wakes_a_thread_for_the_next},
	{"nobody is woken for nothing", nobody_is_woken_for_nothing},
	{"a burst wakes one thread", a_burst_wakes_one_thread},
	{"a thread that works is not waited for", a_thread_that_works_is_not_waited_for},
	{"a counter that is full wakes all the same", a_counter_that_is_full_wakes_all_the_same},
	{"the board shows as many threads as it has room for",
	 the_board_shows_as_many_threads_as_it_has_room_for},
	{"a job whose peer has gone is not run", a_job_whose_peer_has_gone_is_not_run},
	{"a job whose peer is there does not wait", a_job_whose_peer_is_there_does_not_wait},
	{"a full queue refuses", a_full_queue_refuses},
	{"without a queue a free thread still takes a job",
	 without_a_queue_a_free_thread_still_takes_a_job},
	{"a queued job can be dropped", a_queued_job_can_be_dropped},
	{"an abandoned job has a stand-in", an_abandoned_job_has_a_stand_in},
	{"a stand-in is not one more", a_stand_in_is_not_one_more},
	{"a dropped job makes room", a_dropped_job_makes_room},
	{"times follow each other", times_follow_each_other},
	{"threads have names, niceness, no signals and little stack",
	 threads_have_names_and_niceness_and_no_signals},
	{"a pool that was never used closes", a_pool_that_was_never_used_closes},
	{"close hands back what nobody reaped", close_hands_back_what_nobody_reaped},
	{"pool_close with a running job returns false", a_running_job_outlives_its_pool},
	{"memory out is no pool", memory_out_is_no_pool},
};

const struct suite pool_suite = {"pool", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};
