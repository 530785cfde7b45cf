/*
 * A connection has `depth` slots; a slot is one request after another. A slot that has nothing in
 * flight stands in the queue until it is due: at the start (the ramp), after a pause, or at once.
 * So the loop is: send what is due, sleep, read answers, put their slots back into the queue.
 */
#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
};

struct slot {
	struct conn *conn;
	struct slot *next; /* in the queue */
	uint64_t due;
	uint64_t since; /* when its request was first due: what its time is counted from */
	uint64_t left;	/* requests still to send; UINT64_MAX: no limit */
	bool busy;
	bool failed; /* a part of the answer said so */
};

struct conn {
	int fd; /* -1: closed */
	uint16_t number;
	bool bad;
	bool dirty;
	bool writing; /* waits for EPOLLOUT */
	unsigned busy;
	struct conn *next_dirty;
	struct buffer in;  /* an answer's beginning */
	struct buffer out; /* not yet sent */
	struct slot *slots;
};

struct load {
	const struct load_plan *plan;
	struct load_result *result;
	struct buffer request;
	struct conn *conns;
	struct conn *dirty; /* have something to send */
	struct slot *slots;
	struct slot *first; /* the queue, in the order in which they are due */
	struct slot *last;
	uint64_t now;
	uint64_t end; /* nothing is sent from here on */
	uint64_t in_flight;
	int epoll;
	char bytes[READ_SIZE];
};

static uint64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- latencies: buckets that grow with what they hold ---- */

static size_t bucket_of(uint64_t ns)
{
	int shift = 0;

	while (ns >> shift >= (uint64_t)2 * LOAD_FINE)
		shift++;
	return (size_t)shift * LOAD_FINE + (ns >> shift);
}

static uint64_t bucket_top(size_t bucket)
{
	size_t shift = bucket < (size_t)2 * LOAD_FINE ? 0 : bucket / LOAD_FINE - 1;

	return ((bucket - shift * LOAD_FINE + 1) << shift) - 1;
}

uint64_t load_percentile(const struct load_result *result, double share)
{
	uint64_t wanted = (uint64_t)((double)result->answers * share);
	uint64_t seen = 0;
	size_t bucket = 0;

	if (wanted >= result->answers)
		return result->latency_max;
	while ((seen += result->latency[bucket]) <= wanted)
		bucket++;
	return bucket_top(bucket);
}

static void count_latency(struct load *load, const struct slot *slot)
{
	uint64_t took = load->now - slot->since;
	uint64_t above = took > load->plan->nominal ? took - load->plan->nominal : 0;
	struct load_result *result = load->result;

	result->answers++;
	result->latency_sum += above;
	result->latency[bucket_of(above)]++;
	if (above > result->latency_max)
		result->latency_max = above;
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

/* The request of a busy slot is over. */
static void finish(struct load *load, struct slot *slot, bool ok, uint64_t wait)
{
	slot->busy = false;
	slot->conn->busy--;
	load->in_flight--;
	if (ok)
		count_latency(load, slot);
	else
		load->result->errors++;
	slot->conn->bad |= !ok;
	slot->failed = false;
	slot->since = load->now + wait;
	if (slot->left && slot->since < load->end)
		wait_until(load, slot, slot->since);
}

static void hang_up(struct load *load, struct conn *conn)
{
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
	conn->in.len = conn->out.len = 0;
	conn->writing = false;
	for (unsigned i = 0; i < load->plan->depth && conn->busy; i++)
		if (conn->slots[i].busy)
			finish(load, &conn->slots[i], false, RETRY_NS);
}

/* ---- sending ---- */

static int connect_to(const char *target)
{
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_in in;
	} address = {.un = {.sun_family = AF_UNIX}};
	socklen_t len = sizeof(address.un);
	int fd;

	if (!target[strspn(target, "0123456789")]) {
		address.in = (struct sockaddr_in){.sin_family = AF_INET,
						  .sin_port = htons((uint16_t)atoi(target)),
						  .sin_addr = {htonl(INADDR_LOOPBACK)}};
		len = sizeof(address.in);
	} else {
		strncpy(address.un.sun_path, target, sizeof(address.un.sun_path) - 1);
	}
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, &address.any, len) && errno != EINPROGRESS) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	if (fd >= 0 && address.any.sa_family == AF_INET)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	return fd;
}

