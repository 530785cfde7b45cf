/* Conditional requests: a test for each rule of RFC 9110, named after it. */
#include "http/condition.h"

#include <stdio.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/mock.h"
#include "http/reply.h"
#include "http/request.h"

static const char *match;
static const char *none_match;
static const char *modified_since;

static struct slice param(const struct request *req, const char *name)
{
	const char *value = NULL;

	(void)req;
	if (!strcmp(name, "HTTP_IF_MATCH"))
		value = match;
	else if (!strcmp(name, "HTTP_IF_NONE_MATCH"))
		value = none_match;
	else if (!strcmp(name, "HTTP_IF_MODIFIED_SINCE"))
		value = modified_since;
	return value ? slice_of(value) : (struct slice){NULL, 0};
}

static const struct request_ops ops = MOCK_OPS(param);

static const time_t WHEN = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */

static struct buffer head;

/* The status of an answer with this tag and time (NULL, 0: without), and its head. */
static int ask(const char *method, const char *tag, time_t when)
{
	struct request req;
	int status;

	buffer_free(&head);
	request_init(&req, &ops, NULL);
	req.method = slice_of(method);
	reply_header(&req, "Vary", slice_of("Origin"));
	reply_header(&req, "Content-Location", slice_of("/x"));
	if (!(tag && reply_etag(&req, slice_of(tag))) && !(when && reply_modified(&req, when)))
		reply_bytes(&req, 200, "text/plain", slice_of("body"));
	status = req.reply.status;
	if (status == 200 || status == 304)
		CU_ASSERT_EQUAL(reply_body(&req).len,
				status == 200 && strcmp(method, "HEAD") ? 4 : 0);
	reply_head(&req, slice_of("loop-1"), &head);
	buffer_append(&head, "", 1);
	request_unref(&req);
	return status;
}

static bool head_has(const char *line)
{
	return strstr(head.data, line);
}

static int with_tags(const char *list, const char *tag)
{
	none_match = list;
	modified_since = NULL;
	return ask("GET", tag, 0);
}

static int since(const char *date, time_t when)
{
	none_match = NULL;
	modified_since = date;
	return ask("GET", NULL, when);
}

static void an_etag_is_quoted(void)
{
	CU_ASSERT_EQUAL(with_tags(NULL, "v1"), 200);
	CU_ASSERT(head_has("\r\nETag: \"v1\"\r\n"));
	CU_ASSERT_EQUAL(with_tags(NULL, ""), 200);
	CU_ASSERT(head_has("\r\nETag: \"\"\r\n"));
}

static void who_has_it_gets_a_304(void)
{
	CU_ASSERT_EQUAL(with_tags("\"v1\"", "v1"), 304);
	CU_ASSERT_EQUAL(with_tags("\"v2\"", "v1"), 200);
	CU_ASSERT_EQUAL(with_tags("\"v\"", "v1"), 200);
	CU_ASSERT_EQUAL(with_tags("\"v1\"", "v"), 200);
	CU_ASSERT_EQUAL(with_tags("", "v1"), 200);
	none_match = "\"v1\"";
	CU_ASSERT_EQUAL(ask("HEAD", "v1", 0), 304);
}

static void any_of_a_list_will_do(void)
{
	CU_ASSERT_EQUAL(with_tags("\"a\", \"b\",\t\"v1\"", "v1"), 304);
	CU_ASSERT_EQUAL(with_tags("\"a,b\",\"v1\"", "v1"), 304);
	CU_ASSERT_EQUAL(with_tags("\"a\", \"v1,b\"", "v1"), 200);
	CU_ASSERT_EQUAL(with_tags(" , ,\"v1\",", "v1"), 304);
}

static void weak_ones_compare(void)
{
	CU_ASSERT_EQUAL(with_tags("W/\"v1\"", "v1"), 304);
	CU_ASSERT_EQUAL(with_tags("\"a\", W/\"v1\"", "v1"), 304);
	CU_ASSERT_EQUAL(with_tags("w/\"v1\"", "v1"), 200);
}

