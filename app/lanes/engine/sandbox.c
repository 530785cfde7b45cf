/*
 * The filter answers in three ways. What a worker needs is allowed. What none ever does, and who
 * has taken it over would do first, ends the process (SIGSYS). Everything else is a call that this
 * kernel seems not to have: libc and libuv try newer ones, and do without.
 */
#include "engine/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/landlock.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- landlock ---- */

/* As of version 6. Older headers lack the last two; older kernels take them if they are 0. */
struct ruleset {
	uint64_t files;
	uint64_t net;
	uint64_t scoped;
};

enum { NET_VERSION = 4, NET_CONNECT = 2, NET = 1 /* bind */ | NET_CONNECT };
enum { SCOPED_VERSION = 6, SCOPED = 3 /* abstract sockets, signals */ };

/* Everything that this version can forbid: a bit for each right. */
static struct ruleset everything(long version)
{
	static const unsigned rights[] = {0, 13, 14, 15, 15, 16};
	size_t known = version < (long)COUNT(rights) ? (size_t)version : COUNT(rights) - 1;

	return (struct ruleset){
		.files = (UINT64_C(1) << rights[known]) - 1,
		.net = version >= NET_VERSION ? NET : 0,
		.scoped = version >= SCOPED_VERSION ? SCOPED : 0,
	};
}

static int allow_below(int ruleset, const char *folder, uint64_t right)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = right};
	int err = 0;

	rule.parent_fd = open(folder, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return -errno;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
		err = -errno;
	close(rule.parent_fd);
	return err;
}

static int allow_removal(int ruleset, const char *file)
{
	char path[PATH_MAX];
	size_t size = strlen(file) + 1;

	if (size > sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, file, size);
	return allow_below(ruleset, dirname(path), LANDLOCK_ACCESS_FS_REMOVE_FILE);
}

/* As of version 4, for headers that lack it. */
static int allow_port(int ruleset, uint16_t port)
{
	enum { RULE_NET_PORT = 2 };
	const uint64_t rule[] = {NET_CONNECT, port};

	return syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, rule, 0) ? -errno : 0;
}

/* What looks up names, and TLS. Few machines have all of it. */
static int allow_fetches(int ruleset)
{
	static const char *const paths[] = {
		"/etc/hosts",
		"/etc/resolv.conf",
		"/etc/nsswitch.conf",
		"/etc/host.conf",
		"/etc/gai.conf",
		"/etc/services",
		"/run/systemd/resolve",
		"/etc/ssl/openssl.cnf",
		"/etc/ssl/certs",
		"/usr/share/ca-certificates",
		"/usr/local/share/ca-certificates",
	};
	int err = 0;

	for (size_t i = 0; i < COUNT(paths) && !err; i++) {
		err = allow_below(ruleset, paths[i], LANDLOCK_ACCESS_FS_READ_FILE);
		if (err == -ENOENT || err == -EACCES)
			err = 0;
	}
	return err;
}

static int restrict_files(const struct sandbox *needs)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset rules;
	int fd;
	int err = 0;

	if (version < 0)
		return -errno;
	rules = everything(version);
	if (needs->fetches)
		rules.net &= ~(uint64_t)NET_CONNECT;
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (fd < 0)
		return -errno;
	if (needs->reads)
		err = allow_below(fd, needs->reads, LANDLOCK_ACCESS_FS_READ_FILE);
	if (!err && needs->spool)
		err = allow_below(fd, needs->spool,
				  LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
	if (!err && needs->removes)
		err = allow_removal(fd, needs->removes);
	if (!err && needs->fetches)
		err = allow_fetches(fd);
	if (!err && needs->trusts)
		err = allow_below(fd, needs->trusts, LANDLOCK_ACCESS_FS_READ_FILE);
	if (!err && needs->database_trusts)
		err = allow_below(fd, needs->database_trusts, LANDLOCK_ACCESS_FS_READ_FILE);
	if (!err && needs->connects && (rules.net & NET_CONNECT))
		err = allow_port(fd, needs->connects);
	if (!err && needs->database_port && (rules.net & NET_CONNECT))
		err = allow_port(fd, needs->database_port);
	if (!err && syscall(SYS_landlock_restrict_self, fd, 0))
		err = -errno;
	close(fd);
	return err;
}

/* ---- seccomp ---- */

/* What files that are closed to us answer, too. */
#define REFUSE SCMP_ACT_ERRNO(EACCES)

