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

/* One process per socket, as spawn/start.sh has it, with the scoreboard and the log on. */
#define LANES(n)                                                                                   \
	"for i in $(seq " #n "); do"                                                               \
	" $BUILD/lanes --listen $NAME-$i.sock --slot $i --scoreboard $NAME.board & done; wait"
#define PREFORK(n)                                                                                 \
	"exec spawn-fcgi -n -s $NAME-1.sock -b 4096 -- $(command -v multiwatch) -f " #n            \
	" -- $BUILD/lanes --engine prefork --pool prefork --scoreboard $NAME.board"
#define UVICORN                                                                                    \
	"exec /usr/bin/python3 -B -m uvicorn --app-dir $ROOT/tests/oracle app:app --loop uvloop"   \
	" --http httptools --no-access-log --log-level warning --backlog 4096"
#define PHP(n)                                                                                     \
	"printf '%s\\n' '[global]' error_log=$NAME.log '[www]' listen=$NAME-1.sock"                \
	" listen.backlog=4096 listen.mode=0666 pm=static pm.max_children=" #n                      \
	" user=$(id -un) >$NAME.conf; exec $(ls /usr/sbin/php-fpm* | tail -n 1) -F -R -p ."        \
	" -y $NAME.conf -d opcache.enable=1 -d opcache.validate_timestamps=0"

struct contender contenders[] = {
	{.name = "nginx-return",
	 .what = "nginx answers by itself: `return 200`",
	 .via = VIA_NGINX_RETURN},
	{.name = "null",
	 .what = "our null FastCGI responder: raw epoll, canned bytes",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .command = "exec $BUILD/null-responder $NAME-1.sock"},
	{.name = "lanes-1",
	 .what = "Lanes, 1 loop worker, all features on",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .command = LANES(1)},
	{.name = "lanes-2",
	 .what = "Lanes, 2 loop workers",
	 .via = VIA_NGINX,
	 .sockets = 2,
	 .command = LANES(2)},
	{.name = "lanes-4",
	 .what = "Lanes, 4 loop workers",
	 .via = VIA_NGINX,
	 .sockets = 4,
	 .command = LANES(4)},
	{.name = "lanes-1-fresh",
	 .what = "the same worker as lanes-1, nginx keeps no connection",
	 .via = VIA_NGINX_FRESH,
	 .sockets = 1,
	 .of = "lanes-1"},
	{.name = "lanes-cpu1",
	 .what = "Lanes, 1 loop worker, --cpu-threads 1",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .command = "exec $BUILD/lanes --listen $NAME-1.sock --cpu-threads 1 --scoreboard "
		    "$NAME.board"},
	{.name = "haproxy",
	 .what = "HAProxy, 2 threads, FastCGI multiplexed, and Lanes, 1 worker",
	 .via = VIA_HAPROXY,
	 .sockets = 1,
	 .command = LANES(1)},
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
	 .command = "exec $BUILD/libfcgi-app $NAME-1.sock 1 1"},
	{.name = "libfcgi-8",
	 .what = "plain libfcgi, 8 processes",
	 .via = VIA_NGINX_FRESH,
	 .sockets = 1,
	 .command = "exec $BUILD/libfcgi-app $NAME-1.sock 8 1"},
	{.name = "libfcgi-threads",
	 .what = "plain libfcgi, 1 process of 8 threads",
	 .via = VIA_NGINX_FRESH,
	 .sockets = 1,
	 .command = "exec $BUILD/libfcgi-app $NAME-1.sock 1 8"},
	{.name = "libfcgi-kept",
	 .what = "plain libfcgi, 1 process of 1100 threads: one for every connection nginx can "
		 "have, so that it may keep them",
	 .via = VIA_NGINX,
	 .sockets = 1,
	 .command = "exec $BUILD/libfcgi-app $NAME-1.sock 1 1100"},
	{.name = "php-2",
	 .what = "php-fpm, static, 2 children, opcache without timestamp checks",
	 .via = VIA_NGINX_FRESH,
	 .sockets = 1,
	 .command = PHP(2)},
	{.name = "php-8",
	 .what = "php-fpm, static, 8 children, opcache without timestamp checks",
	 .via = VIA_NGINX_FRESH,
	 .sockets = 1,
	 .command = PHP(8)},
	{.name = "php-kept",
	 .what = "php-fpm, static, 130 children: one for every connection that nginx, told to keep "
		 "64, keeps",
	 .via = VIA_NGINX,
	 .keepalive = 64,
	 .sockets = 1,
	 .command = PHP(130)},
	{.name = "fastapi-1",
	 .what = "FastAPI, uvicorn with uvloop and httptools, no access log",
	 .via = VIA_NGINX_HTTP,
	 .sockets = 1,
	 .command = UVICORN " --uds $NAME-1.sock"},
	{.name = "fastapi-2",
	 .what = "the same, 2 processes",
	 .via = VIA_NGINX_HTTP,
	 .sockets = 1,
	 .command = UVICORN " --workers 2 --uds $NAME-1.sock"},
	{.name = "fastapi-1-direct",
	 .what = "the same, 1 process, no nginx",
	 .via = VIA_NOTHING,
	 .command = UVICORN " --port $PORT"},
	{.name = "fastapi-2-direct",
	 .what = "the same, 2 processes, no nginx",
	 .via = VIA_NOTHING,
	 .command = UVICORN " --workers 2 --port $PORT"},
};

