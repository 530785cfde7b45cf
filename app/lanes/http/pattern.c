/*
 * The text becomes a program whose jumps are relative, so that a part of it can be moved and
 * repeated as it is. It is run for all ways to match at once: a set of the steps that one of them
 * may be at, advanced character by character (Thompson, 1968).
 */
#include "http/pattern.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum op {
	OP_CHAR,  /* this character */
	OP_ANY,	  /* any but a newline */
	OP_SET,	  /* one that is in the ranges, or in none of them */
	OP_SPLIT, /* goes on here, and there */
	OP_JUMP,
	OP_BEGIN, /* only at the beginning */
	OP_END,	  /* only at the end */
	OP_MATCH,
};

enum { REPEAT_MAX = 255, ENDLESS = INT_MAX, DEPTH_MAX = 32 /* of parentheses */ };

/* ---- compiling ---- */

struct compiler {
	struct pattern *to;
	struct slice rest;
	const char *error; /* the first one */
	int depth;	   /* of parentheses */
};

static void fail(struct compiler *c, const char *error)
{
	if (!c->error)
		c->error = error;
	c->rest.len = 0;
}

static bool next_is(const struct compiler *c, char wanted)
{
	return c->rest.len && *c->rest.data == wanted;
}

static bool take(struct compiler *c, char wanted)
{
	if (!next_is(c, wanted))
		return false;
	c->rest.data++;
	c->rest.len--;
	return true;
}

static uint32_t take_character(struct compiler *c)
{
	uint32_t character = 0;

	if (!c->rest.len)
		fail(c, "it ends too early");
	else if (!utf8_next(&c->rest, &character))
		fail(c, "it is no UTF-8");
	return character;
}

/* What a backslash is before: punctuation stands for itself. */
static uint32_t take_escaped(struct compiler *c)
{
	uint32_t character = take_character(c);

	if (character < '!' || character > '~' || (character >= '0' && character <= '9') ||
	    (character >= 'A' && character <= 'Z') || (character >= 'a' && character <= 'z'))
		fail(c, "a backslash is before punctuation only: write [0-9] for \\d");
	return character;
}

static void emit(struct compiler *c, struct pattern_step step)
{
	if (c->to->count == PATTERN_STEPS)
		fail(c, "it is too long");
	else
		c->to->steps[c->to->count++] = step;
}

/* Makes room for a step before those from there on. */
static void insert(struct compiler *c, int at, struct pattern_step step)
{
	struct pattern_step *steps = c->to->steps;

	emit(c, step);
	if (c->error)
		return;
	memmove(steps + at + 1, steps + at, sizeof(*steps) * (size_t)(c->to->count - 1 - at));
	steps[at] = step;
}

static uint32_t take_set_character(struct compiler *c)
{
	return take(c, '\\') ? take_escaped(c) : take_character(c);
}

static void compile_set(struct compiler *c)
{
	struct pattern *p = c->to;
	bool negated = take(c, '^');
	int first = p->range_count;

	do {
		struct pattern_range range = {0, 0};

		range.first = range.last = take_set_character(c);
		if (next_is(c, '-') && c->rest.len > 1 && c->rest.data[1] != ']') {
			take(c, '-');
			range.last = take_set_character(c);
		}
		if (range.last < range.first)
			fail(c, "a range ends before it begins");
		if (p->range_count == PATTERN_RANGES)
			fail(c, "it has too many ranges");
		else
			p->ranges[p->range_count++] = range;
	} while (!c->error && !take(c, ']'));
	emit(c, (struct pattern_step){.op = OP_SET,
				      .negated = negated,
				      .c = (uint32_t)first,
				      .count = (uint16_t)(p->range_count - first)});
}

/* NOLINTBEGIN(misc-no-recursion): no deeper than DEPTH_MAX, and patterns are our own */
static void compile_alternatives(struct compiler *c);

static void compile_group(struct compiler *c)
{
	if (take(c, '?') && !take(c, ':'))
		fail(c, "of what begins with (? there is only (?:");
	if (++c->depth > DEPTH_MAX)
		fail(c, "its parentheses are too deep");
	compile_alternatives(c);
	c->depth--;
	if (!take(c, ')'))
		fail(c, "a parenthesis is not closed");
}

/* False for what cannot be repeated. */
static bool compile_atom(struct compiler *c)
{
	struct pattern_step step = {.op = OP_CHAR};

	if (take(c, '(')) {
		compile_group(c);
		return true;
	}
	if (take(c, '[')) {
		compile_set(c);
		return true;
	}
	if (take(c, '.'))
		step.op = OP_ANY;
	else if (take(c, '^'))
		step.op = OP_BEGIN;
	else if (take(c, '$'))
		step.op = OP_END;
	else if (take(c, '\\'))
		step.c = take_escaped(c);
	else if (strchr("*+?{}]", *c->rest.data))
		fail(c, "*, +, ?, {, } or ] stands where it means nothing");
	else
		step.c = take_character(c);
	emit(c, step);
	return step.op != OP_BEGIN && step.op != OP_END;
}

static int take_number(struct compiler *c, int otherwise)
{
	int number = 0;

	if (!c->rest.len || *c->rest.data < '0' || *c->rest.data > '9')
		return otherwise;
	while (c->rest.len && *c->rest.data >= '0' && *c->rest.data <= '9') {
		number = number * 10 + (*c->rest.data - '0');
		c->rest.data++;
		c->rest.len--;
		if (number > REPEAT_MAX)
			fail(c, "it repeats too often");
	}
	return number;
}

