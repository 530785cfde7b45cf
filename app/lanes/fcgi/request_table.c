#include "fcgi/request_table.h"

#include <stdlib.h>

#include "fcgi/responder.h"

enum {
	CHAIN_LENGTH = 2, /* average a chain may have before the table grows */
	GROWTH = 8,	  /* 8^5 chains of 2 hold every id there is, so growing ends there */
};

/* Ids come from the peer: the worst it can do is to use only ids of one bucket, which are
 * 65,536 / buckets, 128 where a thousand requests are active. */
static struct fcgi_request **chain_of(struct fcgi_table *t, uint16_t id)
{
	return t->buckets ? &t->chains[id & (t->buckets - 1)] : &t->first;
}

static void link_request(struct fcgi_table *t, struct fcgi_request *request)
{
	struct fcgi_request **chain = chain_of(t, request->id);

	request->next = *chain;
	*chain = request;
}

static void move_chain(struct fcgi_table *t, struct fcgi_request *request)
{
	while (request) {
		struct fcgi_request *next = request->next;

		link_request(t, request);
		request = next;
	}
}

static void grow(struct fcgi_table *t)
{
	struct fcgi_table old = *t;
	uint32_t buckets = old.buckets ? (uint32_t)old.buckets * GROWTH : GROWTH;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what it holds */
	struct fcgi_request **chains = calloc(buckets, sizeof(*chains));

	if (!chains)
		return;
	*t = (struct fcgi_table){
		.chains = chains, .buckets = (uint16_t)buckets, .count = old.count};
	if (!old.buckets)
		move_chain(t, old.first);
	for (uint32_t i = 0; i < old.buckets; i++)
		move_chain(t, old.chains[i]);
	if (old.buckets)
		free(old.chains);
}

struct fcgi_request *fcgi_table_find(const struct fcgi_table *t, uint16_t id)
{
	struct fcgi_request *request = t->buckets ? t->chains[id & (t->buckets - 1)] : t->first;

	while (request && request->id != id)
		request = request->next;
	return request;
}

void fcgi_table_add(struct fcgi_table *t, struct fcgi_request *request)
{
	if (t->count >= (t->buckets ? t->buckets : 1) * CHAIN_LENGTH)
		grow(t);
	link_request(t, request);
	t->count++;
	t->empty = 0;
}

void fcgi_table_remove(struct fcgi_table *t, struct fcgi_request *request)
{
	struct fcgi_request **at = chain_of(t, request->id);

	while (*at != request)
		at = &(*at)->next;
	*at = request->next;
	t->count--;
}

struct fcgi_request *fcgi_table_any(struct fcgi_table *t)
{
	if (!t->count)
		return NULL;
	if (!t->buckets)
		return t->first;
	while (!t->chains[t->empty])
		t->empty++;
	return t->chains[t->empty];
}

void fcgi_table_free(struct fcgi_table *t)
{
	if (t->buckets)
		free(t->chains);
	*t = (struct fcgi_table){0};
}
