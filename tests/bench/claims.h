/*
 * What is aimed at, and whether it is reached: as data, and from these as tables in Markdown.
 *
 * A ratio is made of each round by itself, whose sides were measured soon after each other. The
 * figure is the median of the rounds, with the interval in which it is at a confidence of 95 %
 * (order statistics: of nine rounds, the second to the eighth). What is aimed at is reached, or
 * missed, only if all of the interval says so; else it is noise.
 */
#ifndef TESTS_BENCH_CLAIMS_H
#define TESTS_BENCH_CLAIMS_H

#include <json-c/json.h>
#include <stdio.h>

/* An array with one object for each claim whose workload was measured. */
struct json_object *claims_as_json(void);

/* A table of those claims; table is "requests" or "waits". Returns how many there were; of none,
 * nothing is printed. */
size_t claims_print(FILE *out, struct json_object *claims, const char *table);

/* Writes the tables into a page, between the lines "<!-- table: NAME -->" and "<!-- end of table
 * -->", from the results.json of a run. A table of which that has nothing stays. Ends the program,
 * after a message, if a file is not what it should be. */
void claims_write_tables(const char *results, const char *page);

#endif
