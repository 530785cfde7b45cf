#include "trap.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/process.h"
#include "../support/volley.h"

/* One nginx process, so that it is a single cache of kept connections that all clients share. The
 * paths are relative to the system's directory, which is the working directory. */
static const char config_text[] =
	"daemon off;\n"
	"pid pids/trap.pid;\n"
	"error_log error.log;\n"
	"%s%s%s"
	"worker_processes 1;\n"
	"events { worker_connections 256; }\n"
	"http {\n"
	"	access_log off;\n"
	"	client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp;\n"
	"	uwsgi_temp_path temp; scgi_temp_path temp;\n"
	"	upstream prefork { server unix:prefork.sock max_fails=0; keepalive 64; }\n"
	"	upstream loop { server unix:worker-1.sock max_fails=0; keepalive 64; }\n"
	"	fastcgi_keep_conn on; # the trap\n"
	"	fastcgi_param REQUEST_METHOD $request_method;\n"
	"	fastcgi_param QUERY_STRING $query_string;\n"
	"	fastcgi_param SCRIPT_NAME \"\";\n"
	"	fastcgi_param PATH_INFO $uri;\n"
	"	fastcgi_param LANES_SENT $msec;\n"
	"	server {\n"
	"		listen 127.0.0.1:%u;\n"
	"		location = /up { return 204; }\n"
	"		location /prefork/ { fastcgi_pass prefork; }\n"
	"		location / { fastcgi_pass loop; }\n"
	"	}\n"
	"}\n";

static bool write_config(const char *path, uint16_t port)
{
	const char *user = getenv("RUN_USER");
	bool root = geteuid() == 0;
	FILE *file = fopen(path, "we");

	if (!file) {
		perror(path);
		return false;
	}
	fprintf(file, config_text, root ? "user " : "",
		root ? user && *user ? user : "www-data" : "", root ? ";\n" : "",
		(unsigned int)port);
	return fclose(file) == 0;
}

static void become_nginx(const char *directory)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* Where nginx is, and a plain user does not look, as in spawn/common.sh. */
	setenv("PATH", textf("%s:/usr/local/sbin:/usr/sbin:/sbin", getenv("PATH")), 1);
	if (chdir(directory) == 0)
		execlp("nginx", "nginx", "-p", ".", "-e", "error.log", "-c", "trap.conf",
		       (char *)NULL);
	perror("nginx");
	_exit(127);
}

static bool answers(const struct trap *t)
{
	struct shot shot;
	struct volley v = {.url = t->url, .shots = &shot, .count = 1, .limit = 1};

	shot_aim(&shot, 0, "/up");
	volley_send(&v);
	return shot.status == 204;
}

bool trap_open(struct trap *t, const struct system *system)
{
	uint16_t port = port_free();

	snprintf(t->config, sizeof(t->config), "%s/trap.conf", system->run_dir);
	snprintf(t->url, sizeof(t->url), "http://127.0.0.1:%u", (unsigned int)port);
	if (!write_config(t->config, port))
		return false;
	fflush(NULL);
	t->nginx = fork();
	if (t->nginx == 0)
		become_nginx(system->run_dir);
	if (EVENTUALLY(answers(t)))
		return true;
	fprintf(stderr, "the trap's nginx does not answer at %s\n", t->url);
	trap_close(t);
	return false;
}

void trap_close(struct trap *t)
{
	if (t->nginx > 0) {
		kill(t->nginx, SIGTERM);
		waitpid(t->nginx, NULL, 0);
	}
	t->nginx = 0;
	unlink(t->config);
}
