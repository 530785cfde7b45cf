/*
 * The suites of the demonstration: they run systems of the guide's endpoints. Where app/guide is
 * not, none of this folder is built; the library's own are in tests/integration.
 */
#include "../support/harness.h"

extern const struct suite endpoints_suite, oracle_suite, oracle_prefork_suite, prefork_suite,
	concurrency_suite, claims_suite, load_suite, fastcgi_suite, drain_suite, worker_suite,
	master_suite, spawn_suite, ownership_suite, observe_suite, readme_suite, hardening_suite,
	bad_input_suite, loadgen_suite, bench_suite, pools_suite, refusals_suite, front_suite,
	logs_suite, gone_suite, burst_suite, events_suite, terminal_suite, cases_suite,
	cases_prefork_suite, case_faults_suite, database_suite, renders_suite, contrast_suite,
	watchdog_suite, monitoring_suite, otlp_suite, listening_suite;

extern const struct suite *const guide_suites[];
const struct suite *const guide_suites[] = {
	&endpoints_suite,      &oracle_suite,
	&oracle_prefork_suite, &prefork_suite,
	&concurrency_suite,    &claims_suite,
	&load_suite,	       &fastcgi_suite,
	&drain_suite,	       &worker_suite,
	&master_suite,	       &spawn_suite,
	&ownership_suite,      &observe_suite,
	&readme_suite,	       &hardening_suite,
	&bad_input_suite,      &loadgen_suite,
	&bench_suite,	       &pools_suite,
	&refusals_suite,       &front_suite,
	&logs_suite,	       &gone_suite,
	&burst_suite,	       &events_suite,
	&terminal_suite,       &cases_suite,
	&cases_prefork_suite,  &case_faults_suite,
	&database_suite,       &listening_suite,
	&renders_suite,	       &contrast_suite,
	&watchdog_suite,       &monitoring_suite,
	&otlp_suite,	       NULL,
};
