#include "admin/admin.h"
#include "admin/top.h"
#include "orders.h"

int main(int argc, char **argv)
{
	static const struct applications applications = {.kinds = {[ROUTES_APP] = &orders,
								   [ROUTES_ADMIN] = &admin,
								   [ROUTES_HEALTH] = &health},
							 .top = top_run};

	return lanes_main(argc, argv, &applications);
}
