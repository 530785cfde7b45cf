#include "engine/flow.h"

#include <stdlib.h>

/* What is said of either, should it be fed: that memory is out. */
const struct flow flow_at_rest = {.fcgi.record.version = FCGI_VERSION};
const struct flow flow_failed = {.fcgi.out.failed = true, .fcgi.record.version = FCGI_VERSION};

bool flow_lend(struct conn *conn)
{
	struct engine *engine = conn->engine;
	struct flow *flow = engine->spare_flows;

	if (flow) {
		engine->spare_flows = flow->next;
		engine->spare_flow_count--;
	} else {
		flow = calloc(1, sizeof(*flow));
		if (!flow)
			return false;
		engine->flow_count++;
	}
	conn->fcgi.flow = &flow->fcgi;
	return true;
}

static void flow_free(struct engine *engine, struct flow *flow)
{
	buffer_free(&flow->fcgi.out);
	free(flow);
	engine->flow_count--;
}

/* NULL: it has none. */
static struct flow *flow_leave(struct conn *conn)
{
	struct flow *flow = conn_flow(conn);

	conn->fcgi.flow = (struct fcgi_flow *)&flow_at_rest.fcgi;
	return flow == &flow_at_rest || flow == &flow_failed ? NULL : flow;
}

/* It is empty, but for the memory of its output. */
static void flow_keep(struct engine *engine, struct flow *flow)
{
	if (engine->spare_flow_count >= FLOWS_KEPT || flow->fcgi.out.size > FLOW_OUT_MAX) {
		flow_free(engine, flow);
		return;
	}
	flow->next = engine->spare_flows;
	engine->spare_flows = flow;
	engine->spare_flow_count++;
}

/* What is missing of a record may be long in coming: it needs no memory for output meanwhile. */
void flow_take_back(struct conn *conn)
{
	struct engine *engine = conn->engine;
	bool has_part = fcgi_flow_has_part(conn->fcgi.flow);
	struct flow *flow;

	if (has_part || conn->fcgi.flow->out.size > FLOW_OUT_MAX)
		buffer_free(&conn->fcgi.flow->out);
	if (has_part || engine->flow_count <= FLOWS_KEPT)
		return;
	flow = flow_leave(conn);
	if (flow)
		flow_keep(engine, flow);
}

void flow_drop(struct conn *conn)
{
	struct flow *flow = flow_leave(conn);

	if (!flow)
		return;
	budget_give(&conn->budget, flow->charged);
	fcgi_params_free(&flow->fcgi.values);
	*flow = (struct flow){
		.fcgi.out = {.data = flow->fcgi.out.data, .size = flow->fcgi.out.size}};
	flow_keep(conn->engine, flow);
}

void flow_free_spares(struct engine *engine)
{
	while (engine->spare_flows) {
		struct flow *flow = engine->spare_flows;

		engine->spare_flows = flow->next;
		flow_free(engine, flow);
	}
	engine->spare_flow_count = 0;
}
