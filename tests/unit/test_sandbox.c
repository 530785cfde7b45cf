#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netdb.h>
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
#include "../support/machine.h"
#include "base/log.h"
#include "caught.h"
#include "client/names.h"
#include "engine/sandbox.h"

/* ThreadSanitizer starts none in the child of a process that had some. */
#ifdef __SANITIZE_THREAD__
enum { MAY_START_THREADS = 0 };
#else
enum { MAY_START_THREADS = 1 };
#endif

enum { REFUSED = -1, KILLED = 1000 }; /* with any error; and the signal */

static char folder[] = "/tmp/lanes-sandbox.XXXXXX";
static char file[sizeof(folder) + 8];

static const struct sandbox nothing = {0};
static const struct sandbox reads = {.reads = folder};
static const struct sandbox spools = {.spool = folder};
static const struct sandbox fetches = {.fetches = true};
static const struct sandbox removes = {.removes = file};

/* What is tried in a sandbox, and comes to an errno, 0, REFUSED or KILLED. */
struct attempt {
	const struct sandbox *needs; /* NULL: it is in none */
	int outcome;
	int (*make)(const struct attempt *attempt);
	long args[7]; /* flags, or a system call and what it is given */
	const char *path;
};

/* What comes of it, in a process of its own. */
static int outcome(const struct attempt *attempt)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (attempt->needs)
			sandbox_enter(attempt->needs);
		_exit(attempt->make(attempt));
	}
	CU_ASSERT_FATAL(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? KILLED + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool judged(void)
{
	if (machine_is_valgrind())
		not_judged("valgrind would be in the sandbox as well");
	else if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1)
		not_judged("this kernel has no landlock");
	else if (prctl(PR_GET_SECCOMP) < 0)
		not_judged("this kernel has no seccomp");
	else
		return true;
	return false;
}

static void try_it(const struct attempt *attempt)
{
	int came = outcome(attempt);
	bool right = attempt->outcome == REFUSED ? came != 0 : came == attempt->outcome;

	if (!right)
		printf("    path %s, arguments %ld %ld %ld: %d\n",
		       attempt->path ? attempt->path : "none", attempt->args[0], attempt->args[1],
		       attempt->args[2], came);
	CU_ASSERT(right);
}

/* A test that is nothing but attempts: it has their list, which ends with none. */
static void try_all(void)
{
	const struct attempt *attempt = harness_test()->data;

	for (bool is_judged = judged(); is_judged && attempt->make; attempt++)
		try_it(attempt);
}

#define ATTEMPTS(...)                                                                              \
	(const struct attempt[])                                                                   \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}

/* ---- files ---- */

/* By both calls, which must come to the same. */
static int open_it(const struct attempt *attempt)
{
	int flags = (int)attempt->args[0];
	int err = open(attempt->path, flags, 0600) < 0 ? errno : 0;

#ifdef SYS_open
	if ((syscall(SYS_open, attempt->path, flags, 0600) < 0 ? errno : 0) != err)
		return 255;
#endif
	return err;
}

static int remove_it(const struct attempt *attempt)
{
	return unlink(attempt->path) ? errno : 0;
}

static int spool_it(const struct attempt *attempt)
{
	int fd = open(attempt->path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char byte;

	if (fd < 0)
		return errno;
	return pwrite(fd, "x", 1, 0) == 1 && pread(fd, &byte, 1, 0) == 1 && byte == 'x' ? 0 : EIO;
}

static bool make_file(void)
{
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
	bool made = write(fd, "text", 4) == 4;

	close(fd);
	return made;
}

/* Of every test but one, which makes it again. */
static void expect_the_file_untouched(void)
{
	struct stat after;

	CU_ASSERT(stat(file, &after) == 0 && after.st_size == 4);
}

static void removes_what_is_named(void)
{
	try_all();
	if (!judged())
		return;
	CU_ASSERT_EQUAL(access(file, F_OK), -1);
	CU_ASSERT(make_file());
}

/* ---- calls ---- */

static int call_it(const struct attempt *attempt)
{
	const long *args = attempt->args;

	return syscall(args[0], args[1], args[2], args[3], args[4], args[5], args[6]) < 0 ? errno
											  : 0;
}

/* Of three descriptors, no memory, and nobody's flags: with no flags SYS_clone is a fork. */
static void what_no_worker_does_ends_it(void)
{
	static const long calls[] = {SYS_execve,
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
				     SYS_clone};

	for (size_t i = 0; i < COUNT(calls) && judged(); i++)
		try_it(&(struct attempt){&nothing, KILLED + SIGSYS, call_it, {calls[i]}});
}

static void what_libc_may_try_is_missing(void)
{
	static const long calls[] = {SYS_clone3,      SYS_io_uring_setup, SYS_openat2, SYS_statx,
				     SYS_close_range, SYS_memfd_create,	  SYS_kill,    SYS_connect,
				     SYS_setuid,      SYS_fchmodat,	  SYS_tkill,   999};

	for (size_t i = 0; i < COUNT(calls) && judged(); i++)
		try_it(&(struct attempt){&nothing, ENOSYS, call_it, {calls[i]}});
}

static int look_at_itself(const struct attempt *attempt)
{
	struct rlimit limit;

	(void)attempt;
	return prctl(PR_SET_NAME, "lanes") || getrlimit(RLIMIT_CORE, &limit) ||
			       ioctl(1, FIONBIO, &(int){0})
		       ? errno
		       : 0;
}

/* ---- connections ---- */

static struct sockaddr_in peer;
static struct sandbox connects;

/* To the peer's port, or to the one that is given. */
static int connect_it(const struct attempt *attempt)
{
	struct sockaddr_in to = peer;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (attempt->args[0])
		to.sin_port = htons((uint16_t)attempt->args[0]);
	return fd < 0 || (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
		       ? errno
		       : 0;
}

static int connect_and_wait(const struct attempt *attempt)
{
	struct sockaddr_in to = peer;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_port = htons((uint16_t)attempt->args[0]);
	return connect(fd, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;
}

static int connect_by_sending(const struct attempt *attempt)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)attempt;
	return sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&peer, sizeof(peer)) < 0 ? errno
											    : 0;
}

