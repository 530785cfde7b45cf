/*
 * What stands in front of the contenders: one nginx, with the settings of nginx/lanes.conf.in and a
 * server for each of them, another with those of minimal.conf.in, and HAProxy.
 */
#ifndef TESTS_BENCH_PROXIES_H
#define TESTS_BENCH_PROXIES_H

#include <stdbool.h>

#include "contenders.h"

/* Writes nginx.conf and minimal.conf into the working directory, for those that are chosen. root:
 * of the project. */
void nginx_write(const char *root, const bool *chosen);

/* Writes haproxy.cfg. */
void haproxy_write(const struct contender *contender);

#endif
