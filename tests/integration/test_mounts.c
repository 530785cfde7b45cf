/* A worker at / and one at /app, behind nginx with Debian's fastcgi_params: as it is, and with the
 * lines that people add. Paths lead to the same wherever nginx cuts them in two. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/raw.h"
#include "../support/system.h"

#define DEBIAN "include /etc/nginx/fastcgi_params; "
#define GET    "fastcgi_param REQUEST_METHOD $request_method; fastcgi_param QUERY_STRING $args; "
#define SPLIT  "fastcgi_param PATH_INFO $fastcgi_path_info; fastcgi_split_path_info "

/* Where nginx cuts: each is a server of that name. */
static const struct {
	const char *name;
	const char *lines;
} cuts[] = {
	{"debian", DEBIAN},
	{"empty", DEBIAN "fastcgi_param PATH_INFO $fastcgi_path_info;"},
	{"twice", DEBIAN "fastcgi_param PATH_INFO $uri;"},
	{"raw", DEBIAN "fastcgi_param PATH_INFO $uri; fastcgi_param LANES_PATH $raw;"},
	{"mount", DEBIAN SPLIT "^((?:/app)?)(/.*)$;"},
	{"segment", DEBIAN SPLIT "^((?:/app)?/[^/]*)(/.*)$;"},
	{"info", GET "fastcgi_param PATH_INFO $uri;"},
	{"script", GET "fastcgi_param SCRIPT_NAME $uri; fastcgi_param PATH_INFO $uri;"},
	{"document", GET "fastcgi_param DOCUMENT_URI $uri;"},
	{"request", GET "fastcgi_param REQUEST_URI $request_uri;"},
};

static struct worker at_root, at_app;
static const char *folder; /* of nginx */
static pid_t nginx;

static void write_configuration(const char *path, uint16_t port)
{
	FILE *file = fopen(path, "w");

	fprintf(file,
		"daemon off; pid nginx.pid; error_log error.log;\n%sevents {}\nhttp {\n"
		"access_log off; merge_slashes off; client_body_temp_path temp; "
		"proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; "
		"scgi_temp_path temp;\n"
		"map $request_uri $raw { '~^(?<path>[^?]+)' $path; }\n",
		geteuid() ? "" : "user root;\n");
	for (size_t i = 0; i < COUNT(cuts); i++)
		fprintf(file,
			"server { listen 127.0.0.1:%u; server_name %s; %s\n"
			"location / { fastcgi_pass unix:%s; }\n"
			"location /app { fastcgi_pass unix:%s; } }\n",
			(unsigned)port, cuts[i].name, cuts[i].lines, at_root.socket, at_app.socket);
	fputs("}\n", file);
	fclose(file);
}

static void before(void)
{
	const char *engine = harness_test()->data;
	uint16_t port = port_free();
	const char *path, *log;

	folder = directory_make();
	setenv("F", folder, 1);
	setenv("AT", textf("127.0.0.1:%u", (unsigned)port), 1);
	CU_ASSERT_FATAL(worker_start_program(&at_root, built("routes-app"),
					     STRINGS("--engine", engine), NULL));
	CU_ASSERT_FATAL(worker_start_program(&at_app, built("routes-app"),
					     STRINGS("--engine", engine, "--mount", "/app"), NULL));
	path = textf("%s/nginx.conf", folder);
	log = textf("%s/error.log", folder);
	write_configuration(path, port);
	nginx = process_start(
		STRINGS("/usr/sbin/nginx", "-p", textf("%s/", folder), "-c", path, "-e", log), NULL,
		log);
	CU_ASSERT_FATAL(EVENTUALLY(!shell("curl -sS http://$AT/of/1")->status));
}

static void after(void)
{
	if (nginx > 0) {
		kill(nginx, SIGQUIT);
		waitpid(nginx, NULL, 0);
		nginx = 0;
	}
	worker_stop(&at_root);
	worker_stop(&at_app);
	directory_remove(folder);
}

/* Whether a path leads to the same in all servers: a status, and a Location. */
static bool leads(const char *path, const char *to)
{
	bool all = true;

	for (size_t i = 0; i < COUNT(cuts); i++) {
		const char *command =
			textf("curl -sS -o body -w '%%{http_code} %%header{location}' "
			      "--path-as-is -H 'Host: %s' 'http://'$AT'%s'",
			      cuts[i].name, path);

		if (says(command, to))
			continue;
		printf("    at %s\n", cuts[i].name);
		all = false;
	}
	return all;
}

static void paths_lead_to_the_same(void)
{
	CU_ASSERT(leads("/of/33", "200 "));
	CU_ASSERT(leads("/of/%33%33", "200 "));
	CU_ASSERT(leads("/of/%2533", "404 "));
	CU_ASSERT(leads("/of/33/?a=%2F&b", "307 /of/33?a=%2F&b"));
	CU_ASSERT(leads("/of/33//", "307 /of/33"));
	CU_ASSERT(leads("/nowhere", "404 "));
	CU_ASSERT(leads("/openapi.json", "200 "));
	CU_ASSERT(leads("/app/of/33", "200 "));
	CU_ASSERT(leads("/app/of/%33%33", "200 "));
	CU_ASSERT(leads("/app/of/33/?a=%2F&b", "307 /app/of/33?a=%2F&b"));
	CU_ASSERT(leads("/app/nowhere", "404 "));
	CU_ASSERT(leads("/app/openapi.json", "200 "));
	CU_ASSERT(says("cat body", "\"servers\":[{\"url\":\"/app\"}]"));
	CU_ASSERT(leads("/app/app/of/33", "404 "));
	CU_ASSERT(leads("/apple/of/33", "404 "));
	CU_ASSERT(says("cat body", "{\"detail\":\"/app, where this is mounted, has no such path "
				   "(--mount)\"}"));
}

/* The worker itself, at the root. */
static bool raw_asks(const char *request, const char *status)
{
	struct raw raw;
	bool told = raw_open(&raw, at_root.socket) &&
		    raw_tells(&raw, request, textf("STDOUT 1 Status: %s", status));

	raw_close(&raw);
	return told;
}

static void a_worker_without_a_path_says_so_once(void)
{
	for (int i = 0; i < 3; i++)
		CU_ASSERT(raw_asks("request 1 REQUEST_METHOD=GET&PATH_INFO=", "404 "));
	CU_ASSERT_EQUAL(file_lines(at_root.log, "event=no-path"), 1);
	CU_ASSERT_EQUAL(file_lines(at_app.log, "event=no-path"), 0);
}

static void without_a_method_there_is_no_handler(void)
{
	CU_ASSERT(raw_asks("request 1 PATH_INFO=/of/1", "405 "));
	CU_ASSERT(raw_asks("request 1 PATH_INFO=/nowhere", "404 "));
}

static const struct test tests[] = {
	{"paths lead to the same wherever they are cut", paths_lead_to_the_same, "loop"},
	{"… for a process, too", paths_lead_to_the_same, "prefork"},
	{"a worker that is told no path says so, once", a_worker_without_a_path_says_so_once,
	 "loop"},
	{"without a method there is no handler", without_a_method_there_is_no_handler, "loop"},
};

const struct suite mounts_suite = {"mounts", tests, COUNT(tests), .before = before, .after = after};