const size_t contender_count = sizeof(contenders) / sizeof(contenders[0]);

enum {
	PATIENCE = 60,	 /* seconds in which a contender has to answer, on a busy machine */
	ASK_MS = 20,	 /* between the questions whether it does */
	KEEPALIVE = 512, /* as in nginx/lanes.conf.in */
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

	snprintf(path, sizeof(path), "%s-%u.sock", contender->of ? contender->of : contender->name,
		 number);
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

/* ---- nginx: the settings of nginx/lanes.conf.in, with a server for each contender ---- */

static void copy_line(FILE *to, const char *line)
{
	char files[24];
	char connections[24];
	char client[24];
	const struct {
		const char *word;
		const char *value;
	} words[] = {{"@USER@ @GROUP@", "root"},
		     {"@PROCESSES@", "2"},
		     {"@BODY@", "1"},
		     {"@FILES@", files},
		     {"@CONNECTIONS@", connections},
		     {"@CLIENT_CONNS@", client}};
	struct rlimit limit;
	long third;

	getrlimit(RLIMIT_NOFILE, &limit);
	snprintf(files, sizeof(files), "%ld", (long)limit.rlim_cur);
	snprintf(connections, sizeof(connections), "%ld", (long)limit.rlim_cur - 64);
	third = 2 * ((long)limit.rlim_cur - 64) / 3;
	snprintf(client, sizeof(client), "%ld", third < 65535 ? third : 65535);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *at = strstr(line, words[i].word);

		if (!at)
			continue;
		fprintf(to, "%.*s%s%s", (int)(at - line), line, words[i].value,
			at + strlen(words[i].word));
		return;
	}
	fputs(line, to);
}

/* Copies all before the template's server. Its params are repeated in params, for a location that
 * has one of its own. */
static void copy_template(const char *root, FILE *to, FILE *params)
{
	char path[4096];
	char line[512];
	bool skip = false;
	FILE *from;

	snprintf(path, sizeof(path), "%s/nginx/lanes.conf.in", root);
	from = fopen(path, "r");
	if (!from)
		die(path, strerror(errno));
	while (fgets(line, sizeof(line), from) && strcmp(line, "\tserver {\n") != 0) {
		const char *text = line + strspn(line, " \t");

		if (!strncmp(text, "#if ", 4))
			skip = strcmp(text + 4, "root\n") != 0 || geteuid() != 0;
		else if (!strncmp(text, "#end", 4))
			skip = false;
		else if (!skip)
			copy_line(to, line);
		if (!skip && !strncmp(text, "fastcgi_param ", 14))
			fputs(line, params);
	}
	fclose(from);
}

static void write_upstream(FILE *to, const struct contender *c)
{
	fprintf(to, "\tupstream %s {\n\t\tzone %s 256k;\n\t\tleast_conn;\n", c->name, c->name);
	for (unsigned i = 1; i <= c->sockets; i++)
		fprintf(to, "\t\tserver unix:%s max_fails=0;\n", contender_socket(c, i));
	if (c->via != VIA_NGINX_FRESH)
		fprintf(to, "\t\tkeepalive %u;\n\t\tkeepalive_requests 1000000;\n",
			c->keepalive ? c->keepalive : KEEPALIVE);
	fputs("\t}\n", to);
}

static void write_server(FILE *to, const struct contender *c, const char *root)
{
	if (c->sockets)
		write_upstream(to, c);
	fprintf(to,
		"\tserver {\n\t\tlisten 127.0.0.1:%d backlog=4096;\n\t\tmerge_slashes off;\n"
		"\t\tset $pool_prefix \"\";\n\t\tset $pool_path $uri;\n"
		"\t\tset $pool_raw_path $raw_path;\n\t\tlocation / {\n",
		c->port);
	if (c->via == VIA_NGINX_RETURN)
		fputs("\t\t\treturn 200 '{\"mode\":\"async\",\"detail\":\"async_io_task(0.0s) "
		      "done\"}';\n",
		      to);
	else if (c->via == VIA_NGINX_HTTP)
		fprintf(to,
			"\t\t\tproxy_pass http://%s;\n\t\t\tproxy_http_version 1.1;\n"
			"\t\t\tproxy_set_header Connection \"\";\n",
			c->name);
	else
		fprintf(to, "\t\t\tfastcgi_pass %s;\n\t\t\tfastcgi_keep_conn %s;\n", c->name,
			c->via == VIA_NGINX ? "on" : "off");
	if (!strncmp(c->name, "php", 3))
		fprintf(to,
			"\t\t\tinclude params;\n\t\t\tfastcgi_param SCRIPT_FILENAME "
			"%s/tests/bench/app.php;\n",
			root);
	fputs("\t\t}\n\t}\n", to);
}

