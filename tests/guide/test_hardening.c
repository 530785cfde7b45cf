/*
 * What an attacker meets: how the program was built, what a worker can still do, who may connect,
 * and whether anything a client sends comes back as something else in an answer or a log.
 */
#include <dirent.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <pwd.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"

/* ---- the program ---- */

static struct outcome elf;

static bool elf_says(const char *option, const char *text)
{
	run(&elf, STRINGS("readelf", "-W", option, program()), NULL, -1);
	CU_ASSERT_EQUAL(elf.status, 0);
	return strstr(elf.out, text) != NULL;
}

static void built_hard(void)
{
	static const char symbols[] =
		"readelf -W --syms \"$1\" | "
		"grep -oE "
		"'__(asan_init|tsan_init|gcov_init|stack_chk_fail|snprintf_chk|memcpy_chk)'";
	const char *stack;

	CU_ASSERT(elf_says("-h", "DYN (Position-Independent Executable file)"));
	CU_ASSERT(elf_says("-d", "BIND_NOW"));
	CU_ASSERT(elf_says("-l", "GNU_RELRO"));
	stack = strstr(elf.out, "GNU_STACK");
	CU_ASSERT(stack && !strncmp(stack + strcspn(stack, "R"), "RW ", 3));
	run(&elf, STRINGS("sh", "-c", symbols, "sh", program()), NULL, -1);
	CU_ASSERT(strstr(elf.out, "__stack_chk_fail") != NULL);
	/* A sanitizer sees more than FORTIFY, which would only hide it; and that needs -O. */
	if (!strstr(elf.out, "_init"))
		CU_ASSERT(strstr(elf.out, "__snprintf_chk") && strstr(elf.out, "__memcpy_chk"));
}

/* ---- a worker ---- */

static struct worker worker;

static void stop_worker(void)
{
	worker_stop(&worker);
}

/* The folder of a system whose files are served. */
static bool is_served(const char *path)
{
	size_t len = strlen(path);

	return len > 4 && !strcmp(path + len - 4, "/www");
}

/* What its doctor looks at: what its first thread does, its memory, and the program's symbols. */
static bool is_doctors(pid_t pid, const char *path)
{
	char running[512];
	ssize_t len = readlink(textf("/proc/%d/exe", (int)pid), running, sizeof(running) - 1);

	running[len > 0 ? len : 0] = '\0';
	return !strcmp(path, running) || !strcmp(path, textf("/proc/%d/mem", (int)pid)) ||
	       !strcmp(path, textf("/proc/%d/task/%d/syscall", (int)pid, (int)pid));
}

/* Descriptors above 2 that the worker has not opened itself. libuv keeps one in reserve, so that it
 * can refuse a connection when there are no more. */
