#include "script.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../support/memory.h"
#include "fcgi/record.h"
#include "simulated.h"

enum { LAST_TURNS = 2000, CONTENT = 2048 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct script script;

static uint8_t next(void)
{
	if (!script.left)
		return 0;
	script.left--;
	return *script.at++;
}

static void pair(struct buffer *out, const char *name, const char *value)
{
	pair_append(out, slice_of(name), slice_of(value));
}

/* The params of a request: what it asks for, and how. They fit, so memory may be out. */
static size_t params(unsigned char content[CONTENT])
{
	static const char *const queries[] = {"",
					      "seconds=0",
					      "seconds=0.001",
					      "seconds=1.5",
					      "seconds=60",
					      "seconds=-1.x",
					      "seconds=.2&seconds=0&seconds=3"};
	static const char *const methods[] = {"GET", "GET", "HEAD", "POST"};
	char text[1000];
	uint8_t what = next();
	uint8_t how = next();
	uint8_t body;
	const char *path = what & 1 ? "/one/" : "/nob%6Fdy";
	struct timespec now;
	struct buffer out = {.data = (char *)content, .size = CONTENT};

	pair(&out, "REQUEST_METHOD", methods[how & 3]);
	if (what < 200)
		path = script.routes->list[what % script.routes->count].path;
	pair(&out, what & 64 ? "LANES_PATH" : "PATH_INFO", path);
	pair(&out, "QUERY_STRING", queries[(how >> 2) % COUNT(queries)]);
	if ((how & 3) == 3 && (body = next()) & 1) {
		snprintf(text, sizeof(text), "%d", (body >> 1) * 16);
		pair(&out, "CONTENT_LENGTH", text);
	}
	if (how & 32) {
		memset(text, 'x', sizeof(text));
		text[sizeof(text) - 1] = '\0';
		pair(&out, "HTTP_LONG", text);
	}
	if (how & 64)
		pair(&out, "LANES_DRAIN_STATUS", "429");
	if (how & 128) {
		clock_gettime(CLOCK_REALTIME, &now);
		snprintf(text, sizeof(text), "%lld.000", (long long)now.tv_sec - (what >> 6));
		pair(&out, "LANES_SENT", text);
	}
	return out.len;
}

/* Records of one request, all or one of them. */
static void speak(struct peer *peer, unsigned operation)
{
	unsigned char content[CONTENT] = {0};
	uint8_t what = next();
	uint16_t id = what & 7;
	uint8_t padding = what & 8 ? 5 : 0;
	bool odd = what & 128;
	unsigned char begin[8] = {0, what & 16 ? FCGI_ROLE_FILTER : FCGI_ROLE_RESPONDER,
				  what & 32 ? 0 : FCGI_FLAG_KEEP_CONN};

	if (operation <= 1)
		peer_record(peer, FCGI_TYPE_BEGIN_REQUEST, id, begin, what & 64 ? 7 : 8, padding);
	if (operation == 0)
		peer_record(peer, FCGI_TYPE_PARAMS, id, content, params(content), padding);
	if (operation == 2) /* … or a byte too few */
		peer_record(peer, FCGI_TYPE_PARAMS, id, content, params(content) - odd, padding);
	if (operation == 0 || operation == 3)
		peer_record(peer, FCGI_TYPE_PARAMS, id, NULL, 0, padding);
	if (operation == 4 || (operation == 0 && odd))
		peer_record(peer, FCGI_TYPE_STDIN, id, content, (size_t)next() * 8, padding);
	if (operation == 0 || operation == 5)
		peer_record(peer, FCGI_TYPE_STDIN, id, NULL, 0, padding);
	if (operation == 6)
		peer_record(peer, FCGI_TYPE_ABORT_REQUEST, id, NULL, 0, padding);
}

/* A question of another kind, a record of any kind, or any bytes. */
static void speak_otherwise(struct peer *peer)
{
	static const char names[] = "\016\0FCGI_MAX_CONNS\017\0FCGI_MPXS_CONNS";
	uint8_t what = next();
	size_t n = what & 31;
	uint8_t type = what & 64 ? next() : 0;
	uint8_t id = what & 64 ? next() : 0;

	if (what & 128) {
		peer_record(peer, FCGI_TYPE_GET_VALUES, 0, names, n, 0);
		return;
	}
	if (n > script.left)
		n = script.left;
	if (what & 64)
		peer_record(peer, type, id, script.at, n, what & 32);
	else
		peer_raw(peer, script.at, n);
	script.at += n;
	script.left -= n;
}

static void connect_anew(struct peer *peer)
{
	peer_close(peer);
	if (peer_open(peer, &script.address, script.address_len, script.connections))
		script.connections++;
}

static void hang_up(struct peer *peer)
{
	static const int ways[] = {SHUT_WR, SHUT_RDWR, SHUT_RD};
	uint8_t how = next() & 3;

	peer->hung_up = true;
	if (how == 3)
		peer_close(peer);
	else if (peer->fd >= 0)
		shutdown(peer->fd, ways[how]);
}

static void send_signal(int number)
{
	if (!script.signals++)
		script.signalled = simulated_now();
	raise(number);
}

static void fail_calls(void)
{
	static const int accept_errors[] = {EMFILE, ENOMEM, ECONNABORTED, EINTR};
	static const int send_errors[] = {EAGAIN, EINTR, ENOBUFS, 0};
	uint8_t what = next();
	unsigned times = 1 + (what >> 4);

	if ((what & 3) == 0) {
		sim.accept_fails = times;
		sim.accept_error = accept_errors[what >> 2 & 3];
	} else if ((what & 3) == 1) {
		sim.send_fails = times;
		sim.send_error = send_errors[what >> 2 & 3];
	} else if ((what & 3) == 2) {
		sim.recv_fails = times;
		sim.recv_error = what & 4 ? EINTR : EAGAIN;
	} else {
		sim.no_threads = what & 4;
	}
}

static void fail_memory(void)
{
	uint8_t when = next();

	if (when & 1)
		memory_fail_once_after(when >> 1);
	else if (when < 254)
		memory_fail_after(when >> 1);
	else
		memory_restore();
	script.memory_fails = true;
}

static void wait_a_while(void)
{
	static const uint16_t ms[] = {1, 20, 100, 1000, 5000, 60000};
	uint8_t what = next();

	sim.wait_ms = ms[(what & 15) % COUNT(ms)];
	sim.wait_turns = 1 + (what >> 4);
}

/* The operation and its peer; the highest bit says that the next one happens at the same time. */
static bool step(void)
{
	uint8_t what = next();
	struct peer *peer = &script.peers[what >> 4 & 3];
	unsigned operation = what & 15;

	if (operation <= 6)
		speak(peer, operation);
	else if (operation == 7)
		speak_otherwise(peer);
	else if (operation == 8)
		connect_anew(peer);
	else if (operation == 9)
		hang_up(peer);
	else if (operation == 10)
		peer->speed = (size_t)next() % 64 * 4;
	else if (operation == 11)
		peer->appetite = (size_t)next() * 32;
	else if (operation == 12)
		fail_calls();
	else if (operation == 13)
		fail_memory();
	else if (operation == 14)
		wait_a_while();
	else
		send_signal(what & 16 ? SIGHUP : SIGUSR1);
	return what & 128;
}

/* The script is over: who was slow becomes quick, but who does not read at all. */
static void step_to_the_end(void)
{
	script.last_turns++;
	assert(script.last_turns < LAST_TURNS);
	sim.wait_ms = UINT32_MAX;
	sim.wait_turns = 1;
	sim.races = false;
	memory_restore();
	for (size_t i = 0; i < PEERS; i++) {
		script.peers[i].speed = PEER_ALL;
		if (script.peers[i].appetite)
			script.peers[i].appetite = PEER_ALL;
	}
	if (!script.signals)
		send_signal(SIGHUP);
}

void script_turn(void)
{
	bool waits = sim.wait_ms && sim.wait_turns;

	if (!script.left)
		step_to_the_end();
	while (script.left && !waits && step())
		;
	for (size_t i = 0; i < PEERS; i++) {
		peer_turn(&script.peers[i], script.signals);
		script.wild = script.wild || script.peers[i].wild;
	}
	if (!sim.races)
		simulated_settle();
}
