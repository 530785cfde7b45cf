/*
 * The whole loop engine: loop_run() with real sockets and threads, in simulated time. HEAD bytes
 * of the input choose the limits, the others are a script of what happens to it (script.h). In the
 * end it drains, and loop_run() must return. Then nothing is left, the scoreboard's counts agree,
 * and who had to have an answer has one (peer.h).
 */
#include <assert.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/machine.h"
#include "../support/memory.h"
#include "../support/waits.h"
#include "admin/admin.h"
#include "await/await.h"
#include "engine/engine.h"
#include "engine/loop.h"
#include "http/body.h"
#include "http/reply.h"
#include "script.h"
#include "simulated.h"

enum { HEAD = 7, FDS = 64, EXIT_FORCED = 3 };

static struct options options;
static struct scoreboard board;
static bool spares; /* blocks of requests are used again */

/* ---- handlers, besides those that wait ---- */

static char bytes[200000];

static void nap_on_thread(void *seconds)
{
	block(*(double *)seconds);
}

static void stream_bytes(struct request *req)
{
	unsigned *left = request_frame(req, sizeof(*left));

	ASYNC_BEGIN(req);
	*left = 50;
	if (!reply_stream(req, 200, "text/plain"))
		return;
	while (stream_wanted(req) && --*left) {
		AWAIT(req, stream_write(req, (struct slice){bytes, *left * 200}));
		if (*left % 4)
			AWAIT(req, sleep_for(req, *left % 2 ? 0 : 0.01));
	}
	ASYNC_END(req);
}

static void large(struct request *req)
{
	reply_bytes(req, 200, "text/plain", (struct slice){bytes, sizeof(bytes)});
}

static void no_answer(struct request *req)
{
	(void)req;
}

/* A sleep and a job at once, and one after the other. */
static void mixed(struct request *req)
{
	static double seconds = 0.002;

	ASYNC_BEGIN(req);
	gather_add_sleep(req, 0.003, NULL);
	AWAIT(req, run_in_threadpool(req, nap_on_thread, &seconds));
	AWAIT(req, run_in_cpu_pool(req, nap_on_thread, &seconds));
	AWAIT(req, sleep_for(req, seconds));
	answer(req);
	ASYNC_END(req);
}

/* What has come is what there is, in memory or in the file. */
static void check_body(const struct request *req)
{
	struct slice bytes = request_body_bytes(req);
	uint64_t length = request_body_length(req);
	struct stat file;

	if (bytes.data || !length)
		assert(bytes.len == length);
	else
		assert(!fstat(request_body_file(req), &file) && (uint64_t)file.st_size >= length);
}

static void take_whole(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, request_body(req));
	check_body(req);
	answer(req);
	ASYNC_END(req);
}

static void take_on_thread(struct request *req)
{
	check_body(req);
	answer(req);
}

struct taken {
	struct slice piece;
	uint64_t length;
};

static void take_pieces(struct request *req)
{
	struct taken *f = FRAME(req, struct taken);

	ASYNC_BEGIN(req);
	do {
		AWAIT(req, request_read(req, &f->piece));
		f->length += f->piece.len;
		if (f->length % 16)
			AWAIT(req, sleep_for(req, 0.002));
	} while (f->piece.len);
	assert(f->length == request_body_length(req));
	answer(req);
	ASYNC_END(req);
}

/* A piece, then all of the rest, in the time that it takes. */
static void take_some(struct request *req)
{
	struct taken *f = FRAME(req, struct taken);

	ASYNC_BEGIN(req);
	AWAIT(req, request_read(req, &f->piece));
	f->length = f->piece.len;
	if (f->length < 500) {
		AWAIT(req, request_body(req));
		assert(request_body_length(req) >= f->length);
	}
	answer(req);
	ASYNC_END(req);
}

