#include "engine/flow.h"

#include <stdlib.h>

/* What is said of either, should it be fed: that memory is out. */
const struct flow flow_at_rest = {.fcgi.record.version = FCGI_VERSION};
const struct flow flow_failed = {.fcgi.out.failed = true, .fcgi.record.version = FCGI_VERSION};

bool flow_make(struct conn *conn)
{
	struct flow *flow = calloc(1, sizeof(*flow));

	if (flow)
		conn->fcgi.flow = &flow->fcgi;
	return flow;
}

static bool is_its_own(const struct flow *flow)
{
	return flow != &flow_at_rest && flow != &flow_failed;
}

/* What is missing of a record may be long in coming: it needs no memory for output meanwhile. */
void flow_tidy(struct conn *conn)
{
	struct flow *flow = conn_flow(conn);
	bool has_part = fcgi_flow_has_part(&flow->fcgi);

	if (!is_its_own(flow))
		return;
	if (has_part || flow->fcgi.out.size > SPARE_OUT_MAX)
		buffer_free(&flow->fcgi.out);
	if (has_part)
		return;
	if (conn->engine->spare_flow_count < SPARE_FLOWS)
		flow_keep(conn, flow);
	else
		flow_drop(conn);
}

void flow_drop(struct conn *conn)
{
	struct flow *flow = conn_flow(conn);

	conn->fcgi.flow = (struct fcgi_flow *)&flow_at_rest.fcgi;
	if (!is_its_own(flow))
		return;
	budget_give(&conn->budget, flow->charged);
	fcgi_flow_free(&flow->fcgi);
	free(flow);
}

void flow_free_spares(struct engine *engine)
{
	while (engine->spare_flows) {
		struct flow *flow = engine->spare_flows;

		engine->spare_flows = flow->next;
		buffer_free(&flow->fcgi.out);
		free(flow);
	}
	engine->spare_flow_count = 0;
}
