/* Files as replies: which are sent, and what of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/harness.h"
#include "alone.h"
#include "http/reply.h"
#include "http/reply_file.h"

enum { LONG = 300000 };

static char folder[32];
static struct file asked;
static char sent[256]; /* headers of the last answer */

static void make(const char *name, size_t size)
{
	char path[64];
	char *bytes = calloc(1, size + 1);
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)('a' + i % 23);
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	close(fd);
	free(bytes);
}

static char home[4096];

static int open_files(void)
{
	char link[64];

	strcpy(folder, "/tmp/lanes-files.XXXXXX");
	if (!getcwd(home, sizeof(home)) || !mkdtemp(folder) || chdir(folder) ||
	    mkdir("below", 0700) || mkfifo("pipe", 0600) || symlink("/etc/passwd", "out") ||
	    symlink("short", "in") || symlink("..", "up"))
		return 1;
	snprintf(link, sizeof(link), "%s/below", folder);
	make("short", 5);
	make("empty", 0);
	make("long", LONG);
	make("below/deep", 7);
	make("below/a b?", 7);
	return symlink(link, "folder") || chdir(home);
}

static int remove_files(void)
{
	static const char *const names[] = {"pipe",  "out",  "in",     "up",	     "short",
					    "empty", "long", "folder", "below/deep", "below/a b?"};

	if (chdir(folder))
		return 1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(names[i]);
	return rmdir("below") || chdir(home) || rmdir(folder);
}

static void answer_with_it(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, reply_file(req, &asked));
	ASYNC_END(req);
}

static void look_at_it(struct request *req)
{
	struct slice headers = req->reply.headers;

	snprintf(sent, sizeof(sent), "%.*s", (int)headers.len, headers.len ? headers.data : "");
}

static const struct route route = GET("/", ASYNC, answer_with_it, .after = look_at_it);

/* The status that a request of this method gets. */
static int ask(const char *method, struct slice path)
{
	struct request *req;
	int done = finished + 1;

	req = request_new(&route);
	req->method = slice_of(method);
	asked.path = path;
	asked.type = "text/plain";
	buffer_free(&streamed);
	request_resume(req, uv_hrtime());
	turn_until(&finished, done);
	turn();
	return answered;
}

static void begin_in_folder(void)
{
	begin(2, 10);
	variables = NULL;
	asked = (struct file){.from = open_folder(folder)};
	CU_ASSERT_FATAL(asked.from >= 0);
}

static void end_in_folder(int requests)
{
	close(asked.from);
	end(requests);
}

static bool has(const char *text)
{
	return streamed.data && memmem(streamed.data, streamed.len, text, strlen(text));
}

static void a_file_is_sent_whole(void)
{
	begin_in_folder();
	CU_ASSERT_EQUAL(ask("GET", slice_of("short")), 200);
	CU_ASSERT(has("Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
		      "Cache-Control: no-cache\r\n"));
	CU_ASSERT(has("\r\nETag: \""));
	CU_ASSERT(has("\r\nLast-Modified: "));
	CU_ASSERT(has("\r\n\r\nabcde"));
	CU_ASSERT_EQUAL(ask("GET", slice_of("below/deep")), 200);
	CU_ASSERT(has("\r\n\r\nabcdefg"));
	CU_ASSERT_EQUAL(ask("GET", slice_of("long")), 200);
	CU_ASSERT(has("\r\nContent-Length: 300000\r\n"));
	for (size_t i = 0; i < LONG && streamed.len > LONG; i++)
		if (streamed.data[streamed.len - LONG + i] != (char)('a' + i % 23))
			CU_FAIL_FATAL("another byte");
	end_in_folder(3);
}

static void an_empty_one_has_a_length(void)
{
	begin_in_folder();
	CU_ASSERT_EQUAL(ask("GET", slice_of("empty")), 200);
	CU_ASSERT_EQUAL(streamed.len, 0); /* it is no stream */
	end_in_folder(1);
}

static void head_is_told_and_not_sent(void)
{
	begin_in_folder();
	CU_ASSERT_EQUAL(ask("HEAD", slice_of("long")), 200);
	CU_ASSERT_EQUAL(streamed.len, 0);
	end_in_folder(1);
}

