/*
 * For make dev: names calls that hold the loop, and those for which the sandbox ends the worker.
 *
 * Workers load this before the C library (LD_PRELOAD). It stands in for calls that may wait; what
 * they do stays the same. If one is made on the loop's thread while a handler runs, the place in
 * the service's own source is logged, once: what the library itself does there it knows to be
 * short.
 *
 * What the sandbox would end the worker for ends it all the same, but the place is logged first, on
 * whatever thread: the filter is told to send SIGSYS, in place of ending the process.
 *
 * A handler runs while log_subject is set, on the thread that main() began on. The program has to
 * be built with -g, and linked with -rdynamic.
 */
#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <lanes.h>
#include <link.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

enum { FRAMES = 64, PLACES = 256, TEXT_SIZE = 256 };

static _Thread_local bool on_loop;
static _Thread_local bool busy;		     /* it logs */
static const struct request *const *subject; /* log_subject of the loop's thread */
static void (*log_line)(enum log_level level, const char *event, ...);
static Dwarf *dwarf;			     /* of the program */
static uintptr_t base, text_begin, text_end; /* where the program is */
static uintptr_t places[PLACES];	     /* that were looked at */
static size_t place_count;
static bool sandboxed; /* or about to be */

static void *real(const char *name)
{
	/* Not RTLD_NEXT, which finds the oldest of several versions. */
	return dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), name);
}

/* ---- the program ---- */

static int find_program(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	base = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type == PT_LOAD && header->p_flags & PF_X) {
			text_begin = base + header->p_vaddr;
			text_end = text_begin + header->p_memsz;
		}
	}
	return 1; /* the program is the first */
}

static void open_program(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat file;
	char *image;

	elf_version(EV_CURRENT);
	if (fstat(fd, &file) == 0) {
		image = mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
			     0);
		if (image != MAP_FAILED)
			dwarf = dwarf_begin_elf(elf_memory(image, (size_t)file.st_size),
						DWARF_C_READ, NULL);
	}
	close(fd);
}

/* ---- where ---- */

/* "app/main.c:17"; false where the service's own source is not. */
static bool own_source(uintptr_t address, char text[TEXT_SIZE])
{
	Dwarf_Addr at = address - base - 1; /* the call, not what follows */
	Dwarf_CU *unit = NULL;
	Dwarf_Attribute attribute;
	Dwarf_Die die;

	while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
		const char *folder;
		const char *file;
		size_t len;
		int number = 0;
		Dwarf_Line *line;

		if (dwarf_haspc(&die, at) != 1)
			continue;
		line = dwarf_getsrc_die(&die, at);
		file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
		if (!file || dwarf_lineno(line, &number))
			return false;
		folder = dwarf_formstring(dwarf_attr(&die, DW_AT_comp_dir, &attribute));
		len = folder ? strlen(folder) : 0;
		if (len && !strncmp(file, folder, len) && file[len] == '/')
			file += len + 1;
		snprintf(text, TEXT_SIZE, "%s:%d", file, number);
		return file[0] != '/' && strncmp(file, "app/lanes/", 10) != 0 &&
		       strncmp(file, "app/admin/", 10) != 0;
	}
	return false;
}

/* The innermost place in the program, of those that brought us here; 0: none. */
static uintptr_t place(void)
{
	void *frames[FRAMES];
	int count = backtrace(frames, FRAMES);

	for (int i = 0; i < count; i++)
		if ((uintptr_t)frames[i] >= text_begin && (uintptr_t)frames[i] < text_end)
			return (uintptr_t)frames[i];
	return 0;
}

/* When there is no room for further ones, that is said, and no more are named. */
static bool is_new(uintptr_t address)
{
	for (size_t i = 0; i < place_count; i++)
		if (places[i] == address)
			return false;
	if (place_count == PLACES)
		return false;
	places[place_count++] = address;
	if (place_count == PLACES)
		log_line(LOG_LEVEL_WARNING, "blocking-calls-unnamed", "places", "256", NULL);
	return true;
}

/* ---- what is said ---- */

/* "GET /orders/{id}"; false where nobody is served yet, or any more. */
static bool what_runs(const struct request *req, char text[TEXT_SIZE])
{
	bool routed = req->route && req->route->path[0];
	struct slice path = routed ? slice_of(req->route->path) : req->path;

	if (req->co.untold)
		snprintf(text, TEXT_SIZE, "background");
	else
		snprintf(text, TEXT_SIZE, "%.*s %.*s", (int)req->method.len, req->method.data,
			 (int)path.len, path.data ? path.data : "");
	return path.len || req->co.untold;
}

