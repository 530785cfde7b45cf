#include "measurement.h"

#include <json-c/json.h>
#include <stdio.h>

double measurement_ratio(const struct measurement *m)
{
	return m->measured > 0 ? m->predicted / m->measured : 0;
}

bool measurement_explained(const struct measurement *m)
{
	double ratio = measurement_ratio(m);

	return m->burst.pattern->holds == HOLDS_CORE || (ratio >= 0.8 && ratio <= 1.25);
}

double measurement_rate(const struct measurement *m)
{
	return m->measured > 0 ? m->burst.clients / m->measured : 0;
}

const char *measurement_pool(const struct measurement *m)
{
	return m->burst.prefork ? "prefork" : "loop";
}

const char *measurement_load(const struct measurement *m)
{
	static char text[64];

	snprintf(text, sizeof(text), "%d × %.3g s", m->burst.clients, m->burst.seconds);
	return text;
}

bool measurement_same_load(const struct measurement *a, const struct measurement *b)
{
	return a->burst.pattern == b->burst.pattern && a->burst.clients == b->burst.clients &&
	       (a->burst.seconds == b->burst.seconds || a->burst.pattern->holds == HOLDS_CORE);
}

static void add_number(struct json_object *object, const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6g", value);
	json_object_object_add(object, key, json_object_new_double_s(value, text));
}

static void add_count(struct json_object *object, const char *key, long value)
{
	json_object_object_add(object, key, json_object_new_int64(value));
}

static struct json_object *as_json(const struct measurement *m)
{
	struct json_object *object = json_object_new_object();
	char target[128];

	burst_target(&m->burst, target, sizeof(target));
	json_object_object_add(object, "endpoint", json_object_new_string(m->burst.pattern->path));
	json_object_object_add(object, "pool", json_object_new_string(measurement_pool(m)));
	json_object_object_add(object, "target", json_object_new_string(target));
	add_count(object, "workers", m->burst.workers);
	add_count(object, "clients", m->burst.clients);
	add_count(object, "fired", m->fired);
	add_number(object, "seconds", m->burst.seconds);
	add_number(object, "measured", m->measured);
	add_number(object, "predicted", m->predicted);
	add_number(object, "ratio", measurement_ratio(m));
	add_number(object, "requests_per_second", measurement_rate(m));
	add_count(object, "fullest_worker", (long)m->fullest);
	add_count(object, "failed", (long)m->failed);
	add_count(object, "processes", m->footprint.processes);
	add_count(object, "threads_at_work", m->footprint.threads);
	add_count(object, "memory_resident_kb", m->footprint.kilobytes);
	return object;
}

bool contrast_write_json(const struct contrast *c, const char *path)
{
	struct json_object *object = json_object_new_object();
	struct json_object *rows = json_object_new_array();
	bool written;

	add_count(object, "cores", c->settings.cores);
	add_number(object, "bare_loops_gain", c->bare);
	add_count(object, "threads_per_loop_worker", c->settings.threads);
	add_count(object, "database_connections_per_loop_worker", CONNECTIONS);
	for (size_t i = 0; i < c->count; i++)
		json_object_array_add(rows, as_json(&c->all[i]));
	json_object_object_add(object, "rows", rows);
	written = json_object_to_file_ext(path, object,
					  JSON_C_TO_STRING_PRETTY |
						  JSON_C_TO_STRING_NOSLASHESCAPE) == 0;
	if (!written)
		fprintf(stderr, "contrast: %s", json_util_get_last_err());
	json_object_put(object);
	return written;
}
