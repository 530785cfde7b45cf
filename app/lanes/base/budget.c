#include "base/budget.h"

#include "base/log.h"

static size_t add(struct budget *budget, size_t bytes)
{
	size_t used = atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed) + bytes;

	/* Of two threads at once one may be missed: it is a measure, not a limit. */
	if (used > atomic_load_explicit(&budget->kind->most, memory_order_relaxed))
		atomic_store_explicit(&budget->kind->most, used, memory_order_relaxed);
	return used;
}

static void subtract(struct budget *budget, size_t bytes)
{
	atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
}

static bool take_here(struct budget *budget, size_t bytes)
{
	if (bytes > budget->kind->limit)
		return false;
	if (add(budget, bytes) <= budget->kind->limit)
		return true;
	subtract(budget, bytes);
	return false;
}

bool budget_take(struct budget *budget, size_t bytes)
{
	for (struct budget *b = budget; b; b = b->kind->of) {
		if (take_here(b, bytes))
			continue;
		log_event(LOG_LEVEL_WARNING, "memory-limit", "of", b->kind->name, NULL);
		for (; budget != b; budget = budget->kind->of)
			subtract(budget, bytes);
		return false;
	}
	return true;
}

void budget_charge(struct budget *budget, size_t bytes)
{
	for (; budget; budget = budget->kind->of)
		add(budget, bytes);
}

void budget_give(struct budget *budget, size_t bytes)
{
	for (; budget; budget = budget->kind->of)
		subtract(budget, bytes);
}
