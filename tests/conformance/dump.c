/* Records as text, for the report of a failure. */
#include <ctype.h>

#include "peer.h"

enum { HEADER = 8, RECORDS_SHOWN = 40, CONTENT_SHOWN = 128, PER_LINE = 16 };

static const char *type_name(unsigned char type)
{
	static const char *const names[] = {"type 0",
					    "BEGIN_REQUEST",
					    "ABORT_REQUEST",
					    "END_REQUEST",
					    "PARAMS",
					    "STDIN",
					    "STDOUT",
					    "STDERR",
					    "DATA",
					    "GET_VALUES",
					    "GET_VALUES_RESULT",
					    "UNKNOWN_TYPE"};

	return type < sizeof(names) / sizeof(names[0]) ? names[type] : "unknown type";
}

static void dump_line(FILE *to, const unsigned char *bytes, size_t n)
{
	fputs("       ", to);
	for (size_t i = 0; i < n; i++)
		fprintf(to, " %02x", bytes[i]);
	fprintf(to, "%*s", (int)(3 * (PER_LINE - n) + 2), "");
	for (size_t i = 0; i < n; i++)
		fputc(isprint(bytes[i]) ? bytes[i] : '.', to);
	fputc('\n', to);
}

static void dump_bytes(FILE *to, const unsigned char *bytes, size_t n)
{
	size_t shown = n < CONTENT_SHOWN ? n : CONTENT_SHOWN;

	for (size_t at = 0; at < shown; at += PER_LINE)
		dump_line(to, bytes + at, shown - at < PER_LINE ? shown - at : PER_LINE);
	if (shown < n)
		fprintf(to, "        ... %zu more bytes\n", n - shown);
}

void dump_records(FILE *to, const char *title, struct slice bytes)
{
	const unsigned char *at = (const unsigned char *)bytes.data;
	size_t left = bytes.len;

	fprintf(to, "    %s: %zu bytes\n", title, bytes.len);
	for (int i = 0; left && i < RECORDS_SHOWN; i++) {
		size_t content = left < HEADER ? 0 : (size_t)at[4] << 8 | at[5];
		size_t whole = left < HEADER ? left + 1 : HEADER + content + at[6];

		if (whole > left || at[0] != 1) {
			fputs("      not a whole record of version 1:\n", to);
			dump_bytes(to, at, left);
			return;
		}
		fprintf(to, "      %s (%u), id %u, content %zu, padding %u\n", type_name(at[1]),
			at[1], (unsigned)at[2] << 8 | at[3], content, at[6]);
		dump_bytes(to, at, HEADER + content);
		at += whole;
		left -= whole;
	}
	if (left)
		fprintf(to, "      ... %zu more bytes\n", left);
}
