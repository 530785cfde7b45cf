/* The handlers, one file each, and the table of them. */
#ifndef LANES_GUIDE_ENDPOINTS_H
#define LANES_GUIDE_ENDPOINTS_H

#include "http/request.h"
#include "http/router.h"

extern const struct routes endpoints;

void root(struct request *req);
void sync_noawait(struct request *req);
void async_await_one(struct request *req);
void async_await_many(struct request *req);
void async_wrap_blocking(struct request *req);
void async_bad_blocking(struct request *req);
void async_cpu_bound(struct request *req);

#endif