static void an_asterisk_is_any(void)
{
	CU_ASSERT_EQUAL(with_tags("*", "v1"), 304);
	CU_ASSERT_EQUAL(with_tags("\"*\"", "v1"), 200);
}

static void what_is_no_tag_is_not_matched(void)
{
	static const char *const lists[] = {"v1", "\"v1", "v1\"", "W/", "W/v1", "\"", "x \"v1\""};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		CU_ASSERT_EQUAL(with_tags(lists[i], "v1"), 200);
}

static void what_changes_something_is_a_412(void)
{
	none_match = "*";
	CU_ASSERT_EQUAL(ask("PUT", "v1", 0), 412);
	none_match = "\"v2\"";
	CU_ASSERT_EQUAL(ask("PUT", "v1", 0), 200);
}

/* Here weak tags do not compare, and what comes of If-None-Match comes later. */
static void who_wants_another_gets_a_412(void)
{
	static const struct {
		const char *method, *wanted;
		int status;
	} asked[] = {
		{"GET", "\"v2\"", 412},		 {"HEAD", "\"v2\"", 412}, {"PUT", "\"v2\"", 412},
		{"GET", "W/\"v1\"", 412},	 {"GET", "", 412},	  {"GET", "*", 304},
		{"GET", "W/\"v1\", \"v1\"", 304}};

	none_match = "\"v1\"";
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		match = asked[i].wanted;
		CU_ASSERT_EQUAL(ask(asked[i].method, "v1", 0), asked[i].status);
	}
	match = NULL;
}

static void a_304_has_what_a_200_would(void)
{
	none_match = "\"v1\"";
	CU_ASSERT_EQUAL(ask("GET", "v1", WHEN), 304);
	CU_ASSERT(head_has("Status: 304 Not Modified\r\n"));
	CU_ASSERT(head_has("\r\nETag: \"v1\"\r\n"));
	CU_ASSERT(head_has("\r\nVary: Origin\r\n"));
	CU_ASSERT(head_has("\r\nContent-Location: /x\r\n"));
	CU_ASSERT(head_has("\r\nCache-Control: no-cache\r\n"));
	CU_ASSERT_FALSE(head_has("Content-Type"));
	CU_ASSERT_FALSE(head_has("Content-Length"));
	CU_ASSERT_FALSE(head_has("Last-Modified"));
}

/* With no-store it would not be kept, and never asked for. */
static void what_has_a_tag_may_be_kept(void)
{
	CU_ASSERT_EQUAL(with_tags(NULL, "v1"), 200);
	CU_ASSERT(head_has("\r\nCache-Control: no-cache\r\n"));
	CU_ASSERT_FALSE(head_has("no-store"));
	CU_ASSERT_EQUAL(with_tags(NULL, NULL), 200);
	CU_ASSERT(head_has("\r\nCache-Control: no-store\r\n"));
	CU_ASSERT_FALSE(head_has("no-cache"));
}

