/*
 * GET /events: the feed (feed.h) as server-sent events. Who does not read in time misses messages:
 * nothing is kept for him but the last that was sent, until the send timeout ends him.
 */
#include "admin/admin.h"
#include "admin/feed.h"
#include "await/await.h"
#include "http/reply.h"

struct reader {
	uint64_t next; /* number of the message it gets next */
};

static struct slice first_message(struct reader *reader)
{
	feed_turn();
	reader->next = feed_count();
	return feed_first();
}

static bool send_news(struct request *req, struct reader *reader)
{
	bool wanted = true;

	feed_turn();
	if (!stream_is_read(req))
		return true;
	if (feed_count() - reader->next > FEED_KEPT)
		reader->next = feed_count() - FEED_KEPT;
	while (wanted && reader->next < feed_count())
		wanted = stream_write(req, feed_message(reader->next++));
	return wanted;
}

void events(struct request *req)
{
	struct reader *reader = request_frame(req, sizeof(*reader));
	bool wanted;

	ASYNC_BEGIN(req);
	if (!reply_stream(req, "text/event-stream"))
		return;
	wanted = stream_write(req, first_message(reader));
	while (wanted) {
		AWAIT(req, sleep_for(req, feed_until_due()));
		wanted = send_news(req, reader);
	}
	ASYNC_END(req);
}
