/* Where the host is, if the URL has its name: looked up anew for connections that are opened some
 * time after the last; one address after the other is tried. */
#include <errno.h>
#include <stdlib.h>

#include "base/util.h"
#include "client/names.h"
#include "client/pg_inside.h"

enum { FRESH_MS = 2000 };

/* It has a coroutine, to wait with, and outlives the pool while a thread works for it. */
struct pg_names {
	struct coroutine co;
	struct pg_pool *pool; /* NULL: it is closed */
	unsigned refs;
	bool asks;
	uint64_t fresh; /* until then */
	unsigned turn;
	struct lookup lookup;
	void *block; /* of what it waits for */
};

static void ref(struct coroutine *co)
{
	container_of(co, struct pg_names, co)->refs++;
}

static void unref(struct coroutine *co)
{
	struct pg_names *names = container_of(co, struct pg_names, co);

	if (--names->refs)
		return;
	free(names->block);
	free(names);
}

static void *alloc(struct coroutine *co, size_t size)
{
	struct pg_names *names = container_of(co, struct pg_names, co);

	return names->block ? NULL : (names->block = calloc(1, size));
}

static uint64_t resume(struct coroutine *co, uint64_t now)
{
	struct pg_names *names = container_of(co, struct pg_names, co);

	names->asks = false;
	if (co->error)
		pg_is_missing(names->pool, co->error == -ENOENT ? "its name is unknown"
								: "its name cannot be looked up");
	else
		names->fresh = now + FRESH_MS * PG_MS;
	co->error = 0;
	pg_pool_soon(names->pool);
	return now;
}

static const struct coroutine_ops ops = {
	.resume = resume, .alloc = alloc, .ref = ref, .unref = unref};

static struct pg_names *make(struct pg_pool *pool, const char *host)
{
	struct pg_names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	names->co = (struct coroutine){.ops = &ops,
				       .sched = pool->sched,
				       .line = 1,
				       .suspended = true,
				       .tries = true,
				       .untold = true};
	names->pool = pool;
	names->refs = 1;
	names->lookup.host = host;
	pool->names = names;
	return names; /* cppcheck-suppress memleak ; the pool has it */
}

bool pg_names_ready(struct pg_pool *pool, uint64_t now)
{
	const char *host = pg_settings_name(pool->settings);
	struct pg_names *names = pool->names;

	if (!host)
		return true;
	if (!names && !(names = make(pool, host))) {
		pg_is_missing(pool, "out of memory");
		return false;
	}
	if (names->fresh > now)
		return true;
	if (names->asks)
		return false;
	names->asks = true;
	coroutine_add_lookup(&names->co, &names->lookup, NULL);
	coroutine_gather(&names->co);
	if (!names->co.pending)
		sched_ready(pool->sched, &names->co);
	return false;
}

const char *pg_names_address(struct pg_pool *pool)
{
	struct pg_names *names = pool->names;

	return names ? names->lookup.addresses[names->turn % names->lookup.count] : NULL;
}

void pg_names_next(struct pg_pool *pool)
{
	if (pool->names)
		pool->names->turn++;
}

void pg_names_close(struct pg_pool *pool)
{
	struct pg_names *names = pool->names;

	if (!names)
		return;
	pool->names = NULL;
	names->pool = NULL;
	coroutine_cancel(&names->co);
	unref(&names->co);
}
