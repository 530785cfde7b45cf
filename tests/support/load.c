/*
 * A connection has `depth` slots; a slot is one request after another. A slot that has nothing in
 * flight stands in the queue until it is due: at the start (the ramp), after a pause, or at once.
 * So the loop is: send what is due, sleep, read answers, put their slots back into the queue.
 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "wire.h"

enum {
	EVENTS = 256,
	READ_SIZE = 65536,
	RETRY_NS = 2000000, /* after a refused or broken connection */
	TICK_NS = 10000000, /* so often a load on a thread looks what it is told */
	WORKERS_MAX = 16,
};

enum outcome { ANSWERED, REFUSED, FAILED };

struct slot {
	struct conn *conn;
	struct slot *next; /* in the queue */
	uint64_t due;
	uint64_t since; /* when its request was first due: what its time is counted from */
	uint64_t left;	/* requests still to send; UINT64_MAX: no limit */
	bool busy;
	bool failed; /* a part of the answer said so */
	bool again;  /* to be sent again, also when nothing else is */
};

struct conn {
	int fd; /* -1: closed */
	size_t number;
	bool bad;
	bool served; /* has been answered well */
	bool kept;   /* has been answered: it may close under the next request */
	bool dirty;
	bool writing; /* waits for EPOLLOUT */
	unsigned busy;
	struct conn *next_dirty;
	struct buffer in;  /* an answer's beginning */
	struct buffer out; /* not yet sent */
	size_t left;	   /* and so much of the content at its end */
	struct slot *slots;
};

struct load {
	struct load_plan plan;
	const char **servers; /* its servers: the plan's own array need not last */
	struct load_result *result;
	struct buffer *requests; /* one for each key */
	size_t request_count;
	struct conn *conns;
	struct conn *dirty; /* have something to send */
	struct slot *slots;
	struct slot *first; /* the queue, in the order in which they are due */
	struct slot *last;
	uint64_t now;
	uint64_t begun;	  /* when the first was sent */
	uint64_t sent_at; /* and the last one */
	uint64_t end;	  /* nothing is sent from here on */
	size_t in_flight;
	int epoll;
	char workers[WORKERS_MAX][32];
	char bytes[READ_SIZE];

	/* On a thread of its own. */
	bool threaded;
	pthread_t thread;
	atomic_size_t answered;
	atomic_bool finish;
	atomic_bool hang_up;
};

static uint64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- latencies: buckets that grow with what they hold ---- */

static size_t step_of(uint64_t ns)
{
	int shift = 0;

	while (ns >> shift >= (uint64_t)2 * LATENCY_FINE)
		shift++;
	return (size_t)shift * LATENCY_FINE + (ns >> shift);
}

static uint64_t step_top(size_t step)
{
	size_t shift = step < (size_t)2 * LATENCY_FINE ? 0 : step / LATENCY_FINE - 1;

	return ((step - shift * LATENCY_FINE + 1) << shift) - 1;
}

double latency_quantile(const struct latency *latency, double part)
{
	uint64_t wanted = (uint64_t)((double)latency->total * part);
	uint64_t seen = 0;
	size_t step = 0;

	if (wanted >= latency->total)
		return (double)latency->longest / 1e9;
	while ((seen += latency->counts[step]) <= wanted)
		step++;
	return (double)step_top(step) / 1e9;
}

static void count_latency(const struct load *load, struct latency *latency, const struct slot *slot)
{
	uint64_t took = load->now - slot->since;
	uint64_t above = took > load->plan.nominal ? took - load->plan.nominal : 0;

	latency->total++;
	latency->sum += above;
	latency->counts[step_of(above)]++;
	if (above > latency->longest)
		latency->longest = above;
}

static void latency_add(struct latency *sum, const struct latency *one)
{
	for (size_t i = 0; i < LATENCY_STEPS; i++)
		sum->counts[i] += one->counts[i];
	sum->total += one->total;
	sum->sum += one->sum;
	sum->longest = one->longest > sum->longest ? one->longest : sum->longest;
}

void load_add(struct load_result *sum, const struct load_result *one)
{
	sum->sent += one->sent;
	sum->answered += one->answered;
	sum->refused += one->refused;
	sum->failed += one->failed;
	sum->resent += one->resent;
	sum->starved += one->starved;
	latency_add(&sum->answers, &one->answers);
	latency_add(&sum->refusals, &one->refusals);
}

