/* The database is not there, goes away, comes back, is silent, full, or locked. */
#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/system.h"
#include "database.h"

enum { MS = 1000000 };

static void not_there_at_the_start(void)
{
	begin_pg(1, "postgresql:///x?host=/var/empty/none");
	ask("SELECT 'x'");
	ask("SELECT 'x'");
	CU_ASSERT(leaves("DD"));
	CU_ASSERT_FALSE(pg_is_up(&sched));
	CU_ASSERT_EQUAL(board_get(&board.database.health), BOARD_DATABASE_DOWN);
	/* From now on, at once. */
	ask("SELECT 'x'");
	turn();
	CU_ASSERT_STRING_EQUAL(trail, "D");
	end_pg(3);
}

/* As seen by who hangs up on each: he has one of them at a time, however many wait, and the next
 * one not before its time, which is the least that it may be, to a quarter. */
static void it_is_tried_ever_more_rarely(void)
{
	static const double pauses[] = {0.05, 0.1, 0.2, 0.4, 0.8, 0.8};
	uint16_t port;
	int listener = tcp_listen(&port);
	double left = 0;

	fcntl(listener, F_SETFL, O_NONBLOCK);
	limits.connections = 4;
	begin_pg(1,
		 textf("host=127.0.0.1 port=%d user=x sslmode=disable gssencmode=disable", port));
	for (size_t i = 0; i <= COUNT(pauses); i++) {
		double pause = i ? pauses[i - 1] : 0;
		int fd = -1;

		TURN_UNTIL(fd >= 0 || (fd = accept(listener, NULL, NULL)) >= 0);
		if (i) {
			CU_ASSERT(now() - left >= 0.75 * pause);
			IN_TIME(now() - left < 1.25 * pause + 0.1);
		}
		for (int n = 0; n < 6; n++) {
			ask("SELECT 'x'");
			turn_a_while();
		}
		CU_ASSERT(accept(listener, NULL, NULL) < 0);
		left = now();
		close(fd);
	}
	CU_ASSERT(leaves("DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD"));
	end_pg(released);
	close(listener);
}

static void it_does_not_let_us_in(void)
{
	begin_pg(1, textf("%s&dbname=none", postgres.url));
	ask("SELECT 'x'");
	CU_ASSERT(leaves("D"));
	end_pg(1);
}

/* So many requests at a time, of which each answer is right, or none. */
struct tally {
	int right;
	int refused;
	int lost;
};

static void keep_asking(struct tally *tally, int at_once)
{
	for (const char *c = trail; *c; c++) {
		tally->right += *c == 'x';
		tally->refused += *c == 'D';
		tally->lost += *c == 'L';
		CU_ASSERT_PTR_NOT_NULL(strchr("xDL", *c));
	}
	memset(trail, 0, sizeof(trail));
	for (int i = 0; i < at_once; i++)
		ask("SELECT 'x', pg_sleep(0.001)");
	turn_a_while();
}

static void stopped_and_started_again(void)
{
	struct tally tally = {0};
	double back;
	int asked = 0;

	limits.waiters = 1000;
	begin_pg(1, NULL);
	for (; tally.right < 10; asked += 2)
		keep_asking(&tally, 2);
	postgres_end(&postgres, SIGINT);
	for (; tally.refused < 10; asked += 2)
		keep_asking(&tally, 2);
	CU_ASSERT_FALSE(pg_is_up(&sched));
	CU_ASSERT(postgres_start(&postgres));
	back = now();
	for (tally.right = 0; tally.right < 10; asked += 2)
		keep_asking(&tally, 2);
	IN_TIME(now() - back < 2);
	CU_ASSERT_TRUE(pg_is_up(&sched));
	TURN_UNTIL(finished == asked);
	end_pg(asked);
}

static void killed_and_started_again(void)
{
	begin_pg(1, NULL);
	ask("SELECT 'x', pg_sleep(30)");
	TURN_UNTIL(at_work("pg_sleep(30)"));
	postgres_end(&postgres, SIGKILL);
	CU_ASSERT(leaves("L"));
	TURN_UNTIL(!pg_is_up(&sched));
	CU_ASSERT(postgres_start(&postgres));
	TURN_UNTIL(pg_is_up(&sched));
	ask("SELECT 'y'");
	CU_ASSERT(leaves("y"));
	end_pg(2);
}

/* Ends the connection whose last statement was that, of which there is one. One that was given up
 * before it was there may be known for a while. */
static void terminate(const char *statement)
{
	CU_ASSERT_STRING_EQUAL(
		postgres_ask(&postgres, textf("SELECT count(pg_terminate_backend(pid)) FROM "
					      "pg_stat_activity WHERE application_name = 'lanes' "
					      "AND query = $$%s$$",
					      statement)),
		"1");
}

static void a_connection_is_ended(void)
{
	begin_pg(1, NULL);
	ask("SELECT 'x', pg_sleep(30)");
	TURN_UNTIL(at_work("pg_sleep(30)"));
	terminate("SELECT 'x', pg_sleep(30)");
	CU_ASSERT(leaves("L"));
	ask("SELECT 'y'");
	CU_ASSERT(leaves("y"));
	/* One that nobody uses is noticed, too. */
	terminate("SELECT 'y'");
	TURN_UNTIL(board_get(&board.database.lost) == 2);
	ask("SELECT 'z'");
	CU_ASSERT(leaves("z"));
	end_pg(3);
}

