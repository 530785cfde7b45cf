/* The same for app/cases/README.md. */
#include "cases/cases.h"

#include "digest.c"
