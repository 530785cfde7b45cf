#include "peer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/record.h"

static void feed(struct peer *peer, struct records *r, const unsigned char *bytes, size_t n,
		 void (*begun)(struct peer *peer), void (*complete)(struct peer *peer))
{
	while (n) {
		bool headed = r->seen >= RECORD_HEADER;
		size_t content = RECORD_HEADER + r->head.content.len;
		size_t to = !headed		? RECORD_HEADER
			    : r->seen < content ? content
						: record_size(&r->head);
		size_t some = n < to - r->seen ? n : to - r->seen;
		size_t place = r->seen - RECORD_HEADER;

		if (!headed)
			memcpy(r->header + r->seen, bytes, some);
		else if (place < PEER_HEAD)
			memcpy(r->body + place, bytes,
			       some < PEER_HEAD - place ? some : PEER_HEAD - place);
		r->seen += some;
		bytes += some;
		n -= some;
		if (!headed && r->seen == RECORD_HEADER) {
			record_read(&r->head, r->header, sizeof(r->header));
			content = RECORD_HEADER + r->head.content.len;
			begun(peer);
		}
		if (r->seen == content && r->seen >= RECORD_HEADER &&
		    (!headed || place + RECORD_HEADER < content))
			complete(peer);
		if (r->seen >= RECORD_HEADER && r->seen == record_size(&r->head))
			r->seen = 0;
	}
}

static struct asked *find(struct peer *peer, uint16_t id)
{
	for (size_t i = 0; i < peer->asked_count; i++)
		if (peer->asked[i].id == id)
			return &peer->asked[i];
	return NULL;
}

static bool is_active(const struct asked *asked)
{
	return asked && asked->begun > asked->ended;
}

/* ---- what it sends ---- */

static bool drains;

static void sending(struct peer *peer)
{
	const struct records *r = &peer->sent;

	if (r->head.version != 1)
		peer->wild = true;
	if (r->head.type == FCGI_TYPE_BEGIN_REQUEST && r->head.id &&
	    (r->head.content.len < 8 || is_active(find(peer, r->head.id))))
		peer->wild = true;
}

static void sent_begin(struct peer *peer, struct asked *asked)
{
	const unsigned char *body = peer->sent.body;
	bool keep = body[2] & FCGI_FLAG_KEEP_CONN;

	if (!asked && peer->asked_count == PEER_IDS) {
		peer->wild = peer->crowded = true;
		return;
	}
	if (!asked) {
		asked = &peer->asked[peer->asked_count++];
		*asked = (struct asked){.id = peer->sent.head.id};
	}
	asked->aborted = asked->aborted && is_active(asked);
	asked->begun++;
	asked->sure = !peer->last;
	asked->due = false;
	peer->last = peer->last || !keep;
}

static void sent(struct peer *peer)
{
	const struct records *r = &peer->sent;
	struct asked *asked = find(peer, r->head.id);
	bool ends = false;

	if (!r->head.id) {
		peer->management++;
	} else if (r->head.type == FCGI_TYPE_BEGIN_REQUEST) {
		sent_begin(peer, asked);
	} else if (is_active(asked)) {
		asked->aborted = asked->aborted || r->head.type == FCGI_TYPE_ABORT_REQUEST;
		ends = r->head.type == FCGI_TYPE_ABORT_REQUEST ||
		       (r->head.type == FCGI_TYPE_PARAMS && !r->head.content.len);
	}
	if (ends && asked->sure && !drains && !peer->wild)
		asked->due = true;
}

/* ---- what it receives ---- */

static void receiving(struct peer *peer)
{
	const struct records *r = &peer->got;
	uint8_t type = r->head.type;

	assert(r->head.version == 1 && r->head.padding == 0);
	if (!r->head.id) {
		assert(type == FCGI_TYPE_GET_VALUES_RESULT || type == FCGI_TYPE_UNKNOWN);
		assert(type == FCGI_TYPE_GET_VALUES_RESULT || r->head.content.len == 8);
		assert(peer->management);
		peer->management--;
		return;
	}
	assert(type == FCGI_TYPE_STDOUT ||
	       (type == FCGI_TYPE_END_REQUEST && r->head.content.len == 8));
	assert(is_active(find(peer, r->head.id)) || peer->crowded);
}

