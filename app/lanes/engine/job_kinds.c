/* The kinds of an application's jobs, as its worker has them. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/application.h"
#include "engine/job_worker.h"
#include "http/input.h"

enum {
	NAME_MAX_BYTES = 40,
	LEASE = 30, /* seconds */
	ATTEMPTS = 5,
	BACKOFF = 5, /* seconds */
};

/* It stands within an array of SQL, and where a path does. */
static bool is_name(const char *name)
{
	size_t len = strlen(name);

	return len && len <= NAME_MAX_BYTES &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
		       len;
}

/* NULL, or what is wrong. */
static const char *wrong_with(const struct job_kinds *kinds, size_t number)
{
	const struct job_kind *kind = &kinds->list[number];

	if (!is_name(kind->kind))
		return "a kind of jobs has a name of 1 to 40 letters, digits, '-', '_' and '.'";
	for (size_t i = 0; i < number; i++)
		if (!strcmp(kinds->list[i].kind, kind->kind))
			return "there are two kinds of this name";
	if (kind->lease < 0 || kind->attempts < 0 || kind->backoff < 0)
		return "lease, attempts and backoff are not below 0";
	return kind->input ? input_prepare(kind->input) : NULL;
}

static struct job_kind whole(struct job_kind kind)
{
	kind.lease = kind.lease > 0 ? kind.lease : LEASE;
	kind.attempts = kind.attempts ? kind.attempts : ATTEMPTS;
	kind.backoff = kind.backoff > 0 ? kind.backoff : BACKOFF;
	return kind;
}

static struct route route_of(const struct job_kind *kind)
{
	return (struct route){.path = kind->kind,
			      .handler = kind->handler,
			      .method = METHOD_GET,
			      .kind = kind->runs,
			      .input = kind->input,
			      .pool = kind->pool,
			      .deadline = kind->deadline};
}

/* What it makes is there as long as the process. */
bool job_worker_prepare(const struct options *options, struct application *application)
{
	struct job_kinds *kinds = &application->jobs;
	struct job_kind *list;
	struct route *routes;

	if (!options->database) {
		log_complaint("--engine jobs: there is no database: --database, or LANES_DATABASE, "
			      "says which");
		return false;
	}
	list = calloc(kinds->count + 1, sizeof(*list));
	routes = calloc(kinds->count + 1, sizeof(*routes));
	if (!kinds->count || !list || !routes) {
		log_complaint(kinds->count ? "out of memory"
					   : "--engine jobs: this program has no jobs");
		free(list);
		free(routes);
		return false;
	}
	for (size_t i = 0; i < kinds->count; i++) {
		const char *wrong = wrong_with(kinds, i);

		if (wrong) {
			log_complaint("%.100s: %s", kinds->list[i].kind, wrong);
			free(list);
			free(routes);
			return false;
		}
		list[i] = whole(kinds->list[i]);
		routes[i] = route_of(&list[i]);
	}
	kinds->list = list;
	application->routes =
		(struct routes){routes, kinds->count, .state = application->routes.state};
	return true;
}
