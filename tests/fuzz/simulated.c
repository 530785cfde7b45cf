#include "simulated.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/log.h"
#include "engine/conn.h"

enum { THREADS = 16, TURN_NS = 10000, PATIENCE = 100000 };

/* Not there in a program without it. */
void __lsan_ignore_object(const void *object) __attribute__((weak));

struct simulation sim;

static atomic_bool simulates;
static atomic_uint_fast64_t now = UINT64_C(1000000000000);
static pthread_t loop_thread;
static pthread_t threads[THREADS]; /* not joined yet */
static size_t thread_count;
static int left_wake_fd = -1;

struct sleeper {
	struct sleeper *next;
	uint64_t until;
	bool woken;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static struct sleeper *sleepers;
static size_t asleep;
static bool nobody_sleeps;

/* ---- time ---- */

uint64_t simulated_now(void)
{
	return atomic_load(&now);
}

/* With the lock held. */
static void wake_sleepers(void)
{
	for (struct sleeper **at = &sleepers; *at;) {
		struct sleeper *sleeper = *at;

		if (!nobody_sleeps && sleeper->until > now) {
			at = &sleeper->next;
			continue;
		}
		*at = sleeper->next;
		sleeper->woken = true;
		asleep--;
		pthread_cond_broadcast(&woken);
	}
}

static void advance(uint64_t ns)
{
	pthread_mutex_lock(&lock);
	now += ns;
	wake_sleepers();
	pthread_mutex_unlock(&lock);
}

static void sleep_on_thread(uint64_t ns)
{
	struct sleeper self;

	pthread_mutex_lock(&lock);
	self = (struct sleeper){.next = sleepers, .until = now + ns};
	sleepers = &self;
	asleep++;
	wake_sleepers();
	while (!self.woken)
		pthread_cond_wait(&woken, &lock);
	pthread_mutex_unlock(&lock);
}

/* Instead of the C library's, also for libuv. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
	if (!simulates || (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE))
		return (int)syscall(SYS_clock_gettime, clock, time);
	time->tv_sec = (time_t)(now / 1000000000);
	time->tv_nsec = (long)(now % 1000000000);
	return 0;
}

int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted,
			   struct timespec *left)
{
	uint64_t ns = (uint64_t)wanted->tv_sec * 1000000000 + (uint64_t)wanted->tv_nsec;

	(void)clock;
	(void)flags;
	if (pthread_equal(pthread_self(), loop_thread)) {
		if (sim.runs)
			sim.turn();
		advance(ns);
	} else {
		sleep_on_thread(ns);
	}
	left->tv_sec = left->tv_nsec = 0;
	return 0;
}

/* ---- poll: where the world has its turn ---- */

static int simulate_poll(int fd, struct epoll_event *events, int max, int timeout)
{
	uint64_t ms = 1;
	int n;

	if (sim.runs)
		sim.turn();
	n = (int)syscall(SYS_epoll_pwait, fd, events, max, 0, NULL, 0);
	if (!sim.runs)
		return n;
	assert(n || timeout >= 0);
	if (!sim.wait_ms || !sim.wait_turns) {
		advance(TURN_NS);
		return n;
	}
	if (!n && timeout)
		ms = (uint64_t)timeout < sim.wait_ms ? (uint64_t)timeout : sim.wait_ms;
	sim.wait_ms -= ms;
	sim.wait_turns--;
	advance(ms * 1000000);
	return n;
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
	if (!simulates)
		return (int)syscall(SYS_epoll_pwait, fd, events, max, timeout, NULL, 0);
	return simulate_poll(fd, events, max, timeout);
}

int epoll_pwait(int fd, struct epoll_event *events, int max, int timeout, const sigset_t *mask)
{
	if (!simulates)
		return (int)syscall(SYS_epoll_pwait, fd, events, max, timeout, mask, _NSIG / 8);
	return simulate_poll(fd, events, max, timeout);
}

static void wake_all_sleepers(void)
{
	pthread_mutex_lock(&lock);
	nobody_sleeps = true;
	wake_sleepers();
	pthread_mutex_unlock(&lock);
}

/* Threads that run a job, for somebody or not. */
static uint64_t busy(const struct board_threads *pool)
{
	return board_get(&pool->running) + board_get(&pool->abandoned);
}

/* A pool whose job still runs is left to the end of the process; so is what its jobs hold. */
static void note_pools(void)
{
	for (int p = 0; p < BOARD_POOLS; p++) {
		if (!busy(&sim.board->pools[p]))
			continue;
		left_wake_fd = sim.sched->wake_fd;
		if (__lsan_ignore_object)
			__lsan_ignore_object(sim.sched->pools[p]);
	}
}

/* The first after the engine has opened is the one that serves. */
int __real_uv_run(uv_loop_t *loop, uv_run_mode mode);
int __wrap_uv_run(uv_loop_t *loop, uv_run_mode mode)
{
	int more;

	if (!sim.sched)
		return __real_uv_run(loop, mode);
	sim.runs = true;
	more = __real_uv_run(loop, mode);
	sim.runs = false;
	simulated_settle();
	if (!sim.leave_jobs) {
		wake_all_sleepers();
		simulated_settle();
	}
	note_pools();
	sim.sched = NULL;
	return more;
}

/* ---- threads ---- */

int __real_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *),
			  void *argument);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *),
			  void *argument)
{
	int err;

	if (!simulates)
		return __real_pthread_create(id, attr, run, argument);
	if (sim.no_threads)
		return EAGAIN;
	assert(thread_count < THREADS);
	err = __real_pthread_create(id, attr, run, argument);
	if (!err)
		threads[thread_count++] = *id;
	return err;
}

