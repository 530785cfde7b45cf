/*
 * Where an application is mounted, and which part of a request's path is below that.
 *
 * Web servers cut a path into SCRIPT_NAME and PATH_INFO in different places, and some send all of
 * it as one of them. So where the mount is known (--mount) only the whole counts: both joined, less
 * the mount. Where it is not, PATH_INFO is the path, below SCRIPT_NAME.
 */
#ifndef LANES_HTTP_MOUNT_H
#define LANES_HTTP_MOUNT_H

#include "base/slice.h"

struct request;

/* A mount as it is typed: "/app", decoded; "/", the root; NULL, not known. As routers have it, the
 * root is "", and data is NULL where it is not known. Borrowed. */
static inline struct slice mount_of(const char *typed)
{
	if (!typed)
		return (struct slice){NULL, 0};
	return typed[1] ? slice_of(typed) : (struct slice){"", 0};
}

/* Makes req->prefix the mount and req->path what is below it. Returns 0; 404 if the path is not
 * below the mount: then the prefix is empty, and the path the whole; or 503 if memory is out. */
int mount_enter(struct slice mount, struct request *req);

/* The prefix and a path below it, both decoded; data is NULL if memory is out. */
struct slice mount_join(struct request *req, struct slice path);

/* What is before the query, or a fragment, of a request target (RFC 9112 3.2). */
struct slice path_of_target(struct slice target);

#endif
