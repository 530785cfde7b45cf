#include "../harness.h"

extern const struct suite number_suite;
extern const struct suite params_suite;
extern const struct suite query_suite;
extern const struct suite record_suite;
extern const struct suite responder_suite;

int main(int argc, char **argv)
{
	static const struct suite *const suites[] = {
		&number_suite, &params_suite, &query_suite, &record_suite, &responder_suite,
	};

	return harness_main(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
