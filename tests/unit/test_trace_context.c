/* W3C Trace Context, 3.2, and what the log says of a request. */
#include <string.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/mock.h"
#include "alone.h"
#include "base/log.h"
#include "caught.h"
#include "http/reply.h"
#include "http/trace_context.h"

#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00-" TRACE "-00f067aa0ba902b7-01"

static const char *parent; /* what the client sent; NULL: nothing */

static struct slice param(const struct request *req, const char *name)
{
	(void)req;
	if (!strcmp(name, "REQUEST_ID"))
		return slice_of("7-1-2 \n");
	return parent && !strcmp(name, "HTTP_TRACEPARENT") ? slice_of(parent)
							   : (struct slice){NULL, 0};
}

static const struct request_ops ops = MOCK_OPS(param);

static void a_traceparent_has_four_parts(void)
{
	static const char *const bad[] = {"",
					  "00-" TRACE "-00f067aa0ba902b7-0",
					  "00-" TRACE "-00f067aa0ba902b7-01-",
					  "01-" TRACE "-00f067aa0ba902b7-01",
					  "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
					  "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
					  "00-" TRACE "-0000000000000000-01",
					  "00-" TRACE "_00f067aa0ba902b7-01",
					  "00-" TRACE "-00f067aa0ba902b7_01",
					  "00-" TRACE "-00f067aa0ba902b7-0x"};

	CU_ASSERT_TRUE(traceparent_is_sound(slice_of(PARENT)));
	CU_ASSERT_TRUE(traceparent_is_sound(slice_of("00-" TRACE "-00f067aa0ba902b7-00")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_FALSE(traceparent_is_sound(slice_of(bad[i])));
}

/* The span is ours, whatever came; the trace goes on, if there is one. */
static struct slice asked(struct request *req, const char *sent)
{
	struct slice ours;

	parent = sent;
	request_init(req, &ops, NULL);
	ours = request_traceparent(req);
	CU_ASSERT_TRUE_FATAL(traceparent_is_sound(ours));
	CU_ASSERT_PTR_EQUAL(request_traceparent(req).data, ours.data);
	return ours;
}

static void a_trace_goes_on_with_a_span_of_ours(void)
{
	struct request req;
	struct slice ours = asked(&req, PARENT);

	CU_ASSERT_FALSE(memcmp(ours.data, PARENT, 36));
	CU_ASSERT_TRUE(memcmp(ours.data + 36, &PARENT[36], 16));
	request_unref(&req);
}

static void where_there_is_none_it_begins(void)
{
	char first[TRACEPARENT_SIZE];
	struct request req;

	memcpy(first, asked(&req, NULL).data, sizeof(first));
	request_unref(&req);
	CU_ASSERT_TRUE(memcmp(asked(&req, "00-no").data + 3, first + 3, 32));
	request_unref(&req);
}

static void without_memory_there_is_none(void)
{
	struct request req;

	request_init(&req, &ops, NULL);
	request_alloc(&req, REQUEST_INLINE);
	memory_fail_after(0);
	CU_ASSERT_PTR_NULL(request_traceparent(&req).data);
	memory_restore();
	request_unref(&req);
}

/* ---- the log ---- */

static void say(void *what)
{
	log_event(LOG_LEVEL_INFO, what, "and", "more", NULL);
}

static void say_it_everywhere(struct request *req)
{
	ASYNC_BEGIN(req);
	say("here");
	AWAIT(req, run_in_threadpool(req, say, "there"));
	reply_bytes(req, 200, "text/plain", slice_of("said"));
	ASYNC_END(req);
}

static bool said(const char *text, const char *line)
{
	return strstr(text, line) != NULL;
}

static void every_line_of_a_handler_says_whose_it_is(void)
{
	static const struct route route = GET("/", ASYNC, say_it_everywhere);
	struct request_ops with_params;
	struct caught caught;
	struct request *req;

	begin(1, 1);
	parent = PARENT;
	req = request_new(&route);
	with_params = *req->ops;
	with_params.param = param;
	req->ops = &with_params;
	req->serial = 17;
	log_tell_with(request_tell);
	caught_begin();
	request_resume(req, uv_hrtime());
	say("outside");
	turn_until(&finished, 1);
	caught_end(&caught);
	CU_ASSERT_TRUE(said(caught.text,
			    "event=here request=17 id=\"7-1-2 \\x0a\" trace=" TRACE " and=more"));
	CU_ASSERT_TRUE(said(caught.text, "event=there request=17 id="));
	CU_ASSERT_TRUE(said(caught.text, "event=outside and=more"));
	end(1);
}

static const struct test tests[] = {
	{"a traceparent has four parts", a_traceparent_has_four_parts},
	{"a trace goes on with a span of ours", a_trace_goes_on_with_a_span_of_ours},
	{"where there is none it begins", where_there_is_none_it_begins},
	{"without memory there is none", without_memory_there_is_none},
	{"every line of a handler says whose it is", every_line_of_a_handler_says_whose_it_is},
};

const struct suite trace_context_suite = {"trace context", tests, sizeof(tests) / sizeof(tests[0]),
					  NULL, NULL};
