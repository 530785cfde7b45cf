#include "raw.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi/record.h"
#include "process.h"

bool raw_open(struct raw *raw, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*raw = (struct raw){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return connect(raw->fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

bool raw_stream(struct raw *raw, struct stream *stream)
{
	ssize_t n = send(raw->fd, stream->bytes.data, stream->bytes.len, MSG_NOSIGNAL);
	bool all = n == (ssize_t)stream->bytes.len;

	stream_free(stream);
	return all;
}

bool raw_send(struct raw *raw, const char *script)
{
	struct stream stream = {0};

	stream_script(&stream, script);
	return raw_stream(raw, &stream);
}

bool raw_get(struct raw *raw, int id, const char *path, const char *query)
{
	struct stream stream = {0};
	struct buffer pairs = {0};

	pair_append(&pairs, slice_of("REQUEST_METHOD"), slice_of("GET"));
	pair_append(&pairs, slice_of("PATH_INFO"), slice_of(path));
	pair_append(&pairs, slice_of("QUERY_STRING"), slice_of(query));
	stream_asked(&stream, (uint16_t)id, FCGI_FLAG_KEEP_CONN, buffer_slice(&pairs));
	buffer_free(&pairs);
	return raw_stream(raw, &stream);
}

/* Waits for input and takes it. 1: some, 0: the end, -1: none came. */
static int take(struct raw *raw, double deadline)
{
	struct pollfd ready = {.fd = raw->fd, .events = POLLIN};
	char bytes[65536];
	ssize_t n;

	if (poll(&ready, 1, deadline > now() ? (int)((deadline - now()) * 1000) + 1 : 0) != 1)
		return -1;
	n = recv(raw->fd, bytes, sizeof(bytes), 0);
	if (n <= 0)
		return 0;
	buffer_append(&raw->in, bytes, (size_t)n);
	return 1;
}

bool raw_answers(struct raw *raw, const char *text)
{
	double deadline = now() + PATIENCE;

	for (;;) {
		struct slice left = buffer_slice(&raw->in);
		struct record record;

		while (record_take(&record, &left))
			;
		buffer_free(&raw->text);
		records_as_text((struct slice){raw->in.data, raw->in.len - left.len}, &raw->text);
		buffer_append(&raw->text, "", 1);
		if (strstr(raw->text.data, text))
			return true;
		if (take(raw, deadline) <= 0)
			return false;
	}
}

bool raw_tells(struct raw *raw, const char *script, const char *text)
{
	return raw_send(raw, script) && raw_answers(raw, text);
}

bool raw_gets(struct raw *raw, int id, const char *path, const char *query, const char *text)
{
	return raw_get(raw, id, path, query) && raw_answers(raw, text);
}

bool raw_asked(const char *socket, const char *path, const char *text)
{
	struct raw raw;
	bool answered = raw_open(&raw, socket) && raw_gets(&raw, 1, path, "", text);

	raw_close(&raw);
	return answered;
}

bool raw_closed(struct raw *raw)
{
	double deadline = now() + PATIENCE;
	int got;

	while ((got = take(raw, deadline)) > 0)
		;
	return got == 0;
}

void raw_close(struct raw *raw)
{
	close(raw->fd);
	raw->fd = -1;
	buffer_free(&raw->in);
	buffer_free(&raw->text);
}
