/* A worker, from its command line to its end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/affinity.h"
#include "base/log.h"
#include "client/fetch_limits.h"
#include "client/queue.h"
#include "engine/application.h"
#include "engine/config_check.h"
#include "engine/database.h"
#include "engine/doctor.h"
#include "engine/harden.h"
#include "engine/job_worker.h"
#include "engine/listen.h"
#include "engine/loop.h"
#include "engine/master.h"
#include "engine/options.h"
#include "engine/parent.h"
#include "engine/prefork.h"
#include "engine/sandbox.h"
#include "http/body.h"
#include "http/trace_context.h"
#include "scoreboard/scoreboard.h"

#ifndef LANES_VERSION
#define LANES_VERSION "0.1.0"
#endif

static const char *no_memory(const struct options *options)
{
	return options->address_space ? "out of memory: --address-space is too little for it"
				      : "out of memory";
}

/* Whether nginx leads to it below a prefix. */
static bool serves_below(const struct options *options)
{
	return options->engine != ENGINE_JOBS &&
	       (options->routes == ROUTES_APP || options->routes == ROUTES_OUTSIDE);
}

static bool is_at_root(const struct options *options)
{
	return !options->mount || !options->mount[1];
}

/* The scoreboard is for those who watch. A worker that cannot have it says so, and serves. */
static struct board_slot *claim_slot(const struct options *options, struct scoreboard *board)
{
	static const char *const engines[] = {
		[ENGINE_LOOP] = "loop", [ENGINE_PREFORK] = "prefork", [ENGINE_JOBS] = "jobs"};
	const char *engine = engines[options->engine];
	char prefix[BOARD_PATH] = "";
	struct board_slot *slot = NULL;
	int err = scoreboard_open(board, options->scoreboard);

	if (serves_below(options))
		snprintf(prefix, sizeof(prefix), "%s/", is_at_root(options) ? "" : options->mount);
	if (!err)
		slot = scoreboard_claim(board, options->pool, (uint32_t)options->slot, engine,
					prefix);
	if (!slot && options->scoreboard) {
		log_complaint("%.1000s: no scoreboard: %s", options->scoreboard,
			      err == -ETIMEDOUT ? "its lock is held"
			      : err == -ENOMEM	? no_memory(options)
			      : err		? strerror(-err)
						: "no slot, or no room on the disk");
		scoreboard_close(board);
		if (scoreboard_open(board, NULL) == 0)
			slot = scoreboard_claim(board, options->pool, (uint32_t)options->slot,
						engine, prefix);
	}
	return slot;
}

static void show_routes(struct scoreboard *board, const struct routes *routes)
{
	static const char *const methods[METHODS] = {[METHOD_GET] = "",
						     [METHOD_POST] = "POST ",
						     [METHOD_PUT] = "PUT ",
						     [METHOD_PATCH] = "PATCH ",
						     [METHOD_DELETE] = "DELETE "};
	size_t count = scoreboard_add_routes(board, routes->count);

	for (size_t i = 0; i < count; i++) {
		const struct route *route = &routes->list[i];
		struct board_route *shown = &board->own->routes[i + 1];

		snprintf(shown->name, sizeof(shown->name), "%s%s", methods[route->method],
			 route->path);
		board_set(&shown->is_async, route->kind == ROUTE_ASYNC);
	}
	if (count < routes->count)
		log_complaint("the scoreboard has room for %zu of %zu routes", count,
			      routes->count);
}

/* What nginx/lanes.conf.in answers itself, whatever the application has; below one that ends in
 * "/", all. */
static const char *const of_nginx[] = {"/status", "/metrics", "/trace",	     "/burst",
				       "/events", "/healthz", "/readyz",     "/docs",
				       "/lanes",  "/lanes/",  "/nginx-error"};

