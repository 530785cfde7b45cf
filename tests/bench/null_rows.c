/*
 * null-rows SOCKET DATABASE CONNECTIONS: what an order by its key costs that does nothing but ask
 * for it: libpq, non-blocking, prepared, as many connections, one statement at a time on each,
 * first come, first served. The request is not parsed: the number behind "/orders/" is the key. The
 * ceiling that Lanes is measured against, not a server: it ends when the database does.
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
#define SQL "SELECT id, item, quantity FROM orders WHERE id = $1"

enum { CONNECTIONS_MAX = 64, WAITING_MAX = 4096, BODY_MAX = 1024, ANSWER_MAX = 2048 };

struct asker {
	struct front_conn *conn;
	unsigned char id[2];
	unsigned long key;
};

struct database {
	struct watched watched;
	PGconn *conn;
	struct asker asker;
	struct database *next; /* that is idle */
};

static struct database databases[CONNECTIONS_MAX];
static struct database *idle;
static struct asker waiting[WAITING_MAX]; /* a ring */
static unsigned first, last;

static void die(const PGconn *conn)
{
	fprintf(stderr, "null-rows: %s", PQerrorMessage(conn));
	exit(1);
}

static void ask(struct database *database, const struct asker *asker)
{
	uint64_t key = htobe64(asker->key);
	const char *value = (const char *)&key;
	int flushed = -1;

	database->asker = *asker;
	if (PQsendQueryPrepared(database->conn, "row", 1, &value, (int[]){sizeof(key)}, (int[]){1},
				0))
		flushed = PQflush(database->conn);
	if (flushed < 0)
		die(database->conn);
	if (flushed)
		front_watch(PQsocket(database->conn), &database->watched, EPOLLIN | EPOLLOUT);
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

static void next(struct database *database)
{
	database->asker.conn = NULL;
	if (first != last) {
		ask(database, &waiting[first++ % WAITING_MAX]);
		return;
	}
	database->next = idle;
	idle = database;
}

static void on_database(struct watched *watched, uint32_t events)
{
	struct database *database = (struct database *)watched;

	if (events & EPOLLOUT && PQflush(database->conn) == 0)
		front_watch(PQsocket(database->conn), watched, EPOLLIN);
	if (!PQconsumeInput(database->conn))
		die(database->conn);
	while (database->asker.conn && !PQisBusy(database->conn)) {
		PGresult *row = PQgetResult(database->conn);

		if (!row) {
			next(database);
			continue;
		}
		if (PQresultStatus(row) != PGRES_TUPLES_OK || PQntuples(row) != 1)
			die(database->conn);
		answer(&database->asker, row);
		PQclear(row);
	}
}

size_t front_request(struct front_conn *conn, const unsigned char id[2], unsigned char *to)
{
	struct asker asker = {conn, {id[0], id[1]}, conn->key};
	struct database *database = idle;

	(void)to;
	conn->awaited++;
	if (database) {
		idle = database->next;
		ask(database, &asker);
	} else if (last - first < WAITING_MAX) {
		waiting[last++ % WAITING_MAX] = asker;
	} else {
		abort();
	}
	return 0;
}

static void connect_to(struct database *database, const char *url)
{
	PGresult *prepared;

	database->conn = PQconnectdb(url);
	prepared = PQprepare(database->conn, "row", SQL, 0, NULL);
	if (PQresultStatus(prepared) != PGRES_COMMAND_OK || PQsetnonblocking(database->conn, 1))
		die(database->conn);
	PQclear(prepared);
	database->watched.ready = on_database;
	database->next = idle;
	idle = database;
	front_watch(PQsocket(database->conn), &database->watched, EPOLLIN);
}

int main(int argc, char **argv)
{
	if (argc != 4 || atoi(argv[3]) < 1 || atoi(argv[3]) > CONNECTIONS_MAX) {
		fputs("Usage: null-rows SOCKET DATABASE CONNECTIONS\n", stderr);
		return 2;
	}
	front_key = "/orders/";
	front_listen(argv[1]);
	for (int i = 0; i < atoi(argv[3]); i++)
		connect_to(&databases[i], argv[2]);
	front_serve();
}