static void holds(const char *call, const char *instead)
{
	char source[TEXT_SIZE];
	char handler[TEXT_SIZE];
	int saved = errno;
	uintptr_t address;

	if (!on_loop || busy || !subject || !*subject || !log_line || !dwarf)
		return;
	busy = true;
	address = place();
	if (address && what_runs(*subject, handler) && is_new(address) &&
	    own_source(address, source))
		log_line(LOG_LEVEL_ERROR, "blocking-call", "at", source, "call", call, "in",
			 handler, "use", instead, NULL);
	busy = false;
	errno = saved;
}

/* ---- what the sandbox forbids ---- */

/* The worker ends after this. */
static void forbidden(const char *call)
{
	char source[TEXT_SIZE] = "?";
	char handler[TEXT_SIZE];
	uintptr_t address;

	if (!sandboxed || !log_line || !dwarf)
		return;
	busy = true;
	address = place();
	if (address)
		own_source(address, source);
	if (!on_loop)
		strcpy(handler, "a thread");
	else if (!subject || !*subject || !what_runs(*subject, handler))
		strcpy(handler, "the start");
	log_line(LOG_LEVEL_ERROR, "sandbox-ends", "at", source, "call", call, "in", handler, NULL);
}

static void on_forbidden(int number, siginfo_t *info, void *unused)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, info->si_syscall);

	(void)unused;
	forbidden(name ? name : "syscall");
	raise(number);
}

int seccomp_rule_add(scmp_filter_ctx filter, uint32_t action, int call, unsigned count, ...)
{
	struct scmp_arg_cmp when[6];
	va_list list;

	va_start(list, count);
	for (unsigned i = 0; i < count; i++)
		when[i] = va_arg(list, struct scmp_arg_cmp);
	va_end(list);
	sandboxed = true;
	return seccomp_rule_add_array(filter,
				      action == SCMP_ACT_KILL_PROCESS ? SCMP_ACT_TRAP : action,
				      call, count, when);
}

/* The kernel sends SIGSYS to no handler of a thread that blocks it. */
int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	static int (*call)(int how, const sigset_t *set, sigset_t *old);
	sigset_t open;

	if (!call)
		call = (int (*)(int, const sigset_t *, sigset_t *))real("pthread_sigmask");
	if (set && how != SIG_UNBLOCK) {
		open = *set;
		sigdelset(&open, SIGSYS);
		set = &open;
	}
	return call(how, set, old);
}

/* ---- at the start, when files can be opened ---- */

__attribute__((constructor)) static void begin(void)
{
	void *frame[1];

	backtrace(frame, 1); /* loads what it needs */
	dl_iterate_phdr(find_program, NULL);
	open_program();
	sigaction(SIGSYS,
		  &(struct sigaction){.sa_sigaction = on_forbidden,
				      .sa_flags = SA_SIGINFO | SA_RESETHAND},
		  NULL);
	log_line = dlsym(RTLD_DEFAULT, "log_event");
	subject = dlsym(RTLD_DEFAULT, "log_subject");
	on_loop = true;
	if (!log_line || !subject || !dwarf)
		fprintf(stderr, "blocking calls are not seen: build with -g and -rdynamic\n");
}

/* ---- the calls ---- */

/* Whether what is done with it may wait. */
static bool waits(int fd)
{
	struct stat file;
	int flags;

	if (!on_loop || busy || !subject || !*subject)
		return false;
	flags = fcntl(fd, F_GETFL);
	return flags >= 0 &&
	       (!(flags & O_NONBLOCK) ||
		(fstat(fd, &file) == 0 && (S_ISREG(file.st_mode) || S_ISBLK(file.st_mode))));
}

#define SLEEP  "AWAIT(req, sleep_for(req, seconds))"
#define THREAD "AWAIT(req, run_in_threadpool(req, fn, arg))"
#define EVENT  "AWAIT(req, await_fd(req, fd, events)), or run_in_threadpool"

