/*
 * Stands between a worker (and its libuv) and the C library, and lets calls fail as the kernel may
 * let them fail. What cannot happen is not made up: an eventfd takes eight bytes or none, and
 * epoll_wait() on a good descriptor fails with EINTR only. epoll_ctl() and pipe2() are left alone:
 * libuv aborts when they fail, which is one more way for a worker to die.
 */
#include "preload.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EVENT_FDS = 1024, SHORT = -1 /* not an errno: do a part of it */ };

static struct control *control;
static bool is_eventfd[EVENT_FDS];

__attribute__((constructor)) static void find_control(void)
{
	const char *path = getenv("FAULTS_CONTROL");
	long fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
	syscall(SYS_close, fd);
	if (map != MAP_FAILED)
		control = map;
}

static struct site *site_of(const char *call, const void *address)
{
	for (int i = 0; i < SITES_MAX; i++) {
		struct site *site = &control->sites[i];
		uintptr_t none = 0;

		if (atomic_compare_exchange_strong(&site->address, &none, (uintptr_t)address))
			strncpy(site->call, call, CALL_NAME - 1);
		if (atomic_load(&site->address) == (uintptr_t)address)
			return site;
	}
	return NULL;
}

/* The error with which this call is to fail (the choices in turn, up to a 0), or 0. */
static int fate(const char *call, const void *address, const int *errors)
{
	unsigned every = control ? atomic_load(&control->every) : 0;
	unsigned nth = control ? atomic_load(&control->nth) : 0;
	struct site *site;
	unsigned count = 0;
	unsigned calls;

	if ((!every && !nth) || !errors[0])
		return 0;
	site = site_of(call, address);
	if (!site)
		return 0;
	calls = atomic_fetch_add(&site->calls, 1) + 1;
	if (nth ? atomic_fetch_add(&control->calls, 1) + 1 != nth : calls % every)
		return 0;
	while (errors[count])
		count++;
	atomic_fetch_add(&control->failed, 1);
	return errors[atomic_fetch_add(&site->failed, 1) % count];
}

static bool event_fd(int fd)
{
	return fd >= 0 && fd < EVENT_FDS && is_eventfd[fd];
}

#define FATE(name, ...) fate(name, __builtin_return_address(0), (const int[]){__VA_ARGS__, 0})

static bool fails(int error)
{
	if (error > 0)
		errno = error;
	return error > 0;
}

/* A function that fails, or is what it was. */
#define WRAP(type, name, parameters, arguments, ...)                                               \
	type name parameters                                                                       \
	{                                                                                          \
		type(*real) parameters = dlsym(RTLD_NEXT, #name);                                  \
		int error = FATE(#name, __VA_ARGS__);                                              \
                                                                                                   \
		if (fails(error))                                                                  \
			return (type)(-1);                                                         \
		return real arguments;                                                             \
	}

WRAP(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), (fd, a, n, flags), EMFILE,
     EINTR, ECONNABORTED, ENFILE, ENOBUFS, ENOMEM)
WRAP(int, epoll_wait, (int fd, struct epoll_event *e, int n, int ms), (fd, e, n, ms), EINTR)
WRAP(int, epoll_pwait, (int fd, struct epoll_event *e, int n, int ms, const sigset_t *s),
     (fd, e, n, ms, s), EINTR)
WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol), EMFILE, ENFILE,
     ENOBUFS, ENOMEM)
WRAP(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), EADDRINUSE, ENOMEM)
WRAP(int, listen, (int fd, int n), (fd, n), EADDRINUSE)
WRAP(int, shutdown, (int fd, int how), (fd, how), ENOTCONN)
WRAP(int, epoll_create1, (int flags), (flags), EMFILE, ENFILE, ENOMEM)
WRAP(int, ftruncate64, (int fd, off_t n), (fd, n), ENOSPC, EINTR)
WRAP(int, ftruncate, (int fd, off_t n), (fd, n), ENOSPC, EINTR)
WRAP(ssize_t, pwrite, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at), ENOSPC,
     EINTR)
