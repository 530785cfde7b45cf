/* Bodies, from a client or a web server to the handlers of tests/bodies/app.c. */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/raw.h"
#include "../support/stream.h"
#include "../support/system.h"
#include "scoreboard/scoreboard.h"

static struct worker worker;
static struct raw raw = {.fd = -1};
static const char *folder; /* of nginx and the spool */
static char spool[DIRECTORY_SIZE + 8];
static pid_t nginx;
static uint16_t ports[2]; /* with request buffering, and without */

/* What a test wants; without data it is a loop, by hand. */
struct scene {
	bool prefork;
	const char *option; /* a further one, and … */
	const char *value;  /* … its value; or NULL */
	bool behind_nginx;
	bool no_spool;
	bool small_disk; /* the spool is on one of its own */
};

static struct scene scene;

static void begin_nginx(void);

static void before(void)
{
	const struct scene *wanted = harness_test()->data;

	scene = wanted ? *wanted : (struct scene){0};
	folder = directory_make();
	setenv("F", folder, 1);
	snprintf(spool, sizeof(spool), "%s/spool", folder);
	CU_ASSERT_EQUAL_FATAL(mkdir(spool, 0700), 0);
	if (scene.small_disk && mount("none", spool, "tmpfs", 0, "size=1m,mode=0700")) {
		not_judged("no right to mount a small disk: %s", strerror(errno));
		scene.small_disk = false;
	}
	CU_ASSERT_FATAL(worker_start_program(&worker, built("bodies-app"),
					     STRINGS("--engine", scene.prefork ? "prefork" : "loop",
						     scene.no_spool ? NULL : "--spool", spool,
						     scene.option, scene.value),
					     NULL));
	if (scene.behind_nginx)
		begin_nginx();
	else
		CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
}

static void after(void)
{
	raw_close(&raw);
	if (nginx > 0) {
		kill(nginx, SIGQUIT);
		waitpid(nginx, NULL, 0);
		nginx = 0;
	}
	worker_stop(&worker);
	if (scene.small_disk)
		umount(spool);
	directory_remove(folder);
}

#define POST(id, path)                                                                             \
	"begin " id " keep, params " id " REQUEST_METHOD=POST&PATH_INFO=" path ", params-end " id
#define GET(id, path) "request " id " keep REQUEST_METHOD=GET&PATH_INFO=" path

/* ---- by hand ---- */

