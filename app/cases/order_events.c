/*
 * GET /cases/events: every new order, as server-sent events.
 *
 * Of all who listen to a worker one reads the rows, when PostgreSQL notifies it, and keeps the last
 * events for the others, whom a bell wakes. If that one leaves, or its client is slow, another
 * takes its place. Who comes with Last-Event-ID, or has fallen behind what is kept, reads for
 * himself what he lacks.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "cases.h"

enum { KEPT = 256, AT_ONCE = 100 };

static const char channel[] = "orders";
static const double heartbeat = 15; /* seconds without an event until there is a comment */
static const double look = 1;	    /* … after which the reader looks without being told */

/* Of an event, in the order of cases.sql; as text "742-5". */
struct event_place {
	int64_t change;
	int64_t id;
};

/* The worker's. */
static struct {
	struct {
		struct event_place place;
		struct buffer text;
	} events[KEPT]; /* number n at n % KEPT */
	uint64_t count;
	struct event_place from; /* all that came after that are kept, … */
	struct event_place to;	 /* … until this */
	bool has_reader;
	struct bell bell;
} feed;

struct order_listener {
	struct event_place at; /* what it has got last */
	struct pg_rows rows;
	struct pg_news news;
	struct buffer text; /* that is sent */
	int err;
	bool has_caught_up; /* with what there was when it came */
	bool reads;	    /* for all */
};

static bool is_before(struct event_place a, struct event_place b)
{
	return a.change < b.change || (a.change == b.change && a.id < b.id);
}

/* ---- events ---- */

static void read_after(struct request *req, struct order_listener *f, struct event_place place)
{
	pg_query(req, &f->rows,
		 "SELECT id, item, quantity, change FROM orders"
		 " WHERE (change, id) > ($1::text::xid8, $2)"
		 " AND change < pg_snapshot_xmin(pg_current_snapshot())"
		 " ORDER BY change, id LIMIT $3",
		 pg_int(place.change), pg_int(place.id), pg_int(AT_ONCE));
}

static struct event_place append_event(struct buffer *out, const struct pg_rows *rows, int row)
{
	struct event_place place = {pg_int_at(rows, row, 3), pg_int_at(rows, row, 0)};

	buffer_format(out, "id: %lld-%lld\nevent: order\ndata: ", (long long)place.change,
		      (long long)place.id);
	append_order(out, rows, row);
	buffer_append_text(out, "\n\n");
	return place;
}

/* Nothing is kept yet of what comes after that. */
static void begin_at(struct event_place place)
{
	feed.from = feed.to = place;
	feed.count = 0;
}

/* The oldest makes room. Where memory is out everybody reads for himself. */
static void keep(const struct pg_rows *rows, int row)
{
	size_t n = feed.count % KEPT;
	struct buffer *text = &feed.events[n].text;

	if (feed.count >= KEPT)
		feed.from = feed.events[n].place;
	text->len = 0;
	feed.to = feed.events[n].place = append_event(text, rows, row);
	feed.count++;
	if (!text->failed)
		return;
	buffer_free(text);
	begin_at(feed.to);
}