static void last_modified_is_a_date(void)
{
	CU_ASSERT_EQUAL(since(NULL, WHEN), 200);
	CU_ASSERT(head_has("\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
}

static void it_is_not_in_the_future(void)
{
	char future[64];
	time_t then = time(NULL) + 86400;
	struct tm tm;

	strftime(future, sizeof(future), "%a, %d %b %Y", gmtime_r(&then, &tm));
	CU_ASSERT_EQUAL(since(NULL, then), 200);
	CU_ASSERT(head_has("\r\nLast-Modified: "));
	CU_ASSERT_FALSE(head_has(future));
}

static void what_has_not_changed_since_is_a_304(void)
{
	CU_ASSERT_EQUAL(since("Sun, 06 Nov 1994 08:49:37 GMT", WHEN), 304);
	CU_ASSERT_EQUAL(since("Sun, 06 Nov 1994 08:49:36 GMT", WHEN), 200);
	CU_ASSERT_EQUAL(since("Sun, 06 Nov 1994 08:49:38 GMT", WHEN), 304);
}

static void all_forms_of_a_date_are_read(void)
{
	CU_ASSERT_EQUAL(since("Sunday, 06-Nov-94 08:49:37 GMT", WHEN), 304);
	CU_ASSERT_EQUAL(since("Sunday, 06-Nov-94 08:49:36 GMT", WHEN), 200);
	CU_ASSERT_EQUAL(since("Sun Nov  6 08:49:37 1994", WHEN), 304);
	CU_ASSERT_EQUAL(since("Sun Nov  6 08:49:36 1994", WHEN), 200);
}

static void what_is_no_date_is_ignored(void)
{
	static const char *const dates[] = {"",
					    "now",
					    "Sun, 06 Nov 2094 08:49:37",
					    "Sun, 06 Nov 2094 08:49:37 GMT, x",
					    "Sun, 06 Nov 2094 08:49:37 +0100",
					    "4000000000"};

	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		CU_ASSERT_EQUAL(since(dates[i], WHEN), 200);
		CU_ASSERT_EQUAL(since(dates[i], -5), 200);
	}
}

static void a_date_is_for_who_names_no_tag(void)
{
	none_match = "\"v2\"";
	modified_since = "Sun, 06 Nov 1994 08:49:37 GMT";
	CU_ASSERT_EQUAL(ask("GET", "v1", WHEN), 200);
	none_match = NULL;
	CU_ASSERT_EQUAL(ask("GET", "v1", WHEN), 304);
	CU_ASSERT(head_has("\r\nETag: \"v1\"\r\n"));
}

static void a_date_is_for_reading_only(void)
{
	none_match = NULL;
	modified_since = "Sun, 06 Nov 1994 08:49:37 GMT";
	CU_ASSERT_EQUAL(ask("POST", NULL, WHEN), 200);
	CU_ASSERT_EQUAL(ask("HEAD", NULL, WHEN), 304);
}

static void without_memory_it_is_a_503(void)
{
	struct request req;

	none_match = "\"v1\"";
	for (int k = 0; k < 2; k++) {
		request_init(&req, &ops, NULL);
		req.method = slice_of("GET");
		request_alloc(&req, REQUEST_INLINE);
		memory_fail_once_after(k);
		if (!reply_etag(&req, slice_of("v1")))
			reply_bytes(&req, 200, NULL, slice_of(""));
		memory_restore();
		CU_ASSERT_EQUAL(req.reply.status, 503);
		request_unref(&req);
	}
	buffer_free(&head);
}

static const struct test tests[] = {
	{"8.8.3: an entity tag is quoted", an_etag_is_quoted},
	{"13.1.2: who has it gets a 304", who_has_it_gets_a_304},
	{"5.6.1: any of a list will do", any_of_a_list_will_do},
	{"8.8.3.2: weak tags compare, and W/ is upper case", weak_ones_compare},
	{"13.1.2: an asterisk is any", an_asterisk_is_any},
	{"8.8.3: what is no tag is not matched", what_is_no_tag_is_not_matched},
	{"13.1.2: other methods than GET and HEAD get a 412", what_changes_something_is_a_412},
	{"13.1.1: who wants another than there is gets a 412", who_wants_another_gets_a_412},
	{"15.4.5: a 304 has the headers that a 200 would, and no body", a_304_has_what_a_200_would},
	{"9111 5.2.2.5: what has a tag may be kept", what_has_a_tag_may_be_kept},
	{"5.6.7: Last-Modified is a date", last_modified_is_a_date},
	{"8.8.2.1: it is not in the future", it_is_not_in_the_future},
	{"13.1.3: what has not changed since then is a 304", what_has_not_changed_since_is_a_304},
	{"5.6.7: all forms of a date are read", all_forms_of_a_date_are_read},
	{"13.1.3: what is no date is ignored", what_is_no_date_is_ignored},
	{"13.1.3: a date is for who names no tag", a_date_is_for_who_names_no_tag},
	{"13.1.3: a date is for GET and HEAD", a_date_is_for_reading_only},
	{"without memory for a tag it is a 503", without_memory_it_is_a_503},
};

const struct suite condition_suite = {"condition", tests, sizeof(tests) / sizeof(tests[0]), NULL,
				      NULL};
