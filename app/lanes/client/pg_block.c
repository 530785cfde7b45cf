/* Transactions. One has a connection from pg_begin() to its end; one that has lost it stays open
 * until the request ends it: what it asks meanwhile must not be done outside. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/pg_inside.h"
#include "http/request.h"
#include "http/waiting.h"

struct pg_block *pg_block_of(const struct pg_pool *pool, const struct request *req)
{
	struct pg_block *block = pool->blocks;
	const struct request *root;

	if (!block)
		return NULL;
	root = request_root(req);
	while (block && block->root != root)
		block = block->next;
	return block;
}

void pg_block_has(struct pg_block *block, struct pg_conn *conn)
{
	struct pg_pool *pool = conn->pool;

	block->pool = pool;
	block->conn = conn;
	block->open = true;
	block->begun = false;
	block->next = pool->blocks;
	pool->blocks = block;
	conn->block = block;
	conn->state = PG_REST;
	conn->due = 0;
}

void pg_block_lost(struct pg_block *block)
{
	block->conn->block = NULL;
	block->conn = NULL;
}

void pg_block_end(struct pg_block *block)
{
	struct pg_block **at = &block->pool->blocks;
	struct pg_conn *conn = block->conn;

	while (*at != block)
		at = &(*at)->next;
	*at = block->next;
	block->open = false;
	if (!conn)
		return;
	pg_block_lost(block);
	pg_queue_fail(&conn->queue, -EINVAL); /* what was to be done in it */
}

/* The request is no more, or has no use for it. */
static void leave(void *arg)
{
	struct pg_block *block = arg;
	struct pg_conn *conn = block->conn;

	if (!block->open)
		return;
	pg_block_end(block);
	if (!conn || conn->broken || conn->state != PG_REST)
		return;
	if (block->begun)
		pg_pool_tidy(conn);
	else
		pg_pool_rest(conn, uv_hrtime());
}

/* The one of the frame, made if that has none; NULL if memory is out. */
static struct pg_block *block_for(struct request *req, struct pg_tx *tx)
{
	struct pg_block *block = tx->block;

	if (block)
		return block;
	block = request_alloc(req, sizeof(*block));
	if (!block || !request_defer(req, leave, block))
		return NULL;
	block->root = request_root(req);
	return tx->block = block;
}

/* error is that of what could not begin. */
static void ask(struct request *req, struct pg_pool *pool, enum pg_call_kind kind,
		struct pg_block *block, int error)
{
	static const struct pg_value none[] = {{.kind = PG_END}};
	struct pg_call *begun = error ? NULL : pg_call_make(pool, NULL, none, &error);

	if (begun) {
		begun->kind = kind;
		begun->block = block;
		pg_call_begin(begun, &req->co, NULL);
	} else {
		coroutine_add_end(&req->co, error, NULL);
	}
	gather(req);
}

void pg_begin(struct request *req, struct pg_tx *tx)
{
	struct pg_pool *pool = pg_pool_of(req->co.sched);
	struct pg_block *block = NULL;
	int error = pool ? pg_pool_may_wait(pool) : -ENODEV;

	if (!error && pg_block_of(pool, req))
		error = -EBUSY;
	if (!error)
		block = block_for(req, tx);
	ask(req, pool, PG_CALL_BEGIN, block, error || block ? error : -ENOMEM);
}

static void end(struct request *req, struct pg_tx *tx, enum pg_call_kind kind)
{
	struct pg_block *block = tx->block;
	struct pg_conn *conn = block && block->open ? block->conn : NULL;
	bool begun = conn && (block->begun || conn->state != PG_REST);
	int error = !block || !block->open ? -EINVAL : !conn ? -ENOLINK : 0;

	if (begun) {
		ask(req, conn->pool, kind, block, 0);
		return;
	}
	if (block && block->open)
		leave(block);
	if (error && (kind == PG_CALL_COMMIT || error == -EINVAL))
		coroutine_add_end(&req->co, error, NULL);
	gather(req);
}

void pg_commit(struct request *req, struct pg_tx *tx)
{
	end(req, tx, PG_CALL_COMMIT);
}

void pg_rollback(struct request *req, struct pg_tx *tx)
{
	end(req, tx, PG_CALL_ROLLBACK);
}