/* False if what comes is no repetition. */
static bool take_repetition(struct compiler *c, int *least, int *most)
{
	*least = 0;
	*most = ENDLESS;
	if (take(c, '*'))
		return true;
	if (take(c, '+')) {
		*least = 1;
		return true;
	}
	if (take(c, '?')) {
		*most = 1;
		return true;
	}
	if (!take(c, '{'))
		return false;
	if (next_is(c, '}'))
		fail(c, "{} says nothing");
	*least = take_number(c, 0);
	*most = take(c, ',') ? take_number(c, ENDLESS) : *least;
	if (!take(c, '}') || *most < *least)
		fail(c, "{} holds a number, or two with a comma");
	return true;
}

/* The steps from there on, so often. */
static void repeat(struct compiler *c, int at, int least, int most)
{
	struct pattern *p = c->to;
	int len = p->count - at;
	struct pattern_step atom[PATTERN_STEPS];

	memcpy(atom, p->steps + at, sizeof(*atom) * (size_t)len);
	p->count = at;
	for (int i = 0; i < least || (i < most && most != ENDLESS); i++) {
		if (i >= least)
			emit(c, (struct pattern_step){.op = OP_SPLIT, .jump = (int16_t)(len + 1)});
		for (int k = 0; k < len; k++)
			emit(c, atom[k]);
	}
	if (most != ENDLESS)
		return;
	emit(c, (struct pattern_step){.op = OP_SPLIT, .jump = (int16_t)(len + 2)});
	for (int k = 0; k < len; k++)
		emit(c, atom[k]);
	emit(c, (struct pattern_step){.op = OP_JUMP, .jump = (int16_t)(-len - 1)});
}

static void compile_sequence(struct compiler *c)
{
	while (c->rest.len && !next_is(c, '|') && !next_is(c, ')')) {
		int at = c->to->count;
		bool repeatable = compile_atom(c);
		int least;
		int most;

		if (c->error || !take_repetition(c, &least, &most))
			continue;
		/* What is matched is the same, whether as much or as little as possible. */
		take(c, '?');
		if (!repeatable)
			fail(c, "^ and $ are not repeated");
		if (!c->error)
			repeat(c, at, least, most);
	}
}

static void compile_alternatives(struct compiler *c)
{
	int at = c->to->count;
	int jump;

	compile_sequence(c);
	if (!take(c, '|'))
		return;
	insert(c, at, (struct pattern_step){.op = OP_SPLIT});
	jump = c->to->count;
	emit(c, (struct pattern_step){.op = OP_JUMP});
	if (c->error)
		return;
	c->to->steps[at].jump = (int16_t)(c->to->count - at);
	compile_alternatives(c);
	c->to->steps[jump].jump = (int16_t)(c->to->count - jump);
}

/* NOLINTEND(misc-no-recursion) */

const char *pattern_compile(struct pattern *pattern)
{
	struct compiler c = {.to = pattern, .rest = slice_of(pattern->text)};

	pattern->count = pattern->range_count = 0;
	compile_alternatives(&c);
	if (c.rest.len)
		fail(&c, "a parenthesis was not opened");
	emit(&c, (struct pattern_step){.op = OP_MATCH});
	return c.error;
}

/* ---- matching ---- */

/* Steps of the program that a match may be at: those that take a character, and the end. */
struct at {
	uint64_t steps[PATTERN_STEPS / 64];
	bool matched;
};

struct matcher {
	const struct pattern *pattern;
	bool begin; /* of the text */
	bool end;
	uint64_t seen[PATTERN_STEPS / 64];
};

static bool add(uint64_t *set, int step)
{
	uint64_t bit = (uint64_t)1 << step % 64;
	bool added = !(set[step / 64] & bit);

	set[step / 64] |= bit;
	return added;
}

/* Adds the step, and those that are reached from it without taking a character. */
static void reach(struct matcher *m, int first, struct at *at)
{
	int stack[PATTERN_STEPS]; /* each step is on it once */
	int depth = 0;

	if (add(m->seen, first))
		stack[depth++] = first;
	while (depth) {
		int i = stack[--depth];
		const struct pattern_step *step = &m->pattern->steps[i];
		bool goes_on = step->op == OP_SPLIT || (step->op == OP_BEGIN && m->begin) ||
			       (step->op == OP_END && m->end);

		if (step->op == OP_MATCH)
			at->matched = true;
		else if (step->op <= OP_SET)
			add(at->steps, i);
		if (goes_on && add(m->seen, i + 1))
			stack[depth++] = i + 1;
		if ((step->op == OP_SPLIT || step->op == OP_JUMP) && add(m->seen, i + step->jump))
			stack[depth++] = i + step->jump;
	}
}

static bool takes(const struct pattern *pattern, const struct pattern_step *step, uint32_t c)
{
	bool within = false;

	if (step->op == OP_CHAR)
		return c == step->c;
	if (step->op == OP_ANY)
		return c != '\n';
	for (uint32_t i = step->c; i < step->c + step->count && !within; i++)
		within = c >= pattern->ranges[i].first && c <= pattern->ranges[i].last;
	return within != step->negated;
}

bool pattern_matches(const struct pattern *pattern, struct slice text)
{
	struct matcher m = {.pattern = pattern, .begin = true};
	struct at now = {.matched = false};
	bool any = true;

	m.end = !text.len || (text.len == 1 && *text.data == '\n');
	reach(&m, 0, &now);
	while (any && !now.matched && text.len) {
		struct at next = {.matched = false};
		uint32_t c;

		any = false;
		utf8_next(&text, &c);
		m = (struct matcher){.pattern = pattern};
		m.end = !text.len || (text.len == 1 && *text.data == '\n');
		for (int i = 0; i < pattern->count; i++)
			if (now.steps[i / 64] >> i % 64 & 1 &&
			    takes(pattern, &pattern->steps[i], c)) {
				reach(&m, i + 1, &next);
				any = true;
			}
		now = next;
	}
	return now.matched;
}
