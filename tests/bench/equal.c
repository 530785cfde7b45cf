#include "equal.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contenders.h"
#include "group.h"

enum { ANSWER_SIZE = 1 << 20, SHOWN = 300, JPEG_START = 0xd8, JPEG_SCAN = 0xda };

struct said {
	const char *who;
	size_t len;
	char bytes[ANSWER_SIZE]; /* and a NUL */
};

static void ask(const struct workload *w, const struct contender *c, struct said *said)
{
	char command[1024];
	char target[256];
	const char *place = strstr(w->path, "{}");
	FILE *out;
	pid_t group;

	snprintf(target, sizeof(target), "%s", w->path);
	if (place)
		snprintf(target, sizeof(target), "%.*s7%s", (int)(place - w->path), w->path,
			 place + 2);
	snprintf(command, sizeof(command),
		 "exec curl -sS --fail-with-body %s%s %s%s%s 'http://127.0.0.1:%d%s?%s' 2>&1",
		 w->post ? "--data-binary @" : "", w->post ? w->post : "",
		 w->post ? "-H 'Content-Type: " : "", w->post ? w->type : "", w->post ? "'" : "",
		 c->port, target, w->query);
	group = group_start_piped(command, &out);
	said->who = c->name;
	said->len = fread(said->bytes, 1, ANSWER_SIZE - 1, out);
	said->bytes[said->len] = '\0';
	fclose(out);
	group_end(group);
}

static bool same_json(const struct said *a, const struct said *b, bool but_id)
{
	struct json_object *x = json_tokener_parse(a->bytes);
	struct json_object *y = json_tokener_parse(b->bytes);
	bool same;

	if (but_id && x && y) {
		json_object_object_del(x, "id");
		json_object_object_del(y, "id");
	}
	same = x && json_object_equal(x, y);
	json_object_put(x);
	json_object_put(y);
	return same;
}

/* Width and height of a JPEG, as they stand in its frame's header; 0: it is none. */
static unsigned long jpeg_size(const struct said *said)
{
	const unsigned char *bytes = (const unsigned char *)said->bytes;
	size_t at = 2;

	if (said->len < 4 || bytes[0] != 0xff || bytes[1] != JPEG_START)
		return 0;
	while (at + 9 < said->len && bytes[at] == 0xff && bytes[at + 1] != JPEG_SCAN) {
		if (bytes[at + 1] >= 0xc0 && bytes[at + 1] <= 0xc2)
			return (unsigned long)bytes[at + 5] << 24 |
			       (unsigned long)bytes[at + 6] << 16 |
			       (unsigned long)bytes[at + 7] << 8 | bytes[at + 8];
		at += 2 + ((size_t)bytes[at + 2] << 8 | bytes[at + 3]);
	}
	return 0;
}

static bool same(const struct said *a, const struct said *b, enum same how)
{
	if (how == SAME_PICTURE)
		return jpeg_size(a) && jpeg_size(a) == jpeg_size(b);
	return same_json(a, b, how == SAME_BUT_ID);
}

void equal_or_die(const struct workload *w, const bool *chosen)
{
	static struct said first, other;

	first.who = NULL;
	for (size_t i = 0; w->same && i < contender_count; i++) {
		const struct contender *c = &contenders[i];

		if (!chosen[i] || c->via == VIA_TOOL || !workload_has(w, c->name))
			continue;
		ask(w, c, first.who ? &other : &first);
		/* The first with itself: is it what it should be at all? */
		if (same(&first, other.who && first.who != c->name ? &other : &first, w->same))
			continue;
		fprintf(stderr, "bench: %s: %s says: %.*s\n", w->name, first.who, SHOWN,
			first.bytes);
		if (first.who != c->name)
			fprintf(stderr, "bench: but %s: %.*s\n", c->name, SHOWN, other.bytes);
		exit(1);
	}
}