/* ---- slots ---- */

static void wait_until(struct load *load, struct slot *slot, uint64_t due)
{
	slot->due = due;
	slot->next = NULL;
	if (load->last)
		load->last->next = slot;
	else
		load->first = slot;
	load->last = slot;
}

static void on_success(struct load *load, struct slot *slot)
{
	struct load_result *result = load->result;

	slot->conn->served = true;
	result->last = (double)(load->now - load->begun) / 1e9;
	if (result->answered++ == 0)
		result->first = result->last;
	atomic_store(&load->answered, result->answered);
	count_latency(load, &result->answers, slot);
}

/* The request of a busy slot is over. */
static void finish(struct load *load, struct slot *slot, enum outcome outcome, uint64_t wait)
{
	slot->busy = false;
	slot->conn->busy--;
	load->in_flight--;
	if (outcome == ANSWERED) {
		on_success(load, slot);
	} else if (outcome == REFUSED) {
		load->result->refused++;
		count_latency(load, &load->result->refusals, slot);
	} else {
		load->result->failed++;
		slot->conn->bad = true;
	}
	slot->failed = false;
	slot->since = load->now + wait;
	if (slot->left && slot->since < load->end)
		wait_until(load, slot, slot->since);
}

static void note_failure(struct load *load, const struct slot *slot, const char *what,
			 const char *bytes, size_t n)
{
	if (!load->result->failure[0])
		snprintf(load->result->failure, sizeof(load->result->failure),
			 "%s after %.3f s: %.*s", what, (double)(load->now - slot->since) / 1e9,
			 (int)(n < 150 ? n : 150), n ? bytes : "");
}

static void disconnect(struct conn *conn)
{
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
	conn->in.len = conn->out.len = conn->left = 0;
	conn->writing = conn->kept = false;
}

/* A kept connection may have been closed while the next request was on its way. */
static bool send_again(struct load *load, struct conn *conn)
{
	struct slot *slot = conn->slots;

	if (!load->plan.may_resend || !conn->kept || !slot->busy || conn->in.len)
		return false;
	disconnect(conn);
	load->result->resent++;
	load->result->sent--;
	load->in_flight--;
	conn->busy--;
	slot->busy = false;
	slot->again = true;
	wait_until(load, slot, load->now);
	return true;
}

/* The connection is over, and so is what is in flight on it. */
static void hang_up(struct load *load, struct conn *conn, const char *why)
{
	for (unsigned i = 0; i < load->plan.depth && conn->busy; i++)
		if (conn->slots[i].busy) {
			note_failure(load, &conn->slots[i], why, conn->in.data, conn->in.len);
			finish(load, &conn->slots[i], FAILED, RETRY_NS);
		}
	disconnect(conn);
}

/* ---- sending ---- */

/* If it waits, it is connected then. */
static int connect_to(const char *server, bool waits)
{
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_in in;
	} address = {.un = {.sun_family = AF_UNIX}};
	socklen_t len = sizeof(address.un);
	int fd;

	if (!server[strspn(server, "0123456789")]) {
		address.in = (struct sockaddr_in){.sin_family = AF_INET,
						  .sin_port = htons((uint16_t)atoi(server)),
						  .sin_addr = {htonl(INADDR_LOOPBACK)}};
		len = sizeof(address.in);
	} else {
		strncpy(address.un.sun_path, server, sizeof(address.un.sun_path) - 1);
	}
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | (waits ? 0 : SOCK_NONBLOCK),
		    0);
	if (fd >= 0 && connect(fd, &address.any, len) && errno != EINPROGRESS) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	if (fd >= 0)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	if (fd >= 0 && address.any.sa_family == AF_INET)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	return fd;
}

static bool conn_open(struct load *load, struct conn *conn)
{
	const struct load_plan *plan = &load->plan;
	const char *server = load->servers[conn->number % plan->server_count];
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

	if (conn->fd >= 0)
		return true;
	conn->fd = connect_to(server, plan->together);
	if (conn->fd < 0)
		return false;
	load->result->connects++;
	return epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event) == 0;
}

static void want_writable(struct load *load, struct conn *conn, bool want)
{
	struct epoll_event event = {.events = EPOLLIN | (want ? EPOLLOUT : 0), .data.ptr = conn};

	if (conn->writing != want)
		epoll_ctl(load->epoll, EPOLL_CTL_MOD, conn->fd, &event);
	conn->writing = want;
}

