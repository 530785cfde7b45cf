#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/harness.h"
#include "base/log.h"
#include "caught.h"
#include "engine/sandbox.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ThreadSanitizer starts none in the child of a process that had some. */
#ifdef __SANITIZE_THREAD__
enum { MAY_START_THREADS = 0 };
#else
enum { MAY_START_THREADS = 1 };
#endif

enum { KILLED = 1000 }; /* and the signal */

static char folder[] = "/tmp/lanes-sandbox.XXXXXX";
static char file[sizeof(folder) + 8];

static const struct sandbox nothing = {0};
static const struct sandbox reads = {.reads = folder};
static const struct sandbox spools = {.spool = folder};
static const struct sandbox removes = {.removes = file};

/* What came of it in a process that is in the sandbox: an errno, 0, or KILLED. */
static int outcome(const struct sandbox *needs, int (*attempt)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		sandbox_enter(needs);
		_exit(attempt());
	}
	CU_ASSERT_FATAL(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? KILLED + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool judged(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	if (preloaded && strstr(preloaded, "vgpreload"))
		not_judged("valgrind would be in the sandbox as well");
	else if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1)
		not_judged("this kernel has no landlock");
	else if (prctl(PR_GET_SECCOMP) < 0)
		not_judged("this kernel has no seccomp");
	else
		return true;
	return false;
}

/* ---- files ---- */

/* Both calls, which must come to the same. */
static int try_open(const char *path, int flags)
{
	int err = open(path, flags, 0600) < 0 ? errno : 0;

#ifdef SYS_open
	if ((syscall(SYS_open, path, flags, 0600) < 0 ? errno : 0) != err)
		return 255;
#endif
	return err;
}

static int read_it(void)
{
	return try_open(file, O_RDONLY);
}

static int read_another(void)
{
	return try_open("/etc/passwd", O_RDONLY);
}

static int write_it(void)
{
	return try_open(file, O_WRONLY);
}

static int write_and_read_it(void)
{
	return try_open(file, O_RDWR | O_CREAT);
}

static int empty_it(void)
{
	return try_open(file, O_RDONLY | O_TRUNC);
}

static int list_it(void)
{
	return try_open(folder, O_RDONLY | O_DIRECTORY);
}

static int remove_it(void)
{
	return unlink(file) ? errno : 0;
}

static int remove_another(void)
{
	return unlink("/proc/version") ? errno : 0;
}

static bool make_file(void)
{
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
	bool made = write(fd, "text", 4) == 4;

	close(fd);
	return made;
}

static int spool_it(void)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char byte;

	if (fd < 0)
		return errno;
	return pwrite(fd, "x", 1, 0) == 1 && pread(fd, &byte, 1, 0) == 1 && byte == 'x' ? 0 : EIO;
}

static int spool_elsewhere(void)
{
	return try_open("/tmp", O_TMPFILE | O_RDWR);
}

static void opens_nothing(void)
{
	if (!judged())
		return;
	CU_ASSERT_EQUAL(outcome(&nothing, read_it), EACCES);
	CU_ASSERT_EQUAL(outcome(&nothing, write_it), EACCES);
	CU_ASSERT_EQUAL(outcome(&nothing, write_and_read_it), EACCES);
	CU_ASSERT_EQUAL(outcome(&nothing, list_it), EACCES);
	CU_ASSERT_EQUAL(outcome(&nothing, spool_it), EACCES);
	CU_ASSERT_EQUAL(outcome(&nothing, remove_it), EACCES);
}

/* In the spool, files without names, and nothing else. */
static void spools_without_names(void)
{
	if (!judged() || !make_file())
		return;
	CU_ASSERT_EQUAL(outcome(&spools, spool_it), 0);
	CU_ASSERT_EQUAL(outcome(&spools, spool_elsewhere), EACCES);
	CU_ASSERT_EQUAL(outcome(&spools, read_it), EACCES);
	CU_ASSERT_EQUAL(outcome(&spools, write_it), EACCES);
	CU_ASSERT_EQUAL(outcome(&spools, write_and_read_it), EACCES);
	CU_ASSERT_EQUAL(outcome(&reads, spool_it), EACCES);
}

