#include <errno.h>

#include "../support/harness.h"

enum { SECONDS = 120 }; /* that a test may take, also under valgrind on a busy machine */

extern const struct suite answer_suite;
extern const struct suite body_suite;
extern const struct suite application_suite;
extern const struct suite budget_suite;
extern const struct suite buffer_suite;
extern const struct suite condition_suite;
extern const struct suite conn_suite;
extern const struct suite examples_suite;
extern const struct suite fetch_suite;
extern const struct suite file_suite;
extern const struct suite gather_suite;
extern const struct suite json_suite;
extern const struct suite listen_suite;
extern const struct suite log_suite;
extern const struct suite loop_suite;
extern const struct suite metric_suite;
extern const struct suite names_suite;
extern const struct suite number_suite;
extern const struct suite openapi_suite;
extern const struct suite options_suite;
extern const struct suite params_suite;
extern const struct suite pattern_suite;
extern const struct suite percent_suite;
extern const struct suite pg_suite;
extern const struct suite pg_faults_suite;
extern const struct suite pg_news_suite;
extern const struct suite pg_pool_suite;
extern const struct suite pg_tx_suite;
extern const struct suite pool_suite;
extern const struct suite exchanges_suite;
extern const struct suite input_suite;
extern const struct suite record_suite;
extern const struct suite reply_suite;
extern const struct suite request_suite;
extern const struct suite responder_suite;
extern const struct suite router_suite;
extern const struct suite sandbox_suite;
extern const struct suite scoreboard_suite;
extern const struct suite table_suite;
extern const struct suite task_suite;
extern const struct suite trace_context_suite;
extern const struct suite handler_suite;
extern const struct suite timers_suite;
extern const struct suite utf8_suite;
extern const struct suite volley_suite;
extern const struct suite worker_suite;

int main(int argc, char **argv)
{
	/* A worker closes what it did not open, and libuv needs its pipe: so the first must be
	 * there before it has one. The last two take a while. */
	static const struct suite *const suites[] = {
		&worker_suite,	      &answer_suite,	 &application_suite, &body_suite,
		&budget_suite,	      &buffer_suite,	 &listen_suite,	     &log_suite,
		&number_suite,	      &options_suite,	 &params_suite,	     &percent_suite,
		&pool_suite,	      &record_suite,	 &reply_suite,	     &request_suite,
		&responder_suite,     &router_suite,	 &sandbox_suite,     &table_suite,
		&task_suite,	      &handler_suite,	 &timers_suite,	     &volley_suite,
		&json_suite,	      &exchanges_suite,	 &openapi_suite,     &input_suite,
		&metric_suite,	      &pattern_suite,	 &pg_suite,	     &pg_pool_suite,
		&pg_tx_suite,	      &pg_news_suite,	 &pg_faults_suite,   &utf8_suite,
		&trace_context_suite, &condition_suite,	 &file_suite,	     &conn_suite,
		&gather_suite,	      &names_suite,	 &fetch_suite,	     &examples_suite,
		&loop_suite,	      &scoreboard_suite,
	};

	program_invocation_short_name = (char[]){"lanes"}; /* who complains */
	return harness_main(argc, argv, suites, sizeof(suites) / sizeof(suites[0]), SECONDS);
}
