/* A local with an initialiser; ACROSS=1: it is to survive an AWAIT, which must not compile. Nor
 * must a frame that is to be aligned more than memory is: WIDE=1. */
#include <lanes.h>

void handler(struct request *req);

struct frame {
#if WIDE
	_Alignas(64)
#endif
		int kept;
};

void handler(struct request *req)
{
	struct frame *f = FRAME(req, struct frame);

	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0));
	{
		int kept = req->reply.status;

#if ACROSS
		AWAIT(req, sleep_for(req, 1));
#endif
		f->kept = kept;
	}
	AWAIT(req, sleep_for(req, 0));
	reply_error(req, f->kept);
	ASYNC_END(req);
}
