/* The disk: full, read-only, with files on it that are not what they should be. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/harness.h"
#include "faults.h"

enum { CLIENTS = 16, PROCESSES_MAX = 64 };

static struct system sys;
static const struct outcome *outcome; /* of what was refused */

/* ---- disks of our own ---- */

static bool mounted;

static bool mount_small(const char *run_dir)
{
	mounted = mount("none", run_dir, "tmpfs", 0, "size=16m,mode=0755") == 0;
	if (!mounted)
		not_judged("no right to mount a small disk: %s", strerror(errno));
	return mounted;
}

static bool remount(unsigned long flags)
{
	return mount("none", sys.run_dir, NULL, MS_REMOUNT | flags, NULL) == 0;
}

/* To the last byte. */
static void fill_up(void)
{
	static const char block[65536] = "full";
	int fd = open(system_file(&sys, "filler.log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
		      0600);
	size_t size = sizeof(block);
	ssize_t n;

	while (size) {
		n = write(fd, block, size);
		if (n <= 0)
			size /= 2;
	}
	close(fd);
}

static void make_room(void)
{
	unlink(system_file(&sys, "filler.log"));
}

static void end_on_small_disk(void)
{
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	CU_ASSERT_EQUAL(processes_in(sys.run_dir, NULL, NULL, 0), 0);
	umount(sys.run_dir);
	directory_remove(sys.run_dir);
}

/* The script fails with one line that names RUN_DIR. */
static void refuses(const char *name, const char *setting)
{
	outcome = script(&sys, name, setting);
	CU_ASSERT(outcome->status > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome->errors, "lanes: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome->errors, sys.run_dir));
	printf("    %s: %s", name, outcome->errors);
}

/* Under load, whatever happens: it is answered. */
static void serves_while(void (*happens)(void), const char *what)
{
	struct load *burst = load_system(&sys, PLAN(.target = "/async/await-one?seconds=0.005",
						    .connections = CLIENTS, .repeat = true));

	happens();
	CU_ASSERT(load_goes_on(burst, 200));
	all_answered(burst, what);
}

static pid_t replace_worker_1(void)
{
	pid_t old = system_worker(&sys, 1);
	pid_t fresh = 0;

	kill(old, SIGKILL);
	CU_ASSERT(EVENTUALLY((fresh = system_worker(&sys, 1)) > 0 && fresh != old));
	return fresh;
}

/* And is given work. */
static void replace_under_load(void)
{
	pid_t fresh = replace_worker_1();

	CU_ASSERT(EVENTUALLY(process_sockets(fresh) > 1));
}

/* ---- full ---- */

static void disk_is_full(void)
{
	fill_up();
	replace_under_load();
}

static void a_full_disk(void)
{
	if (!system_start(&sys, SYSTEM(.workers = 2, .prepare = mount_small))) {
		CU_ASSERT(!mounted);
		return;
	}
	serves_while(disk_is_full, "full disk, no line of log can be written");
	refuses("restart.sh", NULL);
	CU_ASSERT_EQUAL(get(&sys, "/")->status, 200);
	/* Nothing has to be started again when there is room again. */
	make_room();
	replace_worker_1();
	CU_ASSERT(EVENTUALLY(system_log_has(&sys, "event=started")));
	CU_ASSERT(script_works(&sys, "restart.sh", NULL));
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	/* And nothing is left running by a start that found none. */
	fill_up();
	refuses("start.sh", "WORKERS=1");
	make_room();
	end_on_small_disk();
}

/* ---- read-only ---- */

static void a_read_only_run_dir(void)
{
	if (!system_start(&sys, SYSTEM(.workers = 1, .prepare = mount_small))) {
		CU_ASSERT(!mounted);
		return;
	}
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	CU_ASSERT(EVENTUALLY(remount(MS_RDONLY)));
	refuses("start.sh", "WORKERS=1");
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome->errors, "not writable"));
	CU_ASSERT_EQUAL(processes_in(sys.run_dir, NULL, NULL, 0), 0);
	CU_ASSERT(remount(0));
	end_on_small_disk();
}

