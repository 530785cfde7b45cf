#include "contenders.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "group.h"
#include "proxies.h"
#include "surroundings.h"

/* One process per socket, as spawn/start.sh has it, with the scoreboard and the log on. */
#define LANE(options)                                                                              \
	"exec $BUILD/lanes --listen $SOCKETS --slot 1 --scoreboard $NAME.board" options
#define LANES(options)                                                                             \
	"i=0; for socket in $SOCKETS; do i=$((i + 1));"                                            \
	" $BUILD/lanes --listen $socket --slot $i --scoreboard $NAME.board" options                \
	" & done; wait"
/* For 1,000,000 in flight. */
#define MANY " --max-reqs 1000000"
#define PREFORK(n)                                                                                 \
	"exec spawn-fcgi -n -s $SOCKETS -b 4096 -- $BUILD/lanes --processes " #n                   \
	" --engine prefork --pool prefork --scoreboard $NAME.board --spool ."
#define UVICORN_OF(app)                                                                            \
	"exec /usr/bin/python3 -B -m uvicorn --app-dir " app " --loop uvloop"                      \
	" --http httptools --no-access-log --log-level warning --backlog 4096"
#define UVICORN UVICORN_OF("$ROOT/tests/oracle app:app")
#define PEER	UVICORN_OF("$ROOT/tests/bench peer:app") " --uds $SOCKETS"
/* php-fpm wants to know which of the environment's its children may have. */
#define PHP(n)                                                                                     \
	"printf '%s\\n' '[global]' error_log=$NAME.log '[www]' listen=$SOCKETS"                    \
	" listen.backlog=4096 listen.mode=0666 pm=static pm.max_children=" #n                      \
	" clear_env=no user=$(id -un) >$NAME.conf; exec $(ls /usr/sbin/php-fpm* | tail -n 1) -F "  \
	"-R -p ."                                                                                  \
	" -y $NAME.conf -d opcache.enable=1 -d opcache.validate_timestamps=0"

/* Without it, net/http/fcgi answers nothing. */
#define GO_PARAM "SERVER_PROTOCOL $server_protocol"

#define AN_ORDER "/cases/orders/1"
#define A_CALL	 "/fast/suppliers/1/price?item=book"
#define CASES_LANES                                                                                \
	"$BUILD/cases-app --listen $SOCKETS --scoreboard $NAME.board --spool ."                    \
	" --database \"$DATABASE\""

/* As many calls at once as there are: 1,000 clients, three for each. */
#define FETCHES(n) " --fetch-most " #n " --fetch-host-most " #n