static int foreign_descriptors(pid_t pid)
{
	static const char *const own[] = {"socket:", "pipe:", "anon_inode:", "/dev/null"};
	DIR *dir = opendir(textf("/proc/%d/fd", (int)pid));
	char target[512];
	struct dirent *entry;
	int count = 0;

	CU_ASSERT_FATAL(dir != NULL);
	while ((entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		bool ours = atoi(entry->d_name) <= 2;

		target[n > 0 ? n : 0] = '\0';
		for (size_t i = 0; i < COUNT(own); i++)
			ours = ours || !strncmp(target, own[i], strlen(own[i]));
		if (ours || strstr(target, "/scoreboard") || is_served(target) ||
		    is_doctors(pid, target))
			continue;
		printf("    %s\n", target);
		count++;
	}
	closedir(dir);
	return count;
}

static void inherits_nothing(void)
{
	int leaked = open("/etc/passwd", O_RDONLY);

	CU_ASSERT_FATAL(worker_start(&worker, harness_test()->data, NULL));
	close(leaked);
	CU_ASSERT_EQUAL(foreign_descriptors(worker.pid), 0);
	CU_ASSERT_EQUAL(process_status(worker.pid, "NoNewPrivs"), 1);
}

static void dumps_no_core(void)
{
	struct rlimit before;

	getrlimit(RLIMIT_CORE, &before);
	if (before.rlim_max == 0) {
		not_judged("core dumps are forbidden here");
		return;
	}
	setrlimit(RLIMIT_CORE, &(struct rlimit){.rlim_cur = 1, .rlim_max = before.rlim_max});
	for (int core = 0; core < 2; core++) {
		CU_ASSERT_FATAL(
			worker_start(&worker, STRINGS("--core", core ? "on" : "off"), NULL));
		CU_ASSERT(file_has(textf("/proc/%d/limits", (int)worker.pid),
				   textf("Max core file size        %d ", core)));
		worker_stop(&worker);
	}
	setrlimit(RLIMIT_CORE, &before);
}

static void socket_mode(void)
{
	static const mode_t masks[] = {0, 022, 0777};

	for (size_t i = 0; i < COUNT(masks); i++) {
		const char *directory = directory_make();
		const char *socket = textf("%s/s", directory);
		struct outcome outcome;

		/* The test's own files keep their modes: a shell has the odd umask. */
		run(&outcome,
		    STRINGS("sh", "-c",
			    "exec 2>\"$3.log\"; umask $1; \"$2\" --listen \"$3\" & "
			    "until grep -q event=started \"$3.log\"; do sleep 0.01; done; "
			    "stat -c %a \"$3\"; kill $!; wait $!",
			    "sh", textf("%03o", (unsigned)masks[i]), program(), socket),
		    NULL, -1);
		CU_ASSERT_STRING_EQUAL(outcome.out, "660\n");
		CU_ASSERT(access(socket, F_OK) != 0);
		directory_remove(directory);
	}
}

/* A worker that was built to be watched runs without, and says so. */
static bool sandboxed(const char *log)
{
	if (!file_has(log, "event=no-sandbox"))
		return true;
	not_judged("a build with a sanitizer or coverage has no sandbox");
	return false;
}

static void is_in_a_sandbox(void)
{
	static const char *const kinds[][3] = {{"--engine", "loop"},
					       {"--engine", "prefork"},
					       {"--routes", "admin"},
					       {"--routes", "health"}};

	for (size_t i = 0; i < COUNT(kinds); i++) {
		CU_ASSERT_FATAL(worker_start(&worker, kinds[i], NULL));
		if (sandboxed(worker.log)) {
			CU_ASSERT_EQUAL(process_status(worker.pid, "Seccomp"), 2);
			CU_ASSERT(!file_has(worker.log, "event=sandbox-incomplete"));
		}
		/* It removes its socket all the same. */
		kill(worker.pid, SIGTERM);
		CU_ASSERT_EQUAL(worker_wait(&worker), 0);
		CU_ASSERT_EQUAL(access(worker.socket, F_OK), -1);
		worker_stop(&worker);
	}
	CU_ASSERT_FATAL(worker_start(&worker, STRINGS("--sandbox", "off"), NULL));
	CU_ASSERT_EQUAL(process_status(worker.pid, "Seccomp"), 0);
}

static bool address_space_is_ours(void)
{
	if (!MEMORY_COUNTS)
		not_judged("a sanitizer's address space is not ours");
	return MEMORY_COUNTS;
}

static void limits_memory(void)
{
	if (!address_space_is_ours())
		return;
	CU_ASSERT_FATAL(worker_start(
		&worker, STRINGS("--address-space", "1024", "--oom-score-adj", "321"), NULL));
	CU_ASSERT(file_has(textf("/proc/%d/limits", (int)worker.pid),
			   "Max address space         1073741824           1073741824 "));
	CU_ASSERT(file_has(textf("/proc/%d/oom_score_adj", (int)worker.pid), "321\n"));
	CU_ASSERT_EQUAL(worker_end(&worker), 0);
}

/* It goes on, here to the missing socket. */
static void tells_of_a_limit_it_cannot_have(void)
{
	static const char script[] =
		"ulimit -v 2000000; exec setpriv \"$2\" \"$1\" --address-space 4096";
	struct outcome outcome;

	if (!address_space_is_ours())
		return;
	run(&outcome,
	    STRINGS("sh", "-c", script, "sh", program(),
		    geteuid() ? "--no-new-privs" : "--bounding-set=-sys_resource"),
	    NULL, -1);
	CU_ASSERT_EQUAL(outcome.status, 1);
	CU_ASSERT(strstr(outcome.errors, "lanes: address-space: Operation not permitted\n"
					 "lanes: descriptor 0: ") == outcome.errors);
}

/* For anything, or only for the scoreboard. */
static void tells_of_a_limit_that_is_too_little(void)
{
	static const char said[] = "out of memory: --address-space is too little for it\n";
	const char *directory;
	struct outcome outcome;

	if (!address_space_is_ours())
		return;
	directory = directory_make();
	run(&outcome,
	    STRINGS(program(), "--address-space", "1", "--listen",
		    textf("%s/worker.sock", directory)),
	    NULL, -1);
	CU_ASSERT_EQUAL(outcome.status, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, said));
	CU_ASSERT(worker_start(&worker,
			       STRINGS("--address-space", "100", "--scoreboard",
				       textf("%s/scoreboard", directory)),
			       NULL));
	CU_ASSERT(file_has(worker.log, "/scoreboard: no scoreboard: "));
	CU_ASSERT(file_has(worker.log, said));
	directory_remove(directory);
}

