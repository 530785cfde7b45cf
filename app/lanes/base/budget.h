/*
 * Bytes that may be held, of a whole of which they are a part: a connection's of its worker's.
 *
 * What is counted is what clients decide about: params, what handlers take from their request's
 * arena, answers that wait to be read. Any thread may take and give: a SYNC handler does.
 */
#ifndef LANES_BASE_BUDGET_H
#define LANES_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
	const char *name;   /* for the log; static */
	struct budget *of;  /* what is held here is held there, too; NULL: nowhere */
	size_t limit;	    /* bytes */
	atomic_size_t used; /* bytes */
	atomic_size_t most; /* that were used at once; the owner may lower it */
};

/* False, with a warning in the log, if that would be more than there may be, here or in the whole;
 * then nothing is taken. Without a budget (NULL) there is no limit. */
bool budget_take(struct budget *budget, size_t bytes);

/* Takes what is held already, whether it may be or not. */
void budget_charge(struct budget *budget, size_t bytes);

/* Gives back what was taken or charged. */
void budget_give(struct budget *budget, size_t bytes);

/* Whether nothing is left, here or in the whole. */
static inline bool budget_is_spent(const struct budget *budget)
{
	bool spent = false;

	for (; budget && !spent; budget = budget->of)
		spent = atomic_load_explicit(&budget->used, memory_order_relaxed) >= budget->limit;
	return spent;
}

#endif
