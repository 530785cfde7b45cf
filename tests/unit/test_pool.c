/* Threads are held and let go by semaphores; no test depends on how long anything takes. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
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
#include "script.h"

enum { MOST = BOARD_THREADS + 1 };

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

static atomic_int wakes;    /* of threads */
static atomic_int sleeps;   /* how often one has fallen asleep */
static atomic_bool is_held; /* whether those who are woken are to go on sleeping */
static pthread_cond_t *held_back;

int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
	atomic_fetch_add(&wakes, 1);
	if (!is_held)
		return __real_pthread_cond_signal(cond);
	held_back = cond;
	return 0;
}

/* With the lock held, which is given up when it sleeps: who sees the count, and then gets the lock,
 * finds it asleep. */
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
	atomic_fetch_add(&sleeps, 1);
	return __real_pthread_cond_wait(cond, lock);
}

static struct held jobs[MOST];
static atomic_int started;
static int wake_fd;
static struct thread_pool *pool;
static struct {
	struct board_threads threads;
	struct board_doing behind;
} board;

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

/* A test's: its script is played when the test does so, on a pool of so many threads. */
struct script {
	unsigned threads;
	size_t queue;
	const char *words;
	int nice;
};

static void begin(void)
{
	const struct script *script = harness_test()->data;

	atomic_store(&started, 0);
	atomic_store(&wakes, 0);
	atomic_store(&sleeps, 0);
	memset(&board, 0, sizeof(board));
	for (unsigned i = 0; i < MOST; i++) {
		memset(&jobs[i], 0, sizeof(jobs[i]));
		jobs[i].job.run = run;
		jobs[i].job.owner = 77 + i;
		sem_init(&jobs[i].entered, 0, 0);
		sem_init(&jobs[i].gate, 0, 0);
	}
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pool = thread_pool_open(&(struct thread_pool_options){.name = "test",
							      .threads = script->threads,
							      .spares = 1,
							      .queue = script->queue,
							      .nice = script->nice,
							      .wake_fd = wake_fd,
							      .board = &board.threads});
	CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
	CU_ASSERT_EQUAL(board_get(&board.threads.limit), script->threads);
}

/* Of a pool that a test has closed there is nothing left. */
static void end(void)
{
	struct job *done;

	CU_ASSERT_TRUE(thread_pool_close(pool, &done));
	CU_ASSERT_PTR_NULL(done);
	close(wake_fd);
}

/* ---- The words of scripts ---- */

static void submit(int i)
{
	CU_ASSERT_EQUAL(thread_pool_submit(pool, &jobs[i].job), 0);
}

static void refuse(int i)
{
	CU_ASSERT_EQUAL(thread_pool_submit(pool, &jobs[i].job), -EAGAIN);
}

static void at(int i)
{
	while (sem_wait(&jobs[i].entered))
		;
}

static void submit_and_at(int i)
{
	submit(i);
	at(i);
}

static void let_go(int i)
{
	sem_post(&jobs[i].gate);
}

static void drop(int i)
{
	CU_ASSERT_TRUE(thread_pool_cancel(pool, &jobs[i].job));
}

static void abandon(int i)
{
	CU_ASSERT_FALSE(thread_pool_cancel(pool, &jobs[i].job));
}

static void unrun(int i)
{
	CU_ASSERT_EQUAL(jobs[i].order, 0);
}

static void shown(int i)
{
	uint64_t since;
	uint64_t owner;

	CU_ASSERT_TRUE(board_doing(&board.threads.threads[jobs[i].job.thread], &since, &owner));
	CU_ASSERT_EQUAL(since, jobs[i].job.started);
	CU_ASSERT_EQUAL(owner, jobs[i].job.owner);
}

static void shown_idle(int thread)
{
	uint64_t since;
	uint64_t owner;

	CU_ASSERT_FALSE(board_doing(&board.threads.threads[thread], &since, &owner));
}

static void shown_oldest(int i)
{
	CU_ASSERT_EQUAL(board_get(&board.threads.oldest), jobs[i].job.queued);
}

static void shown_queued(int count)
{
	CU_ASSERT_EQUAL(board_get(&board.threads.queued), (uint64_t)count);
	CU_ASSERT_EQUAL(board_get(&board.threads.oldest) != 0, count != 0);
}