static int look_up(const struct attempt *attempt)
{
	struct addrinfo *found;
	int failure = getaddrinfo(attempt->path, NULL, NULL, &found);

	return failure == EAI_SYSTEM ? errno : failure ? 255 : 0;
}

static int listen_to_peer(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(peer);

	peer = (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&peer, len) == 0 && listen(fd, 8) == 0 &&
			getsockname(fd, (struct sockaddr *)&peer, &len) == 0);
	connects = (struct sandbox){.connects = ntohs(peer.sin_port)};
	return fd;
}

static void fetches_from_anywhere(void)
{
	int fd = listen_to_peer();

	names_prepare();
	try_all();
	close(fd);
}

static void connects_to_what_is_named(void)
{
	int fd = listen_to_peer();

	try_all();
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 4 &&
	    judged())
		try_it(&(struct attempt){&connects, EACCES, connect_it, {1}});
	close(fd);
}

/* ---- threads ---- */

static int abort_it(const struct attempt *attempt)
{
	(void)attempt;
	abort();
}

static void *abort_on_thread(void *attempt)
{
	return (void *)(intptr_t)abort_it(attempt);
}

static void *open_on_thread(void *attempt)
{
	return (void *)(intptr_t)open_it(attempt);
}

static int run_on_thread(void *(*run)(void *attempt), const struct attempt *attempt)
{
	pthread_t thread;
	void *came;

	if (pthread_create(&thread, NULL, run, (void *)attempt) || pthread_join(thread, &came))
		return 1;
	return (int)(intptr_t)came;
}

static int abort_it_on_a_thread(const struct attempt *attempt)
{
	return run_on_thread(abort_on_thread, attempt);
}

static int open_it_on_a_thread(const struct attempt *attempt)
{
	return run_on_thread(open_on_thread, attempt);
}

static void threads_are_bound(void)
{
	if (MAY_START_THREADS)
		try_all();
	if (judged())
		try_it(&(struct attempt){&nothing, KILLED + SIGABRT, abort_it});
}

/* ---- what is missing ---- */