/* Routes that no request will reach, but below another pool's mount: said once in a system. */
static void tell_hidden(const struct options *options, const struct routes *routes)
{
	char hidden[128] = "";
	size_t len = 0;

	if (options->routes != ROUTES_APP || options->engine == ENGINE_JOBS ||
	    !options->scoreboard || options->slot != 1 || !is_at_root(options))
		return;
	for (size_t i = 0; i < sizeof(of_nginx) / sizeof(of_nginx[0]); i++) {
		const char *path = of_nginx[i];
		size_t same = strlen(path) + (path[strlen(path) - 1] != '/');
		size_t r = 0;

		while (r < routes->count && strncmp(routes->list[r].path, path, same) != 0)
			r++;
		if (r < routes->count)
			len += (size_t)snprintf(hidden + len, sizeof(hidden) - len, " %s", path);
	}
	if (len)
		log_event(LOG_LEVEL_WARNING, "routes-hidden", "by", "nginx", "paths", hidden + 1,
			  NULL);
}

/* Said now, and not when the first body is too long for memory. A worker without serves the others.
 */
static void check_spool(struct options *options)
{
	int file = options->spool ? spool_file(options->spool) : -1;

	if (file >= 0) {
		close(file);
		return;
	}
	if (options->spool)
		log_complaint("%.1000s: no spool for long bodies: %s", options->spool,
			      strerror(-file));
	options->spool = NULL;
}

static void enter_sandbox(const struct options *options, const struct sandbox *needs)
{
	if (options->sandbox == SANDBOX_OFF)
		return;
#ifdef INSTRUMENTED
	/* It opens files and looks at itself at any moment. */
	(void)needs;
	log_event(LOG_LEVEL_INFO, "no-sandbox", "why", "built with a sanitizer or coverage", NULL);
#else
	sandbox_enter(needs);
#endif
}

static void prepare_fetches(const struct options *options, struct sandbox *needs)
{
	fetch_limits = (struct fetch_limits){.most = (unsigned)options->fetch_most,
					     .host = (unsigned)options->fetch_host_most,
					     .queue = (unsigned)options->fetch_queue,
					     .idle = (double)options->fetch_idle / 1e3,
					     .ca = options->ca};
	needs->trusts = options->ca;
	fetch_prepare();
}

static bool only_tells(const struct options *options, const struct option_table *own)
{
	if (options->help)
		options_help(stdout, own);
	else if (options->version)
		puts("lanes " LANES_VERSION);
	return options->help || options->version;
}

/* For its metrics, on the board. */
static bool has_places(const struct application *application, struct board_slot *slot)
{
	const char *wrong = metrics_place(application->metrics, slot);

	if (wrong)
		log_complaint("%s", wrong);
	return !wrong;
}

static bool has_sound_pools(const struct application *application)
{
	const struct thread_pool_options *own[BOARD_OWN_POOLS];

	return application_pools(application, own);
}

/* The application as this process serves it: with the state that it has made. False after a
 * message. */
static bool prepare(struct application *application, struct setup *setup)
{
	setup->state = application->routes.state;
	if (application->prepare && !application->prepare(setup))
		return false;
	application->routes.state = setup->state;
	return true;
}

static int serve(const struct options *options, struct listener *listener, const char *worker,
		 const struct application *application, const struct scoreboard *board)
{
	int status;

	if (options->engine == ENGINE_PREFORK)
		status = prefork_run(options, listener, worker, application, board);
	else
		status = loop_run(options, options->engine == ENGINE_JOBS ? NULL : listener, worker,
				  application, board);
	listener_close(listener);
	/* The scoreboard stays mapped: a thread that nothing can interrupt may still write to it.
	 */
	return status;
}

