/*
 * model NGINX_US LANES_US: a queueing model, not a measurement, of nginx and loop workers
 * on 1 to 64 cores, as a table in Markdown. It rests on the CPU that a request was measured to take
 * in nginx and in a worker, in microseconds. What it supposes:
 *
 * - Each core has an nginx process and a worker bound to it, which take turns, first come first
 *   served; each time is exponential around what was measured, half of nginx's before the worker's.
 * - Requests come at random, on CLIENTS kept connections for each core. A connection is that of the
 *   nginx process that accepted it: of any of them, or, to compare, of all alike.
 * - Which worker is to get it costs nothing: the one that has the fewest, or the next.
 * - Nothing else is shared: no memory bandwidth, no locks, no network. What there is of these makes
 *   a machine slower than this.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { CLIENTS = 64, CORES = 64, RUNS = 5, REQUESTS = 100000, WARM_UP = 20000 };
enum stage { ASKS, WORKS, ANSWERS };

struct request {
	double start;
	enum stage stage;
	int front; /* core of its nginx process */
	int back;  /* … and of its worker */
	struct request *next;
};

struct server {
	struct request *first, *last; /* the first is served */
	double done;		      /* when it will have been */
	int active;		      /* requests that the worker on it has */
};

struct setting {
	int cores;
	bool even;   /* connections */
	bool fewest; /* … else the next worker */
	double rate; /* per microsecond */
};

static double front_us, back_us;
static uint64_t state;

static struct server servers[CORES];
static double now;
static double latencies[RUNS * REQUESTS];
static size_t answered;
static int turn;
static double uniform(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return ((double)(state >> 11) + 0.5) / 9007199254740992.0;
}

static double exponential(double mean)
{
	return -mean * log(uniform());
}

static void serve(struct server *server)
{
	server->done = now + exponential(server->first->stage == WORKS ? back_us : front_us / 2);
}

static void join(struct server *server, struct request *request, enum stage stage)
{
	request->stage = stage;
	request->next = NULL;
	if (server->first)
		server->last->next = request;
	server->last = request;
	if (!server->first) {
		server->first = request;
		serve(server);
	}
}

static int choose(const struct setting *s)
{
	int best = turn++ % s->cores; /* ties go round */

	for (int i = 0; s->fewest && i < s->cores; i++)
		if (servers[i].active < servers[best].active)
			best = i;
	return best;
}

/* What the server has done goes on; true: it is answered. */
static bool goes_on(const struct setting *s, struct server *server)
{
	struct request *request = server->first;

	server->first = request->next;
	if (server->first)
		serve(server);
	if (request->stage == ASKS) {
		request->back = choose(s);
		servers[request->back].active++;
		join(&servers[request->back], request, WORKS);
	} else if (request->stage == WORKS) {
		servers[request->back].active--;
		join(&servers[request->front], request, ANSWERS);
	} else {
		return true;
	}
	return false;
}

static struct server *next_done(int cores)
{
	struct server *next = &servers[0];

	for (int i = 1; i < cores; i++)
		if (servers[i].first && (!next->first || servers[i].done < next->done))
			next = &servers[i];
	return next;
}

static void run(const struct setting *s)
{
	int fronts[CORES * CLIENTS];
	int count = s->cores * CLIENTS;
	double arrival = 0;

	for (int i = 0; i < CORES; i++)
		servers[i] = (struct server){0};
	for (int i = 0; i < count; i++)
		fronts[i] = s->even ? i % s->cores : (int)(uniform() * s->cores);
	for (int n = 0; n < WARM_UP + REQUESTS;) {
		struct server *next = next_done(s->cores);
		struct request *request = next->first;

		if (!request || arrival < next->done) {
			if (!(request = malloc(sizeof(*request))))
				abort();
			now = request->start = arrival;
			request->front = fronts[(int)(uniform() * count)];
			join(&servers[request->front], request, ASKS);
			arrival += exponential(1 / s->rate);
			continue;
		}
		now = next->done;
		if (!goes_on(s, next))
			continue;
		if (n++ >= WARM_UP)
			latencies[answered++] = now - request->start;
		free(request);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The p99 in milliseconds, of all runs, each with connections of its own. */
static double p99(struct setting s)
{
	answered = 0;
	state = 88172645463325252U;
	for (int i = 0; i < RUNS; i++)
		run(&s);
	qsort(latencies, answered, sizeof(latencies[0]), compare);
	return latencies[answered * 99 / 100] / 1e3;
}

int main(int argc, char **argv)
{
	static const int cores[] = {1, 2, 8, 64};

	front_us = argc > 2 ? atof(argv[1]) : 0;
	back_us = argc > 2 ? atof(argv[2]) : 0;
	if (!(front_us > 0 && back_us > 0)) {
		fputs("usage: model NGINX_US LANES_US\n", stderr);
		return 2;
	}
	puts("| cores | requests/s, at most | p99 ms at 70 % of that: connections alike, fewest | "
	     "any, "
	     "fewest | any, the next |\n| --- | --- | --- | --- | --- |");
	for (size_t i = 0; i < sizeof(cores) / sizeof(cores[0]); i++) {
		int n = cores[i];
		double most = n / (front_us + back_us);
		double rate = 0.7 * most;

		printf("| %d | %.0f | %.3f | %.3f | %.3f |\n", n, most * 1e6,
		       p99((struct setting){n, true, true, rate}),
		       p99((struct setting){n, false, true, rate}),
		       p99((struct setting){n, false, false, rate}));
	}
	return 0;
}
