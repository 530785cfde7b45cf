/*
 * Lanes: what a service includes, and all that it needs.
 *
 * A handler is a function of a request. It reads what was asked (http/request.h, http/input.h,
 * http/body.h), waits without holding the loop (await/await.h), and replies (http/reply.h); routes
 * lead to it (http/router.h). An application has routes, and more (engine/application.h); what it
 * counts is a metric (scoreboard/metric.h). It calls other services (client/fetch.h), and
 * has rows from PostgreSQL (client/pg.h).
 *
 * Few need the rest: what all workers do now (scoreboard/board_reader.h), requests to the system
 * itself (client/volley.h), and what is new to wait for (await/coroutine.h, await/awaited.h).
 */
#ifndef LANES_H
#define LANES_H

#include "await/await.h"
#include "await/awaited.h"
#include "await/bell.h"
#include "await/coroutine.h"
#include "await/thread_pool.h"
#include "base/buffer.h"
#include "base/json.h"
#include "base/log.h"
#include "base/slice.h"
#include "client/fetch.h"
#include "client/pg.h"
#include "client/volley.h"
#include "engine/application.h"
#include "http/body.h"
#include "http/condition.h"
#include "http/input.h"
#include "http/json_document.h"
#include "http/number.h"
#include "http/percent.h"
#include "http/reply.h"
#include "http/reply_file.h"
#include "http/request.h"
#include "http/router.h"
#include "http/trace_context.h"
#include "scoreboard/board_reader.h"
#include "scoreboard/board_task.h"
#include "scoreboard/metric.h"
#include "scoreboard/scoreboard.h"

#endif
