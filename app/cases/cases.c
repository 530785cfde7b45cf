#include "cases.h"

#include <curl/curl.h>

#define FILE_NAME .min_length = 1, .max_length = 255

/* Where no command line is read, in tests. */
struct case_options case_options = {.digest_limit = 1 << 30,
				    .image_pixels = 50000000,
				    .image_memory = 128 << 20,
				    .payment_timeout = 2000,
				    .mail_from = "lanes@localhost",
				    .mail_timeout = 10000};
int case_files = -1;
const char *case_database;

static const struct option_spec options[] = {
	{"files", OPTION_TEXT, offsetof(struct case_options, files),
	 .help = "folder of the files that /cases/digest reads"},
	{"digest-limit", OPTION_INT, offsetof(struct case_options, digest_limit), "1073741824", 1,
	 INT64_MAX, .help = "bytes of a file of /cases/digest; a longer one is a 413"},
	{"image-pixels", OPTION_INT, offsetof(struct case_options, image_pixels), "50000000", 1,
	 UINT32_MAX, .help = "of an image of /cases/thumbnail; more is a 413"},
	{"image-memory", OPTION_INT, offsetof(struct case_options, image_memory), "134217728",
	 65536, INT64_C(1) << 40, .help = "bytes that decoding one image may take; more is a 413"},
	{"outside", OPTION_TEXT, offsetof(struct case_options, outside),
	 .help = "URL below which quotes, payments and combined of /cases call others, such as a "
		 "pool with --routes outside"},
	{"payment-timeout", OPTION_SECONDS, offsetof(struct case_options, payment_timeout), "2", 10,
	 60000, .help = "seconds that the gateway may take; longer is a 504"},
	{"mail", OPTION_TEXT, offsetof(struct case_options, mail),
	 .help = "smtp://NAME:PASSWORD@HOST:PORT or smtps: the server of /cases/mail"},
	{"mail-from", OPTION_TEXT, offsetof(struct case_options, mail_from), "lanes@localhost",
	 .help = "address of the sender"},
	{"mail-tls", OPTION_CHOICE, offsetof(struct case_options, mail_tls), "offered",
	 .choices = "offered|required",
	 .help = "with smtp:, TLS where the server offers it (STARTTLS), or not without"},
	{"mail-ca", OPTION_TEXT, offsetof(struct case_options, mail_ca),
	 .help = "PEM file of who is trusted to know it; without it, whom the system trusts"},
	{"mail-timeout", OPTION_SECONDS, offsetof(struct case_options, mail_timeout), "10", 10,
	 600000, .help = "seconds that sending may take; longer is a 504"},
};

static const struct field one_name[] = {
	PATH(STRING, struct named, name, FILE_NAME),
};

static const struct field some_names[] = {
	QUERY(LIST, struct names, names, .name = "name", .item = ITEM_STRING(FILE_NAME),
	      .min_items = 1, .max_items = DIGESTS_MAX),
};

/* What a digest looks like, for /openapi.json. */
struct shown_digest {
	struct slice name;
	int64_t bytes;
	struct slice sha256;
};

static const struct field shown_digest[] = {
	BODY(STRING, struct shown_digest, name),
	BODY(INT, struct shown_digest, bytes),
	BODY(STRING, struct shown_digest, sha256),
};

#define A_DIGEST ITEM_OBJECT(struct shown_digest, shown_digest)

static const struct field thumbnail_fields[] = {
	QUERY(INT, struct thumbnail_query, width, .ge = LIMIT(1), .le = LIMIT(WIDTH_MAX),
	      .fallback = &(const int64_t){200}),
};

/* What all of /cases/json-stats are. */
struct shown_stats {
	int64_t objects, arrays, keys, strings, integers, floats, booleans, nulls, depth;
};

static const struct field shown_stats[] = {
	BODY(INT, struct shown_stats, objects),	 BODY(INT, struct shown_stats, arrays),
	BODY(INT, struct shown_stats, keys),	 BODY(INT, struct shown_stats, strings),
	BODY(INT, struct shown_stats, integers), BODY(INT, struct shown_stats, floats),
	BODY(INT, struct shown_stats, booleans), BODY(INT, struct shown_stats, nulls),
	BODY(INT, struct shown_stats, depth),
};

static const struct field quotes_fields[] = {
	QUERY(STRING, struct quotes_query, item, .min_length = 1, .max_length = 64),
	QUERY(NUMBER, struct quotes_query, within, .gt = LIMIT(0), .le = LIMIT(10),
	      .fallback = &(const double){0.5}),
};

/* What is answered with; both lists are of suppliers. */
struct shown_quote {
	int64_t supplier;
	int64_t price;
};

static const struct field shown_quote[] = {
	BODY(INT, struct shown_quote, supplier),
	BODY(INT, struct shown_quote, price),
};

struct shown_quotes {
	struct slice item;
	struct list quotes;
	struct list late;
	struct list failed;
};

