#include "../harness.h"

extern const struct suite oracle_suite;
extern const struct suite prefork_suite;

static const struct suite *const suites[] = {
	&oracle_suite,
	&prefork_suite,
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
