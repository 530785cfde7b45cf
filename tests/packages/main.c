/* build/packages [WORD...]: what "make deb" makes, on a machine that systemd has booted. */
#include <curl/curl.h>

#include "../support/harness.h"
#include "../support/process.h"

extern const struct suite deb_suite, deb_new_suite;

int main(int argc, char **argv)
{
	static const struct suite *const all[] = {&deb_suite, &deb_new_suite};

	process_prepare();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	return harness_main(argc, argv, all, COUNT(all), 0);
}