static void warns_of_root(void)
{
	CU_ASSERT_FATAL(worker_start(&worker, NULL, NULL));
	CU_ASSERT_EQUAL(file_has(worker.log, "event=runs-as-root"), geteuid() == 0);
}

/* ---- a system ---- */

SUITE_SYSTEM(lanes, .prefork = 1, .cpu = 1)

static void sockets_have_an_owner(void)
{
	const struct passwd *user = geteuid() ? getpwuid(geteuid()) : getpwnam("www-data");
	static const char *const names[] = {"worker-1", "prefork", "cpu-1"};

	CU_ASSERT_FATAL(user != NULL);
	for (size_t i = 0; i < COUNT(names); i++) {
		struct stat file;

		CU_ASSERT_FATAL(stat(textf("%s/%s.sock", lanes.run_dir, names[i]), &file) == 0);
		CU_ASSERT(S_ISSOCK(file.st_mode));
		CU_ASSERT_EQUAL(file.st_mode & 07777, 0660);
		CU_ASSERT_EQUAL(file.st_uid, user->pw_uid);
		CU_ASSERT_EQUAL(file.st_gid, user->pw_gid);
	}
}

/* How many threads of a process are in a sandbox; those that are not, negative. */
static int sandboxed_threads(pid_t pid)
{
	DIR *dir = opendir(textf("/proc/%d/task", (int)pid));
	struct dirent *entry;
	int inside = 0;
	int outside = 0;

	CU_ASSERT_FATAL(dir != NULL);
	while ((entry = readdir(dir))) {
		pid_t thread = atoi(entry->d_name);

		if (thread && process_status(thread, "Seccomp") == 2)
			inside++;
		else if (thread)
			outside++;
	}
	closedir(dir);
	return outside ? -outside : inside;
}

enum { PROCESSES = 32 };

/* Those of the program that another of it has started: its masters start workers. */
static int workers_of_system(pid_t workers[PROCESSES])
{
	int count = processes_in(lanes.run_dir, "lanes", workers, PROCESSES);
	int found = 0;

	for (int i = 0; i < count && i < PROCESSES; i++)
		if (process_is((pid_t)process_status(workers[i], "PPid"), "lanes"))
			workers[found++] = workers[i];
	return found;
}

