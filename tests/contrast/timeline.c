#include "timeline.h"

#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { NAME = 35, WORKER = 15, NUMBER = 9, NARROWEST = 16, WIDEST = 120 };

static struct {
	int bars; /* columns for the bars */
	bool colour;
	const char *waits;
	const char *works;
} terminal;

static int columns(void)
{
	const char *given = getenv("COLUMNS");
	struct winsize size;

	if (given && atoi(given) > 0)
		return atoi(given);
	if (ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 100;
}

void timeline_begin(void)
{
	const char *term = getenv("TERM");
	bool utf8;

	setlocale(LC_CTYPE, "");
	utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	terminal.bars = columns() - NAME - WORKER - NUMBER - 2;
	if (terminal.bars < NARROWEST)
		terminal.bars = NARROWEST;
	if (terminal.bars > WIDEST)
		terminal.bars = WIDEST;
	terminal.colour = isatty(1) && term && strcmp(term, "dumb") != 0 && !getenv("NO_COLOR");
	terminal.waits = utf8 ? "░" : ".";
	terminal.works = utf8 ? "█" : "#";
}

static void paint(const char *sign, const char *colour, int count)
{
	if (count <= 0)
		return;
	if (terminal.colour)
		fputs(colour, stdout);
	for (int i = 0; i < count; i++)
		fputs(sign, stdout);
	if (terminal.colour)
		fputs("\033[0m", stdout);
}

static int column_of(double seconds, double whole)
{
	int column = (int)(seconds / whole * terminal.bars + 0.5);

	return column < terminal.bars ? column : terminal.bars;
}

/* Between from and to: nothing happens, and from to to end it does. */
static void print_bar(double from, double to, double end, double whole)
{
	int first = column_of(from, whole);
	int middle = column_of(to, whole);
	int last = column_of(end, whole);

	/* What took no time is seen, too. */
	if (last == first) {
		first -= last == terminal.bars;
		last = first + 1;
	}
	if (middle > last)
		middle = last;
	printf("%*s", first, "");
	paint(terminal.waits, "\033[33m", middle - first);
	paint(terminal.works, "\033[32m", last - middle);
	printf("%*s", terminal.bars - last, "");
}

/* Without the pool's prefix: the worker's name says it. */
static const char *short_name(const struct shot *s)
{
	return strncmp(s->target, "/prefork/", 9) ? s->target : s->target + 8;
}

void timeline_print(const struct volley *v)
{
	double whole = volley_seconds(v);

	for (size_t i = 0; i < v->count; i++) {
		const struct shot *s = &v->shots[i];
		bool answered = s->status != 0;

		printf("  %-*.*s", NAME - 2, NAME - 2, short_name(s));
		print_bar(s->sent, answered ? s->sent + s->waited : s->ended, s->ended, whole);
		if (!answered)
			printf(" no answer\n");
		else if (s->status == 200)
			printf(" %6.3f s  %s\n", shot_seconds(s), s->worker);
		else
			printf(" %6.3f s  status %d\n", shot_seconds(s), s->status);
	}
	printf("%*s0%*.2f s\n", NAME, "", terminal.bars - 1, whole);
}

void timeline_print_mark(const struct volley *v, const char *name, double seconds)
{
	double whole = volley_seconds(v);
	bool beyond = seconds > whole * 1.02;

	printf("  %-*s", NAME - 2, name);
	paint(beyond ? ">" : "=", "\033[2m", column_of(seconds, whole));
	printf("%*s %6.3f s\n", terminal.bars - column_of(seconds, whole), "", seconds);
}

void timeline_print_legend(void)
{
	printf("In the bars: ");
	paint(terminal.waits, "\033[33m", 3);
	printf(" waits in a queue for somebody to take it up, ");
	paint(terminal.works, "\033[32m", 3);
	printf(" is being answered.\n");
}
