#include "rounds.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contenders.h"
#include "fields.h"

static FILE *file;
static double duration;	  /* the factor DURATION */
static char programs[17]; /* a digest of all that is measured */

static void die(const char *what, const char *detail)
{
	fprintf(stderr, "bench: rounds.jsonl: %s%s\n", what, detail);
	exit(1);
}

static void refuse(const char *what)
{
	fprintf(stderr,
		"bench: what is there was measured with %s; without RESUME it begins anew\n", what);
	exit(2);
}

/* ---- the programs ---- */

/* FNV-1a. A file that is not there is not asked for either. */
static uint64_t digest_of(uint64_t digest, const char *folder, const char *name)
{
	char path[4200];
	unsigned char bytes[65536];
	size_t n;
	FILE *from;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	from = fopen(path, "r");
	while (from && (n = fread(bytes, 1, sizeof(bytes), from)) > 0)
		for (size_t i = 0; i < n; i++)
			digest = (digest ^ bytes[i]) * 0x100000001b3;
	if (from)
		fclose(from);
	return digest;
}

static void note_programs(const char *root, const char *build)
{
	static const char *const built[] = {
		"benchmark", "loadgen",	   "lanes",	  "cases-app", "null-responder",
		"null-rows", "null-calls", "libfcgi-app", "upstream",  "peer"};
	static const char *const written[] = {"nginx/lanes.conf.in", "tests/bench/minimal.conf.in",
					      "tests/bench/app.php", "tests/bench/peer.php",
					      "tests/bench/peer.py"};
	uint64_t digest = 0xcbf29ce484222325;

	for (size_t i = 0; i < sizeof(built) / sizeof(built[0]); i++)
		digest = digest_of(digest, build, built[i]);
	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
		digest = digest_of(digest, root, written[i]);
	snprintf(programs, sizeof(programs), "%016" PRIx64, digest);
}

/* ---- a line ---- */

static struct json_object *as_json(size_t w, size_t c, const double value[FIGURES])
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "workload", json_object_new_string(workloads[w].name));
	json_object_object_add(json, "contender", json_object_new_string(contenders[c].name));
	json_object_object_add(json, "round", json_object_new_int(cell_at(w, c)->rounds));
	json_object_object_add(json, "duration", json_object_new_double(duration));
	json_object_object_add(json, "programs", json_object_new_string(programs));
	for (int f = 0; f < FIGURES; f++)
		json_object_object_add(json, figure_names[f],
				       value[f] < 0 ? NULL : json_object_new_double(value[f]));
	return json;
}

void rounds_add(size_t w, size_t c, const double value[FIGURES])
{
	struct json_object *json = as_json(w, c, value);

	fprintf(file, "%s\n", json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
	json_object_put(json);
	if (fflush(file) || fdatasync(fileno(file)))
		die("", strerror(errno));
	cell_add(cell_at(w, c), value);
}

static void take(struct json_object *json)
{
	double its = field_number(json, "duration", -1);
	struct cell *cell;
	double value[FIGURES];
	char setting[32];

	snprintf(setting, sizeof(setting), "DURATION=%g", its);
	if (strcmp(field_text(json, "programs"), programs) != 0)
		refuse("other programs");
	if (its != duration)
		refuse(setting);
	cell = cell_named(field_text(json, "workload"), field_text(json, "contender"));
	if (cell->rounds == MAX_ROUNDS || field_number(json, "round", -1) != cell->rounds)
		die("another round comes next than ", json_object_to_json_string(json));
	for (int f = 0; f < FIGURES; f++)
		value[f] = field_number(json, figure_names[f], -1);
	cell_add(cell, value);
}

/* ---- the file ---- */

static void take_all(void)
{
	char *line = NULL;
	size_t size = 0;
	size_t count = 0;
	long whole = 0; /* bytes of lines that are */

	while (getline(&line, &size, file) > 0 && strchr(line, '\n')) {
		struct json_object *json = json_tokener_parse(line);

		if (!json)
			die("no JSON: ", line);
		take(json);
		json_object_put(json);
		whole = ftell(file);
		count++;
	}
	free(line);
	if (ftruncate(fileno(file), whole) || fseek(file, whole, SEEK_SET))
		die("", strerror(errno));
	fprintf(stderr, "%zu measurements are there\n", count);
}

void rounds_open(const char *path, const char *root, const char *build, double factor, bool resume)
{
	duration = factor;
	note_programs(root, build);
	file = fopen(path, resume ? "a+" : "w");
	if (!file)
		die("", strerror(errno));
	if (resume)
		take_all();
}