struct contender contenders[] = {
	{.name = "nginx-return",
	 .what = "nginx answers by itself: `return 200`",
	 .via = VIA_NGINX_RETURN},
	{.name = "null",
	 .what = "our null FastCGI responder: raw epoll, canned bytes",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .command = "exec $BUILD/null-responder $SOCKETS"},
	{.name = "lanes-1",
	 .what = "Lanes, 1 loop worker, all features on",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .command = LANE("")},
	{.name = "lanes-2",
	 .what = "Lanes, 2 loop workers",
	 .via = VIA_NGINX,
	 .sockets = 2,
	 .command = LANES("")},
	{.name = "lanes-4",
	 .what = "Lanes, 4 loop workers",
	 .via = VIA_NGINX,
	 .sockets = 4,
	 .command = LANES("")},
	{.name = "lanes-1-fresh",
	 .what = "the same worker as lanes-1, nginx keeps no connection",
	 .via = VIA_NGINX_FRESH,
	 .sockets = 1,
	 .of = "lanes-1"},
	{.name = "lanes-cpu1",
	 .what = "Lanes, 1 loop worker, --cpu-threads 1",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .command = LANE(" --cpu-threads 1")},
	{.name = "lanes-unix-1",
	 .what = "Lanes, 1 loop worker, --max-reqs 1000000",
	 .via = VIA_SOCKET,
	 .sockets = 1,
	 .command = LANE(MANY)},
	{.name = "lanes-unix-2",
	 .what = "the same, 2 loop workers",
	 .via = VIA_SOCKET,
	 .sockets = 2,
	 .command = LANES(MANY)},
	{.name = "lanes-tcp-1",
	 .what = "the same over TCP, 1 loop worker",
	 .via = VIA_SOCKET,
	 .sockets = 1,
	 .tcp = true,
	 .command = LANE(MANY)},
	{.name = "lanes-tcp-2",
	 .what = "the same over TCP, 2 loop workers",
	 .via = VIA_SOCKET,
	 .sockets = 2,
	 .tcp = true,
	 .command = LANES(MANY)},
	{.name = "haproxy",
	 .what = "HAProxy, 2 threads, FastCGI multiplexed, and Lanes, 1 worker",
	 .via = VIA_HAPROXY,
	 .sockets = 1,
	 .command = LANE("")},
	{.name = "prefork-1",
	 .what = "Lanes, 1 prefork worker",
	 .via = VIA_NGINX_FRESH,
	 .sockets = 1,
	 .command = PREFORK(1)},
	{.name = "prefork-8",
	 .what = "Lanes, 8 prefork workers on one socket",
	 .via = VIA_NGINX_FRESH,
	 .sockets = 1,
	 .command = PREFORK(8)},
	{.name = "libfcgi-1",
	 .what = "plain libfcgi, 1 process",
	 .via = VIA_NGINX_FRESH,
	 .sockets = 1,
	 .command = "exec $BUILD/libfcgi-app $SOCKETS 1 1"},
	{.name = "libfcgi-8",
	 .what = "plain libfcgi, 8 processes",
	 .via = VIA_NGINX_FRESH,
	 .sockets = 1,
	 .command = "exec $BUILD/libfcgi-app $SOCKETS 8 1"},
	{.name = "libfcgi-threads",
	 .what = "plain libfcgi, 1 process of 8 threads",
	 .via = VIA_NGINX_FRESH,
	 .sockets = 1,
	 .command = "exec $BUILD/libfcgi-app $SOCKETS 1 8"},
	{.name = "libfcgi-kept",
	 .what = "plain libfcgi, 1 process of 1100 threads: one for every connection nginx can "
		 "have, so that it may keep them",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .command = "exec $BUILD/libfcgi-app $SOCKETS 1 1100"},
	{.name = "php-2",
	 .what = "php-fpm, static, 2 children, opcache without timestamp checks",
	 .via = VIA_NGINX_FRESH,
	 .sockets = 1,
	 .script = "app.php",
	 .command = PHP(2)},
	{.name = "php-8",
	 .what = "php-fpm, static, 8 children, opcache without timestamp checks",
	 .via = VIA_NGINX_FRESH,
	 .sockets = 1,
	 .script = "app.php",
	 .command = PHP(8)},
	{.name = "php-kept",
	 .what = "php-fpm, static, 130 children: one for every connection that nginx, told to keep "
		 "64, keeps",
	 .via = VIA_NGINX,
	 .keepalive = 64,
	 .sockets = 1,
	 .script = "app.php",
	 .command = PHP(130)},
	{.name = "go",
	 .what = "Go, net/http/fcgi, 1 process on all cores: the bytes of the null responder",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .param = GO_PARAM,
	 .command = "exec env -u DATABASE $BUILD/peer $SOCKETS"},
	{.name = "fastapi-1",
	 .what = "FastAPI, uvicorn with uvloop and httptools, no access log",
	 .via = VIA_NGINX_HTTP,
	 .sockets = 1,
	 .command = UVICORN " --uds $SOCKETS"},
	{.name = "fastapi-2",
	 .what = "the same, 2 processes",
	 .via = VIA_NGINX_HTTP,
	 .sockets = 1,
	 .command = UVICORN " --workers 2 --uds $SOCKETS"},
	{.name = "fastapi-1-direct",
	 .what = "the same, 1 process, no nginx",
	 .via = VIA_NOTHING,
	 .command = UVICORN " --port $PORT"},
	{.name = "fastapi-2-direct",
	 .what = "the same, 2 processes, no nginx",
	 .via = VIA_NOTHING,
	 .command = UVICORN " --workers 2 --port $PORT"},

	/* Behind the minimal nginx: ceilings of what ours could be. */
	{.name = "null-minimal",
	 .what = "the null responder behind an nginx that does as little as can be",
	 .via = VIA_MINIMAL,
	 .sockets = 1,
	 .of = "null"},
	{.name = "lanes-minimal",
	 .what = "the same worker as lanes-1 behind that",
	 .via = VIA_MINIMAL,
	 .sockets = 1,
	 .of = "lanes-1"},

