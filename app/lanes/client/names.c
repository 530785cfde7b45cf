#include "client/names.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "await/coroutine.h"
#include "await/sched.h"

_Static_assert(LOOKUP_ADDRESS == INET6_ADDRSTRLEN, "room for an address");

/* A name server that is silent holds a thread for up to 30 s, whoever waits for it. */
const struct thread_pool_options names_pool = {
	.name = "names", .threads = 8, .spares = 24, .queue = 256};

static int errno_of(int failure)
{
	switch (failure) {
	case 0:
		return 0;
	case EAI_AGAIN:
	case EAI_FAIL:
		return -EHOSTUNREACH;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_SYSTEM:
		return errno ? -errno : -EHOSTUNREACH;
	default:
		return -ENOENT;
	}
}

static void take(struct lookup *lookup, const struct sockaddr *address)
{
	char *to = lookup->addresses[lookup->count];
	const void *number = NULL;

	if (address->sa_family == AF_INET)
		number = &((const struct sockaddr_in *)address)->sin_addr;
	else if (address->sa_family == AF_INET6)
		number = &((const struct sockaddr_in6 *)address)->sin6_addr;
	if (number && inet_ntop(address->sa_family, number, to, LOOKUP_ADDRESS))
		lookup->count++;
}

static void look_up(void *data)
{
	static const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
	struct lookup *lookup = data;
	struct addrinfo *found = NULL;

	errno = 0;
	lookup->error = errno_of(getaddrinfo(lookup->host, NULL, &wanted, &found));
	if (lookup->error)
		return;
	for (const struct addrinfo *at = found; at && lookup->count < LOOKUP_MOST; at = at->ai_next)
		take(lookup, at->ai_addr);
	freeaddrinfo(found);
	if (!lookup->count)
		lookup->error = -ENOENT;
}

/* What libc opens when it first looks up a name that is in no file: no longer possible then. They
 * stay. */
static void load_modules(char *line)
{
	char *rest;

	for (char *word = strtok_r(line, " \t\n", &rest); word;
	     word = strtok_r(NULL, " \t\n", &rest)) {
		char name[64];

		if (snprintf(name, sizeof(name), "libnss_%s.so.2", word) < (int)sizeof(name))
			dlopen(name, RTLD_NOW); /* files and dns are libc's own */
	}
}

void names_prepare(void)
{
	static const char hosts[] = "hosts:";
	FILE *file = fopen("/etc/nsswitch.conf", "re");
	struct lookup lookup = {.host = "localhost"};
	char line[1024];

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, hosts, sizeof(hosts) - 1))
			load_modules(line + sizeof(hosts) - 1);
	if (file)
		fclose(file);
	look_up(&lookup); /* it reads its files, and is what it will be */
}

/* Whether it is an address; then it is the answer. */
static bool take_number(struct lookup *lookup)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, lookup->host, &v4.sin_addr) == 1)
		take(lookup, (const struct sockaddr *)&v4);
	else if (inet_pton(AF_INET6, lookup->host, &v6.sin6_addr) == 1)
		take(lookup, (const struct sockaddr *)&v6);
	return lookup->count != 0;
}

void coroutine_add_lookup(struct coroutine *co, struct lookup *lookup, int *outcome)
{
	enum board_pool pool = sched_own_pool(co->sched, &names_pool);

	lookup->count = 0;
	lookup->error = 0;
	if (take_number(lookup))
		coroutine_add_end(co, 0, outcome);
	else if (co->sched->pool_count && pool == BOARD_POOLS)
		coroutine_add_end(co, -ENOTSUP, outcome);
	else
		coroutine_add_trial(co, pool, look_up, lookup, &lookup->error, outcome);
}
