/* build/cluster [WORD...]: a cluster in network namespaces, and what becomes of requests. Prints
 * the table of results; that of a run of all, in which nothing failed, replaces what README.md has.
 */
#include <curl/curl.h>

#include "../support/harness.h"
#include "cluster.h"

extern const struct suite start_suite, hosts_suite, nginx_suite;

int main(int argc, char **argv)
{
	static const struct suite *const all[] = {&start_suite, &hosts_suite, &nginx_suite};
	int status;

	process_prepare();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	status = harness_main(argc, argv, all, COUNT(all), 0);
	cluster_stop();
	results_print();
	if (status == 0 && argc == 1)
		results_keep();
	return status;
}
