/* Records as text, for the report of a failure. */
#include <ctype.h>

#include "../support/stream.h"
#include "peer.h"

enum { RECORDS_SHOWN = 40, CONTENT_SHOWN = 128, PER_LINE = 16 };

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
	struct record record;
	int shown = 0;

	fprintf(to, "    %s: %zu bytes\n", title, bytes.len);
	for (; shown < RECORDS_SHOWN && record_take(&record, &bytes); shown++) {
		const char *header = record.content.data - RECORD_HEADER;

		fprintf(to, "      %s (%u), id %u, content %zu, padding %u\n",
			type_name(record.type), record.type, record.id, record.content.len,
			record.padding);
		dump_bytes(to, (const unsigned char *)header, RECORD_HEADER + record.content.len);
	}
	if (bytes.len && shown == RECORDS_SHOWN) {
		fprintf(to, "      ... %zu more bytes\n", bytes.len);
	} else if (bytes.len) {
		fputs("      not a whole record of version 1:\n", to);
		dump_bytes(to, (const unsigned char *)bytes.data, bytes.len);
	}
}
