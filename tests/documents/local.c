/* A local with an initialiser: ACROSS=1: it is to survive an AWAIT, which must not compile. */
#include <lanes.h>

void handler(struct request *req);

void handler(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0));
	{
		int kept = req->reply.status;

#if ACROSS
		AWAIT(req, sleep_for(req, 1));
#endif
		reply_error(req, kept);
	}
	AWAIT(req, sleep_for(req, 0));
	ASYNC_END(req);
}