static void reads_what_is_named(void)
{
	struct stat after;

	if (!judged())
		return;
	CU_ASSERT_EQUAL(outcome(&reads, read_it), 0);
	CU_ASSERT_EQUAL(outcome(&reads, read_another), EACCES);
	CU_ASSERT_EQUAL(outcome(&reads, write_it), EACCES);
	CU_ASSERT_EQUAL(outcome(&reads, write_and_read_it), EACCES);
	CU_ASSERT_NOT_EQUAL(outcome(&reads, empty_it), 0);
	CU_ASSERT_EQUAL(outcome(&reads, list_it), EACCES);
	CU_ASSERT_EQUAL(outcome(&reads, remove_it), EACCES);
	CU_ASSERT(stat(file, &after) == 0 && after.st_size == 4);
}

static void removes_what_is_named(void)
{
	if (!judged())
		return;
	CU_ASSERT_EQUAL(outcome(&removes, read_it), EACCES);
	CU_ASSERT_EQUAL(outcome(&removes, remove_another), EACCES);
	CU_ASSERT_EQUAL(outcome(&removes, remove_it), 0);
	CU_ASSERT_EQUAL(access(file, F_OK), -1);
	CU_ASSERT(make_file());
}

/* ---- calls ---- */

static long number;

static int call_it(void)
{
	/* Of three descriptors, no memory, and nobody's flags. */
	return syscall(number, 0, 0, 0, 0, 0, 0) < 0 ? errno : 0;
}

static int outcome_of(long call)
{
	number = call;
	return outcome(&nothing, call_it);
}

static void what_no_worker_does_ends_it(void)
{
	static const long calls[] = {
		SYS_execve,
		SYS_execveat,
		SYS_socket,
		SYS_ptrace,
		SYS_process_vm_readv,
		SYS_process_vm_writev,
		SYS_mount,
		SYS_umount2,
		SYS_pivot_root,
		SYS_chroot,
		SYS_setns,
		SYS_unshare,
		SYS_init_module,
		SYS_finit_module,
		SYS_delete_module,
		SYS_kexec_load,
		SYS_reboot,
		SYS_swapon,
		SYS_bpf,
		SYS_perf_event_open,
		SYS_userfaultfd,
		SYS_add_key,
		SYS_request_key,
		SYS_keyctl,
		SYS_clone, /* with no flags it is a fork */
	};

	if (!judged())
		return;
	for (size_t i = 0; i < COUNT(calls); i++) {
		int came = outcome_of(calls[i]);

		if (came != KILLED + SIGSYS)
			printf("    system call %ld: %d\n", calls[i], came);
		CU_ASSERT_EQUAL(came, KILLED + SIGSYS);
	}
}

static void what_libc_may_try_is_missing(void)
{
	static const long calls[] = {SYS_clone3,      SYS_io_uring_setup, SYS_openat2, SYS_statx,
				     SYS_close_range, SYS_memfd_create,	  SYS_kill,    SYS_connect,
				     SYS_setuid,      SYS_fchmodat,	  SYS_tkill,   999};

	if (!judged())
		return;
	for (size_t i = 0; i < COUNT(calls); i++)
		CU_ASSERT_EQUAL(outcome_of(calls[i]), ENOSYS);
}

static int map_code(void)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return code == MAP_FAILED ? errno : 0;
}

static int make_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || mprotect(page, 4096, PROT_READ))
		return 0;
	return mprotect(page, 4096, PROT_READ | PROT_EXEC) ? errno : 0;
}

static int push_input(void)
{
	return ioctl(0, TIOCSTI, "x") ? errno : 0;
}

static int become_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1) ? errno : 0;
}

static int look_at_itself(void)
{
	struct rlimit limit;

	return prctl(PR_SET_NAME, "lanes") || getrlimit(RLIMIT_CORE, &limit) ||
			       ioctl(1, FIONBIO, &(int){0})
		       ? errno
		       : 0;
}

