#include "workloads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contenders.h"

const char *const figure_names[FIGURES] = {
	"rate",	     "p50_ms",		 "p99_ms",	     "max_ms",	"app_us",  "proxy_us",
	"memory_mb", "bytes_each",	 "at_start_mb",	     "settled", "peak_mb", "of_model",
	"errors",    "bystander_p50_ms", "bystander_p99_ms", "took_s",
};

#define FASTAPI "fastapi-1 fastapi-2"
#define MILLION "lanes-unix-1 lanes-unix-2 lanes-tcp-1 lanes-tcp-2"
#define GROWERS MILLION " lanes-4"
#define MINIMAL "null-minimal lanes-minimal"
#define HEAVY	"n=20000000"

enum { ORDERS = 1000 }; /* as in surroundings.c */

const struct workload workloads[] = {
	{"http-64", "Through nginx, a sleep of zero, 64 connections",
	 "nginx-return null lanes-1 lanes-2 lanes-4 lanes-1-fresh haproxy prefork-1 prefork-8 "
	 "libfcgi-1 libfcgi-8 libfcgi-threads libfcgi-kept php-2 php-8 php-kept go " FASTAPI
	 " fastapi-1-direct fastapi-2-direct " MINIMAL,
	 .seconds = 1, .connections = 64},
	{"http-64-wrk", "The same, asked by wrk, which takes more of the machine than loadgen",
	 "nginx-return null lanes-1 libfcgi-kept fastapi-1", .wrk = true, .seconds = 1,
	 .connections = 64, .rounds = 5},
	{"http-1", "The same, 1 connection",
	 "nginx-return null lanes-1 haproxy prefork-1 libfcgi-1 php-2 go fastapi-1 "
	 "fastapi-1-direct " MINIMAL,
	 .seconds = 0.4, .connections = 1},
	{"http-512", "The same, 512 connections",
	 "nginx-return null lanes-1 lanes-2 haproxy prefork-8 libfcgi-kept libfcgi-8 "
	 "php-8 go " FASTAPI " " MINIMAL,
	 .seconds = 0.8, .connections = 512},
	{"sync-64", "A thread hop: /sync/noawait, a sleep of zero, 64 connections",
	 "lanes-1 lanes-2 prefork-8 libfcgi-kept " FASTAPI, .seconds = 0.7, .connections = 64,
	 .path = "/sync/noawait"},
	{"asleep-ramped", "10,000 asleep for 5 s through nginx, come within 4 s",
	 "lanes-1 fastapi-1", .held = true, .connections = 10000, .query = "seconds=5",
	 .others = "--requests 1 --ramp 4 --nominal 5", .takes = 10, .rounds = 6},
	{"asleep-at-once", "10,000 asleep for 4 s through nginx, all at once", "lanes-1 fastapi-1",
	 .held = true, .connections = 10000, .query = "seconds=4",
	 .others = "--requests 1 --nominal 4", .takes = 6, .rounds = 3},
	{"cpu-small", "/async/cpu-bound?n=1000, 16 connections, and a bystander",
	 "lanes-1 fastapi-1", .side = true, .seconds = 0.8, .connections = 16,
	 .path = "/async/cpu-bound", .query = "n=1000"},
	{"cpu-heavy", "/async/cpu-bound?" HEAVY ", 4 connections, and a bystander",
	 "lanes-1 lanes-cpu1", .side = true, .seconds = 1.5, .connections = 4,
	 .path = "/async/cpu-bound", .query = HEAVY},
	{"cpu-floor", "No application: loops compute on all cores, and the same bystander",
	 "nginx-return", .side = true, .loops = true, .seconds = 1.5},
	{"bad-blocking", "/async/bad-blocking?seconds=0.02, 4 connections, and a bystander",
	 "lanes-1 lanes-2 lanes-4 fastapi-1", .side = true, .seconds = 0.8, .connections = 4,
	 .path = "/async/bad-blocking", .query = "seconds=0.02"},
	{"wrap-100", "/async/wrap-blocking?seconds=0.1, 100 wide (40 threads: 400/s)",
	 "lanes-1 lanes-2 fastapi-1", .seconds = 1, .connections = 100,
	 .path = "/async/wrap-blocking", .query = "seconds=0.1"},
	{"direct-64", "No nginx: FastCGI on the socket, 64 connections, one request each",
	 "null lanes-1 libfcgi-kept", .direct = true, .seconds = 0.7, .connections = 64},
	{"direct-1", "The same, 1 connection", "null lanes-1 libfcgi-kept", .direct = true,
	 .seconds = 0.4, .connections = 1},
	{"direct-mpx", "The same, 4 connections with 16 requests each", "null lanes-1",
	 .direct = true, .seconds = 0.6, .connections = 4, .depth = 16},
	{"direct-fresh", "The same, a connection for each request, 16 at a time",
	 "null lanes-1 prefork-8 libfcgi-8 libfcgi-threads", .direct = true, .seconds = 0.6,
	 .connections = 16, .others = "--fresh"},
	{"grow-1", "1 in flight", GROWERS, .direct = true, .seconds = 0.3, .connections = 1},
	{"grow-10", "10 in flight", GROWERS, .direct = true, .seconds = 0.3, .connections = 10},
	{"grow-100", "100 in flight", GROWERS, .direct = true, .seconds = 0.3, .connections = 100},
	{"grow-1000", "1,000 in flight: 100 connections, 10 each", GROWERS, .direct = true,
	 .seconds = 0.4, .connections = 100, .depth = 10},
	{"grow-10000", "10,000 in flight: 1,000 connections, 10 each", GROWERS, .direct = true,
	 .seconds = 0.7, .connections = 1000, .depth = 10, .rounds = 3},
	{"grow-100000", "100,000 in flight: 1,000 connections, 100 each", GROWERS, .direct = true,
	 .seconds = 1.5, .connections = 1000, .depth = 100, .rounds = 3},
	{"grow-1000000", "1,000,000 in flight: 1,000 connections, 1,000 each", MILLION,
	 .direct = true, .seconds = 2, .connections = 1000, .depth = 1000, .rounds = 2},
	{"idle-10000", "10,000 connections that are idle for 2 s, after an answer each", "lanes-1",
	 .direct = true, .held = true, .connections = 10000,
	 .others = "--requests 2 --ramp 2 --pause 4", .takes = 7, .rounds = 6},
	{"hold-100", "100 asleep for 1 s: 100 connections", "lanes-1", .direct = true, .held = true,
	 .connections = 100, .query = "seconds=1", .others = "--requests 1 --nominal 1",
	 .takes = 1.5, .rounds = 3},
	{"hold-1000", "1,000 asleep for 1 s: 100 connections, 10 each", "lanes-1", .direct = true,
	 .held = true, .connections = 100, .depth = 10, .query = "seconds=1",
	 .others = "--requests 1 --nominal 1", .takes = 1.5, .rounds = 3},
	{"hold-10000", "10,000 asleep for 1.5 s: 1,000 connections, 10 each", "lanes-1",
	 .direct = true, .held = true, .connections = 1000, .depth = 10, .query = "seconds=1.5",
	 .others = "--requests 1 --nominal 1.5", .takes = 2, .rounds = 3},
	{"hold-100000", "100,000 asleep for 4 s: 1,000 connections, 100 each", "lanes-1",
	 .direct = true, .held = true, .settles = true, .connections = 1000, .depth = 100,
	 .query = "seconds=4", .others = "--requests 1 --nominal 4", .takes = 11, .rounds = 6},
	{"hold-1000000", "1,000,000 asleep for 12 s: 1,000 connections, 1,000 each", "lanes-unix-1",
	 .direct = true, .held = true, .connections = 1000, .depth = 1000, .query = "seconds=12",
	 .others = "--requests 1 --nominal 12", .takes = 20, .rounds = 2},

	{"cases-row", "One row by its key: 64 clients, 8 connections to the database",
	 "cases-lanes cases-null cases-null-unprepared cases-null-piped cases-fastapi cases-php "
	 "cases-go pgbench",
	 .seconds = 1, .connections = 64, .path = "/cases/orders/{}", .query = "", .keys = ORDERS,
	 .same = SAME_JSON,
	 .sql = "\\set id random(1, 1000)\n"
		"SELECT id, item, quantity FROM orders WHERE id = :id"},
	{"cases-rows", "The same, 20 rows", "cases-lanes cases-fastapi pgbench", .seconds = 1,
	 .connections = 64, .path = "/cases/orders", .query = "limit=20&offset=0",
	 .same = SAME_JSON,
	 .sql = "SELECT id, item, quantity FROM orders ORDER BY id LIMIT 20 OFFSET 0"},
	{"cases-insert", "The same, a row is inserted, which waits for the disk",
	 "cases-lanes cases-null cases-null-unprepared cases-null-piped cases-fastapi pgbench",
	 .seconds = 1, .connections = 64, .path = "/cases/orders", .query = "",
	 .post = "order.json", .type = "application/json", .same = SAME_BUT_ID,
	 .sql = "INSERT INTO orders (item, quantity) VALUES ('book', 3) RETURNING id"},
	{"cases-gather", "Three calls gathered: 64 clients, services that answer at once",
	 "cases-lanes cases-fastapi", .seconds = 1, .connections = 64, .path = "/cases/quotes",
	 .query = "item=book&within=5", .same = SAME_JSON},
	{"cases-fetch",
	 "One call, whose answer is passed on: 64 clients, a service that answers at once",
	 "cases-lanes cases-null-calls cases-nginx-calls", .seconds = 1, .connections = 64,
	 .path = "/fast/suppliers/1/price", .query = "item=book", .same = SAME_JSON},
	{"cases-slow",
	 "Three calls that take 50, 100 and 150 ms: 1,000 clients, who ask once a second",
	 "cases-lanes-slow cases-fastapi-slow", .seconds = 3, .connections = 1000,
	 .path = "/cases/quotes", .query = "item=book&within=5", .same = SAME_JSON,
	 .others = "--nominal 0.15 --ramp 1 --pause 0.85", .rounds = 6},
	{"cases-slow-all", "The same, 1,000 clients who ask again at once",
	 "cases-lanes-slow cases-fastapi-slow", .seconds = 2, .connections = 1000,
	 .path = "/cases/quotes", .query = "item=book&within=5", .same = SAME_JSON,
	 .others = "--nominal 0.15", .rounds = 3},
	{"cases-sleep", "200 at once let the database sleep for 0.1 s, over 10 connections: 2 s",
	 "cases-lanes-sleep cases-fastapi-slow", .model = 2, .connections = 200,
	 .path = "/cases/slow-query", .query = "seconds=0.1", .same = SAME_JSON,
	 .others = "--requests 1", .takes = 2.5, .rounds = 6},
	{"cases-jobs",
	 "Jobs that do nothing, of one worker; latency: from a job's INSERT to its start",
	 "cases-jobs", .jobs = 5000, .takes = 3.5, .rounds = 6},
	{"cases-thumbnail", "100 at once send a picture of 8 MB and get a small one",
	 "cases-lanes cases-fastapi", .connections = 100, .path = "/cases/thumbnail",
	 .query = "width=256", .post = "photo.jpg", .type = "image/jpeg", .same = SAME_PICTURE,
	 .peak = true, .others = "--requests 1 --patience 300", .takes = 15, .rounds = 6},
};