/* A kernel that lacks both, or a container that says so. */
static int without(const struct attempt *attempt)
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
	return told ? open_it(attempt) : 1;
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
	{"no file is opened or removed", try_all,
	 ATTEMPTS({&nothing, EACCES, open_it, {O_RDONLY}, file},
		  {&nothing, EACCES, open_it, {O_WRONLY}, file},
		  {&nothing, EACCES, open_it, {O_RDWR | O_CREAT}, file},
		  {&nothing, EACCES, open_it, {O_RDONLY | O_DIRECTORY}, folder},
		  {&nothing, EACCES, spool_it, .path = folder},
		  {&nothing, EACCES, remove_it, .path = file})},
	{"in the spool it makes files without names, and nothing else", try_all,
	 ATTEMPTS({&spools, 0, spool_it, .path = folder},
		  {&spools, EACCES, open_it, {O_TMPFILE | O_RDWR}, "/tmp"},
		  {&spools, EACCES, open_it, {O_RDONLY}, file},
		  {&spools, EACCES, open_it, {O_WRONLY}, file},
		  {&spools, EACCES, open_it, {O_RDWR | O_CREAT}, file},
		  {&reads, EACCES, spool_it, .path = folder})},
	{"what is named may be read", try_all,
	 ATTEMPTS({&reads, 0, open_it, {O_RDONLY}, file},
		  {&reads, EACCES, open_it, {O_RDONLY}, "/etc/passwd"},
		  {&reads, EACCES, open_it, {O_WRONLY}, file},
		  {&reads, EACCES, open_it, {O_RDWR | O_CREAT}, file},
		  {&reads, REFUSED, open_it, {O_RDONLY | O_TRUNC}, file},
		  {&reads, EACCES, open_it, {O_RDONLY | O_DIRECTORY}, folder},
		  {&reads, EACCES, remove_it, .path = file})},
	{"what is named may be removed", removes_what_is_named,
	 ATTEMPTS({&removes, EACCES, open_it, {O_RDONLY}, file},
		  {&removes, EACCES, remove_it, .path = "/proc/version"},
		  {&removes, 0, remove_it, .path = file})},
	{"what no worker ever does ends it", what_no_worker_does_ends_it},
	{"what libc may try is not there", what_libc_may_try_is_missing},
	/* Memory that is not there cannot be protected; process 1 is another. */
	{"of some calls the arguments decide", try_all,
	 ATTEMPTS({&nothing,
		   ENOSYS,
		   call_it,
		   {SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
		  {&nothing, ENOMEM, call_it, {SYS_mprotect, 4096, 4096, PROT_READ}},
		  {&nothing, ENOSYS, call_it, {SYS_mprotect, 4096, 4096, PROT_READ | PROT_EXEC}},
		  {&nothing, ENOSYS, call_it, {SYS_ioctl, 0, TIOCSTI}},
		  {&nothing, ENOSYS, call_it, {SYS_prctl, PR_SET_DUMPABLE, 1}},
		  {&nothing, 0, look_at_itself},
		  {&nothing, ENOSYS, call_it, {SYS_prlimit64, 1, RLIMIT_CORE}},
		  {&nothing, EINVAL, call_it, {SYS_sched_setaffinity, 0}}, /* to no CPU */
		  {&nothing, ENOSYS, call_it, {SYS_sched_setaffinity, 1}},
		  {&nothing, ENOSYS, call_it, {SYS_tgkill, 1, 1}})},
	/* 262 is multipath. */
	{"what is named may be connected to, by TCP", connects_to_what_is_named,
	 ATTEMPTS({&connects, 0, connect_it}, {&connects, ENOSYS, connect_by_sending},
		  {&connects, 0, call_it, {SYS_socket, AF_INET6, SOCK_STREAM | SOCK_CLOEXEC}},
		  {&connects, ENOSYS, call_it, {SYS_socket, AF_INET, SOCK_DGRAM}},
		  {&connects, ENOSYS, call_it, {SYS_socket, AF_INET, SOCK_STREAM, 262}},
		  {&connects, ENOSYS, call_it, {SYS_socket, AF_UNIX, SOCK_STREAM}},
		  {&nothing, KILLED + SIGSYS, connect_it})},
	{"who fetches looks up names, and connects anywhere", fetches_from_anywhere,
	 ATTEMPTS({&fetches, 0, connect_it}, {&fetches, ECONNREFUSED, connect_and_wait, {1}},
		  {&fetches, ENOSYS, connect_by_sending},
		  {&fetches, 0, look_up, .path = "localhost"},
		  {&fetches, 0, call_it, {SYS_socket, AF_INET6, SOCK_STREAM, IPPROTO_TCP}},
		  {&fetches, 0, call_it, {SYS_socket, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK}},
		  {&fetches, ENOSYS, call_it, {SYS_socket, AF_INET, SOCK_RAW}},
		  {&fetches, ENOSYS, call_it, {SYS_socket, AF_UNIX, SOCK_STREAM}},
		  {&fetches, ENOSYS, call_it, {SYS_socket, AF_NETLINK, SOCK_RAW}},
		  {&fetches, 0, open_it, {O_RDONLY}, "/etc/hosts"},
		  {&fetches, EACCES, open_it, {O_RDONLY}, "/etc/passwd"},
		  {&fetches, EACCES, open_it, {O_RDWR}, "/etc/hosts"})},
	{"threads are bound as well, and a worker may abort", threads_are_bound,
	 ATTEMPTS({&nothing, EACCES, open_it_on_a_thread, {O_RDONLY}, file},
		  {&nothing, KILLED + SIGABRT, abort_it_on_a_thread})},
	{"what cannot be had is told", what_cannot_be_had_is_told},
	{"what the kernel lacks is left, and told", try_all,
	 ATTEMPTS({NULL, 0, without, {O_RDONLY}, file})},
};

const struct suite sandbox_suite = {"sandbox",	 tests,		COUNT(tests),
				    make_folder, remove_folder, .after = expect_the_file_untouched};
