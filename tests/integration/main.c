#include <curl/curl.h>
#include <sys/resource.h>

#include "../harness.h"

extern const struct suite endpoints_suite;
extern const struct suite concurrency_suite;
extern const struct suite load_suite;

/* 10,000 connections take as many descriptors. */
static void raise_files_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	static const struct suite *const suites[] = {
		&endpoints_suite,
		&concurrency_suite,
		&load_suite,
	};

	raise_files_limit();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	return harness_main(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
