#include "timeline.h"

#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "terminal.h"

enum { NUMBER = 11, WORKER = 18, NARROWEST = 10, WIDEST = 120 };

static struct {
	int name; /* columns for what was asked for */
	int bars; /* columns for the bars */
	bool colour;
	const char *waits;
	const char *works;
} terminal;

void timeline_begin(void)
{
	const char *term = getenv("TERM");
	int width = terminal_width();
	bool utf8;

	setlocale(LC_CTYPE, "");
	utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	terminal.name = width >= 100 ? 33 : width >= 80 ? 26 : 14;
	terminal.bars = width - 2 - terminal.name - NUMBER - WORKER;
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

/* Without the pool's prefix, which the worker's name says; and where there is little room, only
 * what the guide calls it, without its query, or of that the last word: so many characters. */
static const char *short_name(const struct shot *s, int *len)
{
	static const char *const prefixes[] = {"/exercise", "/prefork", "/async/", "/sync/",
					       "/cases/"};
	const char *name = s->target;
	int room = terminal.name - 1;
	const char *slash;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t prefix = strlen(prefixes[i]);

		if (!strncmp(name, prefixes[i], prefix) && (i < 2 || (int)strlen(name) > room))
			name += prefix;
	}
	*len = (int)strlen(name);
	if (*len > room)
		*len = (int)strcspn(name, "?");
	slash = *len > room ? memrchr(name, '/', (size_t)*len) : NULL;
	if (slash) {
		*len -= (int)(slash + 1 - name);
		name = slash + 1;
	}
	*len = *len < room ? *len : room;
	return name;
}

void timeline_print(const struct volley *v)
{
	double whole = volley_seconds(v);

	for (size_t i = 0; i < v->count; i++) {
		const struct shot *s = &v->shots[i];
		bool answered = s->status != 0;
		int len;
		const char *name = short_name(s, &len);

		printf("  %-*.*s ", terminal.name - 1, len, name);
		print_bar(s->sent, answered ? s->sent + s->waited : s->ended, s->ended, whole);
		if (!answered)
			printf(" no answer\n");
		else if (s->status == 200)
			printf(" %6.3f s  %s\n", shot_seconds(s), s->worker);
		else
			printf(" %6.3f s  status %d\n", shot_seconds(s), s->status);
	}
	printf("%*s0%*.2f s\n", 2 + terminal.name, "", terminal.bars - 3, whole);
}

void timeline_print_mark(const struct volley *v, const char *name, double seconds)
{
	double whole = volley_seconds(v);
	bool beyond = seconds > whole * 1.02;

	printf("  %-*s ", terminal.name - 1, name);
	paint(beyond ? ">" : "=", "\033[2m", column_of(seconds, whole));
	printf("%*s %6.3f s\n", terminal.bars - column_of(seconds, whole), "", seconds);
}

void timeline_print_legend(void)
{
	printf("In the bars:\n  ");
	paint(terminal.waits, "\033[33m", 3);
	printf(" ");
	terminal_say(stdout, 6, 6, "waits in a queue for somebody to take it up,");
	printf("  ");
	paint(terminal.works, "\033[32m", 3);
	printf(" ");
	terminal_say(stdout, 6, 6, "is being answered.");
}
