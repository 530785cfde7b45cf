#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 2048, NUMBERS = 8 };

static const char *log_worker = "lanes";

struct line {
	char text[LINE_SIZE]; /* the last byte is kept for the newline */
	size_t len;
};

void log_init(const char *worker)
{
	log_worker = worker;
}

static void put(struct line *line, char c)
{
	if (line->len < sizeof(line->text) - 1)
		line->text[line->len++] = c;
}

static void put_text(struct line *line, const char *text)
{
	while (*text)
		put(line, *text++);
}

static bool is_plain(const char *value)
{
	for (const char *c = value; *c; c++)
		if (*c <= ' ' || *c > '~' || *c == '"' || *c == '=' || *c == '\\')
			return false;
	return *value != '\0';
}

static void put_value(struct line *line, const char *value)
{
	if (is_plain(value)) {
		put_text(line, value);
		return;
	}
	put(line, '"');
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '\\') {
			put(line, '\\');
			put(line, (char)c);
		} else if (c < ' ' || c > '~') {
			put_text(line, "\\x");
			put(line, "0123456789abcdef"[c >> 4]);
			put(line, "0123456789abcdef"[c & 15]);
		} else {
			put(line, (char)c);
		}
	}
	put(line, '"');
}

static void put_time(struct line *line)
{
	struct timespec now;
	struct tm utc;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	put_text(line, "time=");
	put_text(line, text);
	snprintf(text, sizeof(text), ".%03dZ", (int)(now.tv_nsec / 1000000));
	put_text(line, text);
}

/* Nobody can be told of a failure. */
static void end_line(struct line *line)
{
	line->text[line->len++] = '\n';
	while (write(STDERR_FILENO, line->text, line->len) < 0 && errno == EINTR)
		;
}

static void write_line(const char *worker, long pid, enum log_level level, const char *event,
		       va_list pairs)
{
	static const char *const levels[] = {" level=info", " level=warning", " level=error"};
	struct line line = {.len = 0};

	put_time(&line);
	put_text(&line, levels[level]);
	put_text(&line, " worker=");
	put_value(&line, worker);
	put_text(&line, " pid=");
	put_text(&line, log_number(pid));
	put_text(&line, " event=");
	put_text(&line, event);
	for (const char *key; (key = va_arg(pairs, const char *));) {
		put(&line, ' ');
		put_text(&line, key);
		put(&line, '=');
		put_value(&line, va_arg(pairs, const char *));
	}
	end_line(&line);
}

void log_event(enum log_level level, const char *event, ...)
{
	va_list pairs;

	va_start(pairs, event);
	write_line(log_worker, getpid(), level, event, pairs);
	va_end(pairs);
}

void log_event_of(const char *worker, long pid, enum log_level level, const char *event, ...)
{
	va_list pairs;

	va_start(pairs, event);
	write_line(worker, pid, level, event, pairs);
	va_end(pairs);
}

void log_complaint(const char *format, ...)
{
	struct line line = {.len = 0};
	char text[LINE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put_text(&line, "lanes: ");
	put_text(&line, text);
	end_line(&line);
}

const char *log_number(long long number)
{
	static _Thread_local char texts[NUMBERS][24];
	static _Thread_local unsigned next;
	char *text = texts[next++ % NUMBERS];

	snprintf(text, sizeof(texts[0]), "%lld", number);
	return text;
}
