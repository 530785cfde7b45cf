/* The same for app/cases/README.md. */
#include "cases/cases.h"

#include "cases/thumbnail.h"

#include "digest.c"
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
