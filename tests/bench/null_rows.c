/*
 * null-rows SOCKET DATABASE CONNECTIONS [unprepared|piped]: what an order by its key costs that
 * does nothing but ask for it: libpq, non-blocking, prepared, as many connections, one statement at
 * a time on each, first come, first served. The request is not parsed: the number behind "/orders/"
 * is the key; where there is none, an order is made, always the same. The ceiling that Lanes is
 * measured against, not a server: it ends when the database does.
 *
 * unprepared: the database is sent the text each time. piped: in pipeline mode; what a turn of the
 * loop has brought is sent at once, as one transaction, on the connection with the fewest under
 * way.
 */
#include <endian.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "null_front.h"

#define HEAD                                                                                       \
	"Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"               \
	"Cache-Control: no-store\r\nX-Lanes-Worker: loop-1\r\n"                                    \
	"Server-Timing: queue;dur=0.000, loop;dur=0.010, await;dur=0.010, pool-queue;dur=0.000, "  \
	"pool;dur=0.000, db;dur=0.100\r\n\r\n"
#define READ "SELECT id, item, quantity FROM orders WHERE id = $1"
#define MAKE "INSERT INTO orders (item, quantity) VALUES ('book', 3) RETURNING id, item, quantity"

enum {
	CONNECTIONS_MAX = 64,
	WAITING_MAX = 4096,
	PIPED_MAX = 1024, /* on one connection */
	BODY_MAX = 1024,
	ANSWER_MAX = 2048,
};

struct asker {
	struct front_conn *conn;
	unsigned char id[2];
	unsigned long key;
};

struct database {
	struct watched watched;
	PGconn *conn;
	struct asker askers[PIPED_MAX]; /* whose statements are under way: a ring */
	unsigned first, last;		/* of those */
	unsigned syncs;			/* ends of transactions that are under way: piped */
	struct database *next;		/* that is idle */
};

static struct database databases[CONNECTIONS_MAX];
static int count; /* of these */
static bool prepared = true, piped;
static struct database *idle;
static struct database *turns; /* what this turn brings goes there; NULL: nothing came yet */
static struct asker waiting[WAITING_MAX]; /* a ring */
static unsigned first, last;

static void die(const PGconn *conn)
{
	fprintf(stderr, "null-rows: %s", PQerrorMessage(conn));
	exit(1);
}

static void flush(struct database *database)
{
	int left = PQflush(database->conn);

	if (left < 0)
		die(database->conn);
	if (left)
		front_watch(PQsocket(database->conn), &database->watched, EPOLLIN | EPOLLOUT);
}

static void ask(struct database *database, const struct asker *asker)
{
	uint64_t key = htobe64(asker->key);
	const char *value = (const char *)&key;
	int length = sizeof(key);
	int binary = 1;
	int values = key ? 1 : 0;
	int sent;

	if (database->last - database->first == PIPED_MAX)
		abort();
	database->askers[database->last++ % PIPED_MAX] = *asker;
	if (prepared)
		sent = PQsendQueryPrepared(database->conn, key ? "read" : "make", values, &value,
					   &length, &binary, 0);
	else
		sent = PQsendQueryParams(database->conn, key ? READ : MAKE, values, NULL, &value,
					 &length, &binary, 0);
	if (!sent)
		die(database->conn);
	if (!piped)
		flush(database);
}

static void answer(const struct asker *asker, const PGresult *row)
{
	unsigned char bytes[ANSWER_MAX];
	char body[BODY_MAX];
	char text[BODY_MAX + sizeof(HEAD)];
	int len = snprintf(body, sizeof(body), "{\"id\":%s,\"item\":\"%s\",\"quantity\":%s}",
			   PQgetvalue(row, 0, 0), PQgetvalue(row, 0, 1), PQgetvalue(row, 0, 2));

	len = snprintf(text, sizeof(text), HEAD "%s", len, body);
	front_send(asker->conn, bytes, front_put(bytes, asker->id, text, (size_t)len));
}

/* One statement is over. */
static void next(struct database *database)
{
	database->first++;
	if (piped)
		return;
	if (first != last) {
		ask(database, &waiting[first++ % WAITING_MAX]);
		return;
	}
	database->next = idle;
	idle = database;
}

static void take(struct database *database, PGresult *result)
{
	if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
		database->syncs--;
	else if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
		answer(&database->askers[database->first % PIPED_MAX], result);
	else
		die(database->conn);
	PQclear(result);
}

static void on_database(struct watched *watched, uint32_t events)
{
	struct database *database = (struct database *)watched;

	if (events & EPOLLOUT && PQflush(database->conn) == 0)
		front_watch(PQsocket(database->conn), watched, EPOLLIN);
	if (!PQconsumeInput(database->conn))
		die(database->conn);
	while ((database->first != database->last || database->syncs) &&
	       !PQisBusy(database->conn)) {
		PGresult *result = PQgetResult(database->conn);

		if (result)
			take(database, result);
		else
			next(database);
	}
}

static struct database *least_busy(void)
{
	struct database *least = databases;

	for (struct database *other = databases + 1; other < databases + count; other++)
		if (other->last - other->first < least->last - least->first)
			least = other;
	return least;
}

static void send_turn(void)
{
	if (!turns)
		return;
	if (!PQpipelineSync(turns->conn))
		die(turns->conn);
	turns->syncs++;
	flush(turns);
	turns = NULL;
}

size_t front_request(struct front_conn *conn, const unsigned char id[2], unsigned char *to)
{
	struct asker asker = {conn, {id[0], id[1]}, conn->key};
	struct database *database = idle;

	(void)to;
	conn->awaited++;
	if (piped) {
		turns = turns ? turns : least_busy();
		ask(turns, &asker);
	} else if (database) {
		idle = database->next;
		ask(database, &asker);
	} else if (last - first < WAITING_MAX) {
		waiting[last++ % WAITING_MAX] = asker;
	} else {
		abort();
	}
	return 0;
}

static void prepare(PGconn *conn, const char *name, const char *sql)
{
	PGresult *result = PQprepare(conn, name, sql, 0, NULL);

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		die(conn);
	PQclear(result);
}

static void connect_to(struct database *database, const char *url)
{
	database->conn = PQconnectdb(url);
	prepare(database->conn, "read", READ);
	prepare(database->conn, "make", MAKE);
	if (PQsetnonblocking(database->conn, 1) || (piped && !PQenterPipelineMode(database->conn)))
		die(database->conn);
	database->watched.ready = on_database;
	database->next = idle;
	idle = database;
	front_watch(PQsocket(database->conn), &database->watched, EPOLLIN);
}

int main(int argc, char **argv)
{
	const char *how = argc == 5 ? argv[4] : "";

	count = argc > 3 ? atoi(argv[3]) : 0;
	prepared = strcmp(how, "unprepared") != 0;
	piped = !strcmp(how, "piped");
	if (argc > 5 || count < 1 || count > CONNECTIONS_MAX || (*how && prepared && !piped)) {
		fputs("Usage: null-rows SOCKET DATABASE CONNECTIONS [unprepared|piped]\n", stderr);
		return 2;
	}
	front_key = "/orders/";
	front_turn = send_turn;
	front_listen(argv[1]);
	for (int i = 0; i < count; i++)
		connect_to(&databases[i], argv[2]);
	front_serve();
}