const size_t workload_count = sizeof(workloads) / sizeof(workloads[0]);

bool workload_has(const struct workload *w, const char *contender)
{
	size_t len = strlen(contender);

	for (const char *at = w->who; (at = strstr(at, contender)); at += len)
		if ((at == w->who || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

struct cell *cell_at(size_t workload, size_t contender)
{
	static struct cell *cells;

	if (!cells)
		cells = calloc(workload_count * contender_count, sizeof(*cells));
	if (!cells)
		abort();
	return &cells[workload * contender_count + contender];
}

struct cell *cell_named(const char *workload, const char *contender)
{
	size_t c = (size_t)(contender_named(contender) - contenders);

	for (size_t w = 0; w < workload_count; w++)
		if (!strcmp(workloads[w].name, workload))
			return cell_at(w, c);
	fprintf(stderr, "bench: no such workload: %s\n", workload);
	exit(1);
}

void cell_add(struct cell *cell, const double value[FIGURES])
{
	for (int f = 0; f < FIGURES; f++)
		cell->value[f][cell->rounds] = value[f];
	cell->rounds++;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

double cell_place(const struct cell *cell, enum figure figure, double place)
{
	double sorted[MAX_ROUNDS];
	double where = place * (cell->rounds - 1);
	int below = (int)where;

	if (!cell->rounds)
		return -1;
	memcpy(sorted, cell->value[figure], (size_t)cell->rounds * sizeof(sorted[0]));
	qsort(sorted, (size_t)cell->rounds, sizeof(sorted[0]), compare);
	if (below == cell->rounds - 1)
		return sorted[below];
	return sorted[below] + (sorted[below + 1] - sorted[below]) * (where - below);
}

double cell_median(const struct cell *cell, enum figure figure)
{
	return cell_place(cell, figure, 0.5);
}

double cell_least(const struct cell *cell, enum figure figure)
{
	return cell_place(cell, figure, 0);
}

double cell_most(const struct cell *cell, enum figure figure)
{
	return cell_place(cell, figure, 1);
}