/* Behind what is unread there is an error: libuv polls no longer then. */
static void it_is_ended_behind_its_rows(void)
{
	limits.result_bytes = 1 << 30;
	begin_pg(1, NULL);
	ask("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)");
	TURN_UNTIL(at_work("generate_series"));
	postgres_end(&postgres, SIGKILL);
	CU_ASSERT(leaves("L"));
	CU_ASSERT(postgres_start(&postgres));
	TURN_UNTIL(pg_is_up(&sched));
	end_pg(1);
}

static void it_is_silent(void)
{
	limits.connections = 2;
	limits.statement = 200 * MS;
	limits.wait = 300 * MS;
	begin_pg(4, NULL);
	ask("SELECT 'x'");
	CU_ASSERT(leaves("x"));
	postgres_signal(&postgres, SIGSTOP);
	for (int i = 0; i < 6; i++)
		ask("SELECT 'y'");
	CU_ASSERT(leaves("TTTTTT"));
	postgres_signal(&postgres, SIGCONT);
	TURN_UNTIL(pg_is_up(&sched));
	do {
		memset(trail, 0, sizeof(trail));
		ask("SELECT 'z'");
		TURN_UNTIL(trail[0]);
	} while (trail[0] != 'z');
	TURN_UNTIL(!board_get(&board.pools[BOARD_BLOCKING].running) &&
		   !board_get(&board.pools[BOARD_BLOCKING].abandoned));
	end_pg(released);
}

/* Others have all of its connections, or all but one. */
static void it_is_full(void)
{
	PGconn *others[5];
	struct postgres usual = postgres;
	int i = 0;

	CU_ASSERT_FATAL(postgres_open(&postgres, STRINGS("max_connections=5", "port=22998",
							 "superuser_reserved_connections=0",
							 "max_wal_senders=0")));
	while (i < 5)
		others[i++] = PQconnectdb(postgres.url);
	begin_pg(1, postgres.url);
	ask("SELECT 'x'");
	CU_ASSERT(leaves("D"));
	PQfinish(others[--i]);
	TURN_UNTIL(pg_is_up(&sched));
	for (int n = 0; n < 4; n++)
		ask("SELECT 'y', pg_sleep(0.01)");
	CU_ASSERT(leaves("yyyy"));
	CU_ASSERT_EQUAL(board_get(&board.database.connections), 1);
	while (i)
		PQfinish(others[--i]);
	end_pg(5);
	postgres_close(&postgres);
	postgres = usual;
}

static void a_lock_is_held(void)
{
	PGconn *other = PQconnectdb(postgres.url);

	limits.statement = 200 * MS;
	PQclear(PQexec(other, "CREATE TABLE locked AS SELECT 'x' AS x"));
	PQclear(PQexec(other, "BEGIN; LOCK TABLE locked"));
	begin_pg(1, NULL);
	ask("SELECT x FROM locked");
	CU_ASSERT(leaves("T"));
	IN_TIME(ends_within("FROM locked", 0.2));
	PQclear(PQexec(other, "COMMIT"));
	ask("SELECT x FROM locked");
	CU_ASSERT(leaves("x"));
	PQclear(PQexec(other, "DROP TABLE locked"));
	PQfinish(other);
	end_pg(2);
}

/* Its names are resolver.c's. */
static void it_has_a_name(void)
{
	static const char *const settings[] = {"port=22997", "listen_addresses=127.0.0.1", NULL};
	static const struct {
		const char *host;
		const char *left;
	} names[] = {{"here.test", "x"},   {"both.test", "x"}, {"127.0.0.1", "x"},
		     {"gone.test", "D"},   {"six.test", "D"},  {"silent.test", "D"},
		     {"memory.test", "D"}, {"::1", "D"}};
	struct postgres own;

	CU_ASSERT_FATAL(postgres_open(&own, settings));
	for (unsigned threads = 0; threads < 2; threads++)
		for (size_t i = 0; i < COUNT(names); i++) {
			const char *left = names[i].left;

			begin_pg(threads, textf("host=%s port=22997 user=lanes dbname=postgres",
						names[i].host));
			ask("SELECT 'x'");
			TURN_UNTIL(trail[0]);
			if (*left == 'x' && trail[0] == 'D') { /* by another of its addresses */
				trail[0] = '\0';
				TURN_UNTIL(pg_is_up(&sched));
				ask("SELECT 'x'");
			}
			CU_ASSERT(leaves(left));
			end_pg(released);
		}
	postgres_close(&own);
}

/* Who waits for a name waits no longer than for a connection. */
static void its_name_takes_long(void)
{
	limits.wait = 100 * MS;
	begin_pg(1, "host=slow.test user=lanes dbname=postgres");
	ask("SELECT 'x'");
	CU_ASSERT(leaves("T"));
	sem_post(&work.gate);
	end_pg(1);
}

static const struct test tests[] = {
	{"not there at the start: a 503, from then on at once", not_there_at_the_start},
	{"it is tried ever more rarely, by one connection at a time", it_is_tried_ever_more_rarely},
	{"it does not let us in", it_does_not_let_us_in},
	{"stopped and started again: no wrong answer, and back soon", stopped_and_started_again},
	{"killed and started again", killed_and_started_again},
	{"a connection is ended, in use or not", a_connection_is_ended},
	{"it is ended behind rows that are unread", it_is_ended_behind_its_rows},
	{"it is silent: time is up, and it goes on afterwards", it_is_silent},
	{"it is full", it_is_full},
	{"a lock is held", a_lock_is_held},
	{"it has a name, or a number", it_has_a_name},
	{"its name takes long", its_name_takes_long},
};

const struct suite pg_faults_suite = {"pg-faults",
				      tests,
				      COUNT(tests),
				      .setup = database_set_up,
				      .cleanup = database_tear_down,
				      .before = database_before};