static void asleep(int times)
{
	while (atomic_load(&sleeps) < times)
		sched_yield();
}

static void woken(int times)
{
	CU_ASSERT_EQUAL(atomic_load(&wakes), times);
}

/* Takes count jobs back, in the order in which they came. */
static void take_back(int count, struct held **out)
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

static void reap(const int *numbers, int count)
{
	struct held *done[MOST];

	take_back(count, done);
	for (int i = 0; i < count; i++)
		CU_ASSERT_PTR_EQUAL(done[i], &jobs[numbers[i]]);
}

static void reap_any(const int *numbers, int count)
{
	struct held *done[MOST];

	(void)numbers;
	take_back(count, done);
}

static void ran(const int *numbers, int count)
{
	for (int i = 0; i < count; i++)
		CU_ASSERT_EQUAL(jobs[numbers[i]].order, i + 1);
}

static void same(const int *numbers, int count)
{
	for (int i = 1; i < count; i++)
		CU_ASSERT_TRUE(pthread_equal(jobs[numbers[i]].thread, jobs[numbers[0]].thread));
}

static const struct word {
	const char *word;
	void (*each)(int number);
	void (*all)(const int *numbers, int count);
	word *shown; /* has this value */
} words[] = {
	/* Of jobs. */
	{"queue", submit},  /* is taken */
	{"refuse", refuse}, /* is not */
	{"at", at},	    /* a thread is at it */
	{"run", submit_and_at},
	{"end", let_go},      /* it will, when it runs */
	{"drop", drop},	      /* before it has begun */
	{"abandon", abandon}, /* while it runs, or too late */
	{"unrun", unrun},
	{"reap", .all = reap}, /* they come back, in this order */
	{"reap-any", .all = reap_any},
	{"ran", .all = ran},   /* first of all, in this order */
	{"same", .all = same}, /* one thread ran them */
	/* What the board shows, of jobs, a thread, and as numbers of them. */
	{"shown", shown},
	{"shown-oldest", shown_oldest}, /* in the queue */
	{"shown-idle", shown_idle},
	{"shown-started", .shown = &board.threads.started},
	{"shown-running", .shown = &board.threads.running},
	{"shown-abandoned", .shown = &board.threads.abandoned},
	{"shown-queued", shown_queued},
	{"shown-refused", .shown = &board.threads.refused},
	/* How often threads have. */
	{"asleep", asleep},
	{"woken", woken},
};

static void play(const char *script)
{
	struct step step;

	while (script_step(&script, &step)) {
		unsigned failures = CU_get_number_of_failures();
		const struct word *word = words;

		while (strcmp(word->word, step.word))
			CU_ASSERT_FATAL(++word < words + COUNT(words));
		for (int i = 0; word->each && i < step.count; i++)
			word->each(step.numbers[i]);
		if (word->all)
			word->all(step.numbers, step.count);
		for (int i = 0; word->shown && i < step.count; i++)
			CU_ASSERT_EQUAL(board_get(word->shown), (uint64_t)step.numbers[i]);
		step_blame(&step, failures);
	}
}

/* A test that is nothing but a script. */
static void play_script(void)
{
	play(((const struct script *)harness_test()->data)->words);
}

#define SCRIPT(...)                                                                                \
	&(const struct script)                                                                     \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

/* ---- */

static void one_wake_up_serves_many_done_jobs(void)
{
	uint64_t written = 0;

	play("queue 0-3, end 0-2, at 3"); /* so three are done, and nobody has looked yet */
	CU_ASSERT_EQUAL(read(wake_fd, &written, sizeof(written)), sizeof(written));
	CU_ASSERT_EQUAL(written, 1);
	play("reap 0-2, end 3, reap 3");
	CU_ASSERT_EQUAL(poll(&(struct pollfd){.fd = wake_fd, .events = POLLIN}, 1, -1), 1);
}

static void no_more_threads_than_the_limit(void)
{
	play("queue 0-5, at 0 1, end 0-5, reap-any 0-5");
	for (int i = 2; i < 6; i++)
		CU_ASSERT_TRUE(pthread_equal(jobs[i].thread, jobs[0].thread) ||
			       pthread_equal(jobs[i].thread, jobs[1].thread));
	CU_ASSERT_FALSE(pthread_equal(jobs[0].thread, jobs[1].thread));
}

