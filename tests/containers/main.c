/* build/containers [WORD...]: the image, run with podman, and the manifests of spawn/kubernetes. */
#include <curl/curl.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "stage.h"
#include "suites.h"

int main(int argc, char **argv)
{
	static const struct suite *const all[] = {&manifests_suite, &container_suite, &pod_suite,
						  &jobs_suite, &limits_suite};
	int status;

	process_prepare();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	status = harness_main(argc, argv, all, COUNT(all), 0);
	stage_off();
	return status;
}
