#include "client/answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void answer_init(struct answer *answer)
{
	*answer = (struct answer){.length = SIZE_MAX};
}

/* "HTTP/1.1 200 OK" */
static bool take_status(struct answer *answer)
{
	const char *at = answer->line;

	if (strncmp(at, "HTTP/1.", 7) != 0 || strspn(at + 7, "01") != 1 || at[8] != ' ')
		return false;
	at += 9;
	if (*at < '1' || strspn(at, "0123456789") != 3 || (at[3] && at[3] != ' '))
		return false;
	answer->status = atoi(at);
	return true;
}

/* False if it is no whole number. */
static bool read_number(const char *text, uint64_t *number)
{
	char *end;

	*number = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end;
}

static bool take_header(struct answer *answer)
{
	char *value = strchr(answer->line, ':');
	uint64_t number;

	if (!value)
		return false;
	*value++ = '\0';
	value += strspn(value, " \t");
	if (!strcasecmp(answer->line, "X-Lanes-Worker"))
		strncpy(answer->worker, value, sizeof(answer->worker) - 1);
	else if (!strcasecmp(answer->line, "Server-Timing"))
		strncpy(answer->timing, value, sizeof(answer->timing) - 1);
	else if (!strcasecmp(answer->line, "X-Lanes-Request") && read_number(value, &number))
		answer->serial = number;
	else if (!strcasecmp(answer->line, "Content-Length")) {
		if (!read_number(value, &number) || number >= SIZE_MAX)
			return false;
		answer->length = (size_t)number;
	}
	return true;
}

/* A line is complete, but for what did not fit. */
static bool take_line(struct answer *answer)
{
	bool whole = answer->line_len < sizeof(answer->line);

	if (whole && answer->line_len && answer->line[answer->line_len - 1] == '\r')
		answer->line_len--;
	answer->line[whole ? answer->line_len : 0] = '\0';
	if (!answer->status)
		return take_status(answer);
	if (!answer->line_len)
		answer->in_body = true;
	return !whole || answer->in_body || take_header(answer);
}

/* Takes bytes up to the end of a line; returns how many. */
static size_t feed_line(struct answer *answer, const char *bytes, size_t len, bool *sound)
{
	const char *end = memchr(bytes, '\n', len);
	size_t n = end ? (size_t)(end - bytes) : len;

	if (answer->line_len + n < sizeof(answer->line))
		memcpy(answer->line + answer->line_len, bytes, n);
	answer->line_len += n;
	if (!end)
		return n;
	*sound = take_line(answer);
	answer->line_len = 0;
	return n + 1;
}

static void feed_body(struct answer *answer, const char *bytes, size_t len)
{
	size_t room = ANSWER_BODY - answer->body_kept;
	size_t left = answer->length - answer->body_bytes;
	size_t n = len < left ? len : left;

	answer->body_bytes += n;
	if (n > room)
		n = room;
	memcpy(answer->body + answer->body_kept, bytes, n);
	answer->body_kept += n;
}

enum answer_state answer_feed(struct answer *answer, const char *bytes, size_t len)
{
	bool sound = true;

	answer->bytes += len;
	while (len && sound && !answer->in_body) {
		size_t n = feed_line(answer, bytes, len, &sound);

		bytes += n;
		len -= n;
	}
	if (!sound)
		return ANSWER_BAD;
	if (answer->in_body)
		feed_body(answer, bytes, len);
	if (answer->in_body && answer->body_bytes == answer->length)
		return ANSWER_DONE;
	return answer->bytes > ANSWER_MOST ? ANSWER_TOO_LONG : ANSWER_MORE;
}

bool answer_ends_here(const struct answer *answer)
{
	return answer->in_body &&
	       (answer->length == SIZE_MAX || answer->body_bytes == answer->length);
}
