/*
 * Which function of the program, and which line of its source, an address is: from the program's
 * own file, which is opened before the sandbox, and looked at when that is first asked. Functions
 * are in its symbols, lines where it was built with -g. A program that was stripped of both has
 * neither; where its debug symbols are installed as a package's are
 * (/usr/lib/debug/.build-id/…), functions are found there.
 */
#ifndef LANES_ENGINE_DOCTOR_SOURCE_H
#define LANES_ENGINE_DOCTOR_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SOURCE_TEXT = 256, SOURCE_ASKED = 64 };

struct source {
	/* Addresses as they are in the file: of an instruction, and where its function begins. */
	uint64_t at;
	uint64_t function;
	char name[SOURCE_TEXT]; /* of the function; "": unknown */
	char file[SOURCE_TEXT]; /* that the function is in, "": unknown */
	unsigned line;		/* of that file, the last at or before at */
};

/* Opens the files. */
void source_prepare(void);

/* Fills in what is known of them, up to SOURCE_ASKED. False: nothing is. */
bool source_find(struct source *list, size_t count);

void source_close(void);

/* ---- its parts: an image of an ELF file, and its sections ---- */

struct source_image {
	const uint8_t *bytes;
	size_t size;
};

struct source_part {
	const uint8_t *begin, *end; /* NULL: there is none, or it is compressed */
};

struct source_part source_part(const struct source_image *image, const char *name);

/* Names of functions. */
bool source_symbols(const struct source_image *image, struct source *list, size_t count);

/* Files and lines (DWARF 4 and 5). */
bool source_lines(const struct source_image *image, struct source *list, size_t count);

#endif
