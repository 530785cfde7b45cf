#include "admin/admin.h"
#include "engine/application.h"
#include "guide/endpoints.h"

int main(int argc, char **argv)
{
	static const struct applications applications = {
		{[ROUTES_APP] = &guide, [ROUTES_ADMIN] = &admin, [ROUTES_HEALTH] = &health}};

	return lanes_main(argc, argv, &applications);
}
