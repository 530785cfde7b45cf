/* build/faults: the faults, or with SOAK_MINUTES in the environment the soak. */
#include <curl/curl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>

#include "../support/harness.h"
#include "../support/process.h"

extern const struct suite workers_suite, load_faults_suite, peers_suite, disk_suite, calls_suite,
	memory_suite, haproxy_suite, job_faults_suite, listeners_suite, posts_suite, soak_suite;

/* Small disks are mounted where nobody else sees them, and vanish with the last process of this
 * test. Without the right to do so, the tests that need it say so. */
static void own_mounts(void)
{
	if (unshare(CLONE_NEWNS) == 0)
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

int main(int argc, char **argv)
{
	static const struct suite *const faults[] = {
		&workers_suite,	  &load_faults_suite, &peers_suite,   &disk_suite,
		&calls_suite,	  &memory_suite,      &haproxy_suite, &job_faults_suite,
		&listeners_suite, &posts_suite,
	};
	static const struct suite *const soak[] = {&soak_suite};

	process_prepare();
	own_mounts();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (getenv("SOAK_MINUTES"))
		return harness_main(argc, argv, soak, 1, 0);
	return harness_main(argc, argv, faults, COUNT(faults), 0);
}
