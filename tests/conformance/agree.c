/*
 * Do two responders give the same answers? `build/agree [options] SOCKET SOCKET`: generates valid
 * requests, sends each to both, and compares status, headers (but those that say who answered and
 * when) and body.
 *
 * Request i of a seed is always the same bytes, whoever sends it and whatever came before, so
 * --only i shows one again. What is generated is valid for libfcgi, too: no NUL in a param, no
 * padding behind BEGIN_REQUEST and behind the end of PARAMS (it forgets that), and limits neither
 * of them has.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/stream.h"
#include "fcgi/record.h"
#include "peer.h"

enum {
	SENDERS = 4,
	KEEP_MAX = 50, /* requests on one connection */
	STATUSES = 600,
	PIECE_MAX = 300,
	BODY_MAX = 100000,
};

struct sender {
	unsigned long sent, differing;
	unsigned long statuses[STATUSES];
};

struct settings {
	const char *address[2];
	unsigned long seed, count;
	long only; /* -1: all */
	int timeout;
};

struct request {
	struct buffer bytes;
	size_t cut; /* sent in two parts, cut here */
	uint16_t id;
	bool keep;
};

/* ---- Chance ---- */

static uint64_t chance;

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t z = chance += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static size_t below(size_t n)
{
	return draw() % n;
}

static bool one_in(size_t n)
{
	return below(n) == 0;
}

/* One draw a statement: the order of those in one is the compiler's. */
#define ANY(list) list[below(sizeof(list) / sizeof(*(list)))]

/* ---- A request ---- */

static const char *const methods[] = {"GET",  "GET",  "GET", "GET", "HEAD",
				      "HEAD", "POST", "get", ""};
static const char *const prefixes[] = {"", "", "/prefork", "/a b", "/%2f\"<>"};
static const char *const paths[] = {"/", "/thread", "/one", "/many", "/lent", "/held", "/number",
				    /* not quite */
				    "", "//", "/nothing", "/on", "/One", "/one/", "/thread//",
				    "/number/", "/on%65", "/%6fne", "/one%2F", "/one%", "/one\n",
				    "/\xff\xfe", "/\r\nX: y", "/one\r\n/"};
/* Nothing of it lasts: valid ones are next to nothing. */
static const char *const seconds[] = {
	"0", "0.0", "0.001", "1e-3", "1e-05", "-0", "+0", "%30", "0_0", " 0 ", "\xd9\xa0", "5e-324",
	/* not quite */
	"abc", "", "-1", "-0.1", "61", "60.001", "nan", "inf", "-inf", "1e999", "0x1", "1,5", "%",
	"%zz", "%ff", "0%000", "1__0", "0.", ".0", "\"<&gt;", "9999999999999999999999"};
static const char *const numbers[] = {"0", "1", "10", "3000", "%31", "1_0", "+5", " 7 ", "007",
				      /* not quite */
				      "-1", "-0", "1.5", "abc", "", "1e3", "1000000001",
				      "99999999999999999999", "0x10", "\xef\xbc\x91"};
static const char *const others[] = {
	"a=b",	   "=",		"&",	       "seconds", "Seconds=1",
	"n",	   "x=%41+%42", "seconds%3d1", "%00=1",	  "a=\xf0\x9f\x98\x80",
	"second=1"};

static void add_name(struct buffer *query, const char *plain, const char *encoded)
{
	buffer_append_text(query, query->len ? "&" : "");
	buffer_append_text(query, one_in(8) ? encoded : plain);
	buffer_append_text(query, "=");
}

/* Every query has a "seconds", or the original's 1.5 s would be waited for. */
static void make_query(struct buffer *query)
{
	size_t count = one_in(3) ? below(8) + 1 : 1;

	if (one_in(3))
		buffer_append_text(query, ANY(others));
	for (size_t i = 0; i < count; i++) {
		add_name(query, "seconds", "%73econds");
		buffer_append_text(query, ANY(seconds));
	}
	if (one_in(2)) {
		add_name(query, "n", "%6e");
		buffer_append_text(query, ANY(numbers));
	}
	if (one_in(3)) {
		buffer_append_text(query, "&");
		buffer_append_text(query, ANY(others));
	}
}

/* A pair whose lengths are, now and then, longer than they need to be. */
static void add_pair(struct buffer *to, struct slice name, struct slice value)
{
	struct slice part[2] = {name, value};

	if (!one_in(4)) {
		pair_append(to, name, value);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		char length[4] = {(char)(part[i].len >> 24 | 0x80), (char)(part[i].len >> 16),
				  (char)(part[i].len >> 8), (char)part[i].len};

		buffer_append(to, length, sizeof(length));
	}
	buffer_append(to, name.data, name.len);
	buffer_append(to, value.data, value.len);
}