/* From the socket to the end. */
static int work(struct options *options, struct application *application)
{
	static char worker[64]; /* threads that nothing can interrupt may still log */
	struct scoreboard board;
	struct sandbox needs = {0};
	struct setup setup = {.options = options, .board = &board, .needs = &needs};
	struct listener listener = {.fd = -1};
	const struct socket_file file = {(mode_t)options->listen_mode, options->listen_owner,
					 options->listen_group};
	struct board_slot *slot;
	int err;

	if (options->engine != ENGINE_JOBS && listener_adopt(options->listen))
		return 1;
	harden(options);
	if (options->engine == ENGINE_JOBS
		    ? !job_worker_prepare(options, application)
		    : listener_open_as(&listener, options->listen, (int)options->backlog, &file))
		return 1;
	check_spool(options);
	jobs_limit_depth(options->job_depth);
	if (!database_prepare(options, application, &needs))
		return 2;
	slot = claim_slot(options, &board);
	if (!slot) {
		log_complaint("%s", no_memory(options));
		return 1;
	}
	show_routes(&board, &application->routes);
	if (!has_places(application, slot) || !has_sound_pools(application))
		return 2;
	if (!options->slot)
		options->slot = options->scoreboard ? (int64_t)board_get(&slot->number) : getpid();
	snprintf(worker, sizeof(worker), "%.40s-%lld", options->pool, (long long)options->slot);
	log_init(worker);
	log_tell_with(request_tell);
	tell_hidden(options, &application->routes);
	needs.removes = listener.unlink;
	needs.spool = options->spool;
	needs.fetches = application->fetches =
		application->fetches || (options->otlp && options->routes == ROUTES_ADMIN);
	if (needs.fetches)
		prepare_fetches(options, &needs);
	if (!prepare(application, &setup))
		return 2;
	if (geteuid() == 0)
		log_event(LOG_LEVEL_WARNING, "runs-as-root", "instead",
			  "a user of its own: spawn-fcgi -u, User=", NULL);
	if (options->nice && nice((int)options->nice) < 0)
		log_complaint("nice: %s", strerror(errno));
	err = affinity_bind(options->cpu_affinity, options->slot);
	if (err)
		log_complaint("cpu-affinity: %s", strerror(-err));
	doctor_prepare(options);
	enter_sandbox(options, &needs);
	return serve(options, &listener, worker, application, &board);
}

static int show(const char *option, int (*shown)(const char *scoreboard),
		const struct options *options)
{
	if (shown)
		return shown(options->scoreboard);
	log_complaint("%s: this program has none", option);
	return 2;
}

static bool is_command(const struct options *options)
{
	return options->top || options->ps || options->migrate || options->jobs ||
	       options->job_retry || options->job_drop;
}

/* What is no worker, and ends by itself. Its exit status. */
static int command(const struct options *options, const struct applications *applications)
{
	const struct application *app = applications->kinds[ROUTES_APP];

	if (options->top)
		return show("--top", applications->top, options);
	if (options->ps)
		return show("--ps", applications->ps, options);
	if (options->migrate)
		return migrate(options->database, app ? &app->migrations : NULL);
	if (options->jobs)
		return queue_show(options->database, app ? &app->jobs : NULL);
	if (options->job_retry && options->job_drop) {
		log_complaint("--job-retry and --job-drop: one of them is wanted");
		return 2;
	}
	if (options->job_retry)
		return queue_retry(options->database, options->job_retry);
	return queue_drop(options->database, options->job_drop);
}

/* What it has opened. The queue of a socket that is its own ends with it, so nobody is left there.
 */
static void leave_to_master(struct options *options)
{
	if (options->drain == DRAIN_WAIT && !listener_is_passed(options->listen))
		options->drain = DRAIN_AUTO;
	options->listen = options->log = NULL;
}

int worker_main(int argc, char **argv, const struct applications *applications)
{
	static struct application application; /* whose state is no leak at the end */
	const struct application *app = applications->kinds[ROUTES_APP];
	const struct option_table *own = app ? &app->options : NULL;
	struct options options;
	int err;

	if (options_parse(&options, own, argc, argv))
		return 2;
	if (only_tells(&options, own))
		return 0;
	if (options.check_config)
		return config_check(&options, applications);
	if (is_command(&options))
		return command(&options, applications);
	parent_find();
	if (parent_is_there())
		leave_to_master(&options);
	if (options.log && (err = log_to(options.log))) {
		log_complaint("%.1000s: %s", options.log, strerror(-err));
		return 1;
	}
	if (!applications->kinds[options.routes]) {
		log_complaint("--routes: this program has none of that kind");
		return 2;
	}
	if (options.processes)
		return master_run(&options, argc, argv);
	application = *applications->kinds[options.routes];
	return work(&options, &application);
}