/* CALL(type, name, parameters, arguments, whether it may wait, what to use instead) */
/* NOLINTBEGIN(bugprone-macro-parentheses): no expressions */
#define CALL(type, name, parameters, arguments, condition, instead)                                \
	type name parameters                                                                       \
	{                                                                                          \
		static type(*call) parameters;                                                     \
		int saved = errno;                                                                 \
                                                                                                   \
		if (!call)                                                                         \
			call = (type(*) parameters)real(#name);                                    \
		if (condition)                                                                     \
			holds(#name, instead);                                                     \
		errno = saved;                                                                     \
		return call arguments;                                                             \
	}
/* NOLINTEND(bugprone-macro-parentheses) */

typedef const struct timespec *span;

CALL(unsigned, sleep, (unsigned s), (s), true, SLEEP)
CALL(int, usleep, (useconds_t us), (us), true, SLEEP)
CALL(int, nanosleep, (span wanted, struct timespec *left), (wanted, left), true, SLEEP)
CALL(int, clock_nanosleep, (clockid_t id, int flags, span wanted, struct timespec *left),
     (id, flags, wanted, left), true, SLEEP)
CALL(int, thrd_sleep, (span wanted, struct timespec *left), (wanted, left), true, SLEEP)

CALL(ssize_t, read, (int fd, void *to, size_t n), (fd, to, n), waits(fd), EVENT)
CALL(ssize_t, readv, (int fd, const struct iovec *to, int n), (fd, to, n), waits(fd), EVENT)
CALL(ssize_t, pread, (int fd, void *to, size_t n, off_t at), (fd, to, n, at), waits(fd), THREAD)
CALL(ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n), waits(fd), EVENT)
CALL(ssize_t, writev, (int fd, const struct iovec *from, int n), (fd, from, n), waits(fd), EVENT)
CALL(ssize_t, pwrite, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at), waits(fd),
     THREAD)
CALL(ssize_t, pread64, (int fd, void *to, size_t n, off64_t at), (fd, to, n, at), waits(fd), THREAD)
CALL(ssize_t, pwrite64, (int fd, const void *from, size_t n, off64_t at), (fd, from, n, at),
     waits(fd), THREAD)
CALL(size_t, fread, (void *to, size_t size, size_t n, FILE *file), (to, size, n, file),
     waits(fileno(file)), THREAD)
CALL(char *, fgets, (char *to, int n, FILE *file), (to, n, file), waits(fileno(file)), THREAD)
CALL(ssize_t, getline, (char **to, size_t *n, FILE *file), (to, n, file), waits(fileno(file)),
     THREAD)
CALL(ssize_t, getdelim, (char **to, size_t *n, int end, FILE *file), (to, n, end, file),
     waits(fileno(file)), THREAD)
CALL(int, fgetc, (FILE * file), (file), waits(fileno(file)), THREAD)
CALL(int, getc, (FILE * file), (file), waits(fileno(file)), THREAD)
CALL(int, fflush, (FILE * file), (file), (file && waits(fileno(file))), THREAD)

/* As C99 and C23 have it. */
#define SCAN(name, with_list)                                                                      \
	int name(FILE *file, const char *format, ...)                                              \
	{                                                                                          \
		int (*call)(FILE *, const char *, va_list);                                        \
		va_list list;                                                                      \
		int count;                                                                         \
                                                                                                   \
		call = (int (*)(FILE *, const char *, va_list))real(#with_list);                   \
		if (waits(fileno(file)))                                                           \
			holds("fscanf", THREAD);                                                   \
		va_start(list, format);                                                            \
		count = call(file, format, list);                                                  \
		va_end(list);                                                                      \
		return count;                                                                      \
	}
SCAN(__isoc99_fscanf, __isoc99_vfscanf)
SCAN(__isoc23_fscanf, __isoc23_vfscanf)

#define MAY_WAIT (!(flags & MSG_DONTWAIT) && waits(fd))
CALL(ssize_t, recv, (int fd, void *to, size_t n, int flags), (fd, to, n, flags), MAY_WAIT, EVENT)
CALL(ssize_t, recvmsg, (int fd, struct msghdr *to, int flags), (fd, to, flags), MAY_WAIT, EVENT)
CALL(ssize_t, send, (int fd, const void *from, size_t n, int flags), (fd, from, n, flags), MAY_WAIT,
     EVENT)
CALL(ssize_t, sendmsg, (int fd, const struct msghdr *from, int flags), (fd, from, flags), MAY_WAIT,
     EVENT)
CALL(ssize_t, recvfrom,
     (int fd, void *to, size_t n, int flags, struct sockaddr *peer, socklen_t *len),
     (fd, to, n, flags, peer, len), MAY_WAIT, EVENT)
CALL(ssize_t, sendto,
     (int fd, const void *from, size_t n, int flags, const struct sockaddr *peer, socklen_t len),
     (fd, from, n, flags, peer, len), MAY_WAIT, EVENT)
CALL(int, connect, (int fd, const struct sockaddr *peer, socklen_t len), (fd, peer, len), waits(fd),
     EVENT)
CALL(int, accept, (int fd, struct sockaddr *peer, socklen_t *len), (fd, peer, len), waits(fd),
     EVENT)
CALL(int, accept4, (int fd, struct sockaddr *peer, socklen_t *len, int flags),
     (fd, peer, len, flags), waits(fd), EVENT)

CALL(int, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms), ms != 0, EVENT)
CALL(int, ppoll, (struct pollfd * fds, nfds_t n, span limit, const sigset_t *mask),
     (fds, n, limit, mask), !limit || limit->tv_sec || limit->tv_nsec, EVENT)
