#include "actor.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "http/body.h"
#include "http/reply.h"

enum { ACTORS = 32 };

/* Whoever follows a script: a handler, or what it calls. */
struct actor {
	const char *script; /* what is left of it */
	int error;	    /* of what it tried */
	int outcomes[24];   /* of what it added */
	int added;
};

struct request *reqs[4];
int req_count;
void (*prepare)(struct request *req);
void (*look)(struct request *req);
static struct slice piece; /* of a body, that was read last */
static struct actor actors[ACTORS];
static int actor_count;

static struct actor *actor_new(const char *script)
{
	CU_ASSERT_FATAL(actor_count < ACTORS);
	actors[actor_count] = (struct actor){.script = script};
	return &actors[actor_count++];
}

/* ---- handlers ---- */

static void perform(struct request *req, void *actor);

static void nap(void *unused)
{
	(void)unused;
	poll(NULL, 0, NAP_MS);
}

struct duty {
	const char *word;
	void (*fn)(void *data);
	bool cpu;
};

static const struct duty *duty_of(const struct step *step)
{
	static const struct duty duties[] = {{"hold", wait_at_gate},
					     {"work", just_run},
					     {"nap", nap},
					     {"hold-cpu", wait_at_gate, true},
					     {"compute", just_run, true}};

	for (size_t i = 0; i < COUNT(duties); i++)
		if (step_is(step, duties[i].word))
			return &duties[i];
	return NULL;
}

static struct task wish;

static void drop_wish(struct task *task)
{
	CU_ASSERT_PTR_EQUAL(task, &wish);
	CU_ASSERT_PTR_NULL(task->co);
	leave('c');
}

static void make_wish(struct request *req, int *outcome)
{
	task_begin(&req->co, &wish, drop_wish, outcome);
}

static void leave_outcome(int outcome)
{
	static const struct {
		int error;
		char letter;
	} letters[] = {{0, '.'},      {-ETIMEDOUT, 'T'}, {-ECANCELED, 'C'}, {-EAGAIN, 'A'},
		       {-EBUSY, 'B'}, {-EPERM, 'P'},	 {-ENOMEM, 'N'},    {-EBADF, 'D'}};
	size_t i = 0;

	while (i < COUNT(letters) && letters[i].error != outcome)
		i++;
	CU_ASSERT_FATAL(i < COUNT(letters));
	leave(letters[i].letter);
}

static void leave_outcomes(struct actor *actor)
{
	for (int i = 0; i < actor->added; i++)
		leave_outcome(actor->outcomes[i]);
	actor->added = 0;
}

/* For AWAIT. */
static void wait_for(struct request *req, const struct step *step)
{
	double seconds = step->numbers[0] / 1e3;
	const char *inner = step->inner;
	const struct duty *duty = duty_of(step);
	struct step waits;

	if (step_is(step, "sleep"))
		sleep_for(req, seconds);
	else if (duty)
		(duty->cpu ? run_in_cpu_pool : run_in_threadpool)(req, duty->fn, &work);
	else if (step_is(step, "input") || step_is(step, "no-descriptor"))
		await_fd(req, step_is(step, "input") ? ends[0] : -1, UV_READABLE);
	else if (step_is(step, "wish"))
		make_wish(req, NULL);
	else if (step_is(step, "call"))
		call(req, perform, actor_new(inner));
	else if (step_is(step, "read"))
		request_read(req, &piece);
	else if (step_is(step, "body"))
		request_body(req);
	else if (step_is(step, "write"))
		stream_write(req, piece);
	else if (step_is(step, "gather") && step->count)
		gather_within(req, seconds);
	else if (step_is(step, "gather"))
		gather(req);
	else if (step_is(step, "within") && script_step(&inner, &waits))
		wait_within(req, seconds, wait_for(req, &waits));
	else
		CU_FAIL_FATAL("no such word");
}

static void add(struct request *req, struct actor *actor, const struct step *step)
{
	int *outcome = &actor->outcomes[actor->added++];
	const struct duty *duty = duty_of(step);

	CU_ASSERT_FATAL(actor->added <= (int)COUNT(actor->outcomes));
	*outcome = 1; /* which is none */
	if (step_is(step, "sleep"))
		gather_add_sleep(req, step->numbers[0] / 1e3, outcome);
	else if (duty)
		(duty->cpu ? gather_add_cpu : gather_add_thread)(req, duty->fn, &work, outcome);
	else if (step_is(step, "input"))
		gather_add_fd(req, ends[0], UV_READABLE, outcome);
	else if (step_is(step, "output"))
		gather_add_fd(req, ends[1], UV_WRITABLE, outcome);
	else if (step_is(step, "no-descriptor"))
		gather_add_fd(req, -1, UV_READABLE, outcome);
	else if (step_is(step, "wish"))
		make_wish(req, outcome);
	else if (step_is(step, "call"))
		gather_add_call(req, perform, actor_new(step->inner), outcome);
	else
		CU_FAIL_FATAL("no such word");
}

