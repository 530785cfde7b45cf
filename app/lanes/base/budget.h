/*
 * How many bytes may be held. A budget may be part of another, as a connection's is part of its
 * worker's: what is held in the part is held in the whole, too.
 *
 * What is counted is what clients decide about: params, what handlers take from their request's
 * arena, answers that wait to be read. Any thread may take and give: a SYNC handler does.
 */
#ifndef LANES_BASE_BUDGET_H
#define LANES_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* What many of a kind have in common. */
struct budget_kind {
	const char *name;   /* for the log; static */
	struct budget *of;  /* what is held here is held there, too; NULL: nowhere */
	size_t limit;	    /* bytes, of each */
	atomic_size_t most; /* the most that one of them used at once; the owner may lower it */
};

struct budget {
	struct budget_kind *kind; /* outlives it */
	atomic_size_t used;	  /* bytes */
};

/* False, with a warning in the log, if that would be more than there may be, here or in the whole;
 * then nothing is taken. Without a budget (NULL) there is no limit. */
bool budget_take(struct budget *budget, size_t bytes);

/* Counts bytes that are held already, even if they are over the limit. */
void budget_charge(struct budget *budget, size_t bytes);

/* Gives back what was taken or charged. */
void budget_give(struct budget *budget, size_t bytes);

/* Whether nothing is left, here or in the whole. */
static inline bool budget_is_spent(const struct budget *budget)
{
	bool spent = false;

	for (; budget && !spent; budget = budget->kind->of)
		spent = atomic_load_explicit(&budget->used, memory_order_relaxed) >=
			budget->kind->limit;
	return spent;
}

#endif
