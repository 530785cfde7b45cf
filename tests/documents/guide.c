/* The same for app/guide/README.md. */
#include "guide/endpoints.h"
#include "guide/tasks.h"

void sleep_on_thread(void *wait);
void sum_on_thread(void *squares);

#include "sync.c"

void all_others(struct request *req)
{
	struct wait *wait = request_input(req);
	const struct waits *waits = request_input(req);
	const double *seconds = waits->seconds.items;
	void *frame = request_frame(req, sizeof(u128));

	ASYNC_BEGIN(req);
/* clang-format off */
#include "async.c"
#include "many.c"
#include "threads.c"
#include "cpu.c"
	/* clang-format on */
	ASYNC_END(req);
}
