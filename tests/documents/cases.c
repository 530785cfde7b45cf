/* The same for app/cases/README.md. */
#include <errno.h>

#include "cases/cases.h"

#include "cases/email.h"
#include "cases/mandelbrot.h"
#include "cases/thumbnail.h"

#include "digest.c"

struct payment_call {
	const struct payment_input *asked;
	struct buffer answer;
	long status;
	int error;
};

void call_gateway(struct payment_call *call);
void reply_payment(struct request *req, const struct payment_call *call);

#include "payments.c"

struct json_stats {
	struct json_document document;
};

struct json_stats *new_stats(struct request *req);
void count_on_thread(void *stats);
void reply_stats(struct request *req, const struct json_stats *s);

static void of_json(struct request *req)
{
	struct json_stats **f = FRAME(req, struct json_stats *);

	ASYNC_BEGIN(req);
/* clang-format off */
#include "json_stats.c"
	/* clang-format on */
	ASYNC_END(req);
}

struct thumbnail *new_thumbnail(struct request *req);
void make_on_thread(void *thumbnail);

static void of_images(struct request *req)
{
	struct thumbnail **f = FRAME(req, struct thumbnail *);

	ASYNC_BEGIN(req);
/* clang-format off */
#include "thumbnail.c"
	/* clang-format on */
	ASYNC_END(req);
}

struct orders_frame {
	struct pg_rows rows;
};

void reply_order(struct request *req, int status, const struct pg_rows *rows);
void reply_new_order(struct request *req, const struct pg_rows *rows);
void reply_orders(struct request *req, const struct pg_rows *rows);

static void of_orders(struct request *req)
{
	const struct order_input *order = request_input(req);
	const struct order_key *key = request_input(req);
	const struct orders_page *page = request_input(req);
	struct orders_frame *f = FRAME(req, struct orders_frame);

	ASYNC_BEGIN(req);
/* clang-format off */
#include "post_order.c"
#include "get_order.c"
#include "get_orders.c"
	/* clang-format on */
	ASYNC_END(req);
}

struct order_listener {
	struct buffer text;
	int err;
};

void find_place(struct request *req, void *frame);
void wait_for_events(struct request *req, void *frame);

static void of_events(struct request *req)
{
	static const double heartbeat = 15;
	struct order_listener *f = FRAME(req, struct order_listener);

	ASYNC_BEGIN(req);
/* clang-format off */
#include "order_events.c"
	/* clang-format on */
	ASYNC_END(req);
}

#define SQL "SELECT pg_sleep($1)"
void reply_query(struct request *req, const char *driver, double seconds);

static void of_drivers(struct request *req)
{
	const struct slow_query *asked = request_input(req);
	struct pg_rows *rows = FRAME(req, struct pg_rows);

	ASYNC_BEGIN(req);
/* clang-format off */
#include "slow_query.c"
	/* clang-format on */
	ASYNC_END(req);
}

void send_later(struct request *req, void *email);
void reply_mail(struct request *req, int status, const struct mail_input *mail);
void refuse_email(struct request *req, const struct email *email);

static void of_mail(struct request *req)
{
	const struct mail_input *mail = request_input(req);
	struct email **f = FRAME(req, struct email *);

	ASYNC_BEGIN(req);
/* clang-format off */
#include "mail.c"
	/* clang-format on */
	ASYNC_END(req);
}

struct quotes {
	struct {
		struct fetch call;
		int outcome;
	} of[SUPPLIERS];
	int late;
};

void reply_quotes(struct request *req, struct slice item, struct quotes *f);

static void of_quotes(struct request *req)
{
	const struct quotes_query *asked = request_input(req);
	struct quotes *f = FRAME(req, struct quotes);

	ASYNC_BEGIN(req);
/* clang-format off */
#include "quotes.c"
	/* clang-format on */
	ASYNC_END(req);
}

struct render_frame {
	struct job_ticket job;
	char payload[PICTURE_TEXT];
};

static void of_renders(struct request *req)
{
	const struct render_input *asked = request_input(req);
	struct render_frame *f = FRAME(req, struct render_frame);
	struct buffer out = {0};

	ASYNC_BEGIN(req);
/* clang-format off */
#include "renders.c"
	/* clang-format on */
	ASYNC_END(req);
}

struct drawing *new_drawing(struct request *req);

#include "render_job.c"

struct combined_frame {
	struct fetch call;
	struct price_list *list;
	struct job_ticket job;
	char payload[PICTURE_TEXT];
};

void read_list(void *price_list);
void reply_combined(struct request *req, struct slice item, const struct combined_frame *f);

static void of_combined(struct request *req)
{
	static const struct picture picture = {.width = 64, .height = 64};
	const struct combined_query *asked = request_input(req);
	struct combined_frame *f = FRAME(req, struct combined_frame);

	ASYNC_BEGIN(req);
/* clang-format off */
#include "combined.c"
	/* clang-format on */
	ASYNC_END(req);
}

void all_cases(struct request *req)
{
	const struct names *names = request_input(req);
	const struct slice *name = names->names.items;
	struct digests *f = FRAME(req, struct digests);

	ASYNC_BEGIN(req);
/* clang-format off */
#include "digests.c"
	/* clang-format on */
	ASYNC_END(req);
}