static const struct field shown_quotes[] = {
	BODY(STRING, struct shown_quotes, item),
	BODY(LIST, struct shown_quotes, quotes,
	     .item = ITEM_OBJECT(struct shown_quote, shown_quote)),
	BODY(LIST, struct shown_quotes, late, .item = ITEM_INT()),
	BODY(LIST, struct shown_quotes, failed, .item = ITEM_INT()),
};

const struct field payment_fields[] = {
	HEADER(STRING, struct payment_input, idempotency_key, .min_length = 1, .max_length = 64,
	       .pattern = PATTERN("^[A-Za-z0-9_-]+$")),
	BODY(STRING, struct payment_input, order, .min_length = 1, .max_length = 64),
	BODY(INT, struct payment_input, amount, .ge = LIMIT(1), .le = LIMIT(100000000)),
};

struct shown_payment {
	struct slice payment;
	struct slice order;
	int64_t amount;
};

static const struct field shown_payment[] = {
	BODY(STRING, struct shown_payment, payment),
	BODY(STRING, struct shown_payment, order),
	BODY(INT, struct shown_payment, amount),
};

const struct field order_fields[] = {
	BODY(STRING, struct order_input, item, .min_length = 1, .max_length = 64),
	BODY(INT, struct order_input, quantity, .ge = LIMIT(1), .le = LIMIT(1000)),
};

static const struct field key_fields[] = {
	PATH(INT, struct order_key, id, .ge = LIMIT(1)),
};

static const struct field page_fields[] = {
	QUERY(INT, struct orders_page, limit, .ge = LIMIT(1), .le = LIMIT(100),
	      .fallback = &(const int64_t){20}),
	QUERY(INT, struct orders_page, offset, .ge = LIMIT(0), .le = LIMIT(1000000),
	      .fallback = &(const int64_t){0}),
};

static const struct field events_fields[] = {
	HEADER(STRING, struct events_input, last_event_id, .optional = true,
	       .pattern = PATTERN("^[0-9]{1,18}-[0-9]{1,18}$")),
};

struct shown_order {
	int64_t id;
	struct slice item;
	int64_t quantity;
};

static const struct field shown_order[] = {
	BODY(INT, struct shown_order, id),
	BODY(STRING, struct shown_order, item),
	BODY(INT, struct shown_order, quantity),
};

#define AN_ORDER ITEM_OBJECT(struct shown_order, shown_order)

static const struct field slow_fields[] = {
	QUERY(NUMBER, struct slow_query, seconds, .ge = LIMIT(0), .le = LIMIT(10),
	      .fallback = &(const double){0.5}),
};

/* What all three answer. */
struct shown_query {
	struct slice driver;
	double seconds;
};

static const struct field shown_query[] = {
	BODY(STRING, struct shown_query, driver),
	BODY(NUMBER, struct shown_query, seconds),
};

#define A_SLOW_QUERY                                                                               \
	.input = INPUT(slow_fields), .answers = ITEM_OBJECT(struct shown_query, shown_query)

static const struct field derive_fields[] = {
	QUERY(INT, struct derive_query, rounds, .ge = LIMIT(1), .le = LIMIT(10000000),
	      .fallback = &(const int64_t){100000}),
};

struct shown_key {
	int64_t rounds;
	struct slice key;
};

static const struct field shown_key[] = {
	BODY(INT, struct shown_key, rounds),
	BODY(STRING, struct shown_key, key),
};

#define A_KEY .input = INPUT(derive_fields), .answers = ITEM_OBJECT(struct shown_key, shown_key)

struct shown_mail {
	struct slice to;
	bool sent;
};

static const struct field shown_mail[] = {
	BODY(STRING, struct shown_mail, to),
	BODY(BOOL, struct shown_mail, sent),
};

/* Of a picture, which is a struct or the member of one. */
#define PICTURE_INT(type, at, name_, from, to, otherwise)                                          \
	BODY(INT, type, at, .name = (name_), .ge = LIMIT(from), .le = LIMIT(to),                   \
	     .fallback = &(const int64_t){otherwise})
#define PICTURE_NUMBER(type, at, name_, from, to, otherwise)                                       \
	BODY(NUMBER, type, at, .name = (name_), .ge = LIMIT(from), .le = LIMIT(to),                \
	     .fallback = &(const double){otherwise})
#define PICTURE(type, of)                                                                          \
	PICTURE_INT(type, of width, "width", 16, PICTURE_MAX, 320),                                \
		PICTURE_INT(type, of height, "height", 16, PICTURE_MAX, 240),                      \
		PICTURE_INT(type, of iterations, "iterations", 1, 2000, 200),                      \
		PICTURE_NUMBER(type, of x, "x", -2, 2, -0.5),                                      \
		PICTURE_NUMBER(type, of y, "y", -2, 2, 0),                                         \
		PICTURE_NUMBER(type, of zoom, "zoom", 1, 1e12, 1)

const struct field picture_fields[PICTURE_FIELDS] = {PICTURE(struct picture, )};

