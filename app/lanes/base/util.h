/* What every room needs. */
#ifndef LANES_BASE_UTIL_H
#define LANES_BASE_UTIL_H

#include <stddef.h>

/* The struct of that type whose member ptr points to. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - (offsetof(type, member))))

#endif