/* The content is not copied: it may be large, and the connections many. */
static ssize_t send_some(const struct load *load, struct conn *conn)
{
	const struct slice *content = &load->plan.content;
	ssize_t n;

	if (!conn->out.len) {
		n = send(conn->fd, content->data + content->len - conn->left, conn->left,
			 MSG_NOSIGNAL);
		conn->left -= n > 0 ? (size_t)n : 0;
		return n;
	}
	n = send(conn->fd, conn->out.data, conn->out.len,
		 MSG_NOSIGNAL | (conn->left ? MSG_MORE : 0));
	if (n > 0) {
		conn->out.len -= (size_t)n;
		memmove(conn->out.data, conn->out.data + n, conn->out.len);
	}
	return n;
}

static void flush(struct load *load, struct conn *conn)
{
	ssize_t n;

	do
		n = send_some(load, conn);
	while (n > 0 && !conn->out.len && conn->left);
	if (n < 0 && errno != EAGAIN && errno != ENOTCONN) {
		if (!send_again(load, conn))
			hang_up(load, conn, strerror(errno));
		return;
	}
	want_writable(load, conn, conn->out.len || conn->left);
}

static void send_request(struct load *load, struct slot *slot)
{
	const struct buffer *request = &load->requests[load->result->sent % load->request_count];
	struct conn *conn = slot->conn;
	size_t at = conn->out.len;

	if (!conn_open(load, conn) && errno == EAGAIN) {
		/* A full backlog: the request is late, not wrong. */
		wait_until(load, slot, load->now + RETRY_NS);
		return;
	}
	buffer_append(&conn->out, request->data, request->len);
	if (slot != conn->slots)
		wire_set_id(conn->out.data + at, request->len, (uint16_t)(slot - conn->slots + 1));
	conn->left = load->plan.content.len;
	slot->busy = true;
	if (slot->left != UINT64_MAX && !slot->again)
		slot->left--;
	slot->again = false;
	conn->busy++;
	load->result->sent++;
	load->sent_at = load->now;
	if (++load->in_flight > load->result->peak)
		load->result->peak = load->in_flight;
	if (conn->fd < 0) {
		hang_up(load, conn, strerror(errno));
	} else if (!conn->dirty) {
		conn->dirty = true;
		conn->next_dirty = load->dirty;
		load->dirty = conn;
	}
}

/* What is due goes out, one write per connection. */
static void send_due(struct load *load)
{
	while (load->first && load->first->due <= load->now) {
		struct slot *slot = load->first;

		load->first = slot->next;
		if (!load->first)
			load->last = NULL;
		if (load->now < load->end || slot->again)
			send_request(load, slot);
	}
	while (load->dirty) {
		struct conn *conn = load->dirty;

		load->dirty = conn->next_dirty;
		conn->dirty = false;
		if (conn->fd >= 0 && !conn->writing)
			flush(load, conn);
	}
}

/* ---- receiving ---- */

static void note_worker(struct load *load, const char *bytes, size_t head)
{
	struct slice name = wire_header(bytes, head, "X-Lanes-Worker: ");

	for (size_t i = 0; name.data && i < WORKERS_MAX; i++) {
		char *known = load->workers[i];

		if (slice_is(name, known))
			return;
		if (!known[0]) {
			snprintf(known, sizeof(load->workers[i]), "%.*s", (int)name.len, name.data);
			load->result->workers++;
			return;
		}
	}
}

/* What a whole answer of HTTP is. */
static enum outcome judge(struct load *load, struct slot *slot, const struct wire_piece *piece,
			  const char *bytes)
{
	const struct load_plan *plan = &load->plan;
	struct slice body = {bytes + piece->head, piece->used - piece->head};

	if (plan->may_refuse && !strncmp(bytes, "HTTP/1.1 503 ", 13) &&
	    wire_header(bytes, piece->head, "Retry-After: ").data)
		return REFUSED;
	if (!piece->ok || (plan->body && !slice_is(body, plan->body))) {
		note_failure(load, slot, "wrong answer", bytes, piece->used);
		return FAILED;
	}
	note_worker(load, bytes, piece->head);
	return ANSWERED;
}