	/* With real waits. */
	{.name = "cases-lanes",
	 .what = "Lanes, 1 loop worker, 8 connections to the database",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .probe = AN_ORDER,
	 .command = "exec " CASES_LANES " --outside $OUTSIDE/fast"},
	{.name = "cases-lanes-slow",
	 .what = "the same; the services that it calls take 50, 100 and 150 ms",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .probe = AN_ORDER,
	 .command = "exec " CASES_LANES " --outside $OUTSIDE/slow" FETCHES(4000)},
	{.name = "cases-lanes-sleep",
	 .what = "Lanes, 1 loop worker, 10 connections to the database, on which statements sleep",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .probe = "/cases/slow-query?seconds=0",
	 .command = "exec " CASES_LANES " --database-connections 10"},
	{.name = "cases-jobs",
	 .what = "Lanes, 1 worker with --engine jobs, 64 at once, of a job that does nothing",
	 .via = VIA_TOOL,
	 .probe = AN_ORDER,
	 .command =
		 "exec $BUILD/cases-app --engine jobs --job-concurrency 64 --pool jobs --database "
		 "\"$DATABASE\" "
		 "--scoreboard $NAME.board"},
	{.name = "cases-null",
	 .what = "a null responder that asks the database: raw epoll and libpq, 8 connections",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .probe = AN_ORDER,
	 .command = "exec $BUILD/null-rows $SOCKETS \"$DATABASE\" 8"},
	{.name = "cases-null-unprepared",
	 .what = "the same, and the database parses and plans the text each time",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .probe = AN_ORDER,
	 .command = "exec $BUILD/null-rows $SOCKETS \"$DATABASE\" 8 unprepared"},
	{.name = "cases-null-piped",
	 .what = "the same, prepared, in libpq's pipeline mode: what a turn of the loop brings is "
		 "one transaction on one connection",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .probe = AN_ORDER,
	 .command = "exec $BUILD/null-rows $SOCKETS \"$DATABASE\" 8 piped"},
	{.name = "cases-null-calls",
	 .what = "a null responder that calls a service: raw epoll and curl's multi interface, as "
		 "in curl's example",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .probe = A_CALL,
	 .command = "exec $BUILD/null-calls $SOCKETS $OUTSIDE" A_CALL},
	{.name = "cases-nginx-calls",
	 .what = "nginx calls the service itself: proxy_pass, no application",
	 .via = VIA_NGINX_CALL,
	 .probe = A_CALL},
	{.name = "cases-fastapi",
	 .what = "FastAPI with asyncpg (8 connections), httpx and Pillow; uvicorn, 1 process, with "
		 "uvloop and httptools",
	 .via = VIA_NGINX_HTTP,
	 .sockets = 1,
	 .probe = AN_ORDER,
	 .command = "export CONNECTIONS=8 OUTSIDE=$OUTSIDE/fast; " PEER},
	{.name = "cases-fastapi-slow",
	 .what = "the same; the services that it calls take 50, 100 and 150 ms",
	 .via = VIA_NGINX_HTTP,
	 .sockets = 1,
	 .probe = AN_ORDER,
	 .command = "export CONNECTIONS=10 OUTSIDE=$OUTSIDE/slow; " PEER},
	{.name = "cases-php",
	 .what = "php-fpm, static, 8 children, each with a persistent PDO connection; opcache "
		 "without timestamp checks",
	 .via = VIA_NGINX_FRESH,
	 .sockets = 1,
	 .probe = AN_ORDER,
	 .script = "peer.php",
	 .command = PHP(8)},
	{.name = "cases-go",
	 .what = "Go, net/http/fcgi and pgx with 8 connections, 1 process on all cores",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .probe = AN_ORDER,
	 .param = GO_PARAM,
	 .command = "exec $BUILD/peer $SOCKETS"},
	{.name = "pgbench",
	 .what = "pgbench with the same SQL, prepared, 8 connections on 1 thread: no HTTP at all",
	 .via = VIA_TOOL,
	 .probe = AN_ORDER},
};

const size_t contender_count = sizeof(contenders) / sizeof(contenders[0]);

enum {
	PATIENCE = 60, /* seconds in which a contender has to answer, on a busy machine */
	ASK_MS = 20,   /* between the questions whether it does */
};

static void die(const char *what, const char *detail)
{
	fprintf(stderr, "bench: %s: %s\n", what, detail);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct contender *contender_named(const char *name)
{
	for (size_t i = 0; i < contender_count; i++)
		if (!strcmp(contenders[i].name, name))
			return &contenders[i];
	die("no such contender", name);
	return NULL;
}

const char *contender_socket(const struct contender *contender, unsigned number)
{
	static char path[64];

	if (contender->tcp)
		snprintf(path, sizeof(path), "%u", contender->ports[number - 1]);
	else
		snprintf(path, sizeof(path), "%s-%u.sock",
			 contender->of ? contender->of : contender->name, number);
	return path;
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

/* A port that nobody else gets as long as this program runs: it stays bound, which keeps nobody
 * from listening there who sets SO_REUSEADDR, as all contenders do. */
static uint16_t reserve_port(void)
{
	struct sockaddr_in address = loopback(0);
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) ||
	    bind(fd, (struct sockaddr *)&address, len) ||
	    getsockname(fd, (struct sockaddr *)&address, &len))
		die("no free port", strerror(errno));
	return ntohs(address.sin_port);
}

/* ---- start ---- */