/* A machine that lacks one of these knows its name all the same. */
static const int allowed[] = {
	/* what is open */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(fcntl),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(eventfd2),
	SCMP_SYS(pipe2),
	/* connections */
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(recvfrom),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	/* waiting */
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(restart_syscall),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	/* threads */
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(gettid),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(getpriority),
	SCMP_SYS(setpriority),
	SCMP_SYS(exit),
	/* signals */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sigaltstack),
	/* the process */
	SCMP_SYS(getpid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getrandom),
	SCMP_SYS(sysinfo),
	SCMP_SYS(uname),
	SCMP_SYS(exit_group),
};

static const int deadly[] = {
	/* another program, process or socket */
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	/* other processes */
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd),
	/* the machine */
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(move_mount),
	SCMP_SYS(open_tree),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	/* what the kernel's own faults are reached by */
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
};

/* Calls of which an argument decides. */
struct rule {
	uint32_t action;
	int call;
	struct scmp_arg_cmp when;
};

#define WHEN(argument, mask, value)                                                                \
	{                                                                                          \
		argument, SCMP_CMP_MASKED_EQ, mask, value                                          \
	}
#define IS(argument, value) WHEN(argument, UINT64_MAX, value)

static const struct rule decided[] = {
	/* Nothing that is written is ever run. */
	{SCMP_ACT_ALLOW, SCMP_SYS(mmap), WHEN(2, PROT_EXEC, 0)},
	{SCMP_ACT_ALLOW, SCMP_SYS(mprotect), WHEN(2, PROT_EXEC, 0)},
	/* A thread; clone3, whose flags are not seen here, is missing. */
	{SCMP_ACT_ALLOW, SCMP_SYS(clone), WHEN(0, CLONE_THREAD, CLONE_THREAD)},
	{SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), WHEN(0, CLONE_THREAD, 0)},
	{SCMP_ACT_ALLOW, SCMP_SYS(sendto), WHEN(3, MSG_FASTOPEN, 0)}, /* which would connect */
	{SCMP_ACT_ALLOW, SCMP_SYS(ioctl), IS(1, FIONBIO)},
	{SCMP_ACT_ALLOW, SCMP_SYS(prctl), IS(0, PR_SET_NAME)},
	{SCMP_ACT_ALLOW, SCMP_SYS(sched_setaffinity), IS(0, 0)}, /* of the thread that calls it */
	{SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), IS(0, 0)}, /* of its own, as is every stack's size */
};

/* A file without a name; the rest of the flag says that it is made in a folder. */
enum { NAMELESS = O_TMPFILE & ~O_DIRECTORY };

static const struct rule reading[] = {
	{SCMP_ACT_ALLOW, SCMP_SYS(open), WHEN(1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)},
	{SCMP_ACT_ALLOW, SCMP_SYS(openat),
	 WHEN(2, O_ACCMODE | O_CREAT | O_TRUNC | NAMELESS, O_RDONLY)},
	{REFUSE, SCMP_SYS(open), WHEN(1, O_ACCMODE, O_WRONLY)},
	{REFUSE, SCMP_SYS(open), WHEN(1, O_ACCMODE, O_RDWR)},
	{REFUSE, SCMP_SYS(openat), WHEN(2, O_ACCMODE | NAMELESS, O_WRONLY)},
	{REFUSE, SCMP_SYS(openat), WHEN(2, O_ACCMODE | NAMELESS, O_RDWR)},
};

static const struct rule not_reading[] = {
	{REFUSE, SCMP_SYS(open), WHEN(1, 0, 0)},
	{REFUSE, SCMP_SYS(openat), WHEN(2, NAMELESS, 0)},
};

/* Both go on only where nothing went wrong before, and return the first error. */
static int add(scmp_filter_ctx filter, int err, const struct rule *list, size_t count)
{
	for (size_t i = 0; i < count && !err; i++)
		err = seccomp_rule_add(filter, list[i].action, list[i].call, 1, list[i].when);
	return err;
}

static int add_all(scmp_filter_ctx filter, int err, const int *calls, size_t count, uint32_t action)
{
	for (size_t i = 0; i < count && !err; i++)
		err = seccomp_rule_add(filter, action, calls[i], 0);
	return err;
}

static int add_sockets(scmp_filter_ctx filter, int err, uint64_t type, uint64_t protocol)
{
	static const int families[] = {AF_INET, AF_INET6};
	const uint64_t mask = ~(uint64_t)(SOCK_NONBLOCK | SOCK_CLOEXEC);

	for (size_t i = 0; i < COUNT(families) && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3,
				       SCMP_A0(SCMP_CMP_EQ, (uint64_t)families[i], 0),
				       SCMP_A1(SCMP_CMP_MASKED_EQ, mask, type),
				       SCMP_A2(SCMP_CMP_EQ, protocol, 0));
	return err;
}

