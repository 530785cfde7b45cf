#include <curl/curl.h>

#include "../support/harness.h"
#include "../support/process.h"

extern const struct suite awaits_suite, bodies_suite, fetches_suite, install_suite, library_suite,
	limits_suite, dev_suite, jobs_suite, mounts_suite, sockets_suite, new_suite, orders_suite,
	private_suite, routes_suite, shop_suite, config_suite, tls_suite, doctor_suite,
	control_suite;

/* The demonstration's (tests/guide), up to NULL. There are none in a tree without it. */
extern const struct suite *const guide_suites[] __attribute__((weak));

enum { SUITES_MAX = 64 };

int main(int argc, char **argv)
{
	static const struct suite *suites[SUITES_MAX] = {
		&orders_suite, &shop_suite,    &bodies_suite,  &fetches_suite, &routes_suite,
		&limits_suite, &new_suite,     &install_suite, &dev_suite,     &library_suite,
		&jobs_suite,   &private_suite, &awaits_suite,  &mounts_suite,  &sockets_suite,
		&config_suite, &tls_suite,     &doctor_suite,  &control_suite,
	};
	int count = 0;

	while (suites[count])
		count++;
	for (int i = 0; guide_suites && guide_suites[i] && count < SUITES_MAX; i++)
		suites[count++] = guide_suites[i];
	process_prepare();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	return harness_main(argc, argv, suites, count, 0);
}