CALL(int, select, (int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *limit),
     (n, r, w, e, limit), !limit || limit->tv_sec || limit->tv_usec, EVENT)
CALL(int, pselect, (int n, fd_set *r, fd_set *w, fd_set *e, span limit, const sigset_t *mask),
     (n, r, w, e, limit, mask), !limit || limit->tv_sec || limit->tv_nsec, EVENT)
CALL(int, epoll_wait, (int fd, struct epoll_event *events, int n, int ms), (fd, events, n, ms),
     ms != 0, EVENT)

CALL(int, getaddrinfo,
     (const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **list),
     (node, service, hints, list), true, THREAD)
CALL(int, getnameinfo,
     (const struct sockaddr *address, socklen_t len, char *host, socklen_t host_size, char *service,
      socklen_t service_size, int flags),
     (address, len, host, host_size, service, service_size, flags), true, THREAD)
CALL(struct hostent *, gethostbyname, (const char *name), (name), true, THREAD)

CALL(int, pthread_join, (pthread_t thread, void **value), (thread, value), true, THREAD)
CALL(int, thrd_join, (thrd_t thread, int *value), (thread, value), true, THREAD)
CALL(int, pthread_cond_wait, (pthread_cond_t * cond, pthread_mutex_t *mutex), (cond, mutex), true,
     THREAD)
CALL(int, pthread_cond_timedwait, (pthread_cond_t * cond, pthread_mutex_t *mutex, span limit),
     (cond, mutex, limit), true, THREAD)
CALL(int, pthread_barrier_wait, (pthread_barrier_t * barrier), (barrier), true, THREAD)
CALL(int, sem_wait, (sem_t * semaphore), (semaphore), true, THREAD)
CALL(int, sem_timedwait, (sem_t * semaphore, span limit), (semaphore, limit), true, THREAD)

CALL(int, fsync, (int fd), (fd), true, THREAD)
CALL(int, fdatasync, (int fd), (fd), true, THREAD)
CALL(int, flock, (int fd, int operation), (fd, operation), !(operation & (LOCK_NB | LOCK_UN)),
     THREAD)
CALL(int, lockf, (int fd, int operation, off_t len), (fd, operation, len), operation == F_LOCK,
     THREAD)
CALL(int, lockf64, (int fd, int operation, off64_t len), (fd, operation, len), operation == F_LOCK,
     THREAD)
CALL(pid_t, wait, (int *status), (status), true, THREAD)
CALL(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options),
     !(options & WNOHANG), THREAD)
CALL(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int options), (type, id, info, options),
     !(options & WNOHANG), THREAD)

/* All signals are blocked when these make a process. */
CALL(int, system, (const char *command), (command), (forbidden("system"), true), THREAD)
CALL(FILE *, popen, (const char *command, const char *type), (command, type),
     (forbidden("popen"), false), THREAD)
CALL(int, posix_spawn,
     (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *how, char *const arguments[], char *const environment[]),
     (pid, path, actions, how, arguments, environment), (forbidden("posix_spawn"), false), THREAD)
CALL(int, posix_spawnp,
     (pid_t * pid, const char *name, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *how, char *const arguments[], char *const environment[]),
     (pid, name, actions, how, arguments, environment), (forbidden("posix_spawnp"), false), THREAD)
CALL(int, pclose, (FILE * stream), (stream), true, THREAD)

/* Only where somebody has it. LOCK(name, type, what tries it, what that says then) */
/* NOLINTBEGIN(bugprone-macro-parentheses): no expressions */
#define LOCK(name, type, try_it, taken)                                                            \
	int name(type *lock)                                                                       \
	{                                                                                          \
		static int (*call)(type *);                                                        \
		int got = on_loop && !busy ? try_it(lock) : (taken);                               \
                                                                                                   \
		if (got != (taken))                                                                \
			return got;                                                                \
		if (!call)                                                                         \
			call = (int (*)(type *))real(#name);                                       \
		holds(#name, THREAD);                                                              \
		return call(lock);                                                                 \
	}
/* NOLINTEND(bugprone-macro-parentheses) */
LOCK(pthread_mutex_lock, pthread_mutex_t, pthread_mutex_trylock, EBUSY)
LOCK(pthread_rwlock_rdlock, pthread_rwlock_t, pthread_rwlock_tryrdlock, EBUSY)
LOCK(pthread_rwlock_wrlock, pthread_rwlock_t, pthread_rwlock_trywrlock, EBUSY)
LOCK(mtx_lock, mtx_t, mtx_trylock, thrd_busy)
