/* LISTEN: who waits for news hears of them, once, and of what may have been missed. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../support/memory.h"
#include "database.h"

struct news_frame {
	struct pg_news news;
	struct pg_rows rows;
	int err;
};

/* Leaves a letter whenever it hears of something: h. */
static void hear(struct request *req)
{
	struct news_frame *f = FRAME(req, struct news_frame);

	ASYNC_BEGIN(req);
	for (;;) {
		TRY_AWAIT(req, f->err, pg_wait_for_news(req, &f->news, req->query.data));
		if (f->err)
			break;
		leave('h');
	}
	leave(f->err == -EINVAL ? 'I' : f->err == -ENOTCONN ? 'D' : f->err == -ENOMEM ? 'M' : '?');
	reply_bytes(req, 200, NULL, slice_of(""));
	ASYNC_END(req);
}

static struct request *listen_to(const char *channel)
{
	struct request *req = request_new(HANDLER(hear));

	req->query = slice_of(channel);
	request_resume(req, uv_hrtime());
	return req;
}

static long listening(void)
{
	return atol(postgres_ask(&postgres, "SELECT count(*) FROM pg_stat_activity WHERE query "
					    "LIKE 'LISTEN%' AND pid <> pg_backend_pid()"));
}

static void who_waits_hears(void)
{
	struct request *gone[3];

	begin_pg(1, NULL);
	gone[0] = listen_to("one");
	CU_ASSERT(leaves("h")); /* from now on */
	gone[1] = listen_to("one");
	CU_ASSERT(leaves("h"));
	gone[2] = listen_to("two");
	CU_ASSERT(leaves("h"));
	postgres_ask(&postgres, "NOTIFY one, '1'");
	CU_ASSERT(leaves("hh"));
	postgres_ask(&postgres, "NOTIFY two");
	CU_ASSERT(leaves("h"));
	postgres_ask(&postgres, "NOTIFY three");
	ask("SELECT 'x'");
	CU_ASSERT(leaves("x"));
	CU_ASSERT_EQUAL(listening(), 1);
	for (int i = 0; i < 3; i++)
		cancel(gone[i]);
	postgres_ask(&postgres, "NOTIFY one");
	ask("SELECT 'x'");
	CU_ASSERT(leaves("x"));
	end_pg(5);
}

/* What comes while it looks is not missed. */
static void look_and_wait(struct request *req)
{
	struct news_frame *f = FRAME(req, struct news_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_wait_for_news(req, &f->news, "looked"));
	AWAIT(req, pg_query(req, &f->rows, "SELECT 'x', pg_notify('looked', '1')"));
	AWAIT(req, sleep_for(req, 0.05));
	AWAIT(req, pg_wait_for_news(req, &f->news, "looked"));
	leave('h');
	TRY_AWAIT(req, f->err, wait_within(req, 0.05, pg_wait_for_news(req, &f->news, "looked")));
	CU_ASSERT_EQUAL(f->err, -ETIMEDOUT);
	reply_bytes(req, 200, NULL, slice_of(""));
	ASYNC_END(req);
}

static void what_comes_meanwhile_is_not_missed(void)
{
	CU_ASSERT_EQUAL(serve_pg(look_and_wait), 200);
}

static void who_waits_hears_of_a_new_connection(void)
{
	struct request *gone;

	begin_pg(1, NULL);
	gone = listen_to("one");
	CU_ASSERT(leaves("h"));
	postgres_ask(&postgres, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
				"WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()");
	CU_ASSERT(leaves("h"));
	postgres_end(&postgres, SIGINT);
	TURN_UNTIL(!pg_is_up(&sched));
	CU_ASSERT(postgres_start(&postgres));
	CU_ASSERT(leaves("h"));
	postgres_ask(&postgres, "NOTIFY one, '1'");
	CU_ASSERT(leaves("h"));
	cancel(gone);
	end_pg(1);
}

static void ten_thousand_share_one_connection(void)
{
	enum { MANY = 10000 };
	static struct request *many[MANY];

	begin_pg(1, NULL);
	many[0] = listen_to("one");
	CU_ASSERT(leaves("h"));
	for (int i = 1; i < MANY; i++)
		many[i] = listen_to("one");
	turn_a_while();
	TURN_UNTIL(!many[MANY - 1]->co.ready);
	for (int i = 0; i < 3; i++) {
		memset(trail, 0, sizeof(trail));
		postgres_ask(&postgres, "NOTIFY one");
		TURN_UNTIL(strlen(trail) == sizeof(trail) - 1);
		TURN_UNTIL(!sched.ready_first);
	}
	CU_ASSERT_EQUAL(listening(), 1);
	for (int i = 0; i < MANY; i++)
		cancel(many[i]);
	end_pg(MANY);
}

static void what_cannot_be_listened_to(void)
{
	begin_pg(1, NULL);
	listen_to("");
	listen_to("one\"; DROP TABLE x; --");
	listen_to("a234567890123456789012345678901234567890123456789012345678901234");
	CU_ASSERT(leaves("III"));
	end_pg(3);
	begin_pg(1, "postgresql:///x?host=/var/empty/none");
	ask("SELECT 'x'");
	CU_ASSERT(leaves("D"));
	listen_to("one");
	CU_ASSERT(leaves("D"));
	end_pg(2);
}

static void memory_runs_out(void)
{
	begin_pg(1, NULL);
	TURN_UNTIL(pg_is_up(&sched));
	for (long n = 0; n < 2; n++) {
		struct request *req = request_new(HANDLER(hear));

		req->query = slice_of("one");
		memory_fail_after(n);
		request_resume(req, uv_hrtime());
		TURN_UNTIL(trail[0]);
		memory_restore();
		CU_ASSERT(leaves("M"));
	}
	end_pg(2);
}

static const struct test tests[] = {
	{"who waits hears, on one connection", who_waits_hears},
	{"what comes while somebody looks is not missed", what_comes_meanwhile_is_not_missed},
	{"who waits hears of a new connection", who_waits_hears_of_a_new_connection},
	{"10,000 share a connection", ten_thousand_share_one_connection},
	{"what cannot be listened to", what_cannot_be_listened_to},
	{"memory runs out", memory_runs_out},
};

const struct suite pg_news_suite = {"pg-news",
				    tests,
				    COUNT(tests),
				    .setup = database_set_up,
				    .cleanup = database_tear_down,
				    .before = database_before};
