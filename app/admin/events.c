/*
 * GET /events: the feed (feed.h) as server-sent events. Who does not read in time misses messages:
 * nothing is kept for him but the last that was sent, until the send timeout ends him.
 */
#include "admin/admin.h"
#include "admin/feed.h"

struct reader {
	struct feed *feed;
	uint64_t next; /* number of the message it gets next */
};

static struct slice first_message(struct reader *reader)
{
	feed_turn(reader->feed);
	reader->next = feed_count(reader->feed);
	return feed_first(reader->feed);
}

/* Whether there is a message for it, and room: the next one, or the oldest that is still there. */
static bool has_news(struct request *req, struct reader *reader)
{
	feed_turn(reader->feed);
	if (!stream_room(req))
		return false;
	if (feed_count(reader->feed) - reader->next > FEED_KEPT)
		reader->next = feed_count(reader->feed) - FEED_KEPT;
	return reader->next < feed_count(reader->feed);
}

void events(struct request *req)
{
	struct reader *reader = FRAME(req, struct reader);
	const struct admin *state = request_state(req);

	ASYNC_BEGIN(req);
	reader->feed = state->feed;
	if (!reply_stream(req, 200, "text/event-stream"))
		return;
	AWAIT(req, stream_write(req, first_message(reader)));
	while (stream_wanted(req)) {
		while (has_news(req, reader))
			AWAIT(req, stream_write(req, feed_message(reader->feed, reader->next++)));
		AWAIT(req, sleep_for(req, feed_until_due(reader->feed)));
	}
	ASYNC_END(req);
}
