#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../support/machine.h"
#include "../support/stream.h"
#include "fcgi/record.h"

enum { READ_MAX = 65536, SETTLE_NS = 20000 };

int64_t now_ms(void)
{
	return (int64_t)(now() * 1000);
}

/* ---- Open, close ---- */

static int connect_path(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int connect_host(const char *address)
{
	const char *colon = strrchr(address, ':');
	char *host = strndup(address, (size_t)(colon - address));
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	int fd = -1;

	errno = EADDRNOTAVAIL;
	if (getaddrinfo(host, colon + 1, &hints, &found) == 0) {
		fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen)) {
			close(fd);
			fd = -1;
		}
		freeaddrinfo(found);
	}
	free(host);
	return fd;
}

bool peer_open(struct peer *p, const char *address, int timeout)
{
	bool tcp = !strchr(address, '/') && strchr(address, ':');

	*p = (struct peer){.timeout = timeout};
	p->fd = tcp ? connect_host(address) : connect_path(address);
	if (p->fd < 0)
		return false;
	if (tcp)
		setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	fcntl(p->fd, F_SETFL, O_NONBLOCK);
	return true;
}

void peer_close(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

void peer_free(struct peer *p)
{
	peer_close(p);
	for (size_t i = 0; i < p->answer_count; i++)
		buffer_free(&p->answers[i].out);
	free(p->answers);
	buffer_free(&p->sent);
	buffer_free(&p->received);
	buffer_free(&p->values);
	*p = (struct peer){.fd = -1};
}

/* ---- Sorting what comes ---- */

static void violate(struct peer *p, const char *what)
{
	if (!p->violation)
		p->violation = what;
}

/* The answer a record belongs to: the one of its id that has not ended, or a new one. */
static struct answer *answer_of(struct peer *p, uint16_t id)
{
	for (size_t i = p->answer_count; i-- > 0;)
		if (p->answers[i].id == id && !p->answers[i].ended)
			return &p->answers[i];
	if (p->answer_count == p->answer_room) {
		p->answer_room = p->answer_room ? 2 * p->answer_room : 16;
		p->answers = realloc(p->answers, p->answer_room * sizeof(*p->answers));
		if (!p->answers)
			abort();
	}
	p->answers[p->answer_count] = (struct answer){.id = id};
	return &p->answers[p->answer_count++];
}

static void take_end(struct peer *p, struct answer *answer, const unsigned char *body, size_t n)
{
	if (n != FCGI_BODY_SIZE) {
		violate(p, "an END_REQUEST without a body of 8 bytes (5.5)");
		return;
	}
	answer->app_status = (uint32_t)body[0] << 24 | (uint32_t)body[1] << 16 |
			     (uint32_t)body[2] << 8 | body[3];
	answer->protocol_status = body[4];
	answer->ended = true;
	p->ended++;
	if (body[4] > FCGI_STATUS_UNKNOWN_ROLE)
		violate(p, "an END_REQUEST with an unknown protocolStatus (5.5)");
}

static void take_management(struct peer *p, uint8_t type, const unsigned char *body, size_t n)
{
	if (type == FCGI_TYPE_GET_VALUES_RESULT) {
		p->values.len = 0;
		buffer_append(&p->values, body, n);
		p->values_count++;
	} else if (type == FCGI_TYPE_UNKNOWN && n == FCGI_BODY_SIZE) {
		p->unknown[body[0]] = true;
		p->unknown_count++;
	} else {
		violate(p, "a management record that no application sends (4)");
	}
}

static void take_record(struct peer *p, const struct record *record)
{
	const unsigned char *body = (const unsigned char *)record->content.data;
	size_t n = record->content.len;
	struct answer *answer;

	if (!record->id) {
		take_management(p, record->type, body, n);
		return;
	}
	answer = answer_of(p, record->id);
	if (record->type == FCGI_TYPE_END_REQUEST) {
		take_end(p, answer, body, n);
	} else if (record->type == FCGI_TYPE_STDOUT) {
		if (answer->stdout_closed)
			violate(p, "STDOUT after its end (3.3)");
		answer->stdout_closed |= n == 0;
		buffer_append(&answer->out, body, n);
	} else if (record->type != FCGI_TYPE_STDERR) {
		violate(p, "a record of a type that no application sends (8)");
	}
}

static void sort(struct peer *p)
{
	struct slice left = {p->received.data + p->parsed, p->received.len - p->parsed};
	struct record record;

	while (record_take(&record, &left))
		take_record(p, &record);
	p->parsed = p->received.len - left.len;
	if (left.len && left.data[0] != FCGI_VERSION)
		violate(p, "a record of another version (3.3)");
}

/* ---- Sending, waiting ---- */

static void read_some(struct peer *p)
{
	size_t room = p->read_size ? p->read_size : READ_MAX;
	char *to = buffer_reserve(&p->received, room);
	ssize_t n = to ? read(p->fd, to, room) : -1;

	if (n > 0) {
		p->received.len += (size_t)n;
		sort(p);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		p->closed = true;
		if (p->parsed != p->received.len)
			violate(p, "a record that is not whole (3.3)");
	}
}

/* Waits once for any of the events and reads; what of them came, 0 if nothing did. */
static int step(struct peer *p, short events, int64_t deadline)
{
	struct pollfd fd = {.fd = p->fd, .events = events};
	int64_t left = deadline - now_ms();

	if (!p->deaf)
		fd.events |= POLLIN;
	if (left <= 0 || poll(&fd, 1, (int)left) <= 0)
		return 0;
	if (p->deaf)
		p->closed = fd.revents & (POLLHUP | POLLERR);
	else if (fd.revents & ~POLLOUT)
		read_some(p);
	return fd.revents;
}

bool peer_send(struct peer *p, struct slice bytes)
{
	int64_t deadline = now_ms() + p->timeout;

	while (bytes.len && !p->closed) {
		ssize_t n = send(p->fd, bytes.data, bytes.len, MSG_NOSIGNAL);

		if (n > 0) {
			buffer_append(&p->sent, bytes.data, (size_t)n);
			bytes.data += n;
			bytes.len -= (size_t)n;
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			return false;
		} else if (!step(p, POLLOUT, deadline)) {
			return false;
		}
	}
	return bytes.len == 0;
}

void peer_settle(struct peer *p)
{
	int64_t deadline = now_ms() + p->timeout;
	int unread = 0;

	/* No poll tells of it. */
	while (ioctl(p->fd, SIOCOUTQ, &unread) == 0 && unread && !p->violation) {
		if (now_ms() >= deadline)
			violate(p, "what was sent has not been read in time");
		nanosleep(&(struct timespec){.tv_nsec = SETTLE_NS}, NULL);
	}
}

static bool wait_for(struct peer *p, const size_t *counter, size_t wanted)
{
	int64_t deadline = now_ms() + p->timeout;

	while (*counter < wanted && !p->closed && !p->violation && step(p, POLLIN, deadline))
		;
	return *counter >= wanted;
}

bool peer_ended(struct peer *p, size_t answers)
{
	return wait_for(p, &p->ended, answers);
}

bool peer_values(struct peer *p, size_t count)
{
	return wait_for(p, &p->values_count, count);
}

bool peer_unknown(struct peer *p, size_t count)
{
	return wait_for(p, &p->unknown_count, count);
}

bool peer_hung_up(struct peer *p, int wait)
{
	int64_t deadline = now_ms() + wait;

	while (!p->closed && step(p, 0, deadline))
		;
	return p->closed;
}

const struct answer *peer_answer(const struct peer *p, uint16_t id, size_t n)
{
	for (size_t i = 0; i < p->answer_count; i++)
		if (p->answers[i].id == id && n-- == 0)
			return &p->answers[i];
	return NULL;
}