static void what_is_not_below_is_a_404(void)
{
	static const char *const paths[] = {"",
					    ".",
					    "..",
					    "/",
					    "/short",
					    "short/",
					    "./short",
					    "nothing",
					    "below",
					    "below/",
					    "pipe",
					    "../x",
					    "below/../short",
					    "below//deep",
					    "/etc/passwd",
					    "short/deep",
					    "out",
					    "in",
					    "up",
					    "folder/deep",
					    "up/etc/passwd",
					    "below/..",
					    "..."};
	static char longer[400];

	begin_in_folder();
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (ask("GET", slice_of(paths[i])) != 404)
			printf("    %s: %d\n", paths[i], answered);
		CU_ASSERT_EQUAL(answered, 404);
	}
	memset(longer, 'x', sizeof(longer) - 1);
	CU_ASSERT_EQUAL(ask("GET", slice_of(longer)), 404);
	CU_ASSERT_EQUAL(ask("GET", (struct slice){"short\0x", 7}), 404);
	asked.accel = "/files/";
	CU_ASSERT_EQUAL(ask("GET", slice_of("../x")), 404);
	CU_ASSERT_EQUAL(ask("GET", (struct slice){"short\0x", 7}), 404);
	end_in_folder(sizeof(paths) / sizeof(paths[0]) + 4);
}

static void who_has_it_gets_a_304(void)
{
	const char *tags[2] = {0};
	static char variable[96];
	char tag[61];

	begin_in_folder();
	CU_ASSERT_EQUAL(ask("GET", slice_of("short")), 200);
	CU_ASSERT_EQUAL_FATAL(sscanf(strstr(sent, "ETag: "), "ETag: %60s", tag), 1);
	snprintf(variable, sizeof(variable), "HTTP_IF_NONE_MATCH=%s", tag);
	tags[0] = variable;
	variables = tags;
	CU_ASSERT_EQUAL(ask("GET", slice_of("short")), 304);
	CU_ASSERT_EQUAL(ask("GET", slice_of("long")), 200);
	tags[0] = "HTTP_IF_MODIFIED_SINCE=Fri, 01 Jan 2100 00:00:00 GMT";
	CU_ASSERT_EQUAL(ask("GET", slice_of("short")), 304);
	tags[0] = "HTTP_IF_MODIFIED_SINCE=Fri, 01 Jan 1999 00:00:00 GMT";
	CU_ASSERT_EQUAL(ask("GET", slice_of("short")), 200);
	variables = NULL;
	end_in_folder(5);
}

static void a_descriptor_is_a_file_too(void)
{
	char path[64];
	struct request *req;

	begin_in_folder();
	close(asked.from);
	snprintf(path, sizeof(path), "%s/short", folder);
	asked.from = open(path, O_RDONLY);
	asked.path = (struct slice){NULL, 0};
	asked.type = "text/plain";
	req = request_new(&route);
	request_resume(req, uv_hrtime());
	close(asked.from); /* it has its own */
	turn_until(&finished, 1);
	turn();
	CU_ASSERT_EQUAL(answered, 200);
	CU_ASSERT(has("\r\n\r\nabcde"));
	CU_ASSERT_EQUAL(ask("GET", (struct slice){NULL, 0}), 404); /* none is open */
	asked.from = -1;
	CU_ASSERT_EQUAL(ask("GET", slice_of("short")), 404);
	end(3);
}

static void truncate_it(void *path)
{
	CU_ASSERT_EQUAL(truncate(path, 3), 0);
}

/* Its head has been sent; what is missing, the web server sees. */
static void what_becomes_shorter_ends(void)
{
	char path[64];
	struct request *req;

	begin_in_folder();
	make("shrinks", LONG);
	snprintf(path, sizeof(path), "%s/shrinks", folder);
	req = request_new(&route);
	asked.path = slice_of("shrinks");
	request_resume(req, uv_hrtime());
	while (!streamed.len)
		uv_run(&loop, UV_RUN_ONCE);
	truncate_it(path);
	turn_until(&finished, 1);
	turn();
	CU_ASSERT(streamed.len < LONG);
	unlink(path);
	end_in_folder(1);
}

static void nginx_is_told_where_it_is(void)
{
	begin_in_folder();
	asked.accel = "/files/";
	CU_ASSERT_EQUAL(ask("GET", slice_of("below/a b?")), 200);
	CU_ASSERT_STRING_EQUAL(sent, "X-Accel-Redirect: /files/below/a%20b%3F\r\n");
	CU_ASSERT_EQUAL(streamed.len, 0);
	end_in_folder(1);
}

static const struct test tests[] = {
	{"a file is sent whole", a_file_is_sent_whole},
	{"an empty one is no stream", an_empty_one_has_a_length},
	{"HEAD is told, and gets nothing", head_is_told_and_not_sent},
	{"what is no file below the folder is a 404", what_is_not_below_is_a_404},
	{"who has it gets a 304", who_has_it_gets_a_304},
	{"a descriptor is a file, too", a_descriptor_is_a_file_too},
	{"what becomes shorter ends", what_becomes_shorter_ends},
	{"nginx is told where it is", nginx_is_told_where_it_is},
};

const struct suite file_suite = {"file", tests, sizeof(tests) / sizeof(tests[0]), open_files,
				 remove_files};
