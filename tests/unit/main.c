#include "../harness.h"

extern const struct suite number_suite;
extern const struct suite query_suite;

static const struct suite *const suites[] = {
	&number_suite,
	&query_suite,
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
