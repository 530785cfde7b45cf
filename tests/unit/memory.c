#include "memory.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

static atomic_long left = LONG_MAX;
static atomic_bool once;
static atomic_long asked;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void memory_fail_after(long n)
{
	atomic_store(&once, false);
	atomic_store(&left, n);
}

void memory_fail_once_after(long n)
{
	atomic_store(&once, true);
	atomic_store(&left, n);
}

void memory_restore(void)
{
	atomic_store(&left, LONG_MAX);
}

long memory_allocations(void)
{
	return atomic_load(&asked);
}

static bool allowed(void)
{
	long before = atomic_fetch_sub(&left, 1);

	atomic_fetch_add(&asked, 1);
	return before > 0 || (before < 0 && atomic_load(&once));
}

void *__wrap_malloc(size_t size)
{
	return allowed() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return allowed() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *old, size_t size)
{
	return allowed() ? __real_realloc(old, size) : NULL;
}
