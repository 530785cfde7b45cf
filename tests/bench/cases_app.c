/* cases-app: the demonstration, with a job that does nothing in the place of its own. */
#include "demonstration.h"

static void nothing(struct request *req)
{
	reply_bytes(req, 200, "text/plain", slice_of(""));
}

static const struct job_kind kinds[] = {JOB("nothing", ASYNC, nothing)};

int main(int argc, char **argv)
{
	static struct application all;
	const struct application *shown = demonstration();

	if (!shown)
		return 1;
	all = *shown;
	all.jobs = (struct job_kinds)JOBS(kinds);
	return lanes_main(argc, argv, &all);
}