/* False if what came cannot be an answer to anything we asked. */
static bool take_piece(struct load *load, struct conn *conn, const struct wire_piece *piece,
		       const char *bytes)
{
	struct slot *slot = &conn->slots[piece->id - 1];

	if (piece->kind == WIRE_NONSENSE || !piece->id || piece->id > load->plan.depth ||
	    !slot->busy || conn->left)
		return false;
	slot->failed |= !piece->ok;
	if (piece->kind != WIRE_END)
		return true;
	conn->kept = true;
	if (load->plan.http)
		finish(load, slot, judge(load, slot, piece, bytes), load->plan.pause);
	else
		finish(load, slot, slot->failed ? FAILED : ANSWERED, load->plan.pause);
	return true;
}

/* Stores in *used how many of the bytes were whole pieces. */
static bool take_bytes(struct load *load, struct conn *conn, const char *bytes, size_t n,
		       size_t *used)
{
	struct wire_piece (*next)(const char *, size_t) =
		load->plan.http ? wire_http : wire_fastcgi;

	*used = 0;
	while (*used < n) {
		struct wire_piece piece = next(bytes + *used, n - *used);

		if (piece.kind == WIRE_MORE)
			break;
		if (!take_piece(load, conn, &piece, bytes + *used))
			return false;
		*used += piece.used;
	}
	return true;
}

static bool take(struct load *load, struct conn *conn, size_t n)
{
	size_t used;
	bool ok;

	if (!conn->in.len) {
		ok = take_bytes(load, conn, load->bytes, n, &used);
		buffer_append(&conn->in, load->bytes + used, n - used);
		return ok;
	}
	buffer_append(&conn->in, load->bytes, n);
	ok = take_bytes(load, conn, conn->in.data, conn->in.len, &used);
	conn->in.len -= used;
	memmove(conn->in.data, conn->in.data + used, conn->in.len);
	return ok;
}

static void on_event(struct load *load, struct conn *conn, uint32_t events)
{
	ssize_t n;

	if (conn->fd < 0)
		return;
	if (events & EPOLLOUT)
		flush(load, conn);
	if (!(events & ~(uint32_t)EPOLLOUT) || conn->fd < 0)
		return;
	n = recv(conn->fd, load->bytes, sizeof(load->bytes), 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 && send_again(load, conn))
		return;
	if (n <= 0)
		hang_up(load, conn, n ? strerror(errno) : "closed");
	else if (!take(load, conn, (size_t)n))
		hang_up(load, conn, "nonsense");
	else if (load->plan.fresh && !conn->busy)
		disconnect(conn);
}

static void wait_for_events(struct load *load, uint64_t until)
{
	struct epoll_event events[EVENTS];
	uint64_t left = until > load->now ? until - load->now : 0;
	struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000),
				   .tv_nsec = (long)(left % 1000000000)};
	int n = epoll_pwait2(load->epoll, events, EVENTS, &timeout, NULL);

	load->now = clock_now();
	for (int i = 0; i < n; i++)
		on_event(load, events[i].data.ptr, events[i].events);
}

/* ---- the run ---- */

static void make_request(const struct load_plan *plan, struct buffer *request, size_t key)
{
	const char *place = plan->keys ? strstr(plan->target, "{}") : NULL;
	char target[4096];

	snprintf(target, sizeof(target), "%s", plan->target);
	if (place)
		snprintf(target, sizeof(target), "%.*s%zu%s", (int)(place - plan->target),
			 plan->target, key, place + 2);
	if (plan->type)
		wire_post(request, target, plan->type, plan->content.len, !plan->fresh);
	else
		wire_request(request, plan->http, target, !plan->fresh);
}

static int prepare_requests(struct load *load)
{
	bool failed = false;

	load->request_count = load->plan.keys ? load->plan.keys : 1;
	load->requests = calloc(load->request_count, sizeof(*load->requests));
	for (size_t i = 0; load->requests && i < load->request_count; i++) {
		make_request(&load->plan, &load->requests[i], i + 1);
		failed |= load->requests[i].failed;
	}
	return load->requests && !failed ? 0 : -ENOMEM;
}

