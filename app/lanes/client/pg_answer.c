/* A connection has an answer: what becomes of its statement, and of itself. */
#include <errno.h>
#include <string.h>

#include "client/pg_inside.h"

/* What has failed so may come again, or be the server's own trouble. */
static bool is_of_server(const PGresult *result)
{
	static const char *const classes[] = {"53", "57", "58", "XX"};
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	for (size_t i = 0; state && i < sizeof(classes) / sizeof(classes[0]); i++)
		if (!strncmp(state, classes[i], 2))
			return true;
	return false;
}

/* A table was altered, or somebody has removed what was prepared. */
static bool is_stale(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return state && (!strcmp(state, "0A000") || !strcmp(state, "26000"));
}

/* Prepares everything again, and sends the call again if nothing can have been done of it. */
static bool repeat(struct pg_conn *conn)
{
	struct pg_call *call = conn->call;

	if (conn->error != -EREMOTEIO || !is_stale(conn->result) || !call->statement)
		return false;
	memset(conn->prepared, 0, sizeof(conn->prepared));
	conn->generation++;
	if (conn->block || call->repeated)
		return false;
	PQclear(conn->result);
	conn->result = NULL;
	call->repeated = true;
	pg_call_send(conn, call, uv_hrtime());
	return true;
}

/* Of COMMIT, which rolls back where something has failed. */
static bool was_rolled_back(const struct pg_call *call, PGresult *result)
{
	return call->kind == PG_CALL_COMMIT && !strcmp(PQcmdStatus(result), "ROLLBACK");
}

/* What came too fast to be counted. */
static bool is_too_large(const PGresult *result, uint64_t limit)
{
	uint64_t bytes = 0;

	if (PQresultMemorySize(result) <= limit)
		return false;
	for (int row = 0; row < PQntuples(result); row++)
		for (int column = 0; column < PQnfields(result); column++)
			bytes += (uint64_t)PQgetlength(result, row, column);
	return bytes > limit;
}

static void end_work(struct pg_conn *conn)
{
	struct pg_call *call = conn->call;
	PGresult *result = conn->result;
	int error = conn->error;
	uint64_t now = uv_hrtime();

	board_add(&conn->pool->board->statements, 1);
	if (error) {
		conn->unsound = is_of_server(result);
	} else if (was_rolled_back(call, result)) {
		error = -EREMOTEIO;
	} else if (is_too_large(result, conn->pool->limits.result_bytes)) {
		PQclear(result);
		result = NULL;
		error = -EFBIG;
	}
	conn->result = NULL;
	conn->call = NULL;
	pg_call_end(call, error, result, now);
	if (conn->block || (!conn->unsound && PQtransactionStatus(conn->pq) == PQTRANS_IDLE))
		pg_pool_rest(conn, now);
	else
		pg_pool_tidy(conn);
}

/* Of what no request waits for. */
static void end_care(struct pg_conn *conn)
{
	PQclear(conn->result);
	conn->result = NULL;
	if (conn->state == PG_CANCELS) {
		conn->drained = true;
		if (pg_cancel_rests(conn))
			pg_pool_cancelled(conn);
	} else if (PQtransactionStatus(conn->pq) == PQTRANS_IDLE) {
		pg_pool_rest(conn, uv_hrtime());
	} else {
		pg_conn_break(conn);
	}
}

void pg_pool_answered(struct pg_conn *conn)
{
	if (conn->listens)
		pg_news_answered(conn);
	else if (conn->state != PG_WORKS)
		end_care(conn);
	else if (!repeat(conn))
		end_work(conn);
}