static const struct field render_fields[] = {
	HEADER(STRING, struct render_input, idempotency_key, .optional = true, .min_length = 1,
	       .max_length = 64, .pattern = PATTERN("^[A-Za-z0-9_-]+$")),
	PICTURE(struct render_input, picture.),
};

struct shown_render {
	int64_t id;
};

static const struct field shown_render[] = {
	BODY(INT, struct shown_render, id),
};

static const struct field combined_fields[] = {
	QUERY(STRING, struct combined_query, item, .min_length = 1, .max_length = 64),
};

struct shown_combined {
	struct slice item;
	int64_t price;
	int64_t listed;
	int64_t render;
};

static const struct field shown_combined[] = {
	BODY(STRING, struct shown_combined, item),
	BODY(INT, struct shown_combined, price),
	BODY(INT, struct shown_combined, listed),
	BODY(INT, struct shown_combined, render),
};

extern const struct migration cases_sql[]; /* of cases.sql */

static const struct route list[] = {
	GET("/cases/digest/{name}", SYNC, digest, .input = INPUT(one_name), .deadline = 60,
	    .answers = A_DIGEST),
	GET("/cases/digests", ASYNC, digests, .input = INPUT(some_names), .deadline = 60,
	    .answers = ITEM_LIST(.item = A_DIGEST)),
	POST("/cases/json-stats", ASYNC, json_stats, .body_limit = JSON_MAX, .deadline = 60,
	     .takes = "application/json", .answers = ITEM_OBJECT(struct shown_stats, shown_stats)),
	POST("/cases/thumbnail", ASYNC, thumbnail, .input = INPUT(thumbnail_fields),
	     .body_limit = IMAGE_MAX, .deadline = 60, .gives = "image/jpeg"),
	GET("/cases/derive", ASYNC, derive, .deadline = 60, A_KEY),
	GET("/cases/derive/bad", ASYNC, derive_bad, A_KEY),
	GET("/cases/quotes", ASYNC, quotes, .input = INPUT(quotes_fields),
	    .answers = ITEM_OBJECT(struct shown_quotes, shown_quotes)),
	POST("/cases/payments", SYNC, payments, .input = INPUT(payment_fields),
	     .pool = &payment_threads, .deadline = 30, .status = 201,
	     .answers = ITEM_OBJECT(struct shown_payment, shown_payment)),
	POST("/cases/orders", ASYNC, post_order, .input = INPUT(order_fields), .deadline = 30,
	     .status = 201, .answers = AN_ORDER),
	GET("/cases/orders", ASYNC, get_orders, .input = INPUT(page_fields), .deadline = 30,
	    .answers = ITEM_LIST(.item = AN_ORDER)),
	GET("/cases/orders/{id}", ASYNC, get_order, .input = INPUT(key_fields), .deadline = 30,
	    .answers = AN_ORDER),
	GET("/cases/events", ASYNC, order_events, .input = INPUT(events_fields),
	    .gives = "text/event-stream"),
	GET("/cases/slow-query", ASYNC, slow_query, .deadline = 115, A_SLOW_QUERY),
	GET("/cases/slow-query/blocking", SYNC, slow_query_blocking, .deadline = 115, A_SLOW_QUERY),
	GET("/cases/slow-query/bad", ASYNC, slow_query_bad, A_SLOW_QUERY),
	POST("/cases/renders", ASYNC, post_render, .input = INPUT(render_fields), .deadline = 30,
	     .status = 202, .answers = ITEM_OBJECT(struct shown_render, shown_render)),
	GET("/cases/renders/{id}", ASYNC, get_render, .input = INPUT(key_fields), .deadline = 30,
	    .gives = "image/png"),
	GET("/cases/combined", ASYNC, combined, .input = INPUT(combined_fields), .deadline = 30,
	    .answers = ITEM_OBJECT(struct shown_combined, shown_combined)),
	POST("/cases/mail", ASYNC, mail, .input = INPUT(mail_fields), .deadline = 660,
	     .answers = ITEM_OBJECT(struct shown_mail, shown_mail)),
};

void reply_missing(struct request *req, const char *what, const char *brings)
{
	reply_refusal(req, 503, "there is no %s: %s brings one", what, brings);
}

/* What is to be open in the sandbox. A folder that cannot be opened keeps no worker from serving
 * all else. */
static bool prepare(struct setup *setup)
{
	case_database = setup->options->database;
	case_files = case_options.files ? open_folder(case_options.files) : -1;
	if (case_files >= 0)
		setup->needs->reads = case_options.files;
	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		log_complaint("libcurl does not start");
		return false;
	}
	return open_mail() && open_digests();
}

const struct application cases = {
	.routes = ROUTES(list, .title = "Cases"),
	.options = OPTIONS("lanes", options, &case_options),
	.fetches = true,
	.migrations = {"cases", cases_sql},
	.jobs = JOBS(case_jobs),
	.outside = &outside,
	.prepare = prepare,
};
