/*
 * The worker's log: one line per event on stderr, in logfmt:
 *
 *	time=2026-01-31T12:00:00.123Z level=info worker=loop-1 pid=4711 event=started threads=40
 *
 * A line is one write(2), so lines of several workers in one file never mix. Values from outside
 * go through %s only: quotes, backslashes, control bytes and all bytes beyond ASCII come out as
 * escapes, so that nobody can forge a line. What is longer than 2047 bytes is cut. A warning that
 * repeats is logged LOG_FEW times in LOG_WHILE seconds; then it is counted, and the sum is a line
 * with repeated=<how often>.
 *
 * Where stderr is systemd's journal, it is an entry there: the line from the worker on as MESSAGE,
 * the level as PRIORITY, and a field for each pair: LANES_WORKER, LANES_EVENT, LANES_THREADS.
 */
#ifndef LANES_BASE_LOG_H
#define LANES_BASE_LOG_H

enum { LOG_FEW = 5, LOG_WHILE = 10 };

enum log_level { LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/* Sets the worker's name (borrowed). Call once, before the threads start. */
void log_init(const char *worker);

/* stderr is appended to this file from now on, which is made with mode 0640. 0 or a negative errno:
 * then it is what it was. */
int log_to(const char *path);

/* Logs event=<event> (borrowed for ever: a literal) and then key=value pairs: keys are
 * NULL-terminated arguments, each followed by its value as a C string: log_event(LOG_LEVEL_INFO,
 * "drained", "reason", "signal", NULL). Any thread; a log that cannot be written is given up
 * silently, for there is nowhere to say so. */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

/* What a line says of its subject: request=… id=…, and trace=…; what is "" is left out. */
struct log_about {
	char request[24];
	char id[64];
	char trace[40];
};

/* What the lines of this thread are about, until it is set anew; NULL: nothing. */
extern _Thread_local const void *log_subject;

/* Sets what makes a log_about of a subject. Call once, before the threads start. */
void log_tell_with(void (*tell)(const void *subject, struct log_about *about));

/* The same about another worker: the line says its name and pid. */
void log_event_of(const char *worker, long pid, enum log_level level, const char *event, ...)
	__attribute__((sentinel));

/* Prints what is wrong at the start, for whoever starts the worker: the program's name, ": ", the
 * text and a newline, on stderr. It is one write(2), as stdio (glibc 2.41) splits longer lines in
 * two. */
void log_complaint(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A number as a value, valid until the 8th call after this one on the same thread. */
const char *log_number(long long number);

#endif