static struct route list[] = {
	GET("/", ASYNC, answer),
	GET("/sync", SYNC, block_thread),
	GET("/one", ASYNC, sleep_once),
	GET("/many", ASYNC, sleep_together),
	GET("/wrap", ASYNC, lend_thread),
	GET("/bad", ASYNC, hold_loop),
	GET("/stream", ASYNC, stream_bytes),
	GET("/large", ASYNC, large),
	GET("/none", ASYNC, no_answer),
	GET("/mixed", ASYNC, mixed),
	POST("/whole", ASYNC, take_whole),
	POST("/job", SYNC, take_on_thread, .body_limit = 3000),
	POST("/pieces", ASYNC, take_pieces),
	POST("/some", ASYNC, take_some, .deadline = 3, .most = 2),
	GET("/status", ASYNC, status),
	GET("/metrics", ASYNC, metrics),
	GET("/trace", ASYNC, chrome_trace),
	GET("/events", ASYNC, events),
};
static struct routes routes = ROUTES(list);

/* ---- the run ---- */

static void choose(const uint8_t *head)
{
	static const int64_t ms[] = {50, 1000, 10000, 75000};
	static const int64_t drain_ms[] = {0, 100, 1000, 10000};
	static unsigned runs;
	bool leave_jobs;

	options.drain = (enum drain_mode)(head[0] % 3);
	options.max_conns = 1 + head[1] % 4;
	options.max_reqs = 1 + head[1] / 16;
	options.conn_requests = 1 + head[2] % 8;
	options.threads = 1 + head[2] / 16 % 3;
	options.cpu_threads = 1 + head[2] / 64;
	options.spare_threads = head[0] / 4 % 4;
	options.thread_queue = head[3] % 4;
	options.cpu_queue = head[3] / 4 % 4;
	options.memory_limit = head[3] & 16 ? 8192 : 1 << 28;
	options.conn_memory_limit = head[3] & 32 ? 4096 : 1 << 24;
	options.stream_limit = head[3] & 64 ? 4096 : 1 << 18;
	options.max_streams = head[3] & 128 ? 1 : 1000;
	options.params_limit = head[4] & 1 ? 256 : 65536;
	options.stdin_limit = head[4] & 2 ? 64 : 1048576;
	options.output_limit = head[4] & 4 ? 4096 : 65536;
	options.header_timeout = ms[head[5] & 3];
	options.idle_timeout = ms[head[5] >> 2 & 3];
	options.send_timeout = ms[head[5] >> 4 & 3];
	options.drain_timeout = drain_ms[head[5] >> 6];
	options.drain_idle = drain_ms[head[3] >> 6];
	options.body_memory = head[4] & 32 ? 700 : 16384;
	options.spool = head[4] & 64 ? NULL : "/tmp";
	options.spool_limit = head[4] & 128 ? 1000 : 1 << 20;
	options.body_timeout = 2000;
	options.queue_timeout = head[4] & 8 ? 1000 : 0;
	/* What those jobs hold looks like a leak, and libFuzzer gives up after 1,000 of these. */
	leave_jobs = head[0] & 128 && runs++ % 64 == 0;
	simulated_begin(&(struct simulation){
		.turn = script_turn,
		.board = board.own,
		.races = head[0] & 64,
		.leave_jobs = leave_jobs,
		.send_buffer = head[4] & 16 ? 1 : 0,
	});
	spares = head[0] & 32;
	script.memory_fails = head[6] & 1;
	if (script.memory_fails)
		memory_fail_after(head[6] >> 1);
}

static struct sched *opened;

/* An engine that thinks it has enough spare blocks frees each, and a use after that is seen. */
static void start(struct request *req)
{
	opened = req->co.sched;
	if (!spares)
		container_of(opened, struct engine, sched)->spare_count = SIZE_MAX;
}

/* Asked first when it has started. */
static bool is_ready(void *state)
{
	(void)state;
	sim.sched = opened;
	return true;
}

/* The memory of a process's own is claimed as often as one likes. */
static void clear_board(void)
{
	scoreboard_claim(&board, "loop", 1, "loop", "/");
	scoreboard_add_routes(&board, routes.count);
	for (size_t i = 0; i < routes.count; i++)
		strcpy(board.own->routes[i + 1].name, list[i].path);
}