/* Sends so much of a body, for as long as it is taken; how much that was. */
static size_t send_what_is_taken(const struct raw *to, uint16_t id, size_t n)
{
	struct pollfd room = {.fd = to->fd, .events = POLLOUT};
	struct stream stream = {0};
	char *zeros = calloc(1, n);
	size_t sent = 0;

	stream_stdin(&stream, id, (struct slice){zeros, n});
	while (sent < stream.bytes.len && poll(&room, 1, 300) == 1) {
		ssize_t some = send(to->fd, stream.bytes.data + sent, stream.bytes.len - sent,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (some < 0 && errno != EAGAIN)
			break;
		sent += some > 0 ? (size_t)some : 0;
	}
	stream_free(&stream);
	free(zeros);
	return sent;
}

/* What is left of a body that is not taken ends a connection of prefork's. */
static void send_anew(const char *script)
{
	raw_close(&raw);
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
	CU_ASSERT(raw_send(&raw, script));
}

static void a_body_is_taken(void)
{
	CU_ASSERT(raw_tells(&raw, POST("1", "/pieces") ", stdin 1 abc, stdin 1 d, stdin-end 1",
			    "4 bytes, sum 394"));
	CU_ASSERT(raw_answers(&raw, "END 1 "));
	CU_ASSERT(raw_tells(&raw, POST("2", "/echo") ", stdin 2 over, stdin 2 out, stdin-end 2",
			    "overout"));
	CU_ASSERT(raw_answers(&raw, "END 2 "));
	CU_ASSERT(raw_tells(&raw, POST("3", "/whole") ", stdin-end 3", "0 bytes, sum 0"));
	CU_ASSERT(raw_answers(&raw, "END 3 "));
	send_anew(POST("4", "/ignore") ", stdin 4 *60000, stdin 4 *60000, stdin-end 4");
	CU_ASSERT(raw_answers(&raw, "ignored"));
	CU_ASSERT(raw_answers(&raw, "END 4 "));
	send_anew(POST("5", "/small") ", stdin 5 *1001, stdin-end 5");
	CU_ASSERT(raw_answers(&raw, "STDOUT 5 Status: 413 "));
	CU_ASSERT(raw_answers(&raw, "END 5 "));
	send_anew(GET("6", "/left"));
	CU_ASSERT(raw_answers(&raw, "1 left"));
}

/* Before a byte of it is sent. */
static void what_is_said_to_be_too_long_is_a_413(void)
{
	CU_ASSERT(raw_tells(&raw,
			    "begin 1 keep, params 1 REQUEST_METHOD=POST&PATH_INFO=/"
			    "small&CONTENT_LENGTH=1001, params-end 1",
			    "STDOUT 1 Status: 413 "));
	CU_ASSERT(raw_answers(&raw, "END 1 "));
}

/* The connection is as good as before, and what still comes is not the next request's. */
static void what_comes_after_the_answer_is_dropped(void)
{
	CU_ASSERT(raw_tells(&raw, POST("1", "/ignore"), "END 1 "));
	CU_ASSERT(send_what_is_taken(&raw, 1, 4 << 20) >= 4 << 20);
	CU_ASSERT(
		raw_send(&raw, "stdin-end 1, " POST("1", "/echo") ", stdin 1 hello, stdin-end 1"));
	CU_ASSERT(raw_answers(&raw, "hello"));
}

static void a_body_before_its_params_is_a_400(void)
{
	CU_ASSERT(raw_tells(&raw,
			    "begin 1 keep, stdin 1 abc, params 1 REQUEST_METHOD=POST&"
			    "PATH_INFO=/pieces, params-end 1",
			    "STDOUT 1 Status: 400 "));
}

/* Between two records, within one, within a header. */
static void an_upload_that_stops_is_a_408(void)
{
	static const struct slice starts[] = {{"", 0}, {"\1\5\0\1\0\4\0\0ab", 10}, {"\1\5\0", 3}};

	for (int i = 0; i < 6; i++) {
		send_anew(i % 2 ? POST("1", "/pieces") ", stdin 1 abc"
				: POST("1", "/whole") ", stdin 1 abc");
		CU_ASSERT_EQUAL(send(raw.fd, starts[i / 2].data, starts[i / 2].len, 0),
				(ssize_t)starts[i / 2].len);
		CU_ASSERT(raw_answers(&raw, "STDOUT 1 Status: 408 "));
	}
}

static struct raw asking;

static bool is_read(const struct raw *from)
{
	int unread;

	return ioctl(from->fd, SIOCOUTQ, &unread) == 0 && unread == 0;
}

static bool have_left(const char *text)
{
	static int id;

	id = id % 1000 + 1;
	buffer_free(&asking.in);
	return raw_gets(&asking, id, "/left", "", textf("END %d 0 COMPLETE", id)) &&
	       strstr(asking.text.data, text);
}

/* A handler that takes nothing is sent nothing more; that its client hangs up, is heard. */
static void what_nobody_takes_is_not_read(void)
{
	CU_ASSERT_FATAL(raw_open(&asking, worker.socket));
	CU_ASSERT(raw_send(&raw, "begin 1 keep, params 1 REQUEST_METHOD=POST&PATH_INFO=/slow&"
				 "QUERY_STRING=long, params-end 1"));
	CU_ASSERT(send_what_is_taken(&raw, 1, 8 << 20) < 4 << 20);
	CU_ASSERT(have_left("0 left"));
	raw_close(&raw);
	CU_ASSERT(EVENTUALLY(have_left("1 left")));
	raw_close(&asking);
}

/* A process reads nothing while its handler waits for something else, takes who pauses for nobody
 * who has left, and hears of who has: before his body is read, and in the middle of it. */
static void a_process_hears_who_leaves_his_upload(void)
{
	const char *path = textf("%s/board", folder);
	struct scoreboard board;
	const struct board_slot *slot;

	worker_stop(&worker);
	CU_ASSERT_FATAL(worker_start_program(
		&worker, built("bodies-app"),
		STRINGS("--engine", "prefork", "--spool", spool, "--scoreboard", path), NULL));
	CU_ASSERT_FATAL(!scoreboard_open_to_read(&board, path));
	slot = &board.slots[0];
	send_anew(POST("1", "/slow") ", stdin 1 abc");
	CU_ASSERT(EVENTUALLY(board_get(&slot->in_flight)));
	CU_ASSERT(raw_tells(&raw, "stdin 1 d, stdin-end 1", "4 bytes, sum 394"));
	CU_ASSERT(raw_answers(&raw, "END 1 "));
	CU_ASSERT(EVENTUALLY(!board_get(&slot->in_flight)));
	CU_ASSERT(raw_send(&raw, "begin 2 keep, params 2 REQUEST_METHOD=POST&PATH_INFO=/slow&"
				 "QUERY_STRING=long, params-end 2, stdin 2 *5000"));
	CU_ASSERT(EVENTUALLY(board_get(&slot->in_flight)));
	raw_close(&raw);
	CU_ASSERT(EVENTUALLY(board_get(&slot->aborted) == 1 && !board_get(&slot->in_flight)));
	for (unsigned pieces = 1; pieces < 4; pieces++) { /* of 8192 bytes each: then he pauses */
		send_anew(textf(POST("3", "/pieces") ", stdin 3 *%u", pieces * 8192));
		CU_ASSERT(EVENTUALLY(board_get(&slot->in_flight) && is_read(&raw)));
		raw_close(&raw);
		CU_ASSERT(EVENTUALLY(board_get(&slot->aborted) == 1 + pieces));
		CU_ASSERT(EVENTUALLY(!board_get(&slot->in_flight)));
	}
	CU_ASSERT_EQUAL(board_get(&slot->classes[5]), 0);
	CU_ASSERT_FATAL(raw_open(&asking, worker.socket));
	CU_ASSERT(have_left("4 left"));
	raw_close(&asking);
	scoreboard_close(&board);
}

/* One connection, two requests: the second is answered while the first is sent a body that it does
 * not take. Where that cannot go to a spool either, it is refused, alone. */
static void neighbours_of_an_upload_do_not_suffer(void)
{
	CU_ASSERT(raw_send(&raw, GET("1", "/asleep")));
	CU_ASSERT(raw_send(&raw, POST("2", "/slow")));
	for (int i = 0; i < 10; i++) {
		CU_ASSERT(send_what_is_taken(&raw, 2, 100000) >= 100000);
		CU_ASSERT(raw_get(&raw, 3 + i, "/left", ""));
		CU_ASSERT(EVENTUALLY(raw_answers(&raw, "0 left")));
	}
	CU_ASSERT(raw_tells(&raw, "stdin-end 2", "1000000 bytes, sum 0"));
	CU_ASSERT(EVENTUALLY(process_open(worker.pid, "/spool/") == 0));
}

static void a_neighbour_that_has_no_room_is_refused_alone(void)
{
	CU_ASSERT(raw_send(&raw, GET("1", "/asleep")));
	CU_ASSERT(raw_send(&raw, "begin 2 keep, params 2 REQUEST_METHOD=POST&PATH_INFO=/slow&"
				 "QUERY_STRING=long, params-end 2"));
	CU_ASSERT(send_what_is_taken(&raw, 2, 4 << 20) >= 4 << 20);
	CU_ASSERT(raw_gets(&raw, 3, "/left", "", "0 left"));
	CU_ASSERT(raw_send(&raw, "stdin-end 2"));
	CU_ASSERT(raw_send(&raw, POST("4", "/whole")));
	CU_ASSERT(send_what_is_taken(&raw, 4, 1 << 20) >= 1 << 20);
	CU_ASSERT(raw_answers(&raw, "STDOUT 4 Status: 413 "));
}

/* ---- through nginx ---- */

static void write_configuration(const char *path)
{
	static const char server[] =
		"server { listen 127.0.0.1:%d; location / { fastcgi_pass unix:%s; "
		"fastcgi_keep_conn %s; fastcgi_request_buffering %s; } }\n";
	FILE *file = fopen(path, "w");

	fprintf(file, "daemon off; pid nginx.pid; error_log error.log;\n%sevents {}\nhttp {\n",
		geteuid() ? "" : "user root;\n");
	fputs("access_log off; client_max_body_size 0;\n"
	      "client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp;\n"
	      "uwsgi_temp_path temp; scgi_temp_path temp;\n"
	      "fastcgi_param REQUEST_METHOD $request_method; fastcgi_param PATH_INFO $uri;\n"
	      "fastcgi_param CONTENT_LENGTH $content_length if_not_empty;\n",
	      file);
	for (int i = 0; i < 2; i++)
		fprintf(file, server, ports[i], worker.socket, scene.prefork ? "off" : "on",
			i ? "off" : "on");
	fputs("}\n", file);
	fclose(file);
}

/* Commands know the addresses, with request buffering and without, as $ON and $OFF. */
static void choose_ports(void)
{
	for (int i = 0; i < 2; i++) {
		ports[i] = port_free();
		setenv(i ? "OFF" : "ON", textf("http://127.0.0.1:%d", ports[i]), 1);
	}
}

static void begin_nginx(void)
{
	const char *path, *log;

	choose_ports();
	path = textf("%s/nginx.conf", folder);
	log = textf("%s/error.log", folder);
	write_configuration(path);
	nginx = process_start(
		STRINGS("/usr/sbin/nginx", "-p", textf("%s/", folder), "-c", path, "-e", log), NULL,
		log);
	CU_ASSERT_FATAL(EVENTUALLY(!shell("curl -sS $ON/left && curl -sS $OFF/left")->status));
}

static void nginx_brings_bodies(void)
{
	CU_ASSERT(says("for to in $ON $OFF; do for path in echo small; do "
		       "curl -sS -d hello $to/$path; done; done",
		       "hello5 bytes, sum 532\nhello5 bytes, sum 532"));
	CU_ASSERT(says("for to in $ON $OFF; do for path in pieces whole thread; do "
		       "yes | head -c 3000000 | curl -sS -T - $to/$path; done; done | sort "
		       "| uniq -c",
		       "6 3000000 bytes, sum 196500000"));
	CU_ASSERT(says("for to in $ON $OFF; do for path in small ignore; do "
		       "yes | head -c 3000000 | curl -s -T - $to/$path; done; done",
		       "Large"));
	CU_ASSERT(EVENTUALLY(process_open(worker.pid, "/spool/") == 0));
}

/* A client whose upload does not end, and that goes when the worker has something of it. */
static void leave(const char *curl)
{
	pid_t client = process_start(STRINGS("sh", "-c", "cd \"$F\" && eval \"$0\"", curl), NULL,
				     textf("%s/client.log", folder));

	CU_ASSERT(EVENTUALLY(process_open(worker.pid, "/spool/") > 0));
	kill(client, SIGKILL);
	waitpid(client, NULL, 0);
}

/* Up to 16 requests are on one connection. One that HAProxy finds no room for there is a 500 of its
 * own (nginx/fronts/README.md), and asked again. */
static void HAProxy_brings_many_at_once(void)
{
	pid_t haproxy;

	CU_ASSERT_EQUAL(mkdir(textf("%s/pids", folder), 0700), 0);
	CU_ASSERT_EQUAL(symlink(worker.socket, textf("%s/worker-1.sock", folder)), 0);
	choose_ports();
	haproxy =
		process_start(STRINGS("tests/haproxy/run", textf("%u", (unsigned)ports[0]), folder),
			      NULL, textf("%s/haproxy.log", folder));
	CU_ASSERT_FATAL(EVENTUALLY(!shell("curl -sS $ON/left")->status));
	CU_ASSERT(
		says("again='curl -sf --retry 20 --retry-delay 1'; head -c 3000000 /dev/zero "
		     ">body; (for path in slow pieces whole slow "
		     "pieces whole slow pieces whole; do "
		     "$again --data-binary @body $ON/$path & $again -d x $ON/small & done; wait) | "
		     "sort | uniq -c | tr -s ' '",
		     " 9 1 bytes, sum 120\n 9 3000000 bytes, sum 0\n"));
	CU_ASSERT_FATAL(raw_open(&asking, worker.socket));
	leave("exec curl -s --limit-rate 400K --data-binary @body $ON/whole");
	CU_ASSERT(EVENTUALLY(!have_left("0 left")));
	CU_ASSERT(EVENTUALLY(process_open(worker.pid, "/spool/") == 0));
	raw_close(&asking);
	kill(haproxy, SIGTERM);
	waitpid(haproxy, NULL, 0);
}

/* nginx answers that itself, and the body comes. */
static void a_client_that_expects_to_be_told_is(void)
{
	CU_ASSERT(says("for to in $ON $OFF; do yes | head -c 2000000 | curl -sS -i -H "
		       "'Expect: 100-continue' -T - $to/pieces; done | grep -c '100 "
		       "Continue\\|^2000000 b'",
		       "4"));
}

static void a_client_that_leaves_takes_its_upload_along(void)
{
	CU_ASSERT_FATAL(raw_open(&asking, worker.socket));
	leave("exec curl -s --limit-rate 400K -T /dev/zero $OFF/whole");
	CU_ASSERT(EVENTUALLY(have_left("1 left")));
	CU_ASSERT(EVENTUALLY(process_open(worker.pid, "/spool/") == 0));
	raw_close(&asking);
}

static void a_full_disk_is_a_507(void)
{
	if (!scene.small_disk)
		return;
	CU_ASSERT(says("yes | head -c 3000000 | curl -s -w '%{http_code}' -T - $ON/whole", "507"));
	CU_ASSERT(says("yes | head -c 900000 | curl -s -w '%{http_code}' -T - $ON/whole", "200"));
	CU_ASSERT(EVENTUALLY(process_open(worker.pid, "/spool/") == 0));
}

/* A gigabyte in chunks, of which no length is known. */
static void the_memory_stays_flat(const char *to, const char *path)
{
	long before = process_status(worker.pid, "VmRSS");

	CU_ASSERT(says(textf("head -c 1000000000 /dev/zero | curl -sS -T - %s/%s", to, path),
		       "1000000000 bytes, sum 0"));
	printf("    %s/%s: %ld KB before, %ld KB at most\n", to, path, before,
	       process_status(worker.pid, "VmHWM"));
#ifndef __SANITIZE_ADDRESS__
	CU_ASSERT(process_status(worker.pid, "VmHWM") < before + 4096);
#endif
}

static void a_gigabyte_leaves_the_memory_flat(void)
{
	struct statvfs disk;

	the_memory_stays_flat("$OFF", "pieces");
	if (statvfs(folder, &disk) || disk.f_bavail * disk.f_frsize < UINT64_C(4) << 30) {
		not_judged("no room for files of a gigabyte");
	} else {
		the_memory_stays_flat("$ON", "pieces");
		the_memory_stays_flat("$OFF", "whole");
	}
}

#define SCENE(...) (&(const struct scene){__VA_ARGS__})

static const struct test tests[] = {
	{"a body is taken", a_body_is_taken},
	{"a body is taken by a process, too", a_body_is_taken, SCENE(.prefork = true)},
	{"what is said to be too long is a 413 at once", what_is_said_to_be_too_long_is_a_413},
	{"what is said to be too long is a 413 of a process, too",
	 what_is_said_to_be_too_long_is_a_413, SCENE(.prefork = true)},
	{"what comes after the answer is dropped", what_comes_after_the_answer_is_dropped},
	{"a body before its params is a 400", a_body_before_its_params_is_a_400},
	{"an upload that stops is a 408", an_upload_that_stops_is_a_408,
	 SCENE(false, "--body-timeout", "0.2")},
	{"an upload to a process that stops is a 408, too", an_upload_that_stops_is_a_408,
	 SCENE(true, "--body-timeout", "0.2")},
	{"what nobody takes is not read", what_nobody_takes_is_not_read},
	{"a process hears who leaves his upload", a_process_hears_who_leaves_his_upload,
	 SCENE(.prefork = true)},
	{"neighbours of an upload do not suffer", neighbours_of_an_upload_do_not_suffer},
	{"a neighbour that has no room is refused alone",
	 a_neighbour_that_has_no_room_is_refused_alone, SCENE(.no_spool = true)},
	{"nginx brings bodies, with request buffering and without", nginx_brings_bodies,
	 SCENE(.behind_nginx = true)},
	{"nginx brings bodies to a process, too", nginx_brings_bodies,
	 SCENE(.prefork = true, .behind_nginx = true)},
	{"HAProxy brings many at once, on few connections", HAProxy_brings_many_at_once},
	{"a client that expects to be told to continue is", a_client_that_expects_to_be_told_is,
	 SCENE(.behind_nginx = true)},
	{"a client that leaves takes its upload along", a_client_that_leaves_takes_its_upload_along,
	 SCENE(.behind_nginx = true)},
	{"a full disk is a 507", a_full_disk_is_a_507,
	 SCENE(.behind_nginx = true, .small_disk = true)},
	{"a full disk of a process is a 507, too", a_full_disk_is_a_507,
	 SCENE(.prefork = true, .behind_nginx = true, .small_disk = true)},
	/* A doctor that is called, on a busy machine, reads the program's file into memory. */
	{"a gigabyte leaves the memory flat", a_gigabyte_leaves_the_memory_flat,
	 SCENE(.behind_nginx = true, .option = "--doctor", .value = "off")},
};

const struct suite bodies_suite = {
	"bodies", tests, COUNT(tests), .before = before, .after = after,
};
