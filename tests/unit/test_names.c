/* Where other machines are, and who waits for that. */
#include <errno.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "alone.h"
#include "client/names.h"
#include "http/reply.h"
#include "resolver.h"

enum { MOST = 300 };

/* What a handler looks up, all at once. */
static struct question {
	const char *host;
	const char *answer; /* addresses, with a blank behind each */
	int outcome;
} const *questions;

static int outcomes[MOST];
static bool lacks_memory; /* so any of them may fail */

struct looking {
	struct lookup *lookups[MOST];
	int error;
};

static void look_them_up(struct request *req)
{
	struct looking *f = FRAME(req, struct looking);

	ASYNC_BEGIN(req);
	for (int i = 0; questions[i].host; i++) {
		f->lookups[i] = request_alloc(req, sizeof(*f->lookups[i]));
		if (!f->lookups[i])
			return;
		f->lookups[i]->host = questions[i].host;
		coroutine_add_lookup(&req->co, f->lookups[i], &outcomes[i]);
	}
	TRY_AWAIT(req, f->error, gather(req));
	for (int i = 0; questions[i].host && (f->error != -ENOMEM || !lacks_memory); i++) {
		char text[512] = "";

		CU_ASSERT_EQUAL(outcomes[i], questions[i].outcome);
		for (unsigned n = 0; n < f->lookups[i]->count; n++)
			strcat(strcat(text, f->lookups[i]->addresses[n]), " ");
		CU_ASSERT_STRING_EQUAL(text, questions[i].answer);
	}
	leave(f->error ? '!' : '.');
	reply_bytes(req, 200, "text/plain", slice_of("done"));
	ASYNC_END(req);
}

static struct request *ask(const struct question *asked)
{
	questions = asked;
	return start(HANDLER(look_them_up));
}

static void ask_and_wait(unsigned threads, const struct question *asked)
{
	begin(threads, 1);
	ask(asked);
	turn_until(&released, 1);
	CU_ASSERT_EQUAL(answered, 200);
	end(1);
}

static const struct question numbers[] = {
	{"127.0.0.1", "127.0.0.1 "}, {"::1", "::1 "}, {"2001:DB8:0::1", "2001:db8::1 "}, {NULL}};

static const struct question names[] = {
	{"here.test", "127.0.0.1 "},
	{"both.test", "::1 127.0.0.1 "},
	{"many.test", "127.0.0.1 127.0.0.2 127.0.0.3 127.0.0.4 127.0.0.5 127.0.0.6 127.0.0.7 "
		      "127.0.0.8 "},
	{"gone.test", "", -ENOENT},
	{"odd.test", "", -ENOENT},
	{"silent.test", "", -EHOSTUNREACH},
	{"broken.test", "", -EHOSTUNREACH},
	{"memory.test", "", -ENOMEM},
	{"files.test", "", -EMFILE},
	{NULL}};

static void an_address_needs_no_thread(void)
{
	int asked = resolver_asked;

	ask_and_wait(1, numbers);
	CU_ASSERT_EQUAL(resolver_asked, asked);
	CU_ASSERT_STRING_EQUAL(trail, ".");
}

static void a_name_is_looked_up_on_a_thread_of_its_own(void)
{
	ask_and_wait(1, names);
	CU_ASSERT_TRUE(resolver_is_ours);
	CU_ASSERT_STRING_EQUAL(trail, "!");
	CU_ASSERT_EQUAL(board_get(&board.pools[BOARD_BLOCKING].started), 0);
	CU_ASSERT_STRING_EQUAL(board.pools[BOARD_OWN + 1].name, "names");
}

static void without_threads_it_is_looked_up_on_the_spot(void)
{
	static const struct question some[] = {
		{"here.test", "127.0.0.1 "}, {"both.test", "::1 127.0.0.1 "}, {"::1", "::1 "},
		{"gone.test", "", -ENOENT},  {"here.test", "", -ENOENT},      {NULL}};

	ask_and_wait(0, some);
	CU_ASSERT_STRING_EQUAL(trail, "!");
	CU_ASSERT_FALSE(resolver_is_ours);
}