static void look_at_a_hold(const struct request *req)
{
	CU_ASSERT_TRUE(req->co.times.ready >= HOLD_MS * UINT64_C(1000000));
	CU_ASSERT_TRUE(req->co.times.ready <= req->co.times.suspended);
}

static void leave_unless(bool is_so)
{
	if (!is_so)
		leave('-');
}

static void leave_letter(void *letter)
{
	leave(*(const char *)letter);
}

static bool take_large_frame(struct request *req)
{
	const char *frame = request_frame(req, 100000);

	CU_ASSERT(!frame || !frame[99999]);
	return frame;
}

static void reply(struct request *req, int status)
{
	if (status < 400)
		reply_bytes(req, status, NULL, slice_of(""));
	else
		reply_error(req, status);
}

/* What a handler does without waiting; false: it is to wait. */
static bool do_at_once(struct request *req, struct actor *self, const struct step *step)
{
	const char *letter = step->begun + strlen("defer ");
	bool has_memory = true;

	if (!strcmp(step->how, "add"))
		add(req, self, step);
	else if (!strcmp(step->how, "begin"))
		wait_for(req, step);
	else if (!strcmp(step->how, "defer"))
		has_memory = request_defer(req, leave_letter, (char *)letter);
	else if (step_is(step, "later"))
		has_memory = request_later(req, perform, actor_new(step->inner));
	else if (step_is(step, "large-frame"))
		has_memory = take_large_frame(req);
	else if (step_is(step, "look"))
		look(req);
	else if (step_is(step, "outcomes"))
		leave_outcomes(self);
	else if (step_is(step, "lent")) /* a thread works for it, though it went on? */
		leave_unless(req->co.lent);
	else if (step_is(step, "ran")) /* so many jobs */
		leave((char)('0' + work.ran));
	else if (step_is(step, "entered"))
		entered();
	else if (step_is(step, "let-go"))
		sem_post(&work.gate);
	else if (step_is(step, "hold-loop"))
		poll(NULL, 0, HOLD_MS);
	else if (step_is(step, "was-held"))
		look_at_a_hold(req);
	else if (step_is(step, "stream"))
		leave_unless(reply_stream(req, 200, "text/event-stream"));
	else if (step_is(step, "reply"))
		reply(req, step->numbers[0]);
	else if (!step->word[1])
		leave(step->word[0]);
	else
		return false;
	if (!has_memory)
		self->script = "";
	return true;
}

/* The step does not survive an AWAIT. */
static void perform(struct request *req, void *actor)
{
	struct actor *self = actor;
	struct step step;

	ASYNC_BEGIN(req);
	while (script_step(&self->script, &step)) {
		if (do_at_once(req, self, &step))
			continue;
		if (strcmp(step.how, "try") != 0) {
			AWAIT(req, wait_for(req, &step));
			continue;
		}
		TRY_AWAIT(req, self->error, wait_for(req, &step));
		leave_outcome(self->error);
	}
	ASYNC_END(req);
}

static void act(struct request *req)
{
	/* The n-th of a batch as the first. */
	CU_ASSERT_TRUE(req->co.times.suspended < 60000000000);
	perform(req, (void *)req->query.data);
}

static void act_on_a_thread(struct request *req)
{
	const char *script = ((const struct actor *)req->query.data)->script;
	struct step step;

	while (script_step(&script, &step))
		if (step_is(&step, "reply"))
			reply(req, step.numbers[0]);
		else
			(step_is(&step, "hold") ? wait_at_gate : just_run)(&work);
}

struct request *actor(const char *script, bool sync)
{
	static const struct route route = GET("/", ASYNC, act);
	static const struct route sync_route = GET("/", SYNC, act_on_a_thread);
	struct request *req = request_new(sync ? &sync_route : &route);

	CU_ASSERT_FATAL(req_count < (int)COUNT(reqs));
	req->query.data = (const char *)actor_new(script);
	req->serial = (uint32_t)req_count + 1;
	if (prepare)
		prepare(req);
	return reqs[req_count++] = req;
}

/* ---- plays ---- */

/* In words: "start", "start-sync", or "start-full", which has room for so many bytes in its own
 * block (none). */
static void start_actor(const struct step *step)
{
	struct request *req = actor(step->inner, step_is(step, "start-sync"));

	if (step_is(step, "start-full"))
		req->arena_used = sizeof(req->arena) - (size_t)step->numbers[0];
	request_resume(req, uv_hrtime());
	memory_restore();
}

