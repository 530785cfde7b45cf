#include <curl/curl.h>

#include "../support/harness.h"
#include "../support/process.h"

extern const struct suite endpoints_suite;
extern const struct suite oracle_suite;
extern const struct suite oracle_prefork_suite;
extern const struct suite concurrency_suite;
extern const struct suite claims_suite;
extern const struct suite load_suite;
extern const struct suite loadgen_suite;
extern const struct suite bench_suite;
extern const struct suite fastcgi_suite;
extern const struct suite gone_suite;
extern const struct suite prefork_suite;
extern const struct suite drain_suite;
extern const struct suite worker_suite;
extern const struct suite spawn_suite;
extern const struct suite ownership_suite;
extern const struct suite observe_suite;
extern const struct suite pools_suite;
extern const struct suite refusals_suite;
extern const struct suite readme_suite;
extern const struct suite hardening_suite;
extern const struct suite bad_input_suite;
extern const struct suite front_suite;
extern const struct suite logs_suite;
extern const struct suite bodies_suite;
extern const struct suite burst_suite;
extern const struct suite events_suite;
extern const struct suite limits_suite;
extern const struct suite dev_suite;
extern const struct suite new_suite;
extern const struct suite orders_suite;
extern const struct suite routes_suite;
extern const struct suite shop_suite;
extern const struct suite terminal_suite;

int main(int argc, char **argv)
{
	static const struct suite *const suites[] = {
		&endpoints_suite,   &oracle_suite,   &oracle_prefork_suite, &prefork_suite,
		&concurrency_suite, &claims_suite,   &load_suite,	    &fastcgi_suite,
		&drain_suite,	    &worker_suite,   &spawn_suite,	    &ownership_suite,
		&observe_suite,	    &readme_suite,   &hardening_suite,	    &bad_input_suite,
		&loadgen_suite,	    &bench_suite,    &pools_suite,	    &refusals_suite,
		&front_suite,	    &logs_suite,     &gone_suite,	    &burst_suite,
		&events_suite,	    &terminal_suite, &orders_suite,	    &shop_suite,
		&bodies_suite,	    &routes_suite,   &limits_suite,	    &new_suite,
		&dev_suite,
	};

	process_prepare();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	return harness_main(argc, argv, suites, sizeof(suites) / sizeof(suites[0]), 0);
}
