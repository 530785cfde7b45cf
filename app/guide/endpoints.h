/* The handlers, one file each, and the table of them. */
#ifndef LANES_GUIDE_ENDPOINTS_H
#define LANES_GUIDE_ENDPOINTS_H

#include "engine/application.h"
#include "http/request.h"

extern const struct application guide;

void root(struct request *req);
void sync_noawait(struct request *req);
void async_await_one(struct request *req);
void async_await_many(struct request *req);
void async_wrap_blocking(struct request *req);
void async_bad_blocking(struct request *req);
void async_cpu_bound(struct request *req);

#endif
