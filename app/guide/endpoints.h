/* The handlers, one file each, what they are given, and the table of them. */
#ifndef LANES_GUIDE_ENDPOINTS_H
#define LANES_GUIDE_ENDPOINTS_H

#include <lanes.h>

extern const struct application guide;

struct wait {
	double seconds; /* 0 to 60 */
};

struct waits {
	struct list seconds; /* of double, 0 to 60 each */
};

struct numbers {
	int64_t n; /* 0 to 1000000000 */
};

void root(struct request *req);
void sync_noawait(struct request *req);
void async_await_one(struct request *req);
void async_await_many(struct request *req);
void async_wrap_blocking(struct request *req);
void async_bad_blocking(struct request *req);
void async_cpu_bound(struct request *req);

#endif