static void jobs_run_at_the_same_time(void)
{
	play("queue 0-2, at 0-2, end 0-2, reap-any 0-2"); /* all are at work, and none has ended */
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_TRUE(jobs[i].job.thread < 3 &&
			       jobs[i].job.thread != jobs[(i + 1) % 3].job.thread);
}

/* Of threads that sleep one is woken, and wakes the next. */
static void sleeping_threads_are_woken_for_all_there_is_to_do(void)
{
	for (int round = 0; round < 100; round++)
		play("queue 0-2, at 0-2, end 0-2, reap-any 0-2");
}

static void a_burst_wakes_one_thread(void)
{
	play("queue 0, end 0, reap 0");
	asleep(1);
	is_held = true; /* it is not awake before the last job comes */
	play("queue 1-15");
	woken(1);
	is_held = false;
	__real_pthread_cond_signal(held_back);
	play("at 1, end 1-15, reap 1-15");
	woken(1);
}

/* The loop has been woken often enough. */
static void a_counter_that_is_full_wakes_all_the_same(void)
{
	uint64_t most = UINT64_MAX - 1;

	CU_ASSERT_EQUAL(write(wake_fd, &most, sizeof(most)), sizeof(most));
	play("queue 0, end 0, reap 0, queue 1, end 1, reap 1");
}

/* The board has room for some threads, and the pool may have more. */
static void the_board_shows_as_many_threads_as_it_has_room_for(void)
{
	for (int i = 0; i < MOST; i++)
		submit_and_at(i);
	CU_ASSERT_EQUAL(board_get(&board.threads.running), MOST);
	shown(MOST - 2);
	CU_ASSERT_EQUAL(board_get(&board.behind.owner), 0);
	for (int i = 0; i < MOST; i++)
		let_go(i);
	reap_any(NULL, MOST);
}

/* After a while in the queue it is looked whether anybody still wants it. */
static void a_job_whose_peer_has_gone_is_not_run(void)
{
	int gone[2];
	int there[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gone), 0);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, there), 0);
	jobs[1].job.peer = gone[0];
	jobs[2].job.peer = there[0];
	play("run 0, queue 1-3");
	close(gone[1]);
	usleep(3000); /* they are older than PROMPT_NS: an age has no event */
	play("end 0-3, reap 0-3, unrun 1, ran 0 2 3");
	CU_ASSERT_TRUE(jobs[1].job.dropped);
	CU_ASSERT_FALSE(jobs[2].job.dropped || jobs[3].job.dropped);
	close(gone[0]);
	close(there[0]);
	close(there[1]);
}

/* That somebody is there takes no time to see. */
static void a_job_whose_peer_is_there_does_not_wait(void)
{
	struct timespec begun;
	struct timespec ended;
	int there[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, there), 0);
	for (int i = 0; i < 16; i++)
		jobs[i].job.peer = there[0];
	play("queue 0-15, end 1-15, at 0");
	usleep(3000); /* as above */
	clock_gettime(CLOCK_MONOTONIC, &begun);
	play("end 0, at 15");
	clock_gettime(CLOCK_MONOTONIC, &ended);
	IN_TIME((ended.tv_sec - begun.tv_sec) * 1000000000 + ended.tv_nsec - begun.tv_nsec <
		15 * 1000000);
	play("reap 0-15");
	close(there[0]);
	close(there[1]);
}

static void times_follow_each_other(void)
{
	play("queue 0 1, end 0 1, reap 0 1");
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_TRUE(jobs[i].job.queued <= jobs[i].job.started);
		CU_ASSERT_TRUE(jobs[i].job.started <= jobs[i].job.ended);
	}
	CU_ASSERT_TRUE(jobs[0].job.ended <= jobs[1].job.started);
}

static void threads_have_names_and_niceness_and_no_signals(void)
{
	int own = getpriority(PRIO_PROCESS, 0);
	sigset_t ours;

	play("run 0, end 0, reap 0");
	CU_ASSERT_STRING_EQUAL(jobs[0].name, "test-1");
	CU_ASSERT_EQUAL(jobs[0].nice, own < 19 ? own + 1 : own);
	CU_ASSERT_TRUE(jobs[0].signals_blocked);
	CU_ASSERT_TRUE(jobs[0].stack < 1 << 20);
	pthread_sigmask(SIG_SETMASK, NULL, &ours);
	CU_ASSERT_FALSE(sigismember(&ours, SIGTERM) || sigismember(&ours, SIGINT));
	CU_ASSERT_EQUAL(getpriority(PRIO_PROCESS, 0), own);
}

