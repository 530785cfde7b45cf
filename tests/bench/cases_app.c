/* cases-app: the demonstration, with a job that does nothing in the place of its own, and a call
 * that is passed on. */
#include <stdlib.h>
#include <string.h>

#include "cases/cases.h"
#include "demonstration.h"

struct calling {
	struct fetch call;
};

static void nothing(struct request *req)
{
	reply_bytes(req, 200, "text/plain", slice_of(""));
}

static void pass_on(struct request *req)
{
	struct calling *f = FRAME(req, struct calling);

	ASYNC_BEGIN(req);
	f->call.url = fetch_url(req, "%s/suppliers/1/price?item=book", case_options.outside);
	AWAIT(req, fetch(req, &f->call));
	reply_bytes(req, 200, "application/json", f->call.content);
	ASYNC_END(req);
}

static const struct route passes_on = GET("/fast/suppliers/1/price", ASYNC, pass_on);
static const struct job_kind kinds[] = {JOB("nothing", ASYNC, nothing)};

int main(int argc, char **argv)
{
	static struct application all;
	const struct application *shown = demonstration();
	struct route *list;

	if (!shown || !(list = calloc(shown->routes.count + 1, sizeof(*list))))
		return 1;
	memcpy(list, shown->routes.list, shown->routes.count * sizeof(*list));
	list[shown->routes.count] = passes_on;
	all = *shown;
	all.routes.list = list;
	all.routes.count++;
	all.jobs = (struct job_kinds)JOBS(kinds);
	return lanes_main(argc, argv, &all);
}
