#include "terminal.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum { USUAL = 80, LEAST = 40, TEXT = 2048 };

int terminal_width(void)
{
	const char *given = getenv("COLUMNS");
	int width = given ? atoi(given) : 0;
	struct winsize size;

	if (width <= 0 && ioctl(1, TIOCGWINSZ, &size) == 0)
		width = size.ws_col;
	if (width <= 0)
		width = USUAL;
	return width < LEAST ? LEAST : width;
}

/* Characters of UTF-8, not bytes. */
static int width_of(const char *text, size_t len)
{
	int width = 0;

	for (size_t i = 0; i < len; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

void terminal_say(FILE *out, int column, int indent, const char *format, ...)
{
	int width = terminal_width();
	char text[TEXT];
	const char *at = text;
	va_list arguments;
	bool fresh = true; /* nothing is on this line yet */

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (size_t len; *at; at += len) {
		at += strspn(at, " ");
		len = strcspn(at, " \n");
		if (!fresh && column + 1 + width_of(at, len) > width) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (!fresh) {
			fputc(' ', out);
			column++;
		}
		fwrite(at, 1, len, out);
		column += width_of(at, len);
		fresh = false;
		if (at[len] == '\n') {
			fprintf(out, "\n%*s", at[len + 1] && at[len + 1] != '\n' ? indent : 0, "");
			column = indent;
			fresh = true;
			len++;
		}
	}
	fputc('\n', out);
}