static void a_pool_that_was_never_used_closes(void)
{
	CU_ASSERT_TRUE(thread_pool_close(NULL, &(struct job *){NULL}));
}

static void close_hands_back_what_nobody_reaped(void)
{
	struct job *done;

	play("queue 0, end 0");
	CU_ASSERT_EQUAL(poll(&(struct pollfd){.fd = wake_fd, .events = POLLIN}, 1, -1), 1);
	CU_ASSERT_TRUE(thread_pool_close(pool, &done));
	CU_ASSERT_PTR_EQUAL(done, &jobs[0].job);
	CU_ASSERT_PTR_NULL(done->next);
	pool = NULL;
}

/* Left as it is until the program ends, as thread_pool_close() says. */
static void a_running_job_outlives_its_pool(void)
{
	static struct held forever;
	static struct thread_pool *left;
	struct job *done;

	left = pool;
	pool = NULL;
	forever.job.run = run;
	sem_init(&forever.entered, 0, 0);
	sem_init(&forever.gate, 0, 0);
	CU_ASSERT_EQUAL(thread_pool_submit(left, &forever.job), 0);
	while (sem_wait(&forever.entered))
		;
	CU_ASSERT_EQUAL(thread_pool_submit(left, &jobs[0].job), 0);
	CU_ASSERT_FALSE(thread_pool_close(left, &done));
	CU_ASSERT_PTR_NULL(done);
	unrun(0);
}

static void memory_out_is_no_pool(void)
{
	memory_fail_after(0);
	CU_ASSERT_PTR_NULL(
		thread_pool_open(&(struct thread_pool_options){.name = "test", .threads = 1}));
	memory_restore();
}