static const struct question slow[] = {{"slow.test", "127.0.0.1 "}, {NULL}};

static void the_loop_goes_on_meanwhile(void)
{
	begin(1, 1);
	ask(slow);
	entered();
	ask(numbers);
	turn_until(&finished, 1);
	CU_ASSERT_STRING_EQUAL(trail, ".");
	questions = slow;
	sem_post(&work.gate);
	turn_until(&released, 2);
	CU_ASSERT_STRING_EQUAL(trail, "..");
	end(2);
}

/* What the thread writes to stays. */
static void who_gives_up_waits_for_no_thread(void)
{
	struct request *req;

	begin(1, 1);
	req = ask(slow);
	entered();
	cancel(req);
	turn();
	CU_ASSERT_EQUAL(released, 0);
	CU_ASSERT_EQUAL(outcomes[0], -ECANCELED);
	sem_post(&work.gate);
	turn_until(&released, 1);
	CU_ASSERT_STRING_EQUAL(trail, "");
	end(1);
}

static void too_many_are_refused(void)
{
	static struct question many[MOST + 1];
	unsigned most = names_pool.threads + (unsigned)names_pool.queue;

	for (unsigned i = 0; i <= most; i++)
		many[i] = slow[0];
	many[most].outcome = -EAGAIN;
	many[most].answer = "";
	begin(1, 1);
	ask(many);
	for (unsigned i = 0; i < most; i++)
		sem_post(&work.gate);
	turn_until(&released, 1);
	CU_ASSERT_STRING_EQUAL(trail, "!");
	end(1);
}

/* As that of an application that does not say .fetches. */
static void a_loop_without_the_pool_looks_up_nothing(void)
{
	static const struct question none[] = {
		{"here.test", "", -ENOTSUP}, {"::1", "::1 ", -ENOTSUP}, {NULL}};
	const struct thread_pool_options **pool;

	begin(1, 1);
	pool = &sched.options.own[sched_own_pool(&sched, &names_pool) - BOARD_OWN];
	*pool = NULL;
	ask(none);
	turn_until(&released, 1);
	CU_ASSERT_STRING_EQUAL(trail, "!");
	*pool = &names_pool;
	end(1);
}

static void without_memory_it_is_refused(void)
{
	static const struct question some[] = {
		{"here.test", "127.0.0.1 "}, {"both.test", "::1 127.0.0.1 "}, {NULL}};
	long n = 0;

	do {
		struct request *req;

		begin(1, 1);
		questions = some;
		req = request_new(HANDLER(look_them_up));
		req->arena_used = sizeof(req->arena);
		memory_fail_after(n++);
		lacks_memory = true;
		request_resume(req, uv_hrtime());
		memory_restore();
		turn_until(&released, 1);
		lacks_memory = false;
		end(1);
	} while (answered != 200 || strcmp(trail, ".") != 0);
	CU_ASSERT(n > 2);
}

static void what_it_needs_is_loaded_before_the_sandbox(void)
{
	int asked = resolver_asked;

	names_prepare();
	CU_ASSERT_EQUAL(resolver_asked, asked + 1);
}

static const struct test tests[] = {
	{"an address needs no thread", an_address_needs_no_thread},
	{"a name is looked up on a thread of its own", a_name_is_looked_up_on_a_thread_of_its_own},
	{"without threads it is looked up on the spot",
	 without_threads_it_is_looked_up_on_the_spot},
	{"the loop goes on meanwhile", the_loop_goes_on_meanwhile},
	{"who gives up waits for no thread", who_gives_up_waits_for_no_thread},
	{"too many are refused", too_many_are_refused},
	{"a loop without the pool looks up nothing", a_loop_without_the_pool_looks_up_nothing},
	{"without memory it is refused", without_memory_it_is_refused},
	{"what it needs is loaded before the sandbox", what_it_needs_is_loaded_before_the_sandbox},
};

const struct suite names_suite = {"names", tests, COUNT(tests)};
