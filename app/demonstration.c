#include "demonstration.h"

#include <stdlib.h>
#include <string.h>

#include "cases/cases.h"
#include "guide/endpoints.h"

/* The guide has nothing but routes, so what else there is is that of the cases. */
const struct application *demonstration(void)
{
	static struct application both;
	static struct route *list;
	size_t count = guide.routes.count + cases.routes.count;

	if (list)
		return &both;
	list = calloc(count, sizeof(*list));
	if (!list) {
		log_complaint("out of memory");
		return NULL;
	}
	memcpy(list, guide.routes.list, guide.routes.count * sizeof(*list));
	memcpy(list + guide.routes.count, cases.routes.list, cases.routes.count * sizeof(*list));
	both = cases;
	both.routes.title = guide.routes.title;
	both.routes.list = list;
	both.routes.count = count;
	return &both;
}
