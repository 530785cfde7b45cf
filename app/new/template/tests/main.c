/* Runs all tests, or those whose names have the word that is its argument. */
#include <CUnit/Basic.h>
#include <curl/curl.h>
#include <string.h>

#include "client.h"

extern const struct test route_tests[];

int main(int argc, char **argv)
{
	static const struct test *const tables[] = {route_tests};
	CU_pSuite suite;
	unsigned failed;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	CU_initialize_registry();
	suite = CU_add_suite("service", NULL, NULL);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct test *test = tables[i]; test->name; test++)
			if (argc < 2 || strstr(test->name, argv[1]))
				CU_add_test(suite, test->name, test->run);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures() + (CU_get_number_of_tests_run() == 0);
	CU_cleanup_registry();
	return failed != 0;
}
