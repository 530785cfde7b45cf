#include <errno.h>

#include "../support/harness.h"

enum { SECONDS = 120 }; /* that a test may take, also under valgrind on a busy machine */

#define SUITE(name) extern const struct suite name##_suite;
#include "suites.h"
#undef SUITE

int main(int argc, char **argv)
{
#define SUITE(name) &name##_suite,
	static const struct suite *const suites[] = {
#include "suites.h"
	};

	program_invocation_short_name = (char[]){"lanes"}; /* who complains */
	return harness_main(argc, argv, suites, sizeof(suites) / sizeof(suites[0]), SECONDS);
}