static const struct test tests[] = {
	{"jobs run first in, first out", play_script,
	 SCRIPT(1, MOST, "queue 0-15, end 0-15, reap 0-15, ran 0-15")},
	{"one wake-up serves many done jobs", one_wake_up_serves_many_done_jobs, SCRIPT(1, MOST)},
	{"the pool starts no more threads than its limit", no_more_threads_than_the_limit,
	 SCRIPT(2, MOST)},
	{"an idle thread comes before a new one", play_script,
	 SCRIPT(4, MOST,
		"queue 0, end 0, reap 0, queue 1, end 1, reap 1, queue 2, end 2, reap 2, same "
		"0-2")},
	{"jobs run at the same time", jobs_run_at_the_same_time, SCRIPT(3, 0)},
	{"sleeping threads are woken for all there is to do",
	 sleeping_threads_are_woken_for_all_there_is_to_do, SCRIPT(3, 0)},
	{"the board shows what the pool does", play_script,
	 SCRIPT(1, 2,
		"run 0, shown 0, shown-running 1, shown-queued 0, queue 1 2, refuse 3, "
		"shown-started 1, shown-queued 2, shown-oldest 1, shown-refused 1, "
		"drop 1, shown-queued 1, shown-oldest 2, "
		"end 0 2, reap 0 2, shown-running 0, shown-queued 0, shown-idle 0")},
	/* Who comes too late to abandon it changes nothing. */
	{"the board tells who works for nobody", play_script,
	 SCRIPT(1, 2,
		"run 0, abandon 0, shown-running 0, shown-abandoned 1, "
		"run 1, shown-started 2, shown-running 1, shown-abandoned 1, "
		"end 0, reap 0, shown-running 1, shown-abandoned 0, "
		"end 1, reap 1, abandon 1, shown-running 0, shown-abandoned 0")},
	/* One thread is the limit, another is spare, and there are no more. */
	{"a stand-in has no stand-in", play_script,
	 SCRIPT(1, 2,
		"run 0, abandon 0, run 1, abandon 1, shown-abandoned 2, "
		"queue 2, shown-started 2, shown-queued 1, end 0-2, reap-any 0-2, shown-started "
		"2")},
	/* A thread sleeps, another works, and what is queued may not be begun: until nobody wants
	 * any more what that one does. */
	{"who abandons a job wakes a thread for the next", play_script,
	 SCRIPT(1, MOST,
		"run 0, abandon 0, run 1, end 0, reap 0, asleep 1, "
		"queue 2, abandon 1, at 2, end 1 2, reap-any 1 2")},
	/* For 0 a thread is begun, which is busy then, and has a stand-in; 3 waits as long as 1
	 * works; and in the end both threads are asleep, one for the second time, and nothing is to
	 * do for who comes too late. */
	{"nobody is woken for nothing", play_script,
	 SCRIPT(1, MOST,
		"run 0, queue 1 2, drop 2, abandon 0, at 1, woken 0, "
		"end 0, reap 0, asleep 1, queue 3, woken 0, abandon 1, at 3, woken 1, "
		"end 1 3, reap-any 1 3, asleep 3, abandon 3, woken 1")},
	{"a burst wakes one thread", a_burst_wakes_one_thread, SCRIPT(1, MOST)},
	/* Of two threads one sleeps, is woken, and works; the other is begun, and sleeps. */
	{"a thread that works is not waited for", play_script,
	 SCRIPT(2, MOST,
		"queue 0, end 0, reap 0, asleep 1, run 1 2, end 2, reap 2, asleep 2, "
		"run 3, end 1 3, reap-any 1 3")},
	{"a counter that is full wakes all the same", a_counter_that_is_full_wakes_all_the_same,
	 SCRIPT(1, MOST)},
	{"the board shows as many threads as it has room for",
	 the_board_shows_as_many_threads_as_it_has_room_for, SCRIPT(MOST, 0)},
	{"a job whose peer has gone is not run", a_job_whose_peer_has_gone_is_not_run,
	 SCRIPT(1, MOST)},
	{"a job whose peer is there does not wait", a_job_whose_peer_is_there_does_not_wait,
	 SCRIPT(1, MOST)},
	{"a full queue refuses", play_script,
	 SCRIPT(1, 2, "run 0, queue 1 2, refuse 3, end 0-3, reap 0-2, unrun 3, queue 3, reap 3")},
	{"without a queue a free thread still takes a job", play_script,
	 SCRIPT(1, 0, "queue 0, refuse 1, at 0, refuse 1, end 0, reap 0")},
	/* It may be queued again, and is as good as new. */
	{"a queued job can be dropped", play_script,
	 SCRIPT(1, MOST,
		"queue 0-3, at 0, drop 2, end 0-3, reap 0 1 3, unrun 2, abandon 0, "
		"run 4, queue 0, drop 0, end 4, reap 4")},
	/* Of one thread's limit: jobs 0 and 1 run, one of them for nobody; 2 has to wait for 1, and
	 * is not given a third thread. */
	{"an abandoned job has a stand-in", play_script,
	 SCRIPT(1, MOST,
		"run 0, queue 1, abandon 0, at 1, queue 2, abandon 1, queue 3, end 2 3 1, "
		"reap 1 2 3, same 1 2, ran 0-3, end 0, reap 0")},
	/* When the abandoned job is done there are two threads, of which one may work. */
	{"a stand-in is not one more", play_script,
	 SCRIPT(1, 0,
		"run 0, abandon 0, run 1, end 0, reap 0, refuse 2, end 1, reap 1, "
		"queue 2, end 2, reap 2")},
	{"a dropped job makes room", play_script,
	 SCRIPT(1, 1, "run 0, queue 1, drop 1, queue 2, end 0 2, reap 0 2")},
	{"times follow each other", times_follow_each_other, SCRIPT(1, MOST)},
	{"threads have names, niceness, no signals and little stack",
	 threads_have_names_and_niceness_and_no_signals, SCRIPT(1, 0, .nice = 1)},
	{"a pool that was never used closes", a_pool_that_was_never_used_closes,
	 SCRIPT(40, 1000, .nice = 19)},
	{"close hands back what nobody reaped", close_hands_back_what_nobody_reaped,
	 SCRIPT(1, MOST)},
	{"pool_close with a running job returns false", a_running_job_outlives_its_pool,
	 SCRIPT(1, MOST)},
	{"memory out is no pool", memory_out_is_no_pool, SCRIPT(1, 0)},
};

const struct suite pool_suite = {"pool", tests, COUNT(tests), .before = begin, .after = end};
