/*
 * make contrast: fires the same burst of requests at blocking processes and at event loops, for
 * every pattern of the guide and every number of workers asked for, and shows what it took beside
 * what the model says.
 *
 * One system after the other, each with as many workers of both kinds: it runs on a free port in a
 * directory of its own, and goes with this program, however that ends; so does the PostgreSQL that
 * all of them have. Progress goes to stderr, the
 * tables to stdout, JSON and a picture to build/contrast/.
 */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/postgres.h"
#include "../support/system.h"
#include "../support/volley.h"
#include "bare.h"
#include "measurement.h"
#include "picture.h"
#include "table.h"

#define JSON	"build/contrast/contrast.json"
#define PICTURE "build/contrast/contrast.svg"

enum {
	SHOWCASE_CLIENTS = 100, /* of a second each */
	CALIBRATION_N = 20000000,
	CALIBRATIONS = 5,
	/* Computing is fired so often, and sleeping at most, when the model does not explain it.
	 * The fastest counts: others use the machine, too. */
	TIMES = 3,
};

/* What one burst of a CPU pattern computes in all, whatever the number of clients. */
static const double CPU_SECONDS = 1;

/* The order in which bursts are planned is that in which they are shown. They are fired system by
 * system, that is by the number of workers. */
static void plan(struct contrast *c, const struct burst *burst)
{
	c->all[c->count++] = (struct measurement){.burst = *burst};
}

/* A pattern at so many workers; what really waits is shown at the most processes only. */
static bool is_fired(const struct settings *s, const struct burst *b)
{
	return !b->prefork || b->pattern->waits_for == WAITS_FOR_A_CLOCK ||
	       b->workers == s->workers[s->sweep - 1];
}

static void plan_all(struct contrast *c)
{
	const struct settings *s = &c->settings;
	struct burst b = {.threads = s->threads, .cores = s->cores};

	/* The whole contrast in two lines: many processes against a single loop. */
	b.pattern = &patterns[0];
	b.clients = SHOWCASE_CLIENTS;
	b.seconds = 1;
	b.prefork = true;
	b.workers = s->workers[s->sweep - 1];
	plan(c, &b);
	b.prefork = false;
	b.workers = s->workers[0];
	plan(c, &b);

	for (int p = 0; p < PATTERNS; p++) {
		b.pattern = &patterns[p];
		b.clients = s->clients;
		b.seconds = b.pattern->holds == HOLDS_CORE ? CPU_SECONDS / b.clients
							   : pattern_seconds(b.pattern, s->seconds);
		for (int engine = 0; engine < 2; engine++) {
			b.prefork = engine == 0;
			for (int i = 0; i < s->sweep; i++) {
				b.workers = s->workers[i];
				if (is_fired(s, &b))
					plan(c, &b);
			}
		}
	}
}

/* How much can be computed in a second on one core: the fastest of a few, which nobody disturbed.
 */
static double calibrate(const struct system *system)
{
	double fastest = 0;

	for (int i = 0; i < CALIBRATIONS; i++) {
		struct shot shot;
		struct volley v = {.url = system->url, .shots = &shot, .count = 1, .limit = 10};

		shot_aim(&shot, 0, "/async/cpu-bound?n=%d", CALIBRATION_N);
		volley_send(&v);
		if (i == 0 || shot_seconds(&shot) < fastest)
			fastest = shot_seconds(&shot);
	}
	return CALIBRATION_N / fastest;
}

/* ---- firing ---- */

struct watch {
	const struct system *system;
	struct measurement *m;
	const char *step; /* "3/26" */
};

static void show_progress(const struct watch *w, size_t answered)
{
	fprintf(stderr, "%s[%s] %-26s %-7s × %-2d  %3zu of %d%s", isatty(2) ? "\r" : "", w->step,
		w->m->burst.pattern->path, measurement_pool(w->m), w->m->burst.workers, answered,
		w->m->burst.clients, isatty(2) ? "" : "\n");
}

static void on_tick(void *arg, size_t answered)
{
	struct watch *w = arg;

	footprint_raise(&w->m->footprint, w->system->run_dir, measurement_pool(w->m));
	if (isatty(2))
		show_progress(w, answered);
}