static int prepare(struct load *load)
{
	const struct load_plan *plan = &load->plan;
	size_t slots = plan->connections * plan->depth;
	uint64_t requests = plan->requests ? plan->requests : 1;

	load->conns = calloc(plan->connections, sizeof(*load->conns));
	load->slots = calloc(slots, sizeof(*load->slots));
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load->epoll < 0)
		return -errno;
	if (!load->conns || !load->slots || prepare_requests(load))
		return -ENOMEM;
	for (size_t i = 0; i < plan->connections; i++) {
		load->conns[i].fd = -1;
		load->conns[i].number = i;
		load->conns[i].slots = &load->slots[i * plan->depth];
		if (plan->together)
			conn_open(load, &load->conns[i]);
	}
	load->begun = load->sent_at = load->now = clock_now();
	load->end = plan->duration ? load->now + plan->duration : UINT64_MAX;
	for (size_t i = 0; i < slots; i++) {
		load->slots[i].conn = &load->conns[i / plan->depth];
		load->slots[i].left = plan->repeat ? UINT64_MAX : requests;
		load->slots[i].since = load->now + plan->ramp * i / slots;
		wait_until(load, &load->slots[i], load->slots[i].since);
	}
	return 0;
}

/* Until all is sent and answered, or patience is over. */
static void run(struct load *load)
{
	while (!atomic_load(&load->hang_up)) {
		uint64_t until;

		send_due(load);
		if (!load->in_flight && !load->first)
			break;
		if (load->plan.repeat && atomic_load(&load->finish) && load->now < load->end)
			load->end = load->now;
		until = load->sent_at + load->plan.patience;
		if (load->now >= until && (!load->first || load->now >= load->end))
			break;
		if (load->first)
			until = load->first->due;
		if (load->threaded && until > load->now + TICK_NS)
			until = load->now + TICK_NS;
		wait_for_events(load, until);
	}
}

static void settle(struct load *load)
{
	struct load_result *result = load->result;

	result->elapsed = (double)(load->now - load->begun) / 1e9;
	result->unanswered = load->in_flight;
	result->failed += load->in_flight;
	for (size_t i = 0; load->conns && i < load->plan.connections; i++) {
		struct conn *conn = &load->conns[i];

		if (conn->busy)
			note_failure(load, conn->slots, "silence", conn->in.data, conn->in.len);
		result->bad_connections += conn->bad || conn->busy;
		result->starved += !conn->served;
		disconnect(conn);
		buffer_free(&conn->in);
		buffer_free(&conn->out);
	}
	for (size_t i = 0; load->requests && i < load->request_count; i++)
		buffer_free(&load->requests[i]);
	free(load->requests);
	free(load->servers);
	free(load->conns);
	free(load->slots);
	if (load->epoll >= 0)
		close(load->epoll);
}

static struct load *load_new(const struct load_plan *plan, struct load_result *result)
{
	struct load *load = calloc(1, sizeof(*load));

	if (!load || !result)
		abort();
	load->plan = *plan;
	load->servers = calloc(plan->server_count, sizeof(*load->servers));
	if (!load->servers)
		abort();
	memcpy(load->servers, plan->servers, plan->server_count * sizeof(*load->servers));
	load->plan.depth += !plan->depth;
	load->result = result;
	load->epoll = -1;
	return load;
}

int load_run(const struct load_plan *plan, struct load_result *result)
{
	struct load *load = load_new(plan, result);
	int error = prepare(load);

	if (!error)
		run(load);
	settle(load);
	free(load);
	return error;
}

/* ---- on a thread ---- */

static void *run_on_thread(void *load)
{
	run(load);
	settle(load);
	return NULL;
}

struct load *load_start(const struct load_plan *plan)
{
	struct load *load = load_new(plan, calloc(1, sizeof(*load->result)));

	load->threaded = true;
	if (prepare(load))
		abort();
	if (plan->together)
		send_due(load);
	if (pthread_create(&load->thread, NULL, run_on_thread, load))
		abort();
	return load;
}

size_t load_answered(struct load *load)
{
	return atomic_load(&load->answered);
}

const struct load_result *load_wait(struct load *load)
{
	static struct load_result result;

	atomic_store(&load->finish, true);
	pthread_join(load->thread, NULL);
	result = *load->result;
	if (result.failed && !load->plan.may_fail)
		fprintf(stderr, "%s: %zu answered, %zu failed: %s\n", load->plan.target,
			result.answered, result.failed, result.failure);
	free(load->result);
	free(load);
	return &result;
}

void load_hang_up(struct load *load)
{
	atomic_store(&load->hang_up, true);
	load->plan.may_fail = true;
	load_wait(load);
}
