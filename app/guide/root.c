#include "endpoints.h"

/* GET /: what there is. */
void root(struct request *req)
{
	reply_bytes(req, 200, "application/json",
		    slice_of("{\"sync\":\"/sync/noawait\","
			     "\"async_one\":\"/async/await-one\","
			     "\"async_many\":\"/async/await-many\","
			     "\"wrap_blocking\":\"/async/wrap-blocking\","
			     "\"bad_blocking\":\"/async/bad-blocking\","
			     "\"cpu_bound\":\"/async/cpu-bound\"}"));
}
