#include "client/fetch_host.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "await/awaited.h"
#include "await/sched.h"
#include "base/util.h"
#include "client/fetch_multi.h"

enum { HOSTS_MOST = 256 /* that are remembered, though nobody calls them */ };

static const uint64_t FRESH_NS = 60000000000;

/* ---- calls in lists ---- */

void fetch_list_add(struct fetch_list *list, struct fetch_call *call)
{
	call->list = list;
	call->next = NULL;
	call->prev = list->last;
	if (list->last)
		list->last->next = call;
	else
		list->first = call;
	list->last = call;
}

void fetch_list_remove(struct fetch_call *call)
{
	struct fetch_list *list = call->list;

	if (!list)
		return;
	if (call->prev)
		call->prev->next = call->next;
	else
		list->first = call->next;
	if (call->next)
		call->next->prev = call->prev;
	else
		list->last = call->prev;
	call->list = NULL;
}

/* ---- its name, as a coroutine ---- */

/* What it allocates. */
struct fetch_chunk {
	struct fetch_chunk *next;
	_Alignas(max_align_t) unsigned char bytes[];
};

static struct fetch_host *host_of(struct coroutine *co)
{
	return container_of(co, struct fetch_host, co);
}

static void *co_alloc(struct coroutine *co, size_t size)
{
	struct fetch_host *host = host_of(co);
	struct fetch_chunk *chunk = calloc(1, sizeof(*chunk) + size);

	if (!chunk)
		return NULL;
	chunk->next = host->chunks;
	host->chunks = chunk;
	return chunk->bytes;
}

static void co_ref(struct coroutine *co)
{
	host_of(co)->refs++;
}

static void co_unref(struct coroutine *co)
{
	struct fetch_host *host = host_of(co);

	if (--host->refs)
		return;
	while (host->chunks) {
		struct fetch_chunk *chunk = host->chunks;

		host->chunks = chunk->next;
		free(chunk);
	}
	free(host);
}

static void end(struct fetch_call *call, int error)
{
	fetch_host_leave(call);
	fetch_end(call, error);
}

static void note_addresses(struct fetch_host *host)
{
	char *to = host->addresses;

	for (unsigned i = 0; i < host->lookup.count; i++) {
		if (i)
			*to++ = ',';
		to = stpcpy(to, host->lookup.addresses[i]);
	}
}

static int take_turn(struct fetch_call *call);

static void on_found(struct fetch_host *host)
{
	int error = host->co.error;
	struct fetch_call *call;

	host->looking = false;
	host->since = error ? 0 : host->co.since;
	if (!error)
		note_addresses(host);
	while ((call = host->unknown.first)) {
		int err = error;

		fetch_list_remove(call);
		host->fetcher->waiting--;
		if (!err)
			err = take_turn(call);
		if (err)
			end(call, err);
	}
}

static void nothing_more(struct coroutine *co)
{
	co->suspended = false;
}

static uint64_t co_resume(struct coroutine *co, uint64_t now)
{
	uint64_t ended = coroutine_resume(co, now, nothing_more);

	on_found(host_of(co));
	return ended;
}

static const struct coroutine_ops coroutine = {
	.resume = co_resume, .alloc = co_alloc, .ref = co_ref, .unref = co_unref};

/* owner: for whom. */
static void look_up(struct fetch_host *host, uint64_t owner)
{
	struct coroutine *co = &host->co;

	host->looking = true;
	co->owner = owner;
	co->error = 0;
	co->tries = co->suspended = co->untold = true;
	co->since = uv_hrtime();
	coroutine_add_lookup(co, &host->lookup, NULL);
	coroutine_gather(co);
}

static bool is_address(const char *name)
{
	struct in6_addr number;

	return inet_pton(AF_INET, name, &number) == 1 || inet_pton(AF_INET6, name, &number) == 1;
}

/* ---- which it is ---- */

