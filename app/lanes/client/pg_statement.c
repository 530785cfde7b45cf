/* The texts of statements, by number: a connection has a bit for each that it has prepared. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/pg_inside.h"

enum { PLACES = 1024 }; /* a power of two */

/* As the scoreboard has it: one blank for several, and the beginning. */
static unsigned thing_of(struct pg_pool *pool, const char *text)
{
	char name[BOARD_THING];
	size_t len = 0;

	for (; *text && len < sizeof(name) - 1; text++)
		if (!isspace((unsigned char)*text))
			name[len++] = *text;
		else if (len && name[len - 1] != ' ')
			name[len++] = ' ';
	return sched_thing(pool->sched, (struct slice){name, len});
}

static struct pg_statement *make(struct pg_pool *pool, const char *text, uint32_t hash)
{
	struct pg_statement *made = calloc(1, sizeof(*made));
	struct pg_statement **place = &pool->statements[hash % PLACES];

	if (!made)
		return NULL;
	made->text = strdup(text);
	if (!made->text) {
		free(made);
		return NULL;
	}
	made->hash = hash;
	made->thing = thing_of(pool, text);
	made->number = pool->statement_count++;
	snprintf(made->name, sizeof(made->name), "s%u", made->number);
	made->next = *place;
	*place = made;
	return made;
}

const struct pg_statement *pg_statement_of(struct pg_pool *pool, const char *text)
{
	uint32_t hash = slice_hash(0, slice_of(text));
	struct pg_statement *at;

	if (!pool->statements)
		pool->statements = calloc(PLACES, sizeof(struct pg_statement *));
	if (!pool->statements)
		return NULL;
	for (at = pool->statements[hash % PLACES]; at; at = at->next)
		if (at->hash == hash && !strcmp(at->text, text))
			return at;
	return pool->statement_count < pool->limits.statements ? make(pool, text, hash) : NULL;
}

void pg_statements_free(struct pg_pool *pool)
{
	for (unsigned i = 0; pool->statements && i < PLACES; i++) {
		struct pg_statement *next;

		for (struct pg_statement *at = pool->statements[i]; at; at = next) {
			next = at->next;
			free(at->text);
			free(at);
		}
	}
	free(pool->statements);
	pool->statements = NULL;
}
