/*
 * A path and a query (one byte with the path's length, the path, the query) through the router,
 * with and without a mount. Whatever was asked, the head of the answer has the lines it should have
 * and no other: nothing of the request breaks out of the one header that repeats it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../support/mock.h"
#include "../support/waits.h"
#include "http/mount.h"
#include "http/reply.h"
#include "http/router.h"

static const struct request_ops OPS = MOCK_OPS(mock_no_param);

/* Lines of printable ASCII, each ended by CR and LF, the last one empty. */
static size_t count_lines(struct slice head)
{
	size_t lines = 0;

	for (size_t i = 0; i < head.len; i++) {
		unsigned char c = (unsigned char)head.data[i];

		assert((c >= ' ' && c <= '~') || c == '\r' || c == '\n');
		assert((c == '\r') == (i + 1 < head.len && head.data[i + 1] == '\n'));
		lines += c == '\n';
	}
	assert(head.len > 4 && !memcmp(head.data + head.len - 4, "\r\n\r\n", 4));
	return lines;
}

static void check_head(const struct request *req)
{
	struct buffer head = {0};
	int status = req->reply.status;

	assert(status == 404 || status == 405 || status == 307 || status == 422);
	reply_head(req, slice_of("pool-1"), &head);
	assert(count_lines(buffer_slice(&head)) == (status == 405 ? 9 : 8));
	buffer_free(&head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const prefixes[] = {"/prefork", "", "/prefork/", "/sync", "/prefork"};
	static const char *const mounts[] = {NULL, "/", "/prefork", NULL};
	static struct router router;
	struct request req;
	size_t path;
	char *text;

	if (size < 1)
		return 0;
	path = data[0] < size - 1 ? data[0] : size - 1;
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	request_init(&req, &OPS, NULL);
	req.method = slice_of(path % 2 ? "GET" : "POST");
	req.prefix = slice_of(path ? prefixes[path % 5] : "");
	req.path = (struct slice){text, path};
	if (path % 3)
		req.raw = req.path.len != 0;
	req.query = (struct slice){text + path, size - 1 - path};
	if (!router.routes)
		assert(router_open(&router, &waits) == 0);
	router.mount = mount_of(mounts[path % 4]);
	if (!router_route(&router, &req))
		check_head(&req);
	request_unref(&req);
	free(text);
	return 0;
}