static bool takes_connection(const struct contender *c, unsigned number)
{
	struct sockaddr_in port = loopback(c->ports[number - 1]);
	struct sockaddr_un file = {.sun_family = AF_UNIX};
	int fd = socket(c->tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error;

	strncpy(file.sun_path, contender_socket(c, number), sizeof(file.sun_path) - 1);
	error = c->tcp ? connect(fd, (struct sockaddr *)&port, sizeof(port))
		       : connect(fd, (struct sockaddr *)&file, sizeof(file));
	close(fd);
	return !error;
}

static bool takes_connections(const struct contender *c)
{
	for (unsigned i = 1; i <= c->sockets; i++)
		if (!takes_connection(c, i))
			return false;
	return true;
}

static bool answers(const struct contender *c)
{
	static const struct timeval patience = {.tv_sec = 5};
	struct sockaddr_in address = loopback(c->port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[13] = {0};
	char request[256];
	int len = snprintf(request, sizeof(request),
			   "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
			   c->probe ? c->probe : "/async/await-one?seconds=0");
	bool ok = !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) &&
		  !connect(fd, (struct sockaddr *)&address, sizeof(address)) &&
		  send(fd, request, (size_t)len, MSG_NOSIGNAL) > 0 &&
		  recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) > 0;

	close(fd);
	return ok && !strcmp(answer, "HTTP/1.1 200");
}

static void wait_until_it_answers(const struct contender *c)
{
	double deadline = now() + PATIENCE;

	/* nginx would answer as soon as one of the sockets is there. */
	while (!takes_connections(c) || (c->via < VIA_SOCKET && !answers(c))) {
		if (!group_ended(c->proxy, 0) && !group_ended(c->app, ASK_MS) && now() < deadline)
			continue;
		fprintf(stderr, "bench: %s does not answer\n", c->name);
		group_explain(c->proxy);
		group_explain(c->app);
		exit(1);
	}
}

/* With blanks between, as lanes takes them; a path is taken by anybody. */
static void name_sockets(const struct contender *c)
{
	char names[MAX_SOCKETS * 80] = "";
	size_t len = 0;

	for (unsigned i = 1; i <= c->sockets; i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s%s",
					i > 1 ? " " : "", c->tcp ? "127.0.0.1:" : "",
					contender_socket(c, i));
	setenv("SOCKETS", names, 1);
}

static void start_app(struct contender *c)
{
	for (unsigned i = 1; i <= c->sockets && !c->tcp; i++)
		unlink(contender_socket(c, i));
	name_sockets(c);
	c->app = group_start(c->name, c->command);
}

static void start_proxies(const bool *chosen)
{
	pid_t nginx = group_start("nginx", "exec nginx -p . -c nginx.conf");
	pid_t minimal = group_start("minimal", "exec nginx -p . -c minimal.conf");

	for (size_t i = 0; i < contender_count; i++) {
		struct contender *c = &contenders[i];

		if (chosen[i] && c->via == VIA_HAPROXY) {
			haproxy_write(c);
			c->proxy = group_start("haproxy-proxy", "exec haproxy -db -f haproxy.cfg");
		} else if (chosen[i] && c->via <= VIA_NGINX_HTTP) {
			c->proxy = nginx;
		} else if (chosen[i] && c->via == VIA_MINIMAL) {
			c->proxy = minimal;
		}
		if (c->of)
			c->app = contender_named(c->of)->app;
	}
}

void contender_restart(struct contender *c)
{
	group_end(c->app);
	start_app(c);
	for (size_t i = 0; i < contender_count; i++)
		if (contenders[i].of && !strcmp(contenders[i].of, c->name))
			contenders[i].app = c->app;
	wait_until_it_answers(c);
}

/* nginx and HAProxy are where only root looks. */
static void extend_path(void)
{
	const char *path = getenv("PATH");
	char longer[4096];

	snprintf(longer, sizeof(longer), "%s:/usr/local/sbin:/usr/sbin:/sbin",
		 path ? path : "/bin");
	setenv("PATH", longer, 1);
}

static bool any_probes(const bool *chosen)
{
	for (size_t i = 0; i < contender_count; i++)
		if (chosen[i] && contenders[i].probe)
			return true;
	return false;
}

void contenders_start(const char *root, const char *build, const bool *chosen)
{
	extend_path();
	setenv("ROOT", root, 1);
	setenv("BUILD", build, 1);
	if (any_probes(chosen))
		surroundings_start(reserve_port());
	for (size_t i = 0; i < contender_count; i++) {
		struct contender *c = &contenders[i];
		char port[8];

		if (!chosen[i])
			continue;
		c->port = reserve_port();
		for (unsigned n = 0; c->tcp && n < c->sockets; n++)
			c->ports[n] = reserve_port();
		snprintf(port, sizeof(port), "%d", c->port);
		setenv("PORT", port, 1);
		if (c->command)
			start_app(c);
	}
	nginx_write(root, chosen);
	start_proxies(chosen);
	for (size_t i = 0; i < contender_count; i++)
		if (chosen[i] && contenders[i].via != VIA_TOOL)
			wait_until_it_answers(&contenders[i]);
}
