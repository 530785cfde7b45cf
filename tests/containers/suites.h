/* The suites of this program. */
#ifndef TESTS_CONTAINERS_SUITES_H
#define TESTS_CONTAINERS_SUITES_H

#include "../support/harness.h"

extern const struct suite manifests_suite;
extern const struct suite container_suite;
extern const struct suite pod_suite;
extern const struct suite jobs_suite;
extern const struct suite limits_suite;

#endif
