/*
 * cases-app: the demonstration, and what the benchmark wants besides: a statement that sleeps, and
 * a job that does nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "demonstration.h"

struct nap {
	double seconds;
};

static const struct field nap_fields[] = {
	QUERY(NUMBER, struct nap, seconds, .ge = LIMIT(0), .le = LIMIT(1))};

static void nap(struct request *req)
{
	struct pg_rows *rows = FRAME(req, struct pg_rows);
	const struct nap *wanted = request_input(req);
	struct buffer out = {0};

	ASYNC_BEGIN(req);
	AWAIT(req, pg_query(req, rows, "SELECT pg_sleep($1)", pg_double(wanted->seconds)));
	out = (struct buffer){0};
	buffer_format(&out, "{\"slept\":%g}", wanted->seconds);
	reply_text(req, 200, "application/json", &out);
	ASYNC_END(req);
}

static const struct route list[] = {
	GET("/cases/sleep", ASYNC, nap, .input = INPUT(nap_fields)),
};

static void nothing(struct request *req)
{
	reply_bytes(req, 200, "text/plain", slice_of(""));
}

static const struct job_kind kinds[] = {JOB("nothing", ASYNC, nothing)};

/* Those of the demonstration, and these. */
int main(int argc, char **argv)
{
	static struct application all;
	const struct application *shown = demonstration();
	size_t mine = sizeof(list) / sizeof(*list);
	struct route *routes;

	if (!shown || !(routes = calloc(shown->routes.count + mine, sizeof(*routes))))
		return 1;
	memcpy(routes, list, sizeof(list));
	memcpy(routes + mine, shown->routes.list, shown->routes.count * sizeof(*routes));
	all = *shown;
	all.routes.list = routes;
	all.routes.count += mine;
	all.jobs = (struct job_kinds)JOBS(kinds);
	return lanes_main(argc, argv, &all);
}
