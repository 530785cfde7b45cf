/* The same for app/cases/README.md. */
#include "cases/cases.h"

#include "digest.c"

void all_cases(struct request *req)
{
	const struct names *names = request_input(req);
	const struct slice *name = names->names.items;
	struct digests *f = FRAME(req, struct digests);

	ASYNC_BEGIN(req);
/* clang-format off */
#include "digests.c"
	/* clang-format on */
	ASYNC_END(req);
}
