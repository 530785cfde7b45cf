/* A service that must not do anything twice: what is posted to it is a line in a file, LANES_ONCE.
 * For tests/faults. */
#include <errno.h>
#include <fcntl.h>
#include <lanes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int file = -1;

struct once {
	struct slice key;
};

static const struct field key_fields[] = {PATH(STRING, struct once, key, .max_length = 64)};

static void does_nothing(struct request *req)
{
	reply_bytes(req, 200, "text/plain", slice_of("nothing"));
}

/* Done first, and answered later. */
static void does_it(struct request *req)
{
	const struct once *once = request_input(req);
	char line[80];
	int len;

	ASYNC_BEGIN(req);
	len = snprintf(line, sizeof(line), "%.*s\n", (int)once->key.len, once->key.data);
	if (write(file, line, (size_t)len) == len) {
		AWAIT(req, sleep_for(req, 0.002));
		reply_bytes(req, 201, "text/plain", slice_of("done"));
	} else {
		reply_error(req, 500);
	}
	ASYNC_END(req);
}

static bool open_file(struct setup *setup)
{
	const char *path = getenv("LANES_ONCE");

	(void)setup;
	file = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
	if (file < 0)
		log_complaint("LANES_ONCE: %s", path ? strerror(errno) : "which file?");
	return file >= 0;
}

static const struct route routes[] = {
	GET("/", ASYNC, does_nothing),
	POST("/once/{key}", ASYNC, does_it, .input = INPUT(key_fields)),
};

int main(int argc, char **argv)
{
	const struct application application = {.routes = ROUTES(routes), .prepare = open_file};

	return lanes_main(argc, argv, &application);
}