/* Some header a browser might send, with any byte but NUL in its value. */
static void add_header(struct buffer *to)
{
	char name[300] = "HTTP_";
	char value[3000];
	size_t name_len = 5 + below(one_in(10) ? sizeof(name) - 5 : 20);
	size_t value_len = below(one_in(10) ? sizeof(value) : 140);

	for (size_t i = 5; i < name_len; i++)
		name[i] = (char)('A' + below(26));
	for (size_t i = 0; i < value_len; i++)
		value[i] = (char)(1 + below(255));
	add_pair(to, (struct slice){name, name_len}, (struct slice){value, value_len});
}

static void add_text(struct buffer *to, const char *name, const char *value)
{
	while (one_in(3))
		add_header(to);
	add_pair(to, slice_of(name), slice_of(value));
}

static void make_params(struct buffer *to, size_t body)
{
	struct buffer query = {0};
	char length[24];

	make_query(&query);
	snprintf(length, sizeof(length), "%zu", body);
	add_text(to, "GATEWAY_INTERFACE", "CGI/1.1");
	add_text(to, "REQUEST_METHOD", ANY(methods));
	add_text(to, "PATH_INFO", ANY(paths));
	add_text(to, "SCRIPT_NAME", ANY(prefixes));
	if (one_in(2))
		add_text(to, "LANES_PATH", ANY(paths));
	add_pair(to, slice_of("QUERY_STRING"), buffer_slice(&query));
	if (body || one_in(2))
		add_text(to, "CONTENT_LENGTH", length);
	if (one_in(4))
		add_text(to, "HTTP_ACCEPT", one_in(2) ? "text/html,*/*" : "application/json");
	if (one_in(4))
		add_text(to, "LANES_SENT", one_in(2) ? "1700000000.123" : "yesterday");
	buffer_free(&query);
}

/* Content in records of random length and padding. */
static void add_content(struct stream *s, uint8_t type, uint16_t id, struct slice content)
{
	size_t piece = one_in(2) ? 65535 : below(PIECE_MAX) + 1;

	while (content.len) {
		size_t n = below(piece) + 1;

		if (n > content.len)
			n = content.len;
		s->seed = one_in(2) ? (uint32_t)draw() | 1 : 0;
		stream_record(s, type, id, content.data, n);
		content.data += n;
		content.len -= n;
	}
	s->seed = 0;
}

static void make_request(struct request *r, unsigned long seed, unsigned long number)
{
	static const char body[BODY_MAX];
	struct stream s = {0};
	struct buffer params = {0};
	size_t body_len;

	chance = (uint64_t)seed << 32 ^ number;
	body_len = one_in(4) ? below(one_in(20) ? BODY_MAX : 500) : 0;
	r->id = (uint16_t)(one_in(2) ? 1 : below(65535) + 1);
	r->keep = !one_in(4);
	make_params(&params, body_len);
	stream_begin(&s, r->id, FCGI_ROLE_RESPONDER, r->keep ? FCGI_FLAG_KEEP_CONN : 0);
	add_content(&s, FCGI_TYPE_PARAMS, r->id, buffer_slice(&params));
	stream_params_end(&s, r->id);
	add_content(&s, FCGI_TYPE_STDIN, r->id, (struct slice){body, body_len});
	stream_stdin_end(&s, r->id);
	buffer_free(&params);
	r->bytes = s.bytes;
	r->cut = one_in(10) ? below(s.bytes.len) : 0;
}

/* ---- Comparing ---- */

/* The answer without the lines that may differ. */
static void comparable(const struct answer *answer, struct buffer *to)
{
	static const char *const own[] = {
		"X-Lanes-Worker: ", "X-Lanes-Request: ", "Server-Timing: "};
	struct slice left = buffer_slice(&answer->out);

	while (left.len) {
		const char *end = memchr(left.data, '\n', left.len);
		size_t n = end ? (size_t)(end - left.data) + 1 : left.len;
		bool keep = true;

		if (n <= 2)
			n = left.len; /* the head is over */
		for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
			keep &= n < strlen(own[i]) || memcmp(left.data, own[i], strlen(own[i]));
		if (keep)
			buffer_append(to, left.data, n);
		left.data += n;
		left.len -= n;
	}
}

/* Sends the request; its answer, or NULL if none came. */
static const struct answer *ask(struct peer *p, const struct request *r)
{
	size_t before = p->ended;
	struct slice all = buffer_slice(&r->bytes);

	peer_send(p, (struct slice){all.data, r->cut});
	if (r->cut)
		peer_settle(p);
	peer_send(p, (struct slice){all.data + r->cut, all.len - r->cut});
	return peer_ended(p, before + 1) ? &p->answers[p->answer_count - 1] : NULL;
}

static bool agree(const struct answer *const answers[2])
{
	struct buffer text[2] = {{0}};
	bool same;

	if (!answers[0] || !answers[1])
		return false;
	for (size_t i = 0; i < 2; i++)
		comparable(answers[i], &text[i]);
	same = slice_equal(buffer_slice(&text[0]), buffer_slice(&text[1])) &&
	       answers[0]->id == answers[1]->id &&
	       answers[0]->app_status == answers[1]->app_status &&
	       answers[0]->protocol_status == answers[1]->protocol_status;
	buffer_free(&text[0]);
	buffer_free(&text[1]);
	return same;
}

