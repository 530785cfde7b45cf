/* The cases, one file a chapter. */
#ifndef TESTS_CONFORMANCE_CHAPTERS_H
#define TESTS_CONFORMANCE_CHAPTERS_H

#include "trial.h"

extern const struct chapter chapter_records;
extern const struct chapter chapter_management;
extern const struct chapter chapter_begin;
extern const struct chapter chapter_params;
extern const struct chapter chapter_stdin;
extern const struct chapter chapter_abort;
extern const struct chapter chapter_multiplexing;
extern const struct chapter chapter_peers;

#endif