static void write_nginx(const char *root, const bool *chosen)
{
	FILE *to = fopen("nginx.conf", "w");
	FILE *params = fopen("params", "w");

	if (!to || !params)
		die("nginx.conf", strerror(errno));
	copy_template(root, to, params);
	for (size_t i = 0; i < contender_count; i++)
		if (chosen[i] && contenders[i].via <= VIA_NGINX_HTTP)
			write_server(to, &contenders[i], root);
	fputs("}\n", to);
	fclose(to);
	fclose(params);
}

static void write_haproxy(const struct contender *c)
{
	FILE *to = fopen("haproxy.cfg", "w");

	if (!to)
		die("haproxy.cfg", strerror(errno));
	fprintf(to,
		"global\n\tnbthread 2\n\tmaxconn 8000\n"
		"defaults\n\tmode http\n\ttimeout connect 5s\n\ttimeout client 120s\n"
		"\ttimeout server 120s\n\thttp-reuse always\n"
		"fcgi-app lanes\n\tdocroot /\n\toption keep-conn\n\toption mpxs-conns\n"
		"\toption max-reqs 1000\n"
		"frontend http\n\tbind 127.0.0.1:%d backlog 4096\n\tdefault_backend lanes\n"
		"backend lanes\n\tuse-fcgi-app lanes\n"
		"\tserver lanes unix@%s proto fcgi\n",
		c->port, contender_socket(c, 1));
	fclose(to);
}

/* ---- start ---- */

static bool takes_connections(const struct contender *c)
{
	for (unsigned i = 1; i <= c->sockets; i++) {
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int error;

		strncpy(address.sun_path, contender_socket(c, i), sizeof(address.sun_path) - 1);
		error = connect(fd, (struct sockaddr *)&address, sizeof(address));
		close(fd);
		if (error)
			return false;
	}
	return true;
}

static bool answers(const struct contender *c)
{
	static const char request[] = "GET /async/await-one?seconds=0 HTTP/1.1\r\n"
				      "Host: 127.0.0.1\r\nConnection: close\r\n\r\n";
	static const struct timeval patience = {.tv_sec = 5};
	struct sockaddr_in address = loopback(c->port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[13] = {0};
	bool ok = !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) &&
		  !connect(fd, (struct sockaddr *)&address, sizeof(address)) &&
		  send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0 &&
		  recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) > 0;

	close(fd);
	return ok && !strcmp(answer, "HTTP/1.1 200");
}

static void wait_until_it_answers(const struct contender *c)
{
	double deadline = now() + PATIENCE;

	/* nginx would answer as soon as one of the sockets is there. */
	while (!takes_connections(c) || !answers(c)) {
		if (!group_ended(c->proxy, 0) && !group_ended(c->app, ASK_MS) && now() < deadline)
			continue;
		fprintf(stderr, "bench: %s does not answer\n", c->name);
		group_explain(c->proxy);
		group_explain(c->app);
		exit(1);
	}
}

static void start_app(struct contender *c)
{
	for (unsigned i = 1; i <= c->sockets; i++)
		unlink(contender_socket(c, i));
	c->app = group_start(c->name, c->command);
}

static void start_proxies(const bool *chosen)
{
	pid_t nginx = group_start("nginx", "exec nginx -p . -c nginx.conf");

	for (size_t i = 0; i < contender_count; i++) {
		struct contender *c = &contenders[i];

		if (chosen[i] && c->via == VIA_HAPROXY) {
			write_haproxy(c);
			c->proxy = group_start("haproxy-proxy", "exec haproxy -db -f haproxy.cfg");
		} else if (chosen[i] && c->via != VIA_NOTHING) {
			c->proxy = nginx;
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

void contenders_start(const char *root, const char *build, const bool *chosen)
{
	extend_path();
	setenv("ROOT", root, 1);
	setenv("BUILD", build, 1);
	for (size_t i = 0; i < contender_count; i++) {
		struct contender *c = &contenders[i];
		char port[8];

		if (!chosen[i])
			continue;
		c->port = reserve_port();
		snprintf(port, sizeof(port), "%d", c->port);
		setenv("PORT", port, 1);
		if (c->command)
			start_app(c);
	}
	write_nginx(root, chosen);
	start_proxies(chosen);
	for (size_t i = 0; i < contender_count; i++)
		if (chosen[i])
			wait_until_it_answers(&contenders[i]);
}
