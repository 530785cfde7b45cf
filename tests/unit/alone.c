#include "alone.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/mock.h"
#include "../support/process.h"
#include "client/names.h"
#include "engine/observer.h"
#include "http/body.h"
#include "http/reply.h"

enum { PATIENCE_MS = 300000 };

uv_loop_t loop;
uv_timer_t watchdog;
struct sched sched;
static bool timed_out;
static bool news; /* a counter has moved: the loop must not wait in poll */
int settled;
int finished;
int stayed;
int released;
int answered;	  /* of the last reply */
bool retry_after; /* it had that header */
char trail[256];  /* letters that handlers leave, in order */
struct work_data work;
struct board_slot board;
int ends[2];

/* ---- an engine of three functions ---- */

void on_finished(struct request *req)
{
	finished++;
	news = true;
	answered = req->reply.status;
	retry_after = req->reply.retry;
	request_unref(req);
}

static void on_stays(struct request *req, bool stays)
{
	(void)req;
	stayed += stays ? 1 : -1;
	news = true;
}

void on_release(struct request *req)
{
	released++;
	news = true;
	free(req);
}

const char *const *variables;
struct buffer streamed;
bool unread;

static struct slice param(const struct request *req, const char *name)
{
	size_t len = strlen(name);

	(void)req;
	for (const char *const *at = variables; at && *at; at++)
		if (!strncmp(*at, name, len) && (*at)[len] == '=')
			return slice_of(*at + len + 1);
	return (struct slice){NULL, 0};
}

static bool stream(struct request *req)
{
	reply_head(req, slice_of("loop-1"), &streamed);
	return true;
}

static void stay(struct task *task)
{
	(void)task;
}

static void write_to_stream(struct request *req, struct coroutine *writer, struct slice bytes)
{
	static struct task for_ever;

	(void)req;
	if (unread) {
		task_begin(writer, &for_ever, stay, NULL);
		return;
	}
	buffer_append(&streamed, bytes.data, bytes.len);
	coroutine_gather(writer);
}

static bool has_room(const struct request *req)
{
	(void)req;
	return !unread;
}

const char *enough;

static bool is_wanted(const struct request *req)
{
	(void)req;
	return !enough || !streamed.len ||
	       !memmem(streamed.data, streamed.len, enough, strlen(enough));
}

const char *const *body_pieces;
struct slice body_bytes;

/* As long as more is wanted, and then its end. */
static void on_body_wanted(struct request *req)
{
	while (body_bytes.data && body_is_wanted(req)) {
		body_came(req, body_bytes.len ? body_bytes : (struct slice){NULL, 0});
		body_bytes.len = 0;
	}
	while (body_pieces && body_is_wanted(req))
		body_came(req, *body_pieces ? slice_of(*body_pieces++) : (struct slice){NULL, 0});
}

void (*after_run)(struct request *req, bool over);

static void on_ran(struct request *req, uint64_t begun, uint64_t ended, bool over)
{
	observer_ran(req, begun, ended, over);
	if (after_run)
		after_run(req, over);
}

static const struct request_ops ops = {.param = param,
				       .ran = on_ran,
				       .stream = stream,
				       .stream_write = write_to_stream,
				       .stream_room = has_room,
				       .stream_wanted = is_wanted,
				       .body_wanted = on_body_wanted,
				       .stays = on_stays,
				       .instead = mock_instead,
				       .finished = on_finished,
				       .release = on_release};

struct request *request_new(const struct route *route)
{
	struct request *req = malloc(sizeof(*req));

	if (!req)
		abort();
	request_init(req, &ops, &sched);
	req->route = route;
	req->method = slice_of("GET");
	return req;
}

struct request *start(const struct route *route)
{
	struct request *req = request_new(route);

	request_resume(req, uv_hrtime());
	return req;
}

void cancel(struct request *req)
{
	coroutine_cancel(&req->co);
	request_unref(req);
}

void leave(char letter)
{
	size_t len = strlen(trail);

	if (len + 1 < sizeof(trail))
		trail[len] = letter;
}

static void on_settled(void *owner)
{
	CU_ASSERT_PTR_EQUAL(owner, &sched);
	settled++;
	if (news)
		uv_stop(&loop);
	news = false;
}

static void on_watchdog(uv_timer_t *timer)
{
	(void)timer;
	timed_out = true;
}

const struct thread_pool_options own_pool = {.name = "own", .threads = 1, .queue = 1};

void begin(unsigned threads, size_t queue)
{
	struct sched_options options = {.own = {&own_pool, &names_pool},
					.threads = threads,
					.thread_queue = queue,
					.cpu_threads = threads,
					.cpu_queue = queue,
					.cpu_nice = 1,
					.board = &board,
					.settled = on_settled,
					.owner = &sched};

	timed_out = news = false;
	settled = finished = released = answered = 0;
	retry_after = false;
	memset(trail, 0, sizeof(trail));
	memset(&work, 0, sizeof(work));
	memset(&board, 0, sizeof(board));
	sem_init(&work.entered, 0, 0);
	sem_init(&work.gate, 0, 0);
	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	CU_ASSERT_EQUAL_FATAL(uv_loop_init(&loop), 0);
	CU_ASSERT_EQUAL_FATAL(sched_open(&sched, &loop, &options), 0);
	uv_timer_init(&loop, &watchdog);
	uv_timer_start(&watchdog, on_watchdog, PATIENCE_MS, 0);
}

void turn_until(const int *counter, int count)
{
	while (*counter < count && !timed_out)
		uv_run(&loop, UV_RUN_ONCE);
	CU_ASSERT_FALSE_FATAL(timed_out);
}

void turn(void)
{
	uv_run(&loop, UV_RUN_NOWAIT);
}

/* Another thread of the test, an upstream's, may have got the number of one that was closed. */
static bool is_eventfd(int fd)
{
	char target[64] = "";

	return readlink(textf("/proc/self/fd/%d", fd), target, sizeof(target) - 1) > 0 &&
	       strstr(target, "eventfd");
}

/* Whatever the test did, nothing may be left: neither handles nor references. */
void end(int requests)
{
	sched_close(&sched);
	buffer_free(&streamed);
	close(ends[0]);
	close(ends[1]);
	CU_ASSERT(!is_eventfd(sched.wake_fd));
	uv_close((uv_handle_t *)&watchdog, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	CU_ASSERT_EQUAL(uv_loop_close(&loop), 0);
	CU_ASSERT_EQUAL(released, requests);
}

/* ---- what runs on threads ---- */

void wait_at_gate(void *data)
{
	struct work_data *w = data;

	w->thread = pthread_self();
	w->nice = getpriority(PRIO_PROCESS, (id_t)gettid());
	atomic_fetch_add(&w->ran, 1);
	sem_post(&w->entered);
	while (sem_wait(&w->gate))
		;
}

void just_run(void *data)
{
	struct work_data *w = data;

	w->thread = pthread_self();
	w->nice = getpriority(PRIO_PROCESS, (id_t)gettid());
	atomic_fetch_add(&w->ran, 1);
}

void entered(void)
{
	while (sem_wait(&work.entered))
		;
}
