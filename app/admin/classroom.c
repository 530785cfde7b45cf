#include "admin/classroom.h"

#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"

enum { WHO = 16 }; /* digits */

static const uint64_t NS_PER_S = 1000000000;

struct visitor {
	char who[WHO +
		 1]; /* the page's own secret, so nobody speaks for another; "": the seat is free */
	char name[4 * CLASS_NAME + 1];
	char exercise[CLASS_WORD + 1];
	char option[CLASS_WORD + 1];
	char mark[CLASS_MARK + 1]; /* "": none */
	bool running;		   /* that exercise */
	uint64_t came;		   /* board_now() */
	uint64_t heard;		   /* the same */
};

struct classroom {
	struct visitor seats[CLASS_MOST];
};

const struct field class_fields[6] = {
	BODY(STRING, struct class_form, who, .pattern = PATTERN("^[0-9a-f]{16}$"),
	     .max_length = WHO),
	BODY(STRING, struct class_form, name, .min_length = 1, .max_length = CLASS_NAME),
	BODY(STRING, struct class_form, exercise, .pattern = PATTERN("^[a-z0-9-]+$"),
	     .max_length = CLASS_WORD, .optional = true),
	BODY(STRING, struct class_form, option, .pattern = PATTERN("^[a-z0-9-]+$"),
	     .max_length = CLASS_WORD, .optional = true),
	BODY(BOOL, struct class_form, running, .optional = true),
	BODY(STRING, struct class_form, mark, .pattern = PATTERN("^[0-9a-f]{8}$"),
	     .max_length = CLASS_MARK, .optional = true),
};

struct classroom *classroom_open(void)
{
	return calloc(1, sizeof(struct classroom));
}

/* A page that was closed does not say so. */
static void forget_the_silent(struct classroom *room, uint64_t now)
{
	for (size_t i = 0; i < CLASS_MOST; i++) {
		struct visitor *seat = &room->seats[i];
		uint64_t silent = now - seat->heard;

		if (*seat->who && silent > CLASS_SILENT * NS_PER_S)
			*seat = (struct visitor){0};
		seat->running = seat->running && silent < CLASS_RUN * NS_PER_S;
	}
}

/* Theirs, or one that is free, or that of who was silent for longest. */
static struct visitor *seat_of(struct classroom *room, struct slice who, uint64_t now)
{
	struct visitor *best = &room->seats[0];

	for (size_t i = 0; i < CLASS_MOST; i++) {
		if (slice_is(who, room->seats[i].who))
			return &room->seats[i];
		if (room->seats[i].heard < best->heard)
			best = &room->seats[i];
	}
	*best = (struct visitor){.came = now};
	memcpy(best->who, who.data, who.len);
	return best;
}

/* It fits: the input is no longer. */
static void take(char *text, struct slice value)
{
	memcpy(text, value.data ? value.data : "", value.len);
	text[value.len] = '\0';
}

static int by_coming(const void *a, const void *b)
{
	const struct visitor *one = *(const struct visitor *const *)a;
	const struct visitor *other = *(const struct visitor *const *)b;

	return (one->came > other->came) - (one->came < other->came);
}

static void append_text(struct buffer *out, const char *before, const char *text)
{
	buffer_append_text(out, before);
	json_string(out, slice_of(text));
}

static void reply_room(struct request *req, struct classroom *room)
{
	const struct visitor *there[CLASS_MOST] = {NULL};
	struct buffer out = {0};
	size_t count = 0;

	forget_the_silent(room, board_now());
	for (size_t i = 0; i < CLASS_MOST; i++)
		if (*room->seats[i].who)
			there[count++] = &room->seats[i];
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what it sorts */
	qsort(there, count, sizeof(there[0]), by_coming);
	buffer_append_text(&out, "{\"visitors\":[");
	for (size_t i = 0; i < count; i++) {
		append_text(&out, i ? ",{\"name\":" : "{\"name\":", there[i]->name);
		append_text(&out, ",\"exercise\":", there[i]->exercise);
		append_text(&out, ",\"option\":", there[i]->option);
		if (*there[i]->mark)
			append_text(&out, ",\"mark\":", there[i]->mark);
		buffer_append_text(&out, there[i]->running ? ",\"running\":true}" : "}");
	}
	buffer_append_text(&out, "]}");
	reply_text(req, 200, "application/json", &out);
}

void class_list(struct request *req)
{
	const struct admin *state = request_state(req);

	reply_room(req, state->room);
}

/* One line of text. */
static bool is_line(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.data[i] < ' ' || text.data[i] == '\x7f')
			return false;
	return true;
}

void class_join(struct request *req)
{
	const struct class_form *form = request_input(req);
	const struct admin *state = request_state(req);
	uint64_t now = board_now();
	struct visitor *visitor;

	if (!is_line(form->name)) {
		input_refuse(req, &class_fields[1], "a name is one line of text", "value_error");
		return;
	}
	forget_the_silent(state->room, now);
	visitor = seat_of(state->room, form->who, now);
	visitor->heard = now;
	take(visitor->name, form->name);
	take(visitor->exercise, form->exercise);
	take(visitor->option, form->option);
	take(visitor->mark, form->mark);
	visitor->running = form->running;
	reply_room(req, state->room);
}