/* Numbers: "finished 2" is asserted, and "until finished 2" the loop turns. */
static bool look_up(const struct step *step)
{
	const struct {
		const char *name;
		int value;
		const int *counter;
	} numbers[] = {
		{"finished", finished, &finished},
		{"released", released, &released},
		{"stayed", stayed},
		{"answered", answered},
		{"retry-after", retry_after},
		{"ran", work.ran}, /* of jobs */
		{"timers", (int)sched.timers.count},
		{"elsewhere", !pthread_equal(work.thread, pthread_self())}, /* it ran */
	};

	for (size_t i = 0; i < COUNT(numbers); i++)
		if (step_is(step, numbers[i].name)) {
			if (*step->how)
				turn_until(numbers[i].counter, step->numbers[0]);
			else
				CU_ASSERT_EQUAL(numbers[i].value, step->numbers[0]);
			return true;
		}
	return false;
}

static void come(void)
{
	CU_ASSERT_EQUAL(write(ends[1], "p", 1), 1);
}

static void do_step(const struct step *step)
{
	int n = step->numbers[0]; /* a request's, from 0, in the order in which they start */

	if (look_up(step))
		return;
	if (!strncmp(step->word, "start", 5))
		start_actor(step);
	else if (step_is(step, "memory-out")) /* when so many have been allocated, by who starts */
		memory_fail_after(n);
	else if (step_is(step, "entered")) /* what is held */
		entered();
	else if (step_is(step, "let-go"))
		sem_post(&work.gate);
	else if (step_is(step, "done")) /* a thread, which the loop has not seen yet */
		poll(&(struct pollfd){.fd = sched.wake_fd, .events = POLLIN}, 1, -1);
	else if (step_is(step, "come")) /* what is waited for of the pipe */
		come();
	else if (step_is(step, "grant")) /* 0, or an errno */
		task_end(&wish, -n);
	else if (step_is(step, "turn"))
		turn();
	else if (step_is(step, "settle"))
		turn_until(&settled, settled + 1);
	else if (step_is(step, "cancel"))
		cancel(reqs[n]);
	else if (step_is(step, "cancel-it")) /* and it is referred to */
		coroutine_cancel(&reqs[n]->co);
	else if (step_is(step, "outcomes")) /* of what the first has added */
		leave_outcomes(&actors[0]);
	else if (step_is(step, "trail")) {
		CU_ASSERT_STRING_EQUAL(trail, step->text);
	} else {
		CU_FAIL_FATAL("no such word");
	}
}

void play(const char *script)
{
	struct step step;

	while (script_step(&script, &step)) {
		unsigned failures = CU_get_number_of_failures();

		do_step(&step);
		step_blame(&step, failures);
	}
}

void begin_play(unsigned threads, size_t queue)
{
	begin(threads, queue);
	req_count = actor_count = 0;
	piece = slice_of("");
}

void play_all(unsigned threads, size_t queue, const char *script)
{
	begin_play(threads, queue);
	play(script);
	end(req_count);
}

void play_scripts(void)
{
	for (const struct script *script = harness_test()->data; script->words; script++)
		play_all(script->threads, script->queue, script->words);
}

void run_course(const struct course *course)
{
	const struct route list[] = {course->route};
	const struct routes routes =
		ROUTES(list, .before = course->before, .after = course->after, .state = &work);
	struct request *req;

	begin(1, 1);
	req = request_new(&list[0]);
	req->routes = &routes;
	request_resume(req, uv_hrtime());
	turn_until(&released, 1);
	turn();
	CU_ASSERT_EQUAL(answered, course->status);
	CU_ASSERT_STRING_EQUAL(trail, course->letters);
	CU_ASSERT_EQUAL(sched.timers.count, 0);
	end(1);
}

void run_courses(void)
{
	for (const struct course *course = harness_test()->data; course->status; course++)
		run_course(course);
}

static void play_with(void (*how)(long n), long n, const char *script)
{
	struct request *req;

	begin_play(2, 5);
	req = actor(script, false);
	req->arena_used = sizeof(req->arena);
	how(n);
	request_resume(req, uv_hrtime());
	turn_until(&released, 1);
	memory_restore();
	turn();
	end(1);
	CU_ASSERT_TRUE(answered == 200 || answered == 503);
	CU_ASSERT_TRUE(!strchr(trail, 'd') || !strcmp(strchr(trail, 'd'), "d"));
}

void play_without_memory(const char *script, long least)
{
	static void (*const ways[])(long n) = {memory_fail_after, memory_fail_once_after};

	for (size_t i = 0; i < COUNT(ways); i++) {
		long n = 0;

		do
			play_with(ways[i], n++, script);
		while (answered == 503);
		CU_ASSERT_TRUE(n > least);
	}
}
