/*
 * GET /cases/events, when those who listen are not all alike: one leaves, one reads nothing more;
 * and when the database is away meanwhile. What its events are is compared in test_database.c.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "../support/postgres.h"

static struct postgres postgres;
static struct system sys;

static int set_up(void)
{
	struct outcome outcome;

	if (!postgres_open(&postgres, NULL) ||
	    !succeeds(&outcome, STRINGS(program(), "--migrate"), STRINGS(postgres.variable)))
		return 1;
	return !system_start(&sys, SYSTEM(.workers = 1, .environment = STRINGS(textf(
								"DATABASE_URL=%s", postgres.url))));
}

static int tear_down(void)
{
	int left = !system_stop(&sys);

	postgres_close(&postgres);
	return left;
}

static void order(void)
{
	CU_ASSERT(postgres_do(&postgres, "INSERT INTO orders (item, quantity) VALUES ('tea', 1)"));
}

static void order_and_tell(void)
{
	order();
	CU_ASSERT(postgres_do(&postgres, "NOTIFY orders"));
}

/* ---- who listens, through nginx ---- */

struct ear {
	int fd;
	bool is_over;
	size_t len;
	char text[65536];
};

/* Of events; an answer that has ended has none any more. */
static size_t heard(struct ear *ear)
{
	size_t count = 0;
	ssize_t n;

	while ((n = recv(ear->fd, ear->text + ear->len, sizeof(ear->text) - ear->len - 1,
			 MSG_DONTWAIT)) > 0)
		ear->len += (size_t)n;
	ear->is_over |= n == 0;
	ear->text[ear->len] = '\0';
	for (const char *at = ear->text; (at = strstr(at, "\ndata: ")); at++)
		count++;
	return count;
}

/* The first of them reads for all: it does so as soon as it has its head. */
static void ear_open(struct ear *ear)
{
	const char *text =
		textf("GET %s/cases/events HTTP/1.1\r\nHost: localhost\r\n\r\n", sys.mount);

	memset(ear, 0, sizeof(*ear));
	ear->fd = tcp_open(sys.port);
	CU_ASSERT_FATAL(ear->fd >= 0);
	CU_ASSERT_EQUAL(send(ear->fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	CU_ASSERT_FATAL(EVENTUALLY(heard(ear) == 0 && strstr(ear->text, "\r\n\r\n")));
	CU_ASSERT_EQUAL(strncmp(ear->text, "HTTP/1.1 200", 12), 0);
}

static bool so_many_listen(int count)
{
	return strstr(get(&sys, "/metrics")->body,
		      textf("lanes_requests_in_flight{worker=\"loop-1\",pool=\"loop\"} %d\n",
			    count)) != NULL;
}

static void another_reads_when_one_leaves(void)
{
	enum { EARS = 3 };
	static struct ear ears[EARS];

	for (int i = 0; i < EARS; i++)
		ear_open(&ears[i]);
	for (int gone = 0; gone < EARS; gone++) {
		order_and_tell();
		for (int i = gone; i < EARS; i++)
			CU_ASSERT_FATAL(EVENTUALLY(heard(&ears[i]) == (size_t)gone + 1));
		close(ears[gone].fd);
		CU_ASSERT_FATAL(EVENTUALLY(so_many_listen(EARS - gone - 1)));
	}
}

/* It looks by itself: nobody is told of the order that comes before the worker is back. */
static void they_outlive_a_database(void)
{
	static struct ear ears[2];
	double since;

	for (size_t i = 0; i < COUNT(ears); i++)
		ear_open(&ears[i]);
	order_and_tell();
	for (size_t i = 0; i < COUNT(ears); i++)
		CU_ASSERT_FATAL(EVENTUALLY(heard(&ears[i]) == 1));
	postgres_end(&postgres, SIGINT);
	CU_ASSERT(EVENTUALLY(get(&sys, "/readyz")->status == 503));
	/* So long that it has tried to read: it does so once a second. */
	since = now();
	CU_ASSERT(EVENTUALLY(now() >= since + 2.5));
	CU_ASSERT_FATAL(postgres_start(&postgres));
	order();
	for (size_t i = 0; i < COUNT(ears); i++)
		CU_ASSERT(EVENTUALLY(heard(&ears[i]) == 2));
	/* It listens there again, too. */
	CU_ASSERT(EVENTUALLY(
		atoi(postgres_ask(&postgres,
				  "SELECT count(*) FROM pg_stat_activity WHERE query LIKE "
				  "'LISTEN \"orders%' AND pid <> pg_backend_pid()")) == 1));
	order_and_tell();
	for (size_t i = 0; i < COUNT(ears); i++) {
		CU_ASSERT(EVENTUALLY(heard(&ears[i]) == 3));
		CU_ASSERT_FALSE(ears[i].is_over);
		close(ears[i].fd);
	}
	CU_ASSERT(EVENTUALLY(so_many_listen(0)));
}

/* ---- who reads nothing more: at the worker's socket, where nothing is between ---- */

enum { DEAF = 20, ORDERS = 12000 };

/* A share of the memory that this takes: what is on the way to each, and what is sent next. */
enum { MOST_KB_EACH = 400 };

static void who_reads_nothing_holds_up_nobody(void)
{
	static struct raw deaf[DEAF];
	struct worker worker;
	struct raw other;
	long before;

	/* Nobody is ended for it here. */
	CU_ASSERT_FATAL(worker_start(&worker, STRINGS("--send-timeout", "600"),
				     STRINGS(postgres.variable)));
	for (int i = 0; i < DEAF; i++) {
		CU_ASSERT_FATAL(raw_open(&deaf[i], worker.socket));
		CU_ASSERT_FATAL(raw_gets(&deaf[i], 1, "/cases/events", "", "Status: 200"));
	}
	CU_ASSERT_FATAL(raw_open(&other, worker.socket));
	CU_ASSERT_FATAL(raw_gets(&other, 1, "/cases/events", "", "Status: 200"));
	before = process_private_kb(worker.pid);
	CU_ASSERT(postgres_do(&postgres,
			      textf("INSERT INTO orders (item, quantity) SELECT repeat('x', 64), 1 "
				    "FROM generate_series(1, %d);"
				    "INSERT INTO orders (item, quantity) VALUES ('the next', 1);"
				    "NOTIFY orders",
				    ORDERS)));
	CU_ASSERT_FATAL(raw_answers(&other, "the next"));
	/* Whoever has read that for all waits for its client now. */
	CU_ASSERT(postgres_do(&postgres,
			      "INSERT INTO orders (item, quantity) VALUES ('the last', 1);"
			      "NOTIFY orders"));
	CU_ASSERT(raw_answers(&other, "the last"));
	if (MEMORY_COUNTS)
		CU_ASSERT(process_private_kb(worker.pid) - before < (long)DEAF * MOST_KB_EACH);
	printf("    %d KB of events; %d who do not read take %ld KB\n",
	       (int)(other.text.len / 1024), DEAF, process_private_kb(worker.pid) - before);
	for (int i = 0; i < DEAF; i++)
		raw_close(&deaf[i]);
	raw_close(&other);
	worker_stop(&worker);
}

static const struct test tests[] = {
	{"another reads when the one who did so leaves", another_reads_when_one_leaves},
	{"they outlive a database, and what they missed comes", they_outlive_a_database},
	{"who reads nothing more holds up nobody, and takes little",
	 who_reads_nothing_holds_up_nobody},
};

const struct suite listening_suite = {"listening", tests, COUNT(tests), set_up, tear_down};
