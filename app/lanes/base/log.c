#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/journal.h"

enum { LINE_SIZE = 2048, NUMBERS = 8, KINDS = 32, WORKER_SIZE = 40 };

static const char *log_worker = "lanes";
static void (*log_tell)(const void *subject, struct log_about *about);
_Thread_local const void *log_subject;

/* The warnings of the last LOG_WHILE seconds: how many there were of an event, about a worker. */
struct kind {
	const char *event; /* NULL: free */
	char worker[WORKER_SIZE];
	long pid;
	time_t since;
	unsigned count;
};

static pthread_mutex_t kinds_lock = PTHREAD_MUTEX_INITIALIZER;
static struct kind kinds[KINDS];

struct line {
	char text[LINE_SIZE]; /* the last byte is kept for the newline */
	size_t len;
	size_t message;		    /* where that begins which the journal does not know itself */
	struct journal_entry entry; /* the same for the journal, if that is open */
};

int log_to(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_CLOEXEC, 0640);
	int err = fd < 0 || dup2(fd, STDERR_FILENO) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

void log_init(const char *worker)
{
	tzset(); /* or gmtime_r() would open a file with the first line */
	log_worker = worker;
	memset(kinds, 0, sizeof(kinds));
	if (journal_is_stderr())
		journal_open(JOURNAL_SOCKET);
}

void log_tell_with(void (*tell)(const void *subject, struct log_about *about))
{
	log_tell = tell;
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

/* A pair: what comes from outside, as the value does, is no more in the journal than a field's. */
static void put_field(struct line *line, const char *key, const char *value)
{
	put(line, ' ');
	put_text(line, key);
	put(line, '=');
	put_value(line, value);
	if (journal_is_open())
		journal_field(&line->entry, "LANES_", key, value);
}

static void send_to_journal(struct line *line, const char *priority)
{
	line->text[line->len] = '\0';
	journal_field(&line->entry, "", "MESSAGE", line->text + line->message);
	journal_field(&line->entry, "", "PRIORITY", priority);
	journal_field(&line->entry, "", "SYSLOG_IDENTIFIER", program_invocation_short_name);
	journal_send(&line->entry);
}

/* Nobody can be told of a failure. A pipe that is full, because nobody reads it, holds nobody up.
 */
static void end_line(struct line *line, enum log_level level)
{
	static const char *const priorities[] = {"6", "4", "3"}; /* of syslog(3) */
	struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (journal_is_open()) {
		send_to_journal(line, priorities[level]);
		return;
	}
	if (poll(&log, 1, 0) == 0)
		return;
	line->text[line->len++] = '\n';
	while (write(STDERR_FILENO, line->text, line->len) < 0 && errno == EINTR)
		;
}

static void begin_line(struct line *line, const char *worker, long pid, enum log_level level,
		       const char *event)
{
	static const char *const levels[] = {" level=info", " level=warning", " level=error"};

	put_time(line);
	put_text(line, levels[level]);
	line->entry.len = 0;
	line->message = line->len + 1;
	put_field(line, "worker", worker);
	put_field(line, "pid", log_number(pid));
	put_field(line, "event", event);
}

/* Logs how often an event came besides the times that it was logged, and forgets it. */
static void tell_count(struct kind *kind)
{
	struct line line;

	if (kind->count <= LOG_FEW)
		return;
	line.len = 0;
	begin_line(&line, kind->worker, kind->pid, LOG_LEVEL_WARNING, kind->event);
	put_field(&line, "repeated", log_number(kind->count - LOG_FEW));
	end_line(&line, LOG_LEVEL_WARNING);
	kind->count = LOG_FEW;
}

/* The kind of a warning, a new one if there is room, or NULL. */
static struct kind *kind_of(const char *worker, long pid, const char *event, time_t now)
{
	struct kind *unused = NULL;

	for (size_t i = 0; i < KINDS; i++) {
		if (!kinds[i].event)
			unused = &kinds[i];
		else if (!strcmp(kinds[i].event, event) &&
			 !strncmp(kinds[i].worker, worker, WORKER_SIZE - 1))
			return &kinds[i];
	}
	if (unused) {
		*unused = (struct kind){.event = event, .pid = pid, .since = now};
		snprintf(unused->worker, sizeof(unused->worker), "%s", worker);
	}
	return unused;
}

/* False if it is only counted. What was counted is told once its time is over, or before anything
 * that is no warning: that is rare, and may be the last line. */
static bool is_logged(const char *worker, long pid, enum log_level level, const char *event)
{
	struct timespec now;
	struct kind *kind = NULL;
	bool logged;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&kinds_lock);
	for (size_t i = 0; i < KINDS; i++) {
		bool over = kinds[i].event && now.tv_sec - kinds[i].since >= LOG_WHILE;

		if (over || level != LOG_LEVEL_WARNING)
			tell_count(&kinds[i]);
		if (over)
			kinds[i].event = NULL;
	}
	if (level == LOG_LEVEL_WARNING)
		kind = kind_of(worker, pid, event, now.tv_sec);
	logged = !kind || ++kind->count <= LOG_FEW;
	pthread_mutex_unlock(&kinds_lock);
	return logged;
}

static void put_pair(struct line *line, const char *key, const char *value)
{
	if (*value)
		put_field(line, key, value);
}

static void put_subject(struct line *line)
{
	struct log_about about = {0};

	log_tell(log_subject, &about);
	put_pair(line, "request", about.request);
	put_pair(line, "id", about.id);
	put_pair(line, "trace", about.trace);
}

static void write_line(const char *worker, long pid, enum log_level level, const char *event,
		       va_list pairs)
{
	struct line line;

	if (!is_logged(worker, pid, level, event))
		return;
	line.len = 0;
	begin_line(&line, worker, pid, level, event);
	if (log_subject && log_tell && worker == log_worker)
		put_subject(&line);
	for (const char *key; (key = va_arg(pairs, const char *));)
		put_field(&line, key, va_arg(pairs, const char *));
	end_line(&line, level);
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
	put_text(&line, program_invocation_short_name);
	put_text(&line, ": ");
	line.message = line.len;
	put_text(&line, text);
	end_line(&line, LOG_LEVEL_ERROR);
}

const char *log_number(long long number)
{
	static _Thread_local char texts[NUMBERS][24];
	static _Thread_local unsigned next;
	char *text = texts[next++ % NUMBERS];

	snprintf(text, sizeof(texts[0]), "%lld", number);
	return text;
}
