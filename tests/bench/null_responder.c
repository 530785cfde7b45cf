/*
 * null-responder SOCKET: what a FastCGI application costs that does nothing: one read and one write
 * for all requests that arrived together, canned bytes (those of Lanes' answer to
 * /async/await-one). The ceiling that Lanes is measured against, not a server.
 */
#include <stdio.h>
#include <string.h>

#include "null_front.h"

#define BODY "{\"mode\":\"async\",\"detail\":\"async_io_task(0.0s) done\"}"
#define HEAD                                                                                       \
	"Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: 52\r\n"               \
	"Cache-Control: no-store\r\nX-Lanes-Worker: loop-1\r\n"                                    \
	"Server-Timing: queue;dur=0.000, loop;dur=0.010, await;dur=0.010, pool-queue;dur=0.000, "  \
	"pool;dur=0.000\r\n\r\n"

static unsigned char answer[FRONT_ANSWER_MAX];
static size_t answer_len;

size_t front_request(struct front_conn *conn, const unsigned char id[2], unsigned char *to)
{
	(void)conn;
	memcpy(to, answer, answer_len);
	for (unsigned char *record = to; record < to + answer_len;
	     record += FCGI_HEADER_SIZE + (record[4] << 8 | record[5]))
		memcpy(record + 2, id, 2);
	return answer_len;
}

int main(int argc, char **argv)
{
	static const unsigned char nobody[2];

	if (argc != 2) {
		fputs("Usage: null-responder SOCKET\n", stderr);
		return 2;
	}
	answer_len = front_put(answer, nobody, HEAD BODY, sizeof(HEAD BODY) - 1);
	front_listen(argv[1]);
	front_serve();
}
