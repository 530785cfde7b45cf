/* A statement of a request: it is sent, and takes the results. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "client/pg_inside.h"

enum { NAME_BYTES = 32 };

/* ---- lists ---- */

void pg_list_add(struct pg_list *list, struct pg_call *call)
{
	call->queued = true;
	call->next = NULL;
	call->prev = list->last;
	if (list->last)
		list->last->next = call;
	else
		list->first = call;
	list->last = call;
}

void pg_list_remove(struct pg_list *list, struct pg_call *call)
{
	call->queued = false;
	if (call->prev)
		call->prev->next = call->next;
	else
		list->first = call->next;
	if (call->next)
		call->next->prev = call->prev;
	else
		list->last = call->prev;
}

/* ---- sending ---- */

static bool has_prepared(const struct pg_conn *conn, const struct pg_statement *statement)
{
	return conn->prepared[statement->number / 64] >> statement->number % 64 & 1;
}

/* The name that it has on this connection. */
static const char *name_of(const struct pg_conn *conn, const struct pg_statement *statement,
			   char name[NAME_BYTES])
{
	if (!conn->generation)
		return statement->name;
	snprintf(name, NAME_BYTES, "s%u_%u", statement->number, conn->generation);
	return name;
}

/* With what has to come before it, if anything has: all of it is sent at once. */
static bool send_query(struct pg_conn *conn, struct pg_call *call)
{
	const struct pg_statement *statement = call->statement;
	bool begins = call->block && !call->block->begun;
	bool prepares = statement && !has_prepared(conn, statement);
	char own[NAME_BYTES];
	const char *name = statement ? name_of(conn, statement, own) : NULL;
	bool sent = true;

	conn->piped = begins || prepares;
	conn->preparing = prepares ? statement : NULL;
	conn->prepare_step = begins;
	if (conn->piped)
		sent = PQenterPipelineMode(conn->pq);
	if (begins) {
		call->block->begun = true;
		sent = sent && PQsendQueryParams(conn->pq, "BEGIN", 0, NULL, NULL, NULL, NULL, 0);
	}
	if (prepares)
		sent = sent && PQsendPrepare(conn->pq, name, statement->text, 0, NULL);
	conn->steps = (uint8_t)(begins + prepares);
	if (statement)
		sent = sent && PQsendQueryPrepared(conn->pq, name, call->count, call->values,
						   call->lengths, call->formats, 0);
	else
		sent = sent && PQsendQueryParams(conn->pq, call->text, call->count, NULL,
						 call->values, call->lengths, call->formats, 0);
	return sent && (!conn->piped || PQpipelineSync(conn->pq));
}

void pg_call_send(struct pg_conn *conn, struct pg_call *call, uint64_t now)
{
	struct pg_pool *pool = conn->pool;
	bool sent;

	if (!call->repeated)
		awaited_begin(&call->awaited, call->task.co, SPAN_DB,
			      call->statement ? call->statement->thing : 0, now);
	call->conn = conn;
	conn->call = call;
	conn->state = PG_WORKS;
	conn->step = conn->steps = 0;
	conn->error = 0;
	conn->bytes = 0;
	conn->again = false;
	conn->due = pool->limits.statement ? now + pool->limits.statement : 0;
	if (conn->due)
		pg_pool_at(pool, conn->due);
	if (call->kind == PG_CALL_QUERY)
		sent = send_query(conn, call);
	else
		sent = PQsendQuery(conn->pq, call->kind == PG_CALL_COMMIT ? "COMMIT" : "ROLLBACK");
	if (sent)
		pg_conn_flush(conn);
	else
		pg_conn_break(conn);
}

/* ---- results ---- */

int pg_error_of(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (!state || (severity && strcmp(severity, "ERROR") != 0))
		return -ENOLINK; /* it is about to be closed */
	return strcmp(state, "57014") ? -EREMOTEIO : -ETIMEDOUT;
}

/* What has failed first is the result. */
static void take_result(struct pg_conn *conn, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	bool failed = status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
		      status != PGRES_EMPTY_QUERY;

	if (!failed && conn->piped && conn->preparing && conn->step == conn->prepare_step)
		conn->prepared[conn->preparing->number / 64] |= UINT64_C(1)
								<< conn->preparing->number % 64;
	if (conn->error || (!failed && conn->step < conn->steps) ||
	    status == PGRES_PIPELINE_ABORTED) {
		PQclear(result);
		return;
	}
	PQclear(conn->result);
	conn->result = result;
	if (status == PGRES_FATAL_ERROR)
		conn->error = pg_error_of(result);
	else if (failed) { /* COPY: neither side would go on */
		conn->error = -EREMOTEIO;
		pg_conn_break(conn);
	}
}

bool pg_call_take(struct pg_conn *conn)
{
	while (!conn->broken && !PQisBusy(conn->pq)) {
		PGresult *result = PQgetResult(conn->pq);

		if (!result && !conn->piped)
			return true;
		if (!result) {
			conn->step++;
		} else if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
			PQclear(result);
			conn->piped = false;
			if (PQexitPipelineMode(conn->pq))
				return true;
			pg_conn_break(conn);
		} else {
			take_result(conn, result);
		}
	}
	return false;
}
