/*
 * What is asked of the contenders, and what came out: one cell for each workload and contender.
 */
#ifndef TESTS_BENCH_WORKLOADS_H
#define TESTS_BENCH_WORKLOADS_H

#include <stdbool.h>
#include <stddef.h>

enum figure {
	RATE, /* answers per second */
	P50,  /* milliseconds, above nominal where the request sleeps */
	P99,
	WORST,
	APP_US, /* CPU microseconds per request, user and system */
	PROXY_US,
	MEMORY,	     /* megabytes of the application's own, after the load */
	MEMORY_EACH, /* bytes per request in flight, of the application */
	AT_START,    /* megabytes, of a fresh application */
	SETTLED,     /* its memory some seconds after the load, over that */
	PEAK,	     /* megabytes, at most while the load was on */
	OF_MODEL,    /* the time it took, in those of the model */
	ERRORS,	     /* wrong, broken or never answered */
	SIDE_P50,    /* milliseconds, of a bystander */
	SIDE_P99,
	TOOK, /* seconds that the measurement took, all in all */
	FIGURES,
};

extern const char *const figure_names[FIGURES];

/* How the answers of its contenders are compared before they are measured. */
enum same {
	SAME_NOT,
	SAME_JSON,
	SAME_BUT_ID,  /* the same JSON, but for its "id" */
	SAME_PICTURE, /* JPEGs of the same size */
};

struct workload {
	const char *name;
	const char *title;
	const char *who;   /* names of contenders, with blanks between */
	const char *path;  /* NULL: /async/await-one */
	const char *query; /* NULL: seconds=0 */
	unsigned keys;	   /* 1 to this in turn, in place of {} in the path; 0: none */
	const char *post;  /* the file in run/ that is sent; NULL: GET */
	const char *type;  /* of that */
	const char *sql;   /* that pgbench is given */
	unsigned jobs;	   /* that are done; 0: it is about requests */
	enum same same;
	const char *others; /* further options of loadgen, or NULL */
	double model;	    /* seconds that it takes by a model; 0: there is none */
	double seconds;	    /* of a measurement; 0: something else ends it */
	double takes;	    /* then: about how many seconds there are to it */
	unsigned connections;
	unsigned depth; /* 0: 1 */
	int rounds;	/* at most; 0: as many as there are */
	bool wrk;	/* the tool; else loadgen */
	bool direct;	/* to the application's FastCGI socket */
	bool held;	/* requests are sent once and sleep: memory is measured */
	bool settles;	/* and once more when they are over */
	bool peak;	/* of a fresh application's memory is watched */
	bool side;	/* somebody else asks /async/await-one?seconds=0 meanwhile */
	bool loops;	/* nobody else asks: as many loops as cores compute, at nice 19 */
};

extern const struct workload workloads[];
extern const size_t workload_count;

/* Whether the contender of this name is one of the workload's. */
bool workload_has(const struct workload *workload, const char *contender);

enum { MAX_ROUNDS = 25 };

struct cell {
	int rounds;			   /* those that were measured: 0 to this */
	double value[FIGURES][MAX_ROUNDS]; /* -1: not measured */
};

struct cell *cell_at(size_t workload, size_t contender);

/* By their names; ends the program if there is no such workload or contender. */
struct cell *cell_named(const char *workload, const char *contender);

/* What its next round has brought; of at most MAX_ROUNDS. */
void cell_add(struct cell *cell, const double value[FIGURES]);

/* Of the rounds; -1 if there is none. */
double cell_median(const struct cell *cell, enum figure figure);
double cell_least(const struct cell *cell, enum figure figure);
double cell_most(const struct cell *cell, enum figure figure);

/* The value at a place of the rounds in order: 0 the least, 1 the most. */
double cell_place(const struct cell *cell, enum figure figure, double place);

#endif