/* Number of the first that is kept and comes after that. */
static uint64_t first_after(struct event_place place)
{
	uint64_t low = feed.count > KEPT ? feed.count - KEPT : 0;
	uint64_t high = feed.count;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (is_before(place, feed.events[middle % KEPT].place))
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Those that it lacks, and that are kept, some at once. False: there are none, or some before them
 * are not. */
static bool take_kept(struct order_listener *f)
{
	uint64_t n = first_after(f->at);
	uint64_t end = feed.count - n > AT_ONCE ? n + AT_ONCE : feed.count;

	if (n == end || !f->has_caught_up || is_before(f->at, feed.from))
		return false;
	for (; n < end; n++) {
		const struct buffer *text = &feed.events[n % KEPT].text;

		buffer_append(&f->text, text->data, text->len);
		f->at = feed.events[n % KEPT].place;
	}
	return true;
}

/* … and that are not. If these are the last, there are none between them and what is kept. */
static void take_rows(struct order_listener *f)
{
	for (int row = 0; row < f->rows.count; row++)
		f->at = append_event(&f->text, &f->rows, row);
	f->has_caught_up = f->rows.count < AT_ONCE;
	if (f->has_caught_up && is_before(f->at, feed.from))
		f->at = feed.from;
}

/* ---- who listens ---- */

static void stop_reading(struct order_listener *f)
{
	if (!f->reads)
		return;
	feed.has_reader = f->reads = false;
	bell_ring(&feed.bell); /* for another to begin */
}

static void leave(void *listener)
{
	struct order_listener *f = listener;

	buffer_free(&f->text);
	stop_reading(f);
}

static void begin_reading(struct order_listener *f)
{
	feed.has_reader = f->reads = true;
	if (is_before(feed.to, f->at))
		begin_at(f->at);
}

/* Waits until there may be new orders, and keeps those that there are. */
static void read_for_all(struct request *req, void *frame)
{
	struct order_listener *f = frame;

	ASYNC_BEGIN(req);
	TRY_AWAIT(req, f->err, wait_within(req, look, pg_wait_for_news(req, &f->news, channel)));
	if (f->err && f->err != -ETIMEDOUT)
		AWAIT(req, sleep_for(req, look));
	do {
		TRY_AWAIT(req, f->err, read_after(req, f, feed.to));
		for (int row = 0; !f->err && row < f->rows.count; row++)
			keep(&f->rows, row);
		bell_ring(&feed.bell);
	} while (!f->err && f->rows.count == AT_ONCE);
	ASYNC_END(req);
}

/* Fills text with what is to be sent next, as soon as there is something. */
static void wait_for_events(struct request *req, void *frame)
{
	struct order_listener *f = frame;

	ASYNC_BEGIN(req);
	f->text.len = 0;
	while (stream_wanted(req) && !f->text.len && !take_kept(f)) {
		if (!f->has_caught_up || is_before(f->at, feed.from)) {
			TRY_AWAIT(req, f->err, read_after(req, f, f->at));
			if (f->err)
				AWAIT(req, sleep_for(req, look));
			else
				take_rows(f);
		} else if (f->reads) {
			AWAIT(req, call(req, read_for_all, f));
		} else if (!feed.has_reader) {
			begin_reading(f);
		} else {
			AWAIT(req, wait_for_bell(req, &feed.bell));
		}
	}
	ASYNC_END(req);
}

/* From where it left off; or from now on, also where that is a place that this database has not
 * come to: of another database, or made up. A table that is missing is a failure here already. */
static void find_place(struct request *req, void *frame)
{
	const struct events_input *asked = request_input(req);
	struct order_listener *f = frame;
	struct event_place left = {0};
	char id[48];

	ASYNC_BEGIN(req);
	AWAIT(req, pg_query(req, &f->rows,
			    "SELECT pg_snapshot_xmin(pg_current_snapshot())"
			    " WHERE NOT EXISTS (SELECT FROM orders WHERE id < 0)"));
	f->at.change = pg_int_at(&f->rows, 0, 0);
	snprintf(id, sizeof(id), "%.*s", (int)asked->last_event_id.len, asked->last_event_id.data);
	if (sscanf(id, "%" SCNd64 "-%" SCNd64, &left.change, &left.id) == 2 &&
	    is_before(left, f->at))
		f->at = left;
	else
		f->has_caught_up = true;
	ASYNC_END(req);
}

void order_events(struct request *req)
{
	struct order_listener **f = FRAME(req, struct order_listener *);

	ASYNC_BEGIN(req);
	if (!has_database(req))
		return;
	*f = request_alloc(req, sizeof(**f));
	if (!*f || !request_defer(req, leave, *f))
		return;
	AWAIT(req, call(req, find_place, *f));
	if (!reply_stream(req, 200, "text/event-stream"))
		return;
	for (;;) {
		TRY_AWAIT(req, (*f)->err,
			  wait_within(req, heartbeat, call(req, wait_for_events, *f)));
		if ((*f)->err == -ETIMEDOUT)
			buffer_append_text(&(*f)->text, ":\n\n");
		if (!(*f)->text.len || (*f)->text.failed)
			break;
		if (!stream_room(req)) /* it may wait for its client, and others must not */
			stop_reading(*f);
		AWAIT(req, stream_write(req, buffer_slice(&(*f)->text)));
	}
	ASYNC_END(req);
}

/* ---- who tells ---- */

static bool is_telling, is_to_tell;

/* One at a time of a worker: several orders may be one piece of news. */
static void tell(struct request *req, void *frame)
{
	int *err = frame;

	ASYNC_BEGIN(req);
	is_to_tell = true;
	if (is_telling)
		return;
	is_telling = true;
	while (is_to_tell) {
		is_to_tell = false;
		TRY_AWAIT(req, *err, pg_query(req, NULL, "NOTIFY orders"));
	}
	is_telling = false;
	ASYNC_END(req);
}

/* When the answer is sent: a transaction that notifies would keep others from committing at the
 * same time. Who is not told looks after a second. */
void tell_of_orders(struct request *req)
{
	int *err = request_alloc(req, sizeof(*err));

	if (err)
		request_later(req, tell, err);
}