static bool conn_open(struct load *load, struct conn *conn)
{
	const struct load_plan *plan = load->plan;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

	if (conn->fd >= 0)
		return true;
	conn->fd = connect_to(plan->targets[conn->number % plan->target_count]);
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

static void flush(struct load *load, struct conn *conn)
{
	ssize_t n = send(conn->fd, conn->out.data, conn->out.len, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != ENOTCONN) {
		hang_up(load, conn);
		return;
	}
	if (n > 0) {
		conn->out.len -= (size_t)n;
		memmove(conn->out.data, conn->out.data + n, conn->out.len);
	}
	want_writable(load, conn, conn->out.len > 0);
}

static void send_request(struct load *load, struct slot *slot)
{
	struct conn *conn = slot->conn;
	size_t at = conn->out.len;

	if (!conn_open(load, conn) && errno == EAGAIN) {
		/* A full backlog: the request is late, not wrong. */
		wait_until(load, slot, load->now + RETRY_NS);
		return;
	}
	buffer_append(&conn->out, load->request.data, load->request.len);
	if (slot != conn->slots)
		wire_set_id(conn->out.data + at, load->request.len,
			    (uint16_t)(slot - conn->slots + 1));
	slot->busy = true;
	if (slot->left != UINT64_MAX)
		slot->left--;
	conn->busy++;
	if (++load->in_flight > load->result->peak)
		load->result->peak = load->in_flight;
	if (conn->fd < 0) {
		hang_up(load, conn);
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
		if (load->now < load->end)
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

/* False if what came cannot be an answer to anything we asked. */
static bool take_piece(struct load *load, struct conn *conn, const struct wire_piece *piece)
{
	struct slot *slot = &conn->slots[piece->id - 1];

	if (piece->kind == WIRE_NONSENSE || !piece->id || piece->id > load->plan->depth ||
	    !slot->busy)
		return false;
	slot->failed |= !piece->ok;
	if (piece->kind == WIRE_END)
		finish(load, slot, !slot->failed, load->plan->pause);
	return true;
}

/* Stores in *used how many of the bytes were whole pieces. */
static bool take_bytes(struct load *load, struct conn *conn, const char *bytes, size_t n,
		       size_t *used)
{
	struct wire_piece (*next)(const char *, size_t) =
		load->plan->http ? wire_http : wire_fastcgi;

	*used = 0;
	while (*used < n) {
		struct wire_piece piece = next(bytes + *used, n - *used);

		if (piece.kind == WIRE_MORE)
			break;
		if (!take_piece(load, conn, &piece))
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
	if (n <= 0 || !take(load, conn, (size_t)n) || (load->plan->fresh && !conn->busy))
		hang_up(load, conn);
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

static int prepare(struct load *load)
{
	const struct load_plan *plan = load->plan;
	size_t slots = (size_t)plan->connections * plan->depth;

	wire_request(&load->request, plan->http, plan->path, plan->query, !plan->fresh);
	load->conns = calloc(plan->connections, sizeof(*load->conns));
	load->slots = calloc(slots, sizeof(*load->slots));
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load->epoll < 0)
		return -errno;
	if (!load->conns || !load->slots || load->request.failed)
		return -ENOMEM;
	load->now = clock_now();
	load->end = plan->duration ? load->now + plan->duration : UINT64_MAX;
	for (size_t i = 0; i < plan->connections; i++) {
		load->conns[i].fd = -1;
		load->conns[i].number = (uint16_t)i;
		load->conns[i].slots = &load->slots[i * plan->depth];
	}
	for (size_t i = 0; i < slots; i++) {
		load->slots[i].conn = &load->conns[i / plan->depth];
		load->slots[i].left = plan->requests ? plan->requests : UINT64_MAX;
		load->slots[i].since = load->now + plan->ramp * i / slots;
		wait_until(load, &load->slots[i], load->slots[i].since);
	}
	return 0;
}

/* Until all is sent and answered, or patience is over. */
static void run(struct load *load)
{
	uint64_t start = load->now;
	uint64_t deadline = UINT64_MAX;

	for (;;) {
		send_due(load);
		if (!load->in_flight && !load->first)
			break;
		if (deadline == UINT64_MAX && (!load->first || load->now >= load->end))
			deadline = load->now + load->plan->patience;
		else if (load->first && load->now < load->end)
			deadline = UINT64_MAX;
		if (load->now >= deadline)
			break;
		wait_for_events(load, load->first ? load->first->due : deadline);
	}
	load->result->elapsed = load->now - start;
}

static void settle(struct load *load)
{
	load->result->unanswered = load->in_flight;
	for (size_t i = 0; load->conns && i < load->plan->connections; i++) {
		struct conn *conn = &load->conns[i];

		load->result->bad_connections += conn->bad || conn->busy;
		if (conn->fd >= 0)
			close(conn->fd);
		buffer_free(&conn->in);
		buffer_free(&conn->out);
	}
	buffer_free(&load->request);
	free(load->conns);
	free(load->slots);
	if (load->epoll >= 0)
		close(load->epoll);
}

int load_run(const struct load_plan *plan, struct load_result *result)
{
	struct load *load = calloc(1, sizeof(*load));
	int error;

	if (!load)
		return -ENOMEM;
	load->plan = plan;
	load->result = result;
	load->epoll = -1;
	error = prepare(load);
	if (!error)
		run(load);
	settle(load);
	free(load);
	return error;
}
