/*
 * The suites of the demonstration: they run systems of the guide's endpoints. Where app/guide is
 * not, none of this folder is built; the library's own are in tests/integration.
 */
#include "../support/harness.h"

extern const struct suite endpoints_suite;
extern const struct suite oracle_suite;
extern const struct suite oracle_prefork_suite;
extern const struct suite prefork_suite;
extern const struct suite concurrency_suite;
extern const struct suite claims_suite;
extern const struct suite load_suite;
extern const struct suite fastcgi_suite;
extern const struct suite drain_suite;
extern const struct suite worker_suite;
extern const struct suite spawn_suite;
extern const struct suite ownership_suite;
extern const struct suite observe_suite;
extern const struct suite readme_suite;
extern const struct suite hardening_suite;
extern const struct suite bad_input_suite;
extern const struct suite loadgen_suite;
extern const struct suite bench_suite;
extern const struct suite pools_suite;
extern const struct suite refusals_suite;
extern const struct suite front_suite;
extern const struct suite logs_suite;
extern const struct suite gone_suite;
extern const struct suite burst_suite;
extern const struct suite events_suite;
extern const struct suite terminal_suite;

extern const struct suite *const guide_suites[];
const struct suite *const guide_suites[] = {
	&endpoints_suite, &oracle_suite,      &oracle_prefork_suite,
	&prefork_suite,	  &concurrency_suite, &claims_suite,
	&load_suite,	  &fastcgi_suite,     &drain_suite,
	&worker_suite,	  &spawn_suite,	      &ownership_suite,
	&observe_suite,	  &readme_suite,      &hardening_suite,
	&bad_input_suite, &loadgen_suite,     &bench_suite,
	&pools_suite,	  &refusals_suite,    &front_suite,
	&logs_suite,	  &gone_suite,	      &burst_suite,
	&events_suite,	  &terminal_suite,    NULL,
};