static void forget(struct fetch_host **at)
{
	struct fetch_host *host = *at;

	*at = host->next;
	host->fetcher->host_count--;
	coroutine_cancel(&host->co);
	co_unref(&host->co);
}

/* Of those that nobody calls, the one that was asked for longest ago. */
static void forget_oldest(struct fetcher *fetcher)
{
	struct fetch_host **oldest = NULL;

	for (struct fetch_host **at = &fetcher->hosts; *at; at = &(*at)->next)
		if (!(*at)->calls && !(*at)->looking && !(*at)->busy)
			oldest = at;
	if (oldest)
		forget(oldest);
}

static struct fetch_host *make(struct fetcher *fetcher, const char *name, const char *port)
{
	size_t len = strlen(name);
	struct fetch_host *host = calloc(1, sizeof(*host) + len + 1);
	char label[BOARD_THING];

	if (!host)
		return NULL;
	if (fetcher->host_count >= HOSTS_MOST)
		forget_oldest(fetcher);
	fetcher->host_count++;
	memcpy(host->name, name, len + 1);
	strncpy(host->port, port, sizeof(host->port) - 1);
	host->fetcher = fetcher;
	host->refs = 1;
	host->co.ops = &coroutine;
	host->co.sched = fetcher->sched;
	host->lookup.host = host->name;
	host->is_address = is_address(name);
	snprintf(label, sizeof(label), strchr(name, ':') ? "[%s]:%s" : "%s:%s", name, port);
	host->thing = sched_thing(fetcher->sched, slice_of(label));
	return host;
}

/* NULL if memory is out. */
static struct fetch_host *find(struct fetcher *fetcher, const char *name, const char *port)
{
	struct fetch_host **at = &fetcher->hosts;
	struct fetch_host *host;

	while (*at && (strcmp((*at)->name, name) != 0 || strcmp((*at)->port, port) != 0))
		at = &(*at)->next;
	host = *at;
	if (host)
		*at = host->next;
	else
		host = make(fetcher, name, port);
	if (!host)
		return NULL;
	host->next = fetcher->hosts;
	fetcher->hosts = host;
	return host;
}

/* In place: in small letters, and without brackets. False if it is none that we look up as curl
 * does. */
static bool is_host(char *name)
{
	size_t len = strlen(name);

	if (name[0] == '[') {
		memmove(name, name + 1, len);
		name[len - 2] = '\0';
	}
	for (char *c = name; *c; c++) {
		if (!isgraph((unsigned char)*c) || *c == ',')
			return false;
		*c = (char)tolower((unsigned char)*c);
	}
	return *name;
}