static void workers_are_in_a_sandbox(void)
{
	pid_t workers[PROCESSES];
	int count = workers_of_system(workers);
	int threads = 0;

	if (!sandboxed(system_file(&lanes, "worker.log")))
		return;
	CU_ASSERT_EQUAL(get(&lanes, "/sync/noawait?seconds=0")->status, 200);
	CU_ASSERT_EQUAL(get(&lanes, "/cpu-pool/async/cpu-bound?n=1")->status, 200);
	CU_ASSERT_EQUAL(count, 9); /* three of them for exercises, one stands in for others */
	for (int i = 0; i < count; i++) {
		int inside = sandboxed_threads(workers[i]);

		CU_ASSERT(inside > 0);
		threads += inside;
	}
	/* The signals' of the prefork worker, a blocking one, a CPU thread. */
	CU_ASSERT(threads >= count + 3);
}

static void workers_have_no_rights(void)
{
	pid_t workers[PROCESSES];
	int count = processes_in(lanes.run_dir, "lanes", workers, PROCESSES);

	CU_ASSERT(count >= 6);
	for (int i = 0; i < count && i < PROCESSES; i++) {
		CU_ASSERT(process_status(workers[i], "Uid") != 0);
		CU_ASSERT_EQUAL(process_status(workers[i], "NoNewPrivs"), 1);
		CU_ASSERT_EQUAL(foreign_descriptors(workers[i]), 0);
		CU_ASSERT(geteuid() || file_has(textf("/proc/%d/status", (int)workers[i]),
						"CapBnd:\t0000000000000000\n"));
	}
	CU_ASSERT(!system_log_has(&lanes, "event=runs-as-root"));
}

/* ---- bad input ---- */

#define CLIENT "127.0.0.2" /* so that its lines are known in the log */

#define LINE(target) "GET " target " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

#define BYTES(text) ((struct slice){text, sizeof(text) - 1})