/* An address of the abstract kind, which the kernel chooses. */
static struct listener listen_anywhere(void)
{
	struct listener listener = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};

	script.address = (struct sockaddr_un){.sun_family = AF_UNIX};
	script.address_len = sizeof(script.address);
	if (listener.fd < 0 ||
	    bind(listener.fd, (struct sockaddr *)&script.address, sizeof(sa_family_t)) ||
	    getsockname(listener.fd, (struct sockaddr *)&script.address, &script.address_len) ||
	    listen(listener.fd, 8))
		abort();
	return listener;
}

static size_t open_files(void)
{
	struct pollfd fds[FDS];
	size_t count = FDS;

	for (int i = 0; i < FDS; i++)
		fds[i] = (struct pollfd){.fd = i};
	poll(fds, FDS, 0);
	for (int i = 0; i < FDS; i++)
		count -= (fds[i].revents & POLLNVAL) != 0;
	return count;
}

static void check_board(void)
{
	const struct board_slot *own = board.own;
	uint64_t answered = 0;

	for (int i = 0; i < 6; i++)
		answered += board_get(&own->classes[i]);
	assert(!board_get(&own->in_flight) && !board_get(&own->connections));
	assert(!board_get(&own->running.since));
	assert(answered <= board_get(&own->requests));
	assert(board_get(&own->requests) <= answered + board_get(&own->aborted));
	for (int p = 0; p < BOARD_POOLS; p++)
		assert(!board_get(&own->pools[p].queued) && !board_get(&own->pools[p].running) &&
		       !board_get(&own->pools[p].abandoned));
}

static void check_status(int status)
{
	uint64_t patience = (uint64_t)options.drain_timeout * 1000000;

	assert(status == 0 || status == 1 || status == EXIT_FORCED);
	if (status == 1)
		assert(script.memory_fails);
	if (status == EXIT_FORCED)
		assert(script.signals > 1 || simulated_now() - script.signalled >= patience);
}

static void check_peers(int status)
{
	bool whole = status == 0 && !script.memory_fails && !sim.swept && !sim.stream_unread;

	for (size_t i = 0; i < PEERS; i++) {
		bool accepted = script.peers[i].number < board_get(&board.own->accepted);

		peer_check(&script.peers[i], whole, whole && accepted);
	}
	assert(!sim.protocol_error || script.wild || script.memory_fails);
}

static void serve(void)
{
	size_t files = open_files();
	struct listener listener = listen_anywhere();
	int status = loop_run(&options, &listener, "loop-1",
			      &(struct application){.routes = routes,
						    .start = start,
						    .ready = is_ready,
						    .background = admin.background},
			      &board);

	memory_restore();
	listener_close(&listener);
	simulated_end();
	check_status(status);
	check_peers(status);
	check_board();
	assert(open_files() == files);
}

/* The handlers of an application have its input. */
static void take_inputs(const struct routes *from)
{
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		for (size_t j = 0; j < from->count; j++)
			if (list[i].handler == from->list[j].handler)
				list[i].input = from->list[j].input;
}

/* What libuv keeps from its first loop on is no leak. */
static void begin(void)
{
	struct setup setup = {.options = &options, .board = &board, .needs = &(struct sandbox){0}};
	char *arguments[] = {"lanes", NULL};
	uv_loop_t loop;

	if (uv_loop_init(&loop) || uv_loop_close(&loop) ||
	    options_parse(&options, NULL, 1, arguments) || scoreboard_open(&board, NULL))
		abort();
	take_inputs(&waits);
	take_inputs(&admin.routes);
	if (!admin.prepare(&setup))
		abort();
	routes.state = setup.state;
	signal(SIGHUP, SIG_DFL); /* nohup had it ignored, and so would the engine */
	signal(SIGUSR1, SIG_DFL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sigaction hangup;
	struct sigaction user;

	if (size < HEAD)
		return 0;
	if (!board.map)
		begin();
	sigaction(SIGHUP, NULL, &hangup);
	sigaction(SIGUSR1, NULL, &user);
	script = (struct script){.at = data + HEAD, .left = size - HEAD, .routes = &routes};
	for (size_t i = 0; i < PEERS; i++)
		script.peers[i].fd = -1;
	clear_board();
	choose(data);
	serve();
	sigaction(SIGHUP, &hangup, NULL);
	sigaction(SIGUSR1, &user, NULL);
	return 0;
}
