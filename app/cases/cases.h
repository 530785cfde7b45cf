/* The guide's real-world examples, with real waits: one file each. What they are given, what they
 * share, and the table of them (cases.c). */
#ifndef LANES_CASES_H
#define LANES_CASES_H

#include <lanes.h>

extern const struct application cases;
extern const struct application outside; /* whom they call: outside.c */

enum mail_tls { MAIL_TLS_OFFERED, MAIL_TLS_REQUIRED };

/* Options of the program. */
struct case_options {
	const char *files;    /* folder of /cases/digest; NULL: there is none */
	int64_t digest_limit; /* bytes of a file */
	int64_t image_pixels;
	int64_t image_memory; /* bytes */
	const char *outside;  /* URL below which suppliers and gateway are; NULL: there are none */
	int64_t payment_timeout; /* milliseconds */
	const char *mail;	 /* URL of the mail server; NULL: there is none */
	const char *mail_from;
	const char *mail_ca; /* PEM file; NULL: whom the system trusts */
	enum mail_tls mail_tls;
	int64_t mail_timeout; /* milliseconds */
};

extern struct case_options case_options;

extern int case_files;		  /* that folder, open; -1: there is none */
extern const char *case_database; /* what --database says; NULL: there is none */

/* Answers 503 and says which option of the program, or variable of make, brings what is missing. */
void reply_missing(struct request *req, const char *what, const char *brings);

/* ---- digests ---- */

struct named {
	struct slice name;
};

enum { DIGESTS_MAX = 16 };

struct names {
	struct list names; /* of struct slice, 1 to DIGESTS_MAX */
};

/* Of one file. */
struct digest {
	struct slice name;
	int64_t bytes;
	char sha256[65]; /* in hex */
	int error;	 /* 0, or a negative errno; -EFBIG: it is longer than --digest-limit */
};

struct digests {
	struct digest list[DIGESTS_MAX];
};

/* Reads the file and fills the struct digest. On a thread; ends early when nobody waits. */
void digest_file(void *digest);

/* Appends the file's JSON. */
void append_digest(struct buffer *out, const struct digest *digest);

/* Answers what came of a file in place of its digest. */
void refuse_file(struct request *req, const struct digest *digest);

/* Before the sandbox: SHA-256 is looked for where OpenSSL has its configuration. */
bool open_digests(void);

void digest(struct request *req);
void digests(struct request *req);

/* ---- CPU work ---- */

enum {
	JSON_MAX = 8 << 20,   /* bytes of a body of /cases/json-stats */
	IMAGE_MAX = 16 << 20, /* … and of /cases/thumbnail */
	WIDTH_MAX = 4096,
};

struct thumbnail_query {
	int64_t width; /* 1 to WIDTH_MAX */
};

void json_stats(struct request *req);
void thumbnail(struct request *req);

/* ---- other services ---- */

enum { SUPPLIERS = 3 };

struct quotes_query {
	struct slice item;
	double within; /* seconds */
};

struct payment_input {
	struct slice idempotency_key;
	struct slice order;
	int64_t amount; /* hundredths */
};

extern const struct field payment_fields[3];
extern const struct thread_pool_options payment_threads;

/* Of what a supplier has answered, which is not to be trusted. 0, -EBADMSG if there is no price in
 * it, or -ENOMEM. */
int read_price(struct slice json, int64_t *price);

/* What is answered where a call through libcurl's blocking interface has failed: 502, 503, 504. */
int status_of_curl(int error);

void quotes(struct request *req);
void payments(struct request *req);

/* ---- the database ---- */

struct order_input {
	struct slice item;
	int64_t quantity;
};

struct order_key {
	int64_t id;
};

struct orders_page {
	int64_t limit;
	int64_t offset;
};

struct events_input {
	struct slice last_event_id; /* "742-5"; data is NULL: there is none */
};

extern const struct field order_fields[2];

/* Whether there is one; if not, the answer is a 503. */
bool has_database(struct request *req);

/* Appends the JSON of a row that has id, item and quantity first. */
void append_order(struct buffer *out, const struct pg_rows *rows, int row);

/* Has those told who listen to events, when the answer is sent. */
void tell_of_orders(struct request *req);

void post_order(struct request *req);
void get_order(struct request *req);
void get_orders(struct request *req);
void order_events(struct request *req);

struct slow_query {
	double seconds; /* 0 to 10 */
};

void slow_query(struct request *req);
void slow_query_blocking(struct request *req);
void slow_query_bad(struct request *req);

/* ---- a key from a password ---- */

struct derive_query {
	int64_t rounds; /* 1 to 10,000,000 */
};

void derive(struct request *req);
void derive_bad(struct request *req);

/* ---- jobs ---- */

enum {
	PICTURE_MAX = 1024, /* points in a row, and rows */
	PICTURE_TEXT = 192, /* bytes of its JSON */
};

struct picture {
	int64_t width, height; /* 16 to PICTURE_MAX */
	int64_t iterations;    /* 1 to 2000 */
	double x, y;	       /* of its middle */
	double zoom;	       /* 1: it is 4 wide */
};

/* What POST /cases/renders is given: first what the job is. */
struct render_input {
	struct picture picture;
	struct slice idempotency_key; /* data is NULL: there is none */
};

struct combined_query {
	struct slice item;
};

enum { PICTURE_FIELDS = 6, CASE_JOBS = 1 };

extern const struct field picture_fields[PICTURE_FIELDS];
extern const struct job_kind case_jobs[CASE_JOBS];

/* As JSON. */
struct slice picture_text(const struct picture *picture, char text[PICTURE_TEXT]);

void post_render(struct request *req);
void get_render(struct request *req);
void combined(struct request *req);

/* ---- mail ---- */

struct mail_input {
	bool later;
	struct slice to;
	struct slice subject;
	struct slice text;
};

enum { MAIL_FIELDS = 4 };

extern const struct field mail_fields[MAIL_FIELDS];

/* Before the sandbox: reads --mail-ca. */
bool open_mail(void);

void mail(struct request *req);

#endif
