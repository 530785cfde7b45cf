/* Runs all tests, or those whose names have the word that is its argument. Status: 1 if one failed,
 * 2 if there was none. */
#include <CUnit/Basic.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "client.h"

extern const struct test route_tests[];

int main(int argc, char **argv)
{
	static const struct test *const tables[] = {route_tests};
	CU_pSuite suite;
	unsigned failed;
	unsigned ran;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	CU_initialize_registry();
	suite = CU_add_suite("service", NULL, NULL);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct test *test = tables[i]; test->name; test++)
			if (argc < 2 || strstr(test->name, argv[1]))
				CU_add_test(suite, test->name, test->run);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	ran = CU_get_number_of_tests_run();
	CU_cleanup_registry();
	if (!ran && argc > 1)
		fprintf(stderr, "no test has \"%s\" in its name\n", argv[1]);
	else if (!ran)
		fputs("there are no tests: the tables in tests/ are empty\n", stderr);
	return ran ? failed != 0 : 2;
}