static void show(const struct request *r, unsigned long number, const struct peer peers[2],
		 const struct answer *const answers[2])
{
	printf("FAIL  agreement: request %lu\n", number);
	dump_records(stdout, "sent", buffer_slice(&r->bytes));
	for (size_t i = 0; i < 2; i++) {
		struct slice out = slice_of(peers[i].closed ? "(closed)" : "(none in time)");

		if (answers[i])
			out = buffer_slice(&answers[i]->out);
		printf("    answer %zu:\n%.*s\n", i + 1, (int)out.len, out.data);
	}
	fflush(stdout);
}

/* ---- Sending ---- */

static void compare(const struct settings *s, struct peer peers[2], unsigned long number,
		    struct sender *sender)
{
	const struct answer *answers[2] = {NULL, NULL};
	struct request r;

	make_request(&r, s->seed, number);
	for (size_t i = 0; i < 2; i++) {
		if (peers[i].fd >= 0 && peers[i].answer_count >= KEEP_MAX)
			peer_free(&peers[i]);
		if (peers[i].fd >= 0 || peer_open(&peers[i], s->address[i], s->timeout))
			answers[i] = ask(&peers[i], &r);
	}
	sender->sent++;
	if (!agree(answers)) {
		if (sender->differing++ == 0)
			show(&r, number, peers, answers);
	} else {
		int status = answers[0]->out.len > 11 ? atoi(answers[0]->out.data + 8) : 0;

		sender->statuses[status > 0 && status < STATUSES ? status : 0]++;
	}
	for (size_t i = 0; i < 2; i++)
		if (!r.keep || !answers[i] || peers[i].violation)
			peer_free(&peers[i]);
	buffer_free(&r.bytes);
}

/* Each sender has a process of its own, and every SENDERS-th request. */
static void send_all(const struct settings *s, unsigned long from, unsigned long step,
		     struct sender *sender)
{
	struct peer peers[2] = {{.fd = -1}, {.fd = -1}};

	for (unsigned long number = from; number < s->count; number += step)
		compare(s, peers, number, sender);
	peer_free(&peers[0]);
	peer_free(&peers[1]);
}

static void run_senders(const struct settings *s, struct sender *senders)
{
	fflush(stdout);
	for (unsigned long i = 0; i < SENDERS; i++) {
		if (fork() == 0) {
			send_all(s, i, SENDERS, &senders[i]);
			_exit(0);
		}
	}
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

/* ---- The program ---- */

static int parse(struct settings *s, int argc, char **argv)
{
	int i = 1;

	for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		unsigned long value = strtoul(argv[i + 1], NULL, 10);

		if (!strcmp(argv[i], "--seed"))
			s->seed = value;
		else if (!strcmp(argv[i], "--count"))
			s->count = value;
		else if (!strcmp(argv[i], "--only"))
			s->only = (long)value;
		else
			break;
	}
	if (i + 2 != argc) {
		fputs("Usage: agree [--seed N] [--count N] [--only N] SOCKET SOCKET\n", stderr);
		return -EINVAL;
	}
	s->address[0] = argv[i];
	s->address[1] = argv[i + 1];
	return 0;
}

/* Returns whether all requests were sent and agreed upon. */
static bool report(const struct settings *s, const struct sender *senders, int64_t took)
{
	struct sender all = {0};
	bool passed;

	for (size_t i = 0; i < SENDERS; i++) {
		all.sent += senders[i].sent;
		all.differing += senders[i].differing;
		for (size_t j = 0; j < STATUSES; j++)
			all.statuses[j] += senders[i].statuses[j];
	}
	passed = !all.differing && all.sent == (s->only < 0 ? s->count : 1);
	printf("%s agreement: %lu requests, %lu differ, seed %lu, %.1f s; status",
	       passed ? "ok   " : "FAIL ", all.sent, all.differing, s->seed, (double)took / 1000);
	for (size_t j = 0; j < STATUSES; j++)
		if (all.statuses[j])
			printf(" %zu: %lu", j, all.statuses[j]);
	printf("\n%d passed, %d failed\n", passed, !passed);
	return passed;
}

int main(int argc, char **argv)
{
	struct settings s = {.seed = 1, .count = 20000, .only = -1, .timeout = 60000};
	size_t size = SENDERS * sizeof(struct sender);
	struct sender *senders;
	int64_t start = now_ms();
	bool passed;

	if (parse(&s, argc, argv))
		return 2;
	signal(SIGPIPE, SIG_IGN);
	senders = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (senders == MAP_FAILED)
		return 2;
	if (s.only >= 0) {
		struct peer peers[2] = {{.fd = -1}, {.fd = -1}};

		compare(&s, peers, (unsigned long)s.only, &senders[0]);
		peer_free(&peers[0]);
		peer_free(&peers[1]);
	} else {
		run_senders(&s, senders);
	}
	passed = report(&s, senders, now_ms() - start);
	munmap(senders, size);
	return passed ? 0 : 1;
}
