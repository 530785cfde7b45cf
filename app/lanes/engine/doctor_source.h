/*
 * Which functions of the program, and which lines of its source, an address is: by libdw, from the
 * program's own file, which is opened before the sandbox, and read when that is first asked.
 * Functions are in its symbols, lines where it was built with -g. A program that was stripped of
 * both has neither, but where its debug symbols are installed as a package's are
 * (/usr/lib/debug/.build-id/…).
 */
#ifndef LANES_ENGINE_DOCTOR_SOURCE_H
#define LANES_ENGINE_DOCTOR_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SOURCE_TEXT = 256 };

struct source {
	uint64_t at;		/* the address as it is in the file */
	char name[SOURCE_TEXT]; /* of the function; "": unknown */
	char file[SOURCE_TEXT]; /* and line, where it is, or has called the one before; "": unknown
				 */
	int line;
	const char *lack; /* why the file is unknown */
	bool outside;	  /* it is a library's: nothing else is known */
};

/* Opens the files. */
void source_prepare(void);

/* What is known of an address in the program: of its function and, before it in the list, of those
 * that the compiler has put into that; at most so many, at least 1. One thread at a time asks. */
size_t source_find(uintptr_t address, struct source *list, size_t most);

/* Gives back the memory that they take, some 2 MB of what they were asked about; who asks again
 * reads again. */
void source_forget(void);

void source_close(void);

#endif