/* Its first record has all of the head. */
static void take_head(struct asked *asked, struct records *r)
{
	size_t n = r->head.content.len < PEER_HEAD ? r->head.content.len : PEER_HEAD;
	const char *text = (const char *)r->body;
	const char *end;
	const char *length;

	r->body[n] = '\0';
	end = strstr(text, "\r\n\r\n");
	length = strstr(text, "\r\nContent-Length: ");
	assert(end && !strncmp(text, "Status: ", 8));
	asked->content -= (size_t)(end + 4 - text);
	asked->promised = length && length < end ? strtoul(length + 18, NULL, 10) : SIZE_MAX;
	asked->stdout_begun = true;
}

/* HEAD has no body. */
static void check_end(const struct asked *asked, uint8_t status)
{
	assert(status <= FCGI_STATUS_UNKNOWN_ROLE);
	if (asked->aborted)
		return;
	assert(asked->stdout_ended == (status == FCGI_STATUS_REQUEST_COMPLETE));
	assert(asked->stdout_begun == asked->stdout_ended);
	assert(!asked->stdout_begun || asked->promised == SIZE_MAX || !asked->content ||
	       asked->content == asked->promised);
}

static void received(struct peer *peer)
{
	struct records *r = &peer->got;
	struct asked *asked = find(peer, r->head.id);

	if (!asked)
		return;
	if (r->head.type == FCGI_TYPE_END_REQUEST) {
		check_end(asked, r->body[4]);
		asked->ended++;
		asked->stdout_begun = asked->stdout_ended = false;
		asked->content = 0;
		return;
	}
	assert(!asked->stdout_ended);
	asked->content += r->head.content.len;
	if (!r->head.content.len)
		asked->stdout_ended = true;
	else if (!asked->stdout_begun)
		take_head(asked, r);
	else
		assert(strncmp((const char *)r->body, "Status: ", 8) != 0);
}

/* ---- the connection ---- */

bool peer_open(struct peer *peer, const struct sockaddr_un *address, socklen_t len, size_t number)
{
	memset(peer, 0, offsetof(struct peer, out));
	memset(&peer->sent, 0, sizeof(*peer) - offsetof(struct peer, sent));
	peer->speed = peer->appetite = PEER_ALL;
	peer->number = number;
	peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert(peer->fd >= 0);
	if (!connect(peer->fd, (const struct sockaddr *)address, len))
		return true;
	peer_close(peer);
	return false;
}

void peer_close(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
}

void peer_raw(struct peer *peer, const void *bytes, size_t n)
{
	if (!n || n > PEER_ROOM - peer->unsent)
		return;
	memcpy(peer->out + peer->unsent, bytes, n);
	peer->unsent += n;
}

void peer_record(struct peer *peer, uint8_t type, uint16_t id, const void *content, size_t n,
		 uint8_t padding)
{
	unsigned char header[RECORD_HEADER];

	if (sizeof(header) + n + padding > PEER_ROOM - peer->unsent)
		return;
	record_header(header, type, id, n, padding);
	peer_raw(peer, header, sizeof(header));
	peer_raw(peer, content, n);
	memset(peer->out + peer->unsent, 0xee, padding);
	peer->unsent += padding;
}

static void peer_send(struct peer *peer)
{
	size_t wanted = peer->unsent < peer->speed ? peer->unsent : peer->speed;
	ssize_t n = wanted ? sendto(peer->fd, peer->out, wanted, MSG_NOSIGNAL, NULL, 0) : 0;

	if (n <= 0)
		return;
	feed(peer, &peer->sent, peer->out, (size_t)n, sending, sent);
	peer->unsent -= (size_t)n;
	memmove(peer->out, peer->out + n, peer->unsent);
}

static void peer_read(struct peer *peer, size_t most)
{
	static unsigned char bytes[65536];

	while (most && !peer->ended) {
		size_t some = most < sizeof(bytes) ? most : sizeof(bytes);
		ssize_t n = read(peer->fd, bytes, some);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			peer->ended = true;
			return;
		}
		feed(peer, &peer->got, bytes, (size_t)n, receiving, received);
		most -= (size_t)n;
	}
}

void peer_turn(struct peer *peer, bool engine_drains)
{
	if (peer->fd < 0)
		return;
	drains = engine_drains;
	peer_send(peer);
	peer_read(peer, peer->appetite);
}

void peer_check(struct peer *peer, bool whole, bool answered)
{
	if (peer->fd < 0)
		return;
	peer_read(peer, SIZE_MAX);
	assert(peer->ended || peer->hung_up);
	if (!peer->hung_up && !peer->wild) {
		assert(!whole || !peer->got.seen);
		for (size_t i = 0; i < peer->asked_count; i++) {
			struct asked *asked = &peer->asked[i];

			assert(!answered || !asked->due || asked->ended == asked->begun);
		}
	}
	peer_close(peer);
}
