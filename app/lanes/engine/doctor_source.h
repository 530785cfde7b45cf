/*
 * Which function of the program, and which line of its source, an address is: by libdw, from the
 * program's own file, which is opened before the sandbox, and read when that is first asked.
 * Functions are in its symbols, lines where it was built with -g. A program that was stripped of
 * both has neither, but where its debug symbols are installed as a package's are
 * (/usr/lib/debug/.build-id/…).
 */
#ifndef LANES_ENGINE_DOCTOR_SOURCE_H
#define LANES_ENGINE_DOCTOR_SOURCE_H

#include <stdint.h>

enum { SOURCE_TEXT = 256 };

struct source {
	uint64_t at;		/* the address as it is in the file */
	char name[SOURCE_TEXT]; /* of the function; "": unknown */
	char file[SOURCE_TEXT]; /* that the function is in, "": unknown */
	int line;		/* of that file, the last at or before at */
	const char *lack;	/* why the file is unknown; NULL: it is not, or nothing says of it */
};

/* Opens the files. */
void source_prepare(void);

/* What is known of an address in the program. One thread at a time asks. */
void source_find(uintptr_t address, struct source *source);

void source_close(void);

#endif
