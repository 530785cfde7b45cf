/* What the URL says, what the environment and files add to it, and the password. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "client/pg_inside.h"

enum { PAIRS = 64, CONNECT_SECONDS = 5 };

/* Pairs as PQconnectStartParams() takes them, NULL behind the last. They point into the others. */
struct pg_settings {
	const char *keys[PAIRS];
	const char *values[PAIRS];
	int count;
	PQconninfoOption *url; /* what that says itself */
	PQconninfoOption *all;
	PGconn *probe; /* that was never made */
};

/* One that libpq does not have: it reads all that it reads, and does not connect. */
static const char none_such[] = "none-such";

static const char *value_in(const PQconninfoOption *options, const char *key)
{
	while (options->keyword && strcmp(options->keyword, key) != 0)
		options++;
	return options->keyword && options->val && *options->val ? options->val : NULL;
}

static void put(struct pg_settings *settings, const char *key, const char *value)
{
	if (!value || !*value || settings->count + 1 >= PAIRS)
		return;
	settings->keys[settings->count] = key;
	settings->values[settings->count++] = value;
}

/* Those that are settled here are not looked up again, or are ours. */
static bool is_settled(const char *key)
{
	static const char *const keys[] = {
		"service",	    "passfile",	       "password",
		"gssencmode",	    "client_encoding", "target_session_attrs",
		"connect_timeout",  "hostaddr",	       "fallback_application_name",
		"application_name",
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(key, keys[i]))
			return true;
	return false;
}

static bool is_address(const char *host)
{
	struct in6_addr any;

	return host &&
	       (inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1);
}

static void settle(struct pg_settings *settings)
{
	const char *host = value_in(settings->all, "host");
	const char *address = value_in(settings->all, "hostaddr");
	const char *gss = value_in(settings->url, "gssencmode");
	const char *name = value_in(settings->all, "application_name");

	for (const PQconninfoOption *o = settings->all; o->keyword; o++)
		if (!is_settled(o->keyword))
			put(settings, o->keyword, o->val);
	put(settings, "password", PQpass(settings->probe));
	put(settings, "gssencmode", gss ? gss : "disable"); /* it would open files */
	put(settings, "target_session_attrs", value_in(settings->url, "target_session_attrs"));
	put(settings, "client_encoding", "UTF8");
	put(settings, "application_name", name ? name : "lanes");
	put(settings, "hostaddr", address ? address : is_address(host) ? host : NULL);
}

/* libpq's texts end with a newline. */
static struct pg_settings *complain(struct pg_settings *settings, const char *what)
{
	log_complaint("--database: %.*s", (int)strcspn(what, "\n"), what);
	pg_settings_free(settings);
	return NULL;
}

static bool is_list(const struct pg_settings *settings, const char *key)
{
	const char *value = value_in(settings->all, key);

	return value && strchr(value, ',');
}

struct pg_settings *pg_settings_read(const char *url)
{
	struct pg_settings *settings = calloc(1, sizeof(*settings));
	char *wrong = NULL;

	if (!settings)
		return complain(settings, "out of memory");
	settings->url = PQconninfoParse(url, &wrong);
	if (!settings->url) {
		complain(settings, wrong ? wrong : "out of memory");
		PQfreemem(wrong);
		return NULL;
	}
	settings->probe =
		PQconnectStartParams((const char *const[]){"dbname", "target_session_attrs", NULL},
				     (const char *const[]){url, none_such, NULL}, 1);
	settings->all = PQconninfo(settings->probe);
	if (!settings->all)
		return complain(settings, "out of memory");
	if (!strstr(PQerrorMessage(settings->probe), none_such))
		return complain(settings, PQerrorMessage(settings->probe));
	if (is_list(settings, "host") || is_list(settings, "hostaddr") || is_list(settings, "port"))
		return complain(settings, "one host is wanted, and several are named");
	settle(settings);
	return settings;
}

static const char *value_of(const struct pg_settings *settings, const char *key)
{
	for (int i = 0; i < settings->count; i++)
		if (!strcmp(settings->keys[i], key))
			return settings->values[i];
	return NULL;
}

uint16_t pg_settings_port(const struct pg_settings *settings)
{
	const char *host = value_of(settings, "host");
	const char *port = value_of(settings, "port");

	if (!value_of(settings, "hostaddr") && (!host || *host == '/' || *host == '@'))
		return 0;
	return (uint16_t)(port ? atoi(port) : 5432);
}

const char *pg_settings_root_certificate(const struct pg_settings *settings)
{
	return value_of(settings, "sslrootcert");
}

const char *pg_settings_name(const struct pg_settings *settings)
{
	const char *host = value_of(settings, "host");

	return pg_settings_port(settings) && !value_of(settings, "hostaddr") ? host : NULL;
}

uint64_t pg_settings_patience(const struct pg_settings *settings)
{
	const char *seconds = value_in(settings->all, "connect_timeout");
	long limit = seconds ? atol(seconds) : 0;

	return (uint64_t)(limit > 0 ? limit : CONNECT_SECONDS) * 1000 * PG_MS;
}

PGconn *pg_settings_connect(const struct pg_settings *settings, const char *address)
{
	const char *keys[PAIRS + 1];
	const char *values[PAIRS + 1];

	memcpy(keys, settings->keys, sizeof(settings->keys));
	memcpy(values, settings->values, sizeof(settings->values));
	keys[settings->count] = address ? "hostaddr" : NULL;
	values[settings->count] = address;
	keys[settings->count + 1] = NULL;
	return PQconnectStartParams(keys, values, 0);
}

void pg_settings_free(struct pg_settings *settings)
{
	if (!settings)
		return;
	PQconninfoFree(settings->url);
	PQconninfoFree(settings->all);
	PQfinish(settings->probe);
	free(settings);
}