WRAP(ssize_t, pread, (int fd, void *to, size_t n, off_t at), (fd, to, n, at), EIO, EINTR)
WRAP(int, link, (const char *from, const char *to), (from, to), EMLINK, EACCES)

int eventfd(unsigned initial, int flags)
{
	int (*real)(unsigned, int) = dlsym(RTLD_NEXT, "eventfd");
	int error = FATE("eventfd", EMFILE, ENOMEM);
	int fd = -1;

	if (!fails(error))
		fd = real(initial, flags);
	if (fd >= 0 && fd < EVENT_FDS)
		is_eventfd[fd] = true;
	return fd;
}

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
	int error = FATE("mmap", ENOMEM);

	if (fails(error))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}

int posix_fallocate(int fd, off_t at, off_t n)
{
	int (*real)(int, off_t, off_t) = dlsym(RTLD_NEXT, "posix_fallocate");
	int error = FATE("posix_fallocate", ENOSPC, EINTR);

	return error ? error : real(fd, at, n);
}

int pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
		dlsym(RTLD_NEXT, "pthread_create");
	int error = FATE("pthread_create", EAGAIN);

	return error ? error : real(id, attr, run, arg);
}

int open(const char *path, int flags, ...)
{
	int error = FATE("open", EMFILE, ENOMEM, EINTR);
	va_list more;
	int mode = 0;

	va_start(more, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(more, int);
	va_end(more);
	if (fails(error))
		return -1;
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* A closed descriptor stays closed: EINTR says that on Linux, too. */
int close(int fd)
{
	int error = FATE("close", EINTR);

	if (fd >= 0 && fd < EVENT_FDS)
		is_eventfd[fd] = false;
	if (syscall(SYS_close, fd) < 0)
		return -1;
	if (!error)
		return 0;
	errno = error;
	return -1;
}

ssize_t read(int fd, void *to, size_t n)
{
	int error = event_fd(fd) ? FATE("read", EINTR, EAGAIN) : FATE("read", EINTR, SHORT);

	if (fails(error))
		return -1;
	return syscall(SYS_read, fd, to, error == SHORT && n > 1 ? 1 : n);
}

ssize_t write(int fd, const void *from, size_t n)
{
	int error = event_fd(fd) ? FATE("write", EINTR) : FATE("write", EINTR, SHORT);

	if (fails(error))
		return -1;
	return syscall(SYS_write, fd, from, error == SHORT && n > 1 ? n / 2 : n);
}

ssize_t recv(int fd, void *to, size_t n, int flags)
{
	int error = FATE("recv", EINTR, SHORT, EAGAIN, ENOMEM, ECONNRESET);

	if (fails(error))
		return -1;
	return syscall(SYS_recvfrom, fd, to, error == SHORT && n > 1 ? 1 : n, flags, NULL, NULL);
}

ssize_t send(int fd, const void *from, size_t n, int flags)
{
	int error = FATE("send", EINTR, SHORT, EAGAIN, ENOBUFS, ENOMEM, EPIPE);

	if (fails(error))
		return -1;
	return syscall(SYS_sendto, fd, from, error == SHORT && n > 1 ? n / 2 : n, flags, NULL, 0);
}

/* ---- memory ---- */

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t count, size_t n);
extern void *__libc_realloc(void *old, size_t n);

static bool starve(void)
{
	if (!control || atomic_load(&control->memory) <= 0)
		return false;
	if (atomic_fetch_sub(&control->memory, 1) != 1)
		return false;
	atomic_fetch_add(&control->starved, 1);
	errno = ENOMEM;
	return true;
}

void *malloc(size_t n)
{
	return starve() ? NULL : __libc_malloc(n);
}

void *calloc(size_t count, size_t n)
{
	return starve() ? NULL : __libc_calloc(count, n);
}

void *realloc(void *old, size_t n)
{
	return starve() ? NULL : __libc_realloc(old, n);
}