/* ---- a log that takes nothing ---- */

static void a_log_that_takes_nothing(void)
{
	struct worker worker;

	worker.directory = directory_make();
	snprintf(worker.socket, sizeof(worker.socket), "%s/worker.sock", worker.directory);
	worker.pid =
		process_start(STRINGS(program(), "--listen", worker.socket), NULL, "/dev/full");
	CU_ASSERT(EVENTUALLY(raw_asked(worker.socket, "/", "END 1 0 COMPLETE")));
	kill(worker.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&worker), 0); /* served, drained, ended: all without a word */
	worker_stop(&worker);
}

/* ---- the scoreboard ---- */

static const char *board(void)
{
	return system_file(&sys, "board/scoreboard");
}

static void overwrite_board(void)
{
	int fd = open(board(), O_WRONLY | O_CLOEXEC);

	CU_ASSERT(write(fd, "not a scoreboard", 16) == 16);
	close(fd);
	replace_under_load();
}

static void remove_board(void)
{
	CU_ASSERT_EQUAL(unlink(board()), 0);
	replace_under_load();
	CU_ASSERT(EVENTUALLY(access(board(), F_OK) == 0));
}

static void block_board(void)
{
	unlink(board());
	mkdir(board(), 0755);
	replace_under_load();
	CU_ASSERT(system_log_has(&sys, "no scoreboard: "));
	rmdir(board());
}

/* The one thing that is fatal: memory that is no longer there. All die, and all come back. */
static void truncate_board(void)
{
	pid_t old = system_worker(&sys, 1);
	pid_t fresh = 0;
	double start = now();

	CU_ASSERT(EVENTUALLY(truncate(board(), 0) == 0)); /* once the new one has made it */
	CU_ASSERT(EVENTUALLY((fresh = system_worker(&sys, 1)) > 0 && fresh != old));
	CU_ASSERT(EVENTUALLY(get(&sys, "/")->status == 200));
	printf("    scoreboard cut to nothing: serving again after %.3f s\n", now() - start);
}

static void a_broken_scoreboard(void)
{
	CU_ASSERT_FATAL(system_start(&sys, SYSTEM(.workers = 2)));
	serves_while(overwrite_board, "scoreboard overwritten");
	serves_while(remove_board, "scoreboard removed");
	serves_while(block_board, "scoreboard impossible");
	replace_worker_1();
	truncate_board();
	CU_ASSERT(system_stop(&sys));
}

/* ---- what a system that was killed leaves ---- */

static void stale_files(void)
{
	pid_t pids[PROCESSES_MAX];
	int count;

	CU_ASSERT_FATAL(system_start(&sys, SYSTEM(.workers = 2)));
	while ((count = processes_in(sys.run_dir, NULL, pids, PROCESSES_MAX)))
		for (int i = 0; i < count && i < PROCESSES_MAX; i++)
			kill(pids[i], SIGKILL);
	CU_ASSERT_EQUAL(access(system_file(&sys, "worker-1.sock"), F_OK), 0);
	CU_ASSERT(script_works(&sys, "start.sh", "WORKERS=2"));
	CU_ASSERT_EQUAL(get(&sys, "/")->status, 200);
	CU_ASSERT(system_stop(&sys));
}

static const struct test tests[] = {
	{"a full disk: service goes on, a start or restart says so", a_full_disk},
	{"a read-only RUN_DIR is refused in one line", a_read_only_run_dir},
	{"a log that takes nothing holds nothing up", a_log_that_takes_nothing},
	{"the scoreboard overwritten, removed, impossible or truncated", a_broken_scoreboard},
	{"the files of a killed system do not keep the next from starting", stale_files},
};

const struct suite disk_suite = {"disk", tests, COUNT(tests)};