static int limit_the_parent(void)
{
	struct rlimit limit;

	return prlimit(getppid(), RLIMIT_CORE, NULL, &limit) ? errno : 0;
}

static int signal_the_parent(void)
{
	return (int)syscall(SYS_tgkill, getppid(), getppid(), 0) ? errno : 0;
}

static void arguments_decide(void)
{
	if (!judged())
		return;
	CU_ASSERT_EQUAL(outcome(&nothing, map_code), ENOSYS);
	CU_ASSERT_EQUAL(outcome(&nothing, make_code), ENOSYS);
	CU_ASSERT_EQUAL(outcome(&nothing, push_input), ENOSYS);
	CU_ASSERT_EQUAL(outcome(&nothing, become_dumpable), ENOSYS);
	CU_ASSERT_EQUAL(outcome(&nothing, look_at_itself), 0);
	CU_ASSERT_EQUAL(outcome(&nothing, limit_the_parent), ENOSYS);
	CU_ASSERT_EQUAL(outcome(&nothing, signal_the_parent), ENOSYS);
}

/* ---- connections ---- */

static struct sockaddr_in peer;
static struct sandbox connects;

static int open_socket(int family, int type, int protocol)
{
	int fd = socket(family, type, protocol);

	return fd < 0 ? errno : 0;
}

static int open_datagrams(void)
{
	return open_socket(AF_INET, SOCK_DGRAM, 0);
}

static int open_multipath(void)
{
	return open_socket(AF_INET, SOCK_STREAM, 262);
}

static int open_unix(void)
{
	return open_socket(AF_UNIX, SOCK_STREAM, 0);
}

static int open_v6(void)
{
	return open_socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in to = peer;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	to.sin_port = htons(port);
	return fd < 0 || (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
		       ? errno
		       : 0;
}

static int connect_there(void)
{
	return connect_to(connects.connects);
}

static int connect_elsewhere(void)
{
	return connect_to(1);
}

static int connect_by_sending(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&peer, sizeof(peer)) < 0 ? errno
											    : 0;
}

static void connects_to_what_is_named(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(peer);

	if (!judged())
		return;
	peer = (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&peer, len) == 0 && listen(fd, 8) == 0 &&
			getsockname(fd, (struct sockaddr *)&peer, &len) == 0);
	connects = (struct sandbox){.connects = ntohs(peer.sin_port)};
	CU_ASSERT_EQUAL(outcome(&connects, connect_there), 0);
	CU_ASSERT_EQUAL(outcome(&connects, connect_by_sending), ENOSYS);
	CU_ASSERT_EQUAL(outcome(&connects, open_v6), 0);
	CU_ASSERT_EQUAL(outcome(&connects, open_datagrams), ENOSYS);
	CU_ASSERT_EQUAL(outcome(&connects, open_multipath), ENOSYS);
	CU_ASSERT_EQUAL(outcome(&connects, open_unix), ENOSYS);
	CU_ASSERT_EQUAL(outcome(&nothing, connect_there), KILLED + SIGSYS);
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 4)
		CU_ASSERT_EQUAL(outcome(&connects, connect_elsewhere), EACCES);
	close(fd);
}

static int abort_it(void)
{
	abort();
}

static void *abort_on_thread(void *unused)
{
	(void)unused;
	abort();
}

static int abort_it_on_a_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, abort_on_thread, NULL) || pthread_join(thread, NULL);
}

static void *open_on_thread(void *came)
{
	*(int *)came = read_it();
	return NULL;
}

static int start_thread(void)
{
	pthread_t thread;
	int came = 0;

	if (pthread_create(&thread, NULL, open_on_thread, &came) || pthread_join(thread, NULL))
		return 1;
	return came;
}

