#include "secure.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"
#include "system.h"

static const char *const names[SECURE_SERVERS] = {"good", "self", "old"};
static const char *directory;
uint16_t secure_ports[SECURE_SERVERS];
static pid_t nginx; /* 0: there is none */
char secure_ca[DIRECTORY_SIZE + 16];

/* Who is here.test, localhost and 127.0.0.1, says somebody who is trusted; says nobody; said
 * somebody once. */
static const char certify[] =
	"set -e; cd \"$F\"; new='openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
	"$new -x509 -keyout ca.key -out ca.pem -subj '/CN=Test CA' -days 2\n"
	"$new -x509 -keyout self.key -out self.pem -subj /CN=here.test -days 2 "
	"-addext subjectAltName=DNS:here.test\n"
	"echo subjectAltName=DNS:here.test,DNS:localhost,IP:127.0.0.1 >names\n"
	"$new -keyout good.key -out good.csr -subj /CN=here.test\n"
	"cp good.key old.key\n"
	"sign() { openssl x509 -req -in good.csr -CA ca.pem -CAkey ca.key -extfile names \"$@\"; "
	"}\n"
	"sign -days 0 -out old.pem; sign -days 2 -out good.pem\n"
	"while openssl x509 -noout -checkend 0 -in old.pem; do sleep 0.05; done";

static bool write_configuration(void)
{
	FILE *file = fopen(textf("%s/nginx.conf", directory), "w");

	if (!file)
		return false;
	fprintf(file, "daemon off; master_process off; worker_processes 1;\n"
		      "pid nginx.pid; error_log error.log;\n"
		      "events { worker_connections 256; }\n"
		      "http { access_log off; client_body_temp_path t1; proxy_temp_path t2;\n"
		      "fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n");
	for (int i = 0; i < SECURE_SERVERS; i++)
		fprintf(file,
			"server { listen 127.0.0.1:%u ssl%s; ssl_certificate %s.pem;\n"
			"ssl_certificate_key %s.key;\n"
			"location / { return 200 \"$server_protocol $connection $http_host\"; }\n"
			"location /down { return 302 http://here.test:1/; }\n"
			"location /large { limit_rate 0; return 200 \"%0*d\"; } }\n",
			(unsigned)secure_ports[i], i == SECURE_GOOD ? " http2" : "", names[i],
			names[i], 3000, 0);
	fprintf(file, "}\n");
	return fclose(file) == 0;
}

static bool answers(uint16_t port)
{
	int fd = tcp_open(port);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int secure_begin(void)
{
	struct outcome outcome;

	directory = directory_make();
	snprintf(secure_ca, sizeof(secure_ca), "%s/ca.pem", directory);
	for (int i = 0; i < SECURE_SERVERS; i++)
		secure_ports[i] = port_free();
	if (!succeeds(&outcome, STRINGS("sh", "-c", certify), STRINGS(textf("F=%s", directory))) ||
	    !write_configuration())
		return 1;
	nginx = process_start(
		STRINGS("nginx", "-p", directory, "-c", "nginx.conf", "-e", "error.log"),
		STRINGS("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), textf("%s/log", directory));
	return !EVENTUALLY(answers(secure_ports[SECURE_SERVERS - 1]) || process_ended(nginx)) ||
	       process_ended(nginx);
}

int secure_end(void)
{
	if (nginx > 0) {
		kill(nginx, SIGKILL);
		waitpid(nginx, NULL, 0);
	}
	directory_remove(directory);
	return 0;
}
