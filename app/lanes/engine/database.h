/*
 * The worker's database, of --database: what an engine opens on its loop.
 */
#ifndef LANES_ENGINE_DATABASE_H
#define LANES_ENGINE_DATABASE_H

#include <stdbool.h>

struct application;
struct options;
struct sandbox;
struct sched;

/* Before the sandbox, which gets what connecting takes: reads the URL, and what it leads to. False
 * after a message. */
bool database_prepare(const struct options *options, struct application *application,
		      struct sandbox *needs);

/* Begins to connect, if there is one. 0 or -ENOMEM. */
int database_open(const struct options *options, struct sched *sched);

#endif