int __real_pthread_join(pthread_t id, void **result);
int __wrap_pthread_join(pthread_t id, void **result)
{
	for (size_t i = 0; i < thread_count; i++)
		if (pthread_equal(threads[i], id))
			threads[i--] = threads[--thread_count];
	return __real_pthread_join(id, result);
}

/* A thread of low priority would only make the run slow. */
int __wrap_setpriority(int which, id_t who, int priority)
{
	(void)which;
	(void)who;
	(void)priority;
	return 0;
}

static bool is_settled(void)
{
	uint64_t running = 0;
	bool settled;

	for (int p = 0; p < BOARD_POOLS; p++) {
		const struct board_threads *pool = &sim.board->pools[p];

		running += busy(pool);
		if (board_get(&pool->queued) &&
		    board_get(&pool->running) < board_get(&pool->limit) &&
		    busy(pool) < board_get(&pool->started))
			return false;
	}
	pthread_mutex_lock(&lock);
	settled = running == asleep;
	pthread_mutex_unlock(&lock);
	return settled;
}

void simulated_settle(void)
{
	for (int i = 0; !is_settled(); i++) {
		assert(i < PATIENCE);
		if (i < 100)
			sched_yield();
		else
			usleep(50);
	}
}

/* ---- what can fail ---- */

int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	int accepted;

	if (sim.accept_fails) {
		sim.accept_fails--;
		errno = sim.accept_error;
		return -1;
	}
	accepted = __real_accept4(fd, address, len, flags);
	if (accepted >= 0 && sim.send_buffer)
		setsockopt(accepted, SOL_SOCKET, SO_SNDBUF, &sim.send_buffer, sizeof(int));
	return accepted;
}

ssize_t __wrap_send(int fd, const void *bytes, size_t n, int flags)
{
	if (sim.send_fails) {
		sim.send_fails--;
		errno = sim.send_error;
		if (errno)
			return -1;
		n = 1;
	}
	return sendto(fd, bytes, n, flags, NULL, 0);
}

ssize_t __wrap_recv(int fd, void *bytes, size_t n, int flags)
{
	if (sim.recv_fails && !flags) {
		sim.recv_fails--;
		errno = sim.recv_error;
		return -1;
	}
	return recvfrom(fd, bytes, n, flags, NULL, NULL);
}

/* SIGINT and SIGTERM are for the fuzzer: the engine finds them ignored, and leaves them alone. */
int __real_sigaction(int number, const struct sigaction *to, struct sigaction *from);
int __wrap_sigaction(int number, const struct sigaction *to, struct sigaction *from)
{
	int err = __real_sigaction(number, to, from);

	if (simulates && !to && (number == SIGINT || number == SIGTERM))
		from->sa_handler = SIG_IGN;
	return err;
}

/* ---- what happens ---- */

void __wrap_log_event(enum log_level level, const char *event, ...)
{
	(void)level;
	if (!strcmp(event, "stream-unread"))
		sim.stream_unread = true;
	if (!strcmp(event, "protocol-error"))
		sim.protocol_error = true;
}

void __real_conns_sweep(struct engine *engine);
void __wrap_conns_sweep(struct engine *engine)
{
	uint64_t before = board_get(&sim.board->connections);

	__real_conns_sweep(engine);
	if (board_get(&sim.board->connections) < before)
		sim.swept = true;
}

/* The last that happens before the engine's memory is freed: all that was taken was given back. */
void __real_exchange_free_spares(struct engine *engine);
void __wrap_exchange_free_spares(struct engine *engine)
{
	assert(left_wake_fd >= 0 || !engine->budget.used);
	__real_exchange_free_spares(engine);
	assert(!engine->stream_count && !engine->arrived && !engine->dirty);
	assert(!engine->spare_count || engine->spare_count == SIZE_MAX);
}

/* ---- all of it ---- */

void simulated_begin(const struct simulation *as)
{
	sim = *as;
	loop_thread = pthread_self();
	nobody_sleeps = false;
	simulates = true;
}

void simulated_end(void)
{
	wake_all_sleepers();
	while (thread_count)
		__real_pthread_join(threads[--thread_count], NULL);
	if (left_wake_fd >= 0)
		close(left_wake_fd);
	left_wake_fd = -1;
	simulates = false;
}
