/* Calls to another service, which does what it can: support/upstream.h. */
#include "client/fetch.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/process.h"
#include "../support/upstream.h"
#include "alone.h"
#include "base/budget.h"
#include "http/reply.h"
#include "resolver.h"

enum { MOST = 1024 };

static struct fetch calls[MOST]; /* of the one request there is */
static int outcomes[MOST];
static int count;
static double within;
static int failed; /* what it came to */
static struct request *asking;
static struct budget budget;

/* ---- asking ---- */

static void ask(struct request *req)
{
	ASYNC_BEGIN(req);
	for (int i = 0; i < count; i++) {
		outcomes[i] = 1; /* which is none */
		gather_add_fetch(req, &calls[i], &outcomes[i]);
	}
	if (within > 0)
		TRY_AWAIT(req, failed, gather_within(req, within));
	else
		TRY_AWAIT(req, failed, gather(req));
	for (int i = 0; i < count; i++)
		CU_ASSERT_EQUAL(outcomes[i], calls[i].error);
	leave('.');
	reply_bytes(req, 200, "text/plain", slice_of("done"));
	ASYNC_END(req);
}

static void begin_with(unsigned threads)
{
	begin(threads, 1);
	upstream_begin();
	budget = (struct budget){.limit = 1 << 28};
	memset(calls, 0, sizeof(calls));
	count = 0;
	within = 0;
}

/* Its calls stay until finish(). */
static void start_asking(void)
{
	asking = request_new(HANDLER(ask));
	asking->budget = &budget;
	request_ref(asking);
	request_resume(asking, uv_hrtime());
}

static void ask_all(void)
{
	start_asking();
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(answered, 200);
}

static void finish(void)
{
	request_unref(asking);
	CU_ASSERT_EQUAL(budget.used, 0);
	end(1);
	upstream_end();
}

static struct fetch *add(const char *path)
{
	calls[count].url = slice_of(path[0] == '/' ? upstream_url(path) : path);
	return &calls[count++];
}

/* One call; finish() ends it. */
static struct fetch *ask_one(const char *path)
{
	begin_with(1);
	add(path);
	ask_all();
	return &calls[0];
}

#define IS(slice, text)	  CU_ASSERT(slice_is(slice, text))
#define HAS(text, part)	  CU_ASSERT_PTR_NOT_NULL(strstr(text, part))
#define LACKS(text, part) CU_ASSERT_PTR_NULL(strcasestr(text, part))

/* ---- answers ---- */

static void an_answer_is_its_status_its_headers_and_its_content(void)
{
	const struct fetch *f = ask_one("/ok");

	CU_ASSERT_EQUAL(f->error, 0);
	CU_ASSERT_EQUAL(f->status, 200);
	IS(f->content, "hello");
	CU_ASSERT_EQUAL(f->content.data[5], '\0');
	IS(fetch_header(f, "content-type"), "text/plain");
	IS(fetch_header(f, "X-Twice"), "one");
	IS(fetch_header(f, "X-Empty"), "");
	CU_ASSERT_PTR_NULL(fetch_header(f, "X-Tw").data);
	CU_ASSERT_PTR_NULL(fetch_header(f, "X-None").data);
	CU_ASSERT_STRING_EQUAL(f->why, "");
	HAS(upstream.asked, "GET /ok HTTP/1.1\r\n");
	HAS(upstream.asked, "\r\ntraceparent: 00-");
	LACKS(upstream.asked, "content-type");
	LACKS(upstream.asked, "user-agent");
	LACKS(upstream.asked, "encoding");
	finish();
}

static const struct test tests[] = {
	{"an answer is its status, its headers and its content",
	 an_answer_is_its_status_its_headers_and_its_content},
};

static int set_up(void)
{
	fetch_prepare();
	return 0;
}

const struct suite fetch_suite = {"fetch", tests, COUNT(tests), set_up, NULL};
