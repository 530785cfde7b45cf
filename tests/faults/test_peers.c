/* Five thousand peers on the worker's own socket that say half of something, or say it slowly. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "../support/harness.h"
#include "../support/stream.h"
#include "faults.h"
#include "fcgi/record.h"

enum {
	PEERS = 5000,
	HEADER_TIMEOUT = 4,
	CLIENTS = 16,
	MOST_BYTES = 2048, /* a connection */
	KINDS = 5,
	SLOW = 25, /* of these, one is slow */
};

struct peer {
	struct raw raw;
	double opened; /* when it had sent what it sends */
	double closed; /* 0: not yet */
	size_t sent;   /* of the slow ones' request */
};

TEST_SYSTEM(sys)

static struct peer peers[PEERS];
static struct stream slow_request;

/* Silence; half a header; half a BEGIN; params that never end; a request, byte by byte. */
static void say_something(struct peer *peer, int kind)
{
	static const char *const scripts[KINDS] = {
		[2] = "begin 1 keep",
		[3] = "begin 1 keep, params 1 REQUEST_METHOD=GET&PATH_INFO=/",
	};

	if (kind == 1)
		send(peer->raw.fd, "\1\1\0", 3, MSG_NOSIGNAL);
	else if (scripts[kind])
		raw_send(&peer->raw, scripts[kind]);
	peer->opened = now();
}

static void open_peers(void)
{
	stream_request(&slow_request, 1, FCGI_FLAG_KEEP_CONN,
		       "REQUEST_METHOD=GET&PATH_INFO=/&QUERY_STRING=");
	for (int i = 0; i < PEERS; i++) {
		peers[i] = (struct peer){0};
		CU_ASSERT_FATAL(raw_open(&peers[i].raw, system_file(&sys, "worker-1.sock")));
		say_something(&peers[i], i % SLOW ? i % (KINDS - 1) : KINDS - 1);
	}
}

/* The slow ones send a byte; who was closed is noted. How many are open still. */
static int look_at_peers(void)
{
	int open = 0;
	char byte;

	for (int i = 0; i < PEERS; i++) {
		struct peer *peer = &peers[i];

		if (peer->closed > 0)
			continue;
		if (i % SLOW == 0 && peer->sent < slow_request.bytes.len - 1)
			peer->sent += send(peer->raw.fd, slow_request.bytes.data + peer->sent, 1,
					   MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
		if (recv(peer->raw.fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
			open++;
		else
			peer->closed = now();
	}
	return open;
}

static double p99_of_others(double seconds, bool with_peers)
{
	const struct load_result *result;
	struct load *burst = load_system(&sys, PLAN(.target = "/async/await-one?seconds=0.005",
						    .connections = CLIENTS, .repeat = true));
	double end = now() + seconds;

	while (now() < end) {
		if (with_peers)
			look_at_peers();
		block(0.25);
	}
	result = all_answered(burst, with_peers ? "beside 5,000 peers" : "alone");
	return latency_quantile(&result->answers, 0.99);
}

static void check_times(void)
{
	double shortest = 1e9;
	double longest = 0;

	for (int i = 0; i < PEERS; i++) {
		double lived = peers[i].closed - peers[i].opened;

		if (lived < shortest)
			shortest = lived;
		if (lived > longest)
			longest = lived;
		raw_close(&peers[i].raw);
	}
	printf("    closed after %.2f to %.2f s (--header-timeout %d)\n", shortest, longest,
	       HEADER_TIMEOUT);
	CU_ASSERT(shortest > HEADER_TIMEOUT - 1);
	IN_TIME(longest < HEADER_TIMEOUT + 3);
}

static void nobody_notices(void)
{
	pid_t pid = system_worker(&sys, 1);
	double alone = p99_of_others(1.5, false);
	double beside;
	double deadline;
	long before = process_private_kb(pid);
	long each;

	if (!needs_files(PEERS + 100))
		return;
	open_peers();
	CU_ASSERT(EVENTUALLY(process_sockets(pid) > PEERS));
	each = (process_private_kb(pid) - before) * 1024 / PEERS;
	beside = p99_of_others(1.5, true);
	printf("    %ld bytes of memory each\n", each);
	CU_ASSERT(each < MOST_BYTES || !MEMORY_COUNTS);
	deadline = now() + PATIENCE;
	while (look_at_peers() && now() < deadline)
		block(0.05);
	check_times();
	stream_free(&slow_request);
	CU_ASSERT_EQUAL(get(&sys, "/")->status, 200);
	IN_TIME(beside < 1.5 * alone + 0.002);
}

static const struct test tests[] = {
	{"5,000 half-open and slow peers: others' p99 stays, each is closed in time",
	 nobody_notices, SYSTEM(.environment = STRINGS("LANES_HEADER_TIMEOUT=4"))},
};

const struct suite peers_suite = {"peers", tests, COUNT(tests), .before = before, .after = after};