static int error_of(CURLUcode code)
{
	return code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

/* What the URL consists of: for curl_free(). */
struct fetch_parts {
	char *url;
	char *scheme;
	char *host;
	char *port;
};

static void free_parts(struct fetch_parts *parts)
{
	curl_free(parts->url);
	curl_free(parts->scheme);
	curl_free(parts->host);
	curl_free(parts->port);
}

static int take_apart(const char *text, struct fetch_parts *parts)
{
	CURLU *url = curl_url();
	CURLUcode code = url ? curl_url_set(url, CURLUPART_URL, text, 0) : CURLUE_OUT_OF_MEMORY;

	if (!code)
		code = curl_url_get(url, CURLUPART_URL, &parts->url, 0);
	if (!code)
		code = curl_url_get(url, CURLUPART_SCHEME, &parts->scheme, 0);
	if (!code)
		code = curl_url_get(url, CURLUPART_HOST, &parts->host, 0);
	if (!code)
		code = curl_url_get(url, CURLUPART_PORT, &parts->port, CURLU_DEFAULT_PORT);
	curl_url_cleanup(url);
	if (code)
		return error_of(code);
	if (strcmp(parts->scheme, "http") != 0 && strcmp(parts->scheme, "https") != 0)
		return -EINVAL;
	return is_host(parts->host) ? 0 : -EINVAL;
}

int fetch_host_aim(struct fetch_call *call, const char *url)
{
	struct fetch_parts parts = {.scheme = NULL};
	int err = take_apart(url, &parts);
	struct fetch_host *host = err ? NULL : find(call->fetcher, parts.host, parts.port);

	if (!err && !host)
		err = -ENOMEM;
	if (!err) {
		fetch_host_leave(call);
		curl_free(call->url);
		call->url = parts.url;
		call->secure = !strcmp(parts.scheme, "https");
		parts.url = NULL;
		call->host = host;
		call->awaited.thing = host->thing;
		host->calls++;
	}
	free_parts(&parts);
	return err;
}

/* ---- whose turn it is ---- */

static bool has_room(const struct fetch_host *host)
{
	return host->fetcher->flying_count < fetch_limits.most && host->flying < fetch_limits.host;
}

static int wait_in(struct fetch_list *list, struct fetch_call *call)
{
	if (call->fetcher->waiting >= fetch_limits.queue)
		return -EAGAIN;
	call->fetcher->waiting++;
	fetch_list_add(list, call);
	return 0;
}

/* The last of those with a queue, if it is none of them yet. */
static void be_busy(struct fetch_host *host)
{
	struct fetcher *fetcher = host->fetcher;

	if (host->busy)
		return;
	host->busy = true;
	host->busy_next = NULL;
	*fetcher->busy_last = host;
	fetcher->busy_last = &host->busy_next;
}

static int take_turn(struct fetch_call *call)
{
	struct fetch_host *host = call->host;
	int err;

	if (!host->queue.first && has_room(host))
		return fetcher_launch(call);
	err = wait_in(&host->queue, call);
	if (!err)
		be_busy(host);
	return err;
}

int fetch_host_enter(struct fetch_call *call)
{
	struct fetch_host *host = call->host;
	uint64_t age = uv_hrtime() - host->since;
	bool fresh = host->is_address || (host->since && age <= FRESH_NS);
	bool waits = !fresh && (!host->since || age > 2 * FRESH_NS);
	int err = waits ? wait_in(&host->unknown, call) : 0;

	if (!err && !fresh && !host->looking)
		look_up(host, call->co->owner);
	return err || waits ? err : take_turn(call);
}

void fetch_host_leave(struct fetch_call *call)
{
	struct fetch_host *host = call->host;

	if (!host)
		return;
	if (call->easy)
		fetcher_land(call);
	else if (call->list)
		call->fetcher->waiting--;
	fetch_list_remove(call);
	call->host = NULL;
	host->calls--;
}

/* The first of the busy ones that has room, taken out; those that are no longer busy go, too. */
static struct fetch_host *next_host(struct fetcher *fetcher)
{
	for (struct fetch_host **at = &fetcher->busy; *at;) {
		struct fetch_host *host = *at;

		if (host->queue.first && !has_room(host)) {
			at = &host->busy_next;
			continue;
		}
		*at = host->busy_next;
		if (!*at)
			fetcher->busy_last = at;
		host->busy = false;
		if (host->queue.first)
			return host;
	}
	return NULL;
}

void fetch_hosts_go(struct fetcher *fetcher)
{
	struct fetch_host *host;

	while (fetcher->busy && fetcher->flying_count < fetch_limits.most &&
	       (host = next_host(fetcher))) {
		struct fetch_call *call = host->queue.first;
		int err;

		fetch_list_remove(call);
		fetcher->waiting--;
		err = fetcher_launch(call);
		if (err)
			end(call, err);
		if (host->queue.first)
			be_busy(host);
	}
}

static void end_all(struct fetch_list *list)
{
	while (list->first)
		end(list->first, -ECANCELED);
}

void fetch_hosts_close(struct fetcher *fetcher)
{
	fetcher->busy = NULL;
	fetcher->busy_last = &fetcher->busy;
	while (fetcher->hosts) {
		end_all(&fetcher->hosts->unknown);
		end_all(&fetcher->hosts->queue);
		forget(&fetcher->hosts);
	}
}