/* All hold "<evil>", or try to add a line that says "evil:". */
static const struct slice requests[] = {
	BYTES(LINE("/<evil>")),
	BYTES(LINE("/%3Cevil%3E%0d%0aevil:%20yes%0d%0a%0d%0a")),
	BYTES(LINE("/prefork/%0alevel=error%0aevil:%20yes")),
	BYTES(LINE("/cpu-pool/<evil>%00%01%1b%7f")),
	BYTES(LINE("/\"},{\"<evil>\":\"\\\\")),
	BYTES(LINE("/\x80\xff\xc3(<evil>")),
	BYTES(LINE("/prefork/caf\xc3\xa9<evil>")),
	BYTES(LINE("/\x1b[31m<evil>")),
	BYTES(LINE("/a\0<evil>")),
	BYTES(LINE("/a\n<evil>")),
	BYTES(LINE("/a\revil: yes")),
	BYTES(LINE("/sync/noawait/?next=<evil>%0d%0aevil:%20yes")),
	BYTES(LINE("/prefork/sync/noawait/?next=\x80\"<evil>\\")),
	BYTES(LINE("/prefork?<evil>%0d%0aevil:%20yes")),
	BYTES(LINE("/async/await-one?seconds=<evil>%0aevil")),
	BYTES(LINE("/prefork/async/await-one?seconds=%22<evil>\xfe")),
	BYTES(LINE("/async/cpu-bound?n=<evil>&<evil>=\"")),
	BYTES(LINE("http://<evil>/")),
	BYTES("G\"<evil> / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
	BYTES("EVIL-\xff / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
	BYTES("POST /<evil> HTTP/1.0\r\nContent-Length: <evil>\r\n\r\n"),
	BYTES("GET / HTTP/1.1\r\nHost: <evil>\"\xff\r\nConnection: close\r\n\r\n"),
	BYTES("GET / HTTP/9.<evil>\r\nHost: localhost\r\n\r\n"),
	BYTES("GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: <evil>\"\xff\x01\r\n"
	      "Connection: close\r\n\r\n"),
};

enum { REQUESTS = COUNT(requests) };

static void answers_repeat_nothing(void)
{
	static char answer[65536];

	for (size_t i = 0; i < REQUESTS; i++) {
		size_t len = exchange(&lanes, CLIENT, requests[i].data, requests[i].len, answer,
				      sizeof(answer));

		if (len && strlen(answer) == len && !strstr(answer, "<evil>") &&
		    !strstr(answer, "\nevil:"))
			continue;
		printf("    %s\n    %s\n", requests[i].data, answer);
		CU_FAIL("an answer repeats what was asked, or there is none");
	}
}

/* Calls check for each line of a log. */
static void read_log(const char *name, void (*check)(const char *line, size_t len))
{
	FILE *file = fopen(system_file(&lanes, name), "r");
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	CU_ASSERT_FATAL(file != NULL);
	while ((len = getline(&line, &size, file)) > 0)
		check(line, (size_t)len);
	free(line);
	fclose(file);
}

static void is_json(const char *line, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *entry;
	struct json_object *client = NULL;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	entry = json_tokener_parse_ex(tokener, line, (int)len - 1);
	if (!json_object_object_get_ex(entry, "client", &client) ||
	    json_tokener_get_parse_end(tokener) != len - 1) {
		printf("    %s", line);
		CU_FAIL("a line of the access log is not one JSON object");
	}
	json_object_put(entry);
	json_tokener_free(tokener);
}

static void is_logfmt(const char *line, size_t len)
{
	static const char pattern[] =
		"^time=[0-9T:.-]+Z level=(info|warning|error) worker=[a-z0-9-]+ pid=[0-9]+ "
		"event=[a-z-]+( [a-z_]+=([!-~]+|\"([ -!#-[]|]|[\\^-~]|\\\\.)*\"))*\n$";
	regex_t regex;

	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) || strlen(line) != len ||
	    regexec(&regex, line, 0, NULL, 0)) {
		printf("    %s", line);
		CU_FAIL("a line of the worker's log is not logfmt");
	}
	regfree(&regex);
}

static void logs_keep_their_form(void)
{
	static const char clients[] = "\"client\":\"" CLIENT "\"";

	CU_ASSERT(EVENTUALLY(system_log_count(&lanes, "access.log", clients) >= REQUESTS));
	CU_ASSERT_EQUAL(system_log_count(&lanes, "access.log", clients), REQUESTS);
	read_log("access.log", is_json);
	read_log("worker.log", is_logfmt);
}

static const struct test tests[] = {
	{"the program is a PIE with RELRO, stack protector and FORTIFY", built_hard},
	{"a worker closes what it inherits and can gain no rights", inherits_nothing},
	{"so does a process", inherits_nothing, STRINGS("--engine", "prefork")},
	{"a worker dumps no core unless told", dumps_no_core},
	{"its own socket has mode 0660, whatever the umask", socket_mode},
	{"a worker is in a sandbox unless told", is_in_a_sandbox},
	{"a worker limits its memory if told", limits_memory},
	{"a limit that it cannot have is told", tells_of_a_limit_it_cannot_have},
	{"and one that is too little", tells_of_a_limit_that_is_too_little},
	{"a worker that is root says so", warns_of_root},
};

static const struct test system_tests[] = {
	{"sockets have mode 0660 and the workers' owner and group", sockets_have_an_owner},
	{"no worker of a system is root or holds what is not its own", workers_have_no_rights},
	{"every thread of every worker of a system is in a sandbox", workers_are_in_a_sandbox},
	{"no answer repeats what was asked", answers_repeat_nothing},
	{"each request is one line of valid JSON, each event one of logfmt", logs_keep_their_form},
};

const struct suite hardening_suite = {"hardening", tests, COUNT(tests), .after = stop_worker};
const struct suite bad_input_suite = {"bad input", system_tests, COUNT(system_tests), set_up,
				      tear_down};
