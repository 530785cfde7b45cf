#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../support/harness.h"

enum { SECONDS = 120 }; /* that a test may take, also under valgrind on a busy machine */

#define SUITE(name) extern const struct suite name##_suite;
#include "suites.h"
#undef SUITE

static char *own_strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

int main(int argc, char **argv)
{
#define SUITE(name) &name##_suite,
	static const struct suite *const suites[] = {
#include "suites.h"
	};

	program_invocation_short_name = (char[]){"lanes"}; /* who complains */
	/* So that libcurl's allocations can be made to fail; who initialises it again changes
	 * nothing. */
	curl_global_init_mem(CURL_GLOBAL_ALL, malloc, free, realloc, own_strdup, calloc);
	return harness_main(argc, argv, suites, sizeof(suites) / sizeof(suites[0]), SECONDS);
}