static void fire_once(struct watch *w, struct volley *v)
{
	struct measurement *m = w->m;
	char target[128];

	burst_target(&m->burst, target, sizeof(target));
	for (size_t i = 0; i < v->count; i++)
		shot_aim(&v->shots[i], 0, "%s", target);
	volley_send(v);
	on_tick(w, v->count);
	m->failed += volley_failed(v);
	if (m->measured > 0 && m->measured <= volley_seconds(v))
		return;
	m->measured = volley_seconds(v);
	m->fullest = volley_fullest(v);
	m->predicted = burst_predict(&m->burst, m->fullest);
}

static void fire(struct watch *w)
{
	struct volley v = {
		.url = w->system->url,
		.shots = calloc((size_t)w->m->burst.clients, sizeof(struct shot)),
		.count = (size_t)w->m->burst.clients,
		.limit = 120,
		.tick = on_tick,
		.arg = w,
	};
	bool computes = w->m->burst.pattern->holds == HOLDS_CORE;

	if (!v.shots)
		abort();
	for (w->m->fired = 0; w->m->fired < TIMES; w->m->fired++) {
		if (w->m->fired && !computes && measurement_explained(w->m))
			break;
		fire_once(w, &v);
	}
	show_progress(w, v.count);
	free(v.shots);
}

/* Calls and their connections are as many as one wants: it is not they that a burst waits for. */
static bool start(struct system *system, const struct contrast *c, int workers)
{
	int calls = CALLS * c->settings.clients;
	const char *const environment[] = {textf("DATABASE_URL=%s", c->database),
					   "JOB_WORKERS=0",
					   "LANES_DATABASE_WAIT=110",
					   textf("LANES_FETCH_MOST=%d", calls),
					   textf("LANES_FETCH_HOST_MOST=%d", calls),
					   NULL};

	return system_start(system, SYSTEM(.workers = workers, .threads = c->settings.threads,
					   .prefork = workers, .environment = environment));
}

static bool fire_with(struct contrast *c, int workers, size_t *done)
{
	struct system system;

	if (!start(&system, c, workers))
		return false;
	for (size_t i = 0; i < c->count; i++) {
		char step[48];
		struct watch watch = {&system, &c->all[i], step};

		if (c->all[i].burst.workers != workers)
			continue;
		if (c->all[i].burst.pattern->holds == HOLDS_CORE)
			c->all[i].burst.n = (long)(calibrate(&system) * c->all[i].burst.seconds);
		snprintf(step, sizeof(step), "%zu/%zu", ++*done, c->count);
		fire(&watch);
	}
	return system_stop(&system);
}

/* For the pools' connections, and those of threads, which have one each. */
static bool open_database(struct postgres *postgres, const struct settings *s)
{
	int workers = s->workers[s->sweep - 1];
	int threads = workers * s->threads;

	return postgres_open(postgres,
			     STRINGS(textf("max_connections=%d",
					   (CONNECTIONS + 3) * workers + 50 +
						   (threads < s->clients ? threads : s->clients))));
}

static double expected_seconds(const struct contrast *c)
{
	double sum = c->settings.sweep;

	for (size_t i = 0; i < c->count; i++)
		sum += burst_predict(&c->all[i].burst, 0) *
		       (c->all[i].burst.pattern->holds == HOLDS_CORE ? TIMES : 1);
	return sum;
}

static bool make_directory(const char *path)
{
	if (mkdir(path, 0777) == 0 || errno == EEXIST)
		return true;
	perror(path);
	return false;
}

int main(void)
{
	static struct contrast c;
	static struct postgres postgres;
	size_t failed = 0;
	size_t done = 0;

	if (!settings_read(&c.settings) || !make_directory("build") ||
	    !make_directory("build/contrast"))
		return 2;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	plan_all(&c);
	c.bare = bare_gain();
	table_print_machine(&c, stderr);
	fprintf(stderr, "contrast: about %.0f s\n", expected_seconds(&c));
	if (!open_database(&postgres, &c.settings))
		return 1;
	c.database = postgres.url;
	for (int i = 0; i < c.settings.sweep; i++)
		if (!fire_with(&c, c.settings.workers[i], &done))
			return 1;
	postgres_close(&postgres);
	if (isatty(2))
		fputc('\n', stderr);
	table_print(&c, stdout);
	table_print_scaling(&c, stdout);
	if (!contrast_write_json(&c, JSON) || !picture_write(&c, PICTURE))
		return 1;
	printf("\n%s\n%s\n", JSON, PICTURE);
	for (size_t i = 0; i < c.count; i++)
		failed += c.all[i].failed;
	return failed != 0;
}
