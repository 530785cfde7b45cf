/*
 * The results as a page (results.md), as data (results.json) and as pictures (SVG).
 */
#ifndef TESTS_BENCH_REPORT_H
#define TESTS_BENCH_REPORT_H

/* Writes all of them into directory, and what is aimed at on stdout. Ends the program, after a
 * message, if a file cannot be written. */
void report_write(const char *directory, int rounds);

#endif
