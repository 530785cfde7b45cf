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
		&worker_suite,	  &answer_suite,    &application_suite, &body_suite,
		&budget_suite,	  &buffer_suite,    &listen_suite,	&log_suite,
		&number_suite,	  &options_suite,   &params_suite,	&percent_suite,
		&pool_suite,	  &record_suite,    &reply_suite,	&request_suite,
		&responder_suite, &router_suite,    &sandbox_suite,	&table_suite,
		&task_suite,	  &handler_suite,   &timers_suite,	&volley_suite,
		&json_suite,	  &exchanges_suite, &openapi_suite,	&input_suite,
		&metric_suite,	  &pattern_suite,   &utf8_suite,	&trace_context_suite,
		&condition_suite, &file_suite,	    &conn_suite,	&gather_suite,
		&examples_suite,  &migrate_suite,   &queue_suite,	&names_suite,
		&fetch_suite,	  &pg_suite,	    &pg_pool_suite,	&pg_tx_suite,
		&pg_news_suite,	  &pg_faults_suite, &loop_suite,	&scoreboard_suite,
	};

	program_invocation_short_name = (char[]){"lanes"}; /* who complains */
	return harness_main(argc, argv, suites, sizeof(suites) / sizeof(suites[0]), SECONDS);
}
