/* JSON of any shape, as a thread reads it. What is JSON, and what is said of what is none, the
 * suites of inputs compare with Python. */
#include <errno.h>
#include <stdio.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/mock.h"
#include "http/input_value.h"
#include "http/json_document.h"
#include "http/reply.h"

static const struct request_ops ops = MOCK_OPS(mock_no_param);
static struct json_document document;

static void before(void)
{
	document = (struct json_document){0};
}

static void after(void)
{
	json_document_free(&document);
	json_document_free(&document);
}

static const struct json_value *read_text(const char *text)
{
	json_document_free(&document);
	json_document_read(&document, slice_of(text));
	return document.root;
}

static void values_stand_behind_each_other(void)
{
	const struct json_value *root =
		read_text("{\"a\":[1,NaN,\"\\u00e9\"],\"b\":{}, \"a\":null}");
	const struct json_value *array;

	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	CU_ASSERT_EQUAL(root->type, JSON_OBJECT);
	CU_ASSERT_EQUAL(root->run, 7);
	array = root + 1;
	CU_ASSERT_EQUAL(array->type, JSON_ARRAY);
	CU_ASSERT_EQUAL(array->run, 4);
	CU_ASSERT(slice_is(array->key, "a"));
	CU_ASSERT(slice_is(array[1].text, "1"));
	CU_ASSERT_EQUAL(array[2].type, JSON_FLOAT);
	CU_ASSERT(slice_is(array[3].text, "\xc3\xa9"));
	CU_ASSERT(slice_is((array + array->run)->key, "b"));
}

static void of_one_name_the_last_member_counts(void)
{
	const struct json_value *root = read_text("{\"a\":1,\"b\":{\"c\":2},\"a\":3}");

	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	CU_ASSERT(slice_is(json_member(root, "a")->text, "3"));
	CU_ASSERT(slice_is(json_member(json_member(root, "b"), "c")->text, "2"));
	CU_ASSERT_PTR_NULL(json_member(root, "c"));
	CU_ASSERT_PTR_NULL(json_member(json_member(root, "a"), "a"));
}

static void other_encodings_are_read(void)
{
	static const char utf16[] = "\xff\xfe[\0\"\0\xe9\0\"\0]";

	json_document_read(&document, (struct slice){utf16, sizeof(utf16)});
	CU_ASSERT_EQUAL_FATAL(document.error, 0);
	CU_ASSERT(slice_is(document.root[1].text, "\xc3\xa9"));
}

static void refuses(const char *text, int error, int status, const char *body)
{
	struct request req;

	request_init(&req, &ops, NULL);
	read_text(text);
	CU_ASSERT_EQUAL(document.error, error);
	CU_ASSERT_PTR_NULL(document.root);
	json_document_refuse(&req, &document);
	CU_ASSERT_EQUAL(req.reply.status, status);
	CU_ASSERT(slice_is(req.reply.body, body));
	if (!slice_is(req.reply.body, body))
		printf("    %.*s\n", (int)req.reply.body.len, req.reply.body.data);
	reply_free(&req);
	request_unref(&req);
}

static void what_is_wrong_is_told_as_of_any_body(void)
{
	refuses("[1,\n\xc3\xa9]", -EINVAL, 422,
		"{\"detail\":[{\"loc\":[\"body\",4],\"msg\":\"Expecting value: line 2 column 1 "
		"(char 4)\","
		"\"type\":\"value_error.jsondecode\",\"ctx\":{\"msg\":\"Expecting value\","
		"\"doc\":\"[1,\\n\xc3\xa9]\",\"pos\":4,\"lineno\":2,\"colno\":1}}]}");
	refuses("[\xff]", -EBADMSG, 400, INPUT_NOT_READ);
	refuses("", -EINVAL, 422,
		"{\"detail\":[{\"loc\":[\"body\",0],\"msg\":\"Expecting value: line 1 column 1 "
		"(char 0)\","
		"\"type\":\"value_error.jsondecode\",\"ctx\":{\"msg\":\"Expecting value\","
		"\"doc\":\"\",\"pos\":0,\"lineno\":1,\"colno\":1}}]}");
}

static void what_is_too_deep_is_a_400(void)
{
	enum { DEEP = 10000 };
	static char deep[DEEP + 1];

	memset(deep, '[', DEEP);
	refuses(deep, -EBADMSG, 400, INPUT_NOT_READ);
}

static void without_memory_it_is_a_503(void)
{
	static const char *const texts[] = {"{\"a\":\"\\n\"}", "[1"};

	for (size_t i = 0; i < COUNT(texts); i++)
		for (long n = 0; n < 2; n++) {
			memory_fail_after(n);
			read_text(texts[i]);
			memory_restore();
			CU_ASSERT(document.error == -ENOMEM || document.problem.failed ||
				  document.error == -EINVAL);
			CU_ASSERT_PTR_NULL(document.root);
		}
	memory_fail_after(0);
	refuses("[]", -ENOMEM, 503, "{\"detail\":\"Service Unavailable\"}");
	memory_restore();
	memory_fail_after(1);
	refuses("[1", -EINVAL, 503, "{\"detail\":\"Service Unavailable\"}");
	memory_restore();
}

static const struct test tests[] = {
	{"values stand behind each other", values_stand_behind_each_other},
	{"of one name the last member counts", of_one_name_the_last_member_counts},
	{"other encodings are read", other_encodings_are_read},
	{"what is wrong is told as of any body", what_is_wrong_is_told_as_of_any_body},
	{"what is too deep is a 400", what_is_too_deep_is_a_400},
	{"without memory it is a 503", without_memory_it_is_a_503},
};

const struct suite json_document_suite = {
	"json-document", tests, COUNT(tests), .before = before, .after = after,
};
