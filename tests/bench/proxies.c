#include "proxies.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { KEEPALIVE = 512 }; /* as in nginx/lanes.conf.in */

static void die(const char *what, const char *detail)
{
	fprintf(stderr, "bench: %s: %s\n", what, detail);
	exit(1);
}

/* ---- nginx ---- */

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
	if (c->script)
		fprintf(to,
			"\t\t\tinclude params;\n\t\t\tfastcgi_param SCRIPT_FILENAME "
			"%s/tests/bench/%s;\n",
			root, c->script);
	if (c->probe) /* as in /cases/ of the template */
		fputs("\t\t\tclient_max_body_size 16m;\n\t\t\tclient_body_buffer_size 16k;\n"
		      "\t\t\tfastcgi_request_buffering off;\n"
		      "\t\t\tproxy_request_buffering off;\n",
		      to);
	fputs("\t\t}\n\t}\n", to);
}

void nginx_write(const char *root, const bool *chosen)
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

void haproxy_write(const struct contender *c)
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
