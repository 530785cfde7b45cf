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

/* Where the lines of a template go. */
struct copy {
	FILE *all;    /* before its server */
	FILE *params; /* of those, for a location that has one of its own */
	FILE *sets;   /* what its server sets before its first location */
};

static void copy_template(const char *folder, const char *name, const struct copy *to)
{
	char path[4096];
	char line[512];
	char included[64];
	bool skip = false;
	bool server = false;
	FILE *from;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	from = fopen(path, "r");
	if (!from)
		die(path, strerror(errno));
	while (fgets(line, sizeof(line), from)) {
		const char *text = line + strspn(line, " \t");

		server |= !strcmp(line, "\tserver {\n");
		if (server && !strncmp(text, "location ", 9))
			break;
		if (!strncmp(text, "#if ", 4))
			skip = strcmp(text + 4, "root\n") != 0 || geteuid() != 0;
		else if (!strncmp(text, "#end", 4))
			skip = false;
		else if (!skip && server && !strncmp(text, "set ", 4))
			fputs(line, to->sets);
		else if (!skip && !server && sscanf(text, "#include %63s", included) == 1)
			copy_template(folder, included, to);
		else if (!skip && !server)
			copy_line(to->all, line);
		if (!skip && !server && !strncmp(text, "fastcgi_param ", 14))
			fputs(line, to->params);
	}
	fclose(from);
}

static void write_upstream(FILE *to, const struct contender *c)
{
	fprintf(to, "\tupstream %s {\n\t\tzone %s 256k;\n\t\tleast_conn;\n", c->name, c->name);
	for (unsigned i = 1; i <= c->sockets; i++)
		fprintf(to, "\t\tserver unix:%s max_fails=0;\n", contender_socket(c, i));
	if (c->via == VIA_NGINX_CALL)
		fprintf(to, "\t\tserver 127.0.0.1:%s max_fails=0;\n", getenv("OUTSIDE_PORT"));
	if (c->via != VIA_NGINX_FRESH)
		fprintf(to, "\t\tkeepalive %u;\n\t\tkeepalive_requests 1000000;\n",
			c->keepalive ? c->keepalive : KEEPALIVE);
	fputs("\t}\n", to);
}

static void write_server(FILE *to, const struct contender *c, const char *root)
{
	if (c->sockets || c->via == VIA_NGINX_CALL)
		write_upstream(to, c);
	fprintf(to, "\tserver {\n\t\tlisten 127.0.0.1:%d backlog=4096;\n", c->port);
	if (c->via != VIA_MINIMAL)
		fputs("\t\tmerge_slashes off;\n\t\tinclude sets;\n", to);
	fputs("\t\tlocation / {\n", to);
	if (c->via == VIA_NGINX_RETURN)
		fputs("\t\t\treturn 200 '{\"mode\":\"async\",\"detail\":\"async_io_task(0.0s) "
		      "done\"}';\n",
		      to);
	else if (c->via == VIA_NGINX_HTTP || c->via == VIA_NGINX_CALL)
		fprintf(to,
			"\t\t\tproxy_pass http://%s;\n\t\t\tproxy_http_version 1.1;\n"
			"\t\t\tproxy_set_header Connection \"\";\n",
			c->name);
	else
		fprintf(to, "\t\t\tfastcgi_pass %s;\n\t\t\tfastcgi_keep_conn %s;\n", c->name,
			c->via == VIA_NGINX_FRESH ? "off" : "on");
	if (c->script || c->param)
		fputs("\t\t\tinclude params;\n", to);
	if (c->script)
		fprintf(to, "\t\t\tfastcgi_param SCRIPT_FILENAME %s/tests/bench/%s;\n", root,
			c->script);
	if (c->param)
		fprintf(to, "\t\t\tfastcgi_param %s;\n", c->param);
	if (c->probe) /* as in /cases/ of the template */
		fputs("\t\t\tclient_max_body_size 16m;\n\t\t\tclient_body_buffer_size 16k;\n"
		      "\t\t\tfastcgi_request_buffering off;\n"
		      "\t\t\tproxy_request_buffering off;\n",
		      to);
	fputs("\t\t}\n\t}\n", to);
}

static FILE *create(const char *name)
{
	FILE *file = fopen(name, "w");

	if (!file)
		die(name, strerror(errno));
	return file;
}

/* name: of a configuration in run/. Those that are chosen and behind that nginx are its servers. */
static void write_nginx(const char *folder, const char *template, const char *name, bool minimal,
			const char *root, const bool *chosen)
{
	struct copy to = {create(name), create(minimal ? "/dev/null" : "params"),
			  create(minimal ? "/dev/null" : "sets")};
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", root, folder);
	copy_template(path, template, &to);
	for (size_t i = 0; i < contender_count; i++)
		if (chosen[i] && contenders[i].via <= VIA_MINIMAL &&
		    (contenders[i].via == VIA_MINIMAL) == minimal)
			write_server(to.all, &contenders[i], root);
	fputs("}\n", to.all);
	fclose(to.all);
	fclose(to.params);
	fclose(to.sets);
}

void nginx_write(const char *root, const bool *chosen)
{
	write_nginx("nginx", "lanes.conf.in", "nginx.conf", false, root, chosen);
	write_nginx("tests/bench", "minimal.conf.in", "minimal.conf", true, root, chosen);
}

void haproxy_write(const struct contender *c)
{
	FILE *to = create("haproxy.cfg");

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
