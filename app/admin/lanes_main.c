/* What every program is made of: its application, and those that show the system. */
#include "admin.h"
#include "ps.h"
#include "top.h"

int lanes_main(int argc, char **argv, const struct application *application)
{
	const struct applications all = {
		.kinds = {[ROUTES_APP] = application,
			  [ROUTES_ADMIN] = &admin,
			  [ROUTES_HEALTH] = &health,
			  [ROUTES_OUTSIDE] = application ? application->outside : NULL},
		.top = top_run,
		.ps = ps_run};

	return worker_main(argc, argv, &all);
}