static void threads_and_aborts_remain(void)
{
	if (!judged())
		return;
	CU_ASSERT(!MAY_START_THREADS || outcome(&nothing, start_thread) == EACCES);
	CU_ASSERT_EQUAL(outcome(&nothing, abort_it), KILLED + SIGABRT);
	CU_ASSERT(!MAY_START_THREADS ||
		  outcome(&nothing, abort_it_on_a_thread) == KILLED + SIGABRT);
}

/* ---- what is missing ---- */

/* A kernel that lacks both, or a container that says so. */
static int without(void)
{
	const int calls[] = {SCMP_SYS(seccomp), SCMP_SYS(landlock_create_ruleset)};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	struct caught caught;
	bool told;

	for (size_t i = 0; i < COUNT(calls); i++)
		seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), calls[i], 0);
	seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
			 SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0));
	if (seccomp_load(filter))
		return 1;
	seccomp_release(filter);
	log_init("test");
	caught_begin();
	sandbox_enter(&nothing);
	caught_end(&caught);
	told = caught_one_line(&caught, " level=warning worker=test pid=") &&
	       caught_one_line(&caught, " event=sandbox-incomplete "
					"landlock=\"Function not implemented\" seccomp=");
	return told ? read_it() : 1;
}

static void what_is_missing_is_left(void)
{
	int status = 0;
	pid_t pid;

	if (!judged())
		return;
	pid = fork();
	if (pid == 0)
		_exit(without());
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
}

static const struct sandbox missing = {.reads = "/proc/missing"};
static const struct sandbox unspooled = {.spool = "/proc/missing"};
static struct sandbox far_off; /* its path is too long */

static void what_cannot_be_had_is_told(void)
{
	static char path[8192];
	static const struct {
		const struct sandbox *needs;
		rlim_t files;
		const char *why;
	} cases[] = {
		{&missing, 1024, "landlock=\"No such file or directory\" seccomp=on"},
		{&unspooled, 1024, "landlock=\"No such file or directory\" seccomp=on"},
		{&far_off, 1024, "landlock=\"File name too long\" seccomp=on"},
		{&nothing, 0, "landlock=\"Too many open files\" seccomp=on"},
	};

	far_off.removes = memset(path, '/', sizeof(path) - 1);
	for (size_t i = 0; i < COUNT(cases) && judged(); i++) {
		char line[512] = "";
		int ends[2];
		pid_t pid;

		CU_ASSERT_FATAL(pipe(ends) == 0);
		pid = fork();
		if (pid == 0) {
			dup2(ends[1], STDERR_FILENO);
			log_init("test");
			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
			setrlimit(RLIMIT_NOFILE, &(struct rlimit){cases[i].files, cases[i].files});
			sandbox_enter(cases[i].needs);
			_exit(0);
		}
		close(ends[1]);
		CU_ASSERT(read(ends[0], line, sizeof(line) - 1) > 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(line, cases[i].why));
		close(ends[0]);
		waitpid(pid, NULL, 0);
	}
}

static int make_folder(void)
{
	if (!mkdtemp(folder))
		return 1;
	snprintf(file, sizeof(file), "%s/file", folder);
	return !make_file();
}

static int remove_folder(void)
{
	return unlink(file) || rmdir(folder);
}

static const struct test tests[] = {
	{"no file is opened or removed", opens_nothing},
	{"in the spool it makes files without names, and nothing else", spools_without_names},
	{"what is named may be read", reads_what_is_named},
	{"what is named may be removed", removes_what_is_named},
	{"what no worker ever does ends it", what_no_worker_does_ends_it},
	{"what libc may try is not there", what_libc_may_try_is_missing},
	{"of some calls the arguments decide", arguments_decide},
	{"what is named may be connected to, by TCP", connects_to_what_is_named},
	{"threads are bound as well, and a worker may abort", threads_and_aborts_remain},
	{"what cannot be had is told", what_cannot_be_had_is_told},
	{"what the kernel lacks is left, and told", what_is_missing_is_left},
};

const struct suite sandbox_suite = {"sandbox", tests, COUNT(tests), make_folder, remove_folder};
