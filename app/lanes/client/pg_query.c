/* What a handler waits for: a statement. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "client/pg_inside.h"
#include "http/request.h"
#include "http/waiting.h"

/* ---- results ---- */

static void release(void *arg)
{
	struct pg_held *held = arg;

	PQclear(held->result);
	held->result = NULL;
}

/* Makes it as if nothing had come yet. False if memory is out. */
static bool empty(struct request *req, struct pg_rows *rows)
{
	struct pg_held *held = rows->held;

	*rows = (struct pg_rows){.held = held};
	if (held) {
		release(held);
		return true;
	}
	held = request_alloc(req, sizeof(*held));
	if (!held || !request_defer(req, release, held))
		return false;
	rows->held = held;
	return true;
}

/* "SELECT 1", "INSERT 0 1": the last word of what was done, if it is a number. */
static int64_t affected(const char *status)
{
	const char *digit = strrchr(status, ' ');
	int64_t number = 0;

	while (digit && *++digit >= '0' && *digit <= '9')
		number = number * 10 + (*digit - '0');
	return number;
}

static void fill(struct pg_rows *rows, PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	rows->held->result = result;
	rows->count = PQntuples(result);
	rows->columns = PQnfields(result);
	rows->affected = affected(PQcmdStatus(result));
	if (state)
		strncpy(rows->state, state, sizeof(rows->state) - 1);
}

/* What the statement names is not there, and the tables are not known to be. */
static bool misses_tables(const struct pg_call *call, const PGresult *result)
{
	static const char *const missing[] = {"42P01", "42883", "42703"};
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	for (size_t i = 0; state && i < sizeof(missing) / sizeof(missing[0]); i++)
		if (!strcmp(state, missing[i]))
			return call->pool->tables != BOARD_TABLES_FINE;
	return false;
}

/* Whoever tries looks at it himself. */
static void tell(const struct pg_call *call, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	bool hints = misses_tables(call, result) || (state && !strcmp(state, "42P01"));

	if (call->task.co->tries)
		return;
	log_event(LOG_LEVEL_ERROR, "statement-failed", "state", state ? state : "", "message",
		  message ? message : "", "statement", call->statement ? call->statement->text : "",
		  hints ? "instead" : NULL, "--migrate", NULL);
}

void pg_call_end(struct pg_call *call, int error, PGresult *result, uint64_t now)
{
	struct coroutine *co = call->task.co;

	if (call->kind == PG_CALL_COMMIT || call->kind == PG_CALL_ROLLBACK)
		pg_block_end(call->block);
	/* What the database refuses is told below. */
	awaited_end(&call->awaited, error == -EREMOTEIO ? 0 : error, now);
	if (error == -EREMOTEIO && result)
		tell(call, result);
	if (error == -EREMOTEIO && misses_tables(call, result))
		error = -ESTALE;
	if (call->rows && result)
		fill(call->rows, result);
	else
		PQclear(result);
	coroutine_woken(co, now);
	task_end(&call->task, error);
	pg_call_free(call);
}

/* ---- statements ---- */

bool pg_has_database(const struct request *req)
{
	return pg_pool_of(req->co.sched) != NULL;
}

/* Nobody wants it any more. */
static void cancel(struct task *task)
{
	struct pg_call *ended = container_of(task, struct pg_call, task);
	struct pg_pool *pool = ended->pool;
	struct pg_conn *conn = ended->conn;

	if (conn) {
		awaited_drop(&ended->awaited);
		conn->call = NULL;
		pg_pool_cancel(conn);
	} else if (ended->block && ended->block->conn) {
		pg_list_remove(&ended->block->conn->queue, ended);
	} else {
		pg_pool_unwait(ended, ended->awaited.co->error, uv_hrtime());
		pg_pool_show(pool);
	}
	pg_call_free(ended);
}

void pg_call_begin(struct pg_call *call, struct coroutine *co, int *outcome)
{
	task_begin(co, &call->task, cancel, outcome);
	pg_pool_take(call->pool, call);
}

/* What there is before a call: 0 or a negative errno. */
static int may_begin(struct request *req, struct pg_pool *pool, const struct pg_block *block,
		     struct pg_rows *rows)
{
	if (rows && !empty(req, rows))
		return -ENOMEM;
	if (!pool)
		return -ENODEV;
	if (block && !block->conn)
		return -ENOLINK;
	return block ? 0 : pg_pool_may_wait(pool);
}

void gather_add_pg_values(struct request *req, int *outcome, struct pg_rows *rows, const char *sql,
			  const struct pg_value *values)
{
	struct pg_pool *pool = pg_pool_of(req->co.sched);
	struct pg_block *block = pool ? pg_block_of(pool, req) : NULL;
	struct pg_call *begun = NULL;
	int error;

	error = coroutine_has_failed(&req->co) ? req->co.error : may_begin(req, pool, block, rows);
	if (!error)
		begun = pg_call_make(pool, sql, values + 1, &error);
	if (!begun) {
		if (error == -EILSEQ && rows)
			strcpy(rows->state, "22021");
		coroutine_add_end(&req->co, error == -EILSEQ ? -EREMOTEIO : error, outcome);
		return;
	}
	begun->rows = rows;
	begun->block = block;
	pg_call_begin(begun, &req->co, outcome);
}

void pg_query_values(struct request *req, struct pg_rows *rows, const char *sql,
		     const struct pg_value *values)
{
	gather_add_pg_values(req, NULL, rows, sql, values);
	gather(req);
}
