#include "../harness.h"

extern const struct suite oracle_suite;

static const struct suite *const suites[] = {
	&oracle_suite,
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