/* TCP and nothing else: landlock knows the ports of no other. */
static int add_connecting(scmp_filter_ctx filter, int err)
{
	err = add_sockets(filter, err, SOCK_STREAM, 0);
	return err ? err : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);
}

/* UDP is for name servers. Other sockets that libc would have (of services of this machine, and to
 * ask which addresses this has) it does without. */
static int add_fetching(scmp_filter_ctx filter, int err)
{
	static const int calls[] = {SCMP_SYS(sendmmsg), SCMP_SYS(sendmsg), SCMP_SYS(recvmsg)};
	static const struct rule asking[] = {{SCMP_ACT_ALLOW, SCMP_SYS(ioctl), IS(1, FIONREAD)}};

	err = add_connecting(filter, err);
	err = add_sockets(filter, err, SOCK_STREAM, IPPROTO_TCP);
	err = add_sockets(filter, err, SOCK_DGRAM, 0);
	err = add_sockets(filter, err, SOCK_DGRAM, IPPROTO_UDP);
	err = add(filter, err, asking, COUNT(asking));
	return add_all(filter, err, calls, COUNT(calls), SCMP_ACT_ALLOW);
}

/* libpq asks how much there is to read, and how its connection does. Landlock asks nobody who
 * connects to a unix socket. */
static int add_database(scmp_filter_ctx filter, int err, bool local)
{
	const uint64_t type = ~(uint64_t)(SOCK_NONBLOCK | SOCK_CLOEXEC);
	static const struct rule asking[] = {{SCMP_ACT_ALLOW, SCMP_SYS(ioctl), IS(1, FIONREAD)}};

	err = add(filter, err, asking, COUNT(asking));
	if (!local)
		return err;
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
				       SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0),
				       SCMP_A1(SCMP_CMP_MASKED_EQ, type, SOCK_STREAM));
	return err ? err : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);
}

static int fill(scmp_filter_ctx filter, const struct sandbox *needs)
{
	static const int socket_call[] = {SCMP_SYS(socket)};
	const struct rule abort_ourselves = {SCMP_ACT_ALLOW, SCMP_SYS(tgkill),
					     IS(0, (uint64_t)getpid())};
	const struct rule spooling = {needs->spool ? SCMP_ACT_ALLOW : REFUSE, SCMP_SYS(openat),
				      WHEN(2, NAMELESS, NAMELESS)};
	static const int removing[] = {SCMP_SYS(unlink), SCMP_SYS(unlinkat)};
	int err = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1); /* the kernel's error */

	/* A tree: sendto, of which a flag decides, has the kernel look at each call. */
	if (!err)
		err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	err = add_all(filter, err, allowed, COUNT(allowed), SCMP_ACT_ALLOW);
	err = add_all(filter, err, deadly, COUNT(deadly), SCMP_ACT_KILL_PROCESS);
	err = add(filter, err, decided, COUNT(decided));
	err = add(filter, err, &abort_ourselves, 1);
	if (needs->reads || needs->fetches || needs->database_trusts)
		err = add(filter, err, reading, COUNT(reading));
	else
		err = add(filter, err, not_reading, COUNT(not_reading));
	err = add(filter, err, &spooling, 1);
	if (needs->fetches)
		err = add_fetching(filter, err);
	else if (needs->connects || needs->database_port)
		err = add_connecting(filter, err);
	else if (!needs->database_local)
		err = add_all(filter, err, socket_call, 1, SCMP_ACT_KILL_PROCESS);
	if (needs->database_port || needs->database_local)
		err = add_database(filter, err, needs->database_local);
	return add_all(filter, err, removing, COUNT(removing),
		       needs->removes ? SCMP_ACT_ALLOW : REFUSE);
}

static int restrict_calls(const struct sandbox *needs)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int err;

	if (!filter)
		return -ENOMEM;
	err = fill(filter, needs);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	malloc_trim(0); /* a tenth of a MB, in each worker */
	return err;
}

/* ---- both ---- */

static const char *told(int err)
{
	return err ? strerror(-err) : "on";
}

void sandbox_enter(const struct sandbox *needs)
{
	int files = restrict_files(needs);
	int calls = restrict_calls(needs);

	if (files || calls)
		log_event(LOG_LEVEL_WARNING, "sandbox-incomplete", "landlock", told(files),
			  "seccomp", told(calls), NULL);
}
