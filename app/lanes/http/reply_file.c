#include "http/reply_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "await/await.h"
#include "base/log.h"
#include "http/condition.h"
#include "http/percent.h"
#include "http/reply.h"
#include "http/request.h"

enum { PIECE = 65536 };

/* A file on its way. Threads have it while the request waits for them. */
struct sending {
	struct file file;
	int fd;	    /* -1: not open */
	int error;  /* of a thread: 0, or an errno */
	int waited; /* for one: 0, or a negative errno */
	struct stat about;
	off_t sent;
	struct slice piece; /* the next, read */
	char *room;	    /* of PIECE bytes */
};

int open_folder(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		log_complaint("%.1000s: %s", path, strerror(errno));
	return fd;
}

/* ---- paths ---- */

/* Takes the next name off a path. */
static struct slice next_name(struct slice *path)
{
	const char *slash = memchr(path->data, '/', path->len);
	struct slice name = {path->data, slash ? (size_t)(slash - path->data) : path->len};
	size_t taken = name.len + (slash != NULL);

	*path = (struct slice){path->data + taken, path->len - taken};
	return name;
}

/* Whether it is names, and nothing that is none: no "..", nor a slash too many. */
static bool is_below(struct slice path)
{
	if (!path.len || path.data[path.len - 1] == '/' || memchr(path.data, '\0', path.len))
		return false;
	while (path.len) {
		struct slice name = next_name(&path);

		if (!name.len || name.len > NAME_MAX || slice_is(name, ".") || slice_is(name, ".."))
			return false;
	}
	return true;
}

/* What is no file is not even opened: that may wait, or mean something. */
static int open_last(int folder, const char *name)
{
	struct stat about;

	if (fstatat(folder, name, &about, AT_SYMLINK_NOFOLLOW))
		return -1;
	if (!S_ISREG(about.st_mode)) {
		errno = ENOENT;
		return -1;
	}
	return openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
}

/* One name after the other, none of them through a link: openat2() would do it at once, but the
 * sandbox cannot look at what it is to do. */
static int open_names(int folder, struct slice path)
{
	int at = folder;

	errno = EBADF; /* if there is no folder */
	while (path.len && at >= 0) {
		struct slice name = next_name(&path);
		char text[NAME_MAX + 1];
		int below;
		int error;

		snprintf(text, sizeof(text), "%.*s", (int)name.len, name.data);
		below = path.len ? openat(at, text, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
				 : open_last(at, text);
		error = errno;
		if (at != folder)
			close(at);
		errno = error;
		at = below;
	}
	return at;
}

/* What became another thing since it was looked at is none, either. */
int open_below(int folder, struct slice path)
{
	struct stat about;
	int fd;
	int error;

	if (!is_below(path))
		return -ENOENT;
	fd = open_names(folder, path);
	if (fd < 0)
		return -errno;
	error = fstat(fd, &about) ? errno : S_ISREG(about.st_mode) ? 0 : ENOENT;
	if (error)
		close(fd);
	return error ? -error : fd;
}

/* ---- on a thread ---- */

static void open_on_thread(void *sending)
{
	struct sending *s = sending;

	if (s->error)
		return;
	if (s->file.path.data)
		s->fd = open_names(s->file.from, s->file.path);
	s->error = s->fd < 0 || fstat(s->fd, &s->about) ? errno : 0;
	if (!s->error && !S_ISREG(s->about.st_mode))
		s->error = ENOENT;
}

static void read_on_thread(void *sending)
{
	struct sending *s = sending;
	off_t left = s->about.st_size - s->sent;
	ssize_t n;

	do
		n = pread(s->fd, s->room, left < PIECE ? (size_t)left : PIECE, s->sent);
	while (n < 0 && errno == EINTR);
	s->error = n < 0 ? errno : n ? 0 : ENODATA; /* it has become shorter */
	if (n <= 0)
		return;
	s->piece = (struct slice){s->room, (size_t)n};
	s->sent += n;
}

/* ---- on the loop ---- */

static void close_file(void *sending)
{
	if (((struct sending *)sending)->fd >= 0)
		close(((struct sending *)sending)->fd);
}

static void complain(const struct sending *s)
{
	log_event(LOG_LEVEL_WARNING, "file-failed", "error", strerror(s->error), NULL);
}

static void reply_without_it(struct request *req, const struct sending *s)
{
	switch (s->error) {
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
	case EBADF: /* there is no folder */
		reply_error(req, 404);
		return;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		reply_error(req, 503);
		break;
	default:
		reply_error(req, 500);
	}
	complain(s);
}

/* True: the client has it, and its answer. */
static bool is_known(struct request *req, const struct sending *s)
{
	const struct timespec *when = &s->about.st_mtim;
	char tag[64];

	if (req->reply.own & REPLY_VALIDATOR)
		return false;
	snprintf(tag, sizeof(tag), "%" PRIx64 ".%lx-%" PRIx64, (uint64_t)when->tv_sec,
		 (unsigned long)when->tv_nsec, (uint64_t)s->about.st_size);
	return reply_etag(req, slice_of(tag)) || reply_modified(req, when->tv_sec);
}

/* True: what is in it is to be sent. */
static bool begin(struct request *req, struct sending *s)
{
	if (s->error) {
		reply_without_it(req, s);
		return false;
	}
	if (is_known(req, s))
		return false;
	if (!s->about.st_size) {
		reply_bytes(req, 200, s->file.type, slice_of(""));
		return false;
	}
	s->room = request_alloc(req, PIECE);
	if (!s->room) {
		reply_error(req, 503);
		return false;
	}
	return reply_stream_of(req, 200, s->file.type, (size_t)s->about.st_size);
}

static void send_file(struct request *req, void *sending)
{
	struct sending *s = sending;

	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, open_on_thread, s));
	if (!begin(req, s))
		return;
	while (s->sent < s->about.st_size) {
		TRY_AWAIT(req, s->waited, run_in_threadpool(req, read_on_thread, s));
		if (s->waited)
			s->error = -s->waited;
		if (s->error) {
			complain(s);
			coroutine_fail(&req->co, -EIO);
			return;
		}
		AWAIT(req, stream_write(req, s->piece));
	}
	ASYNC_END(req);
}

/* The value is a URI: what has a meaning there is escaped (RFC 3986 2.1). */
static void redirect(struct request *req, const struct file *file)
{
	size_t len = strlen(file->accel);
	char *uri = request_alloc(req, len + 3 * file->path.len);

	if (!uri) {
		reply_error(req, 503);
		return;
	}
	memcpy(uri, file->accel, len);
	len += percent_encode(file->path, uri + len);
	reply_bytes(req, 200, file->type, slice_of(""));
	reply_header(req, "X-Accel-Redirect", (struct slice){uri, len});
}

void reply_file(struct request *req, const struct file *file)
{
	struct sending *s;

	if (file->path.data && (!is_below(file->path) || file->accel)) {
		if (is_below(file->path))
			redirect(req, file);
		else
			reply_error(req, 404);
		coroutine_gather(&req->co);
		return;
	}
	s = request_alloc(req, sizeof(*s));
	if (s) {
		*s = (struct sending){.file = *file, .fd = -1};
		if (!file->path.data)
			s->fd = fcntl(file->from, F_DUPFD_CLOEXEC, 0);
		s->error = !file->path.data && s->fd < 0 ? errno : 0;
	}
	if (!s || !request_defer(req, close_file, s)) {
		coroutine_fail(&req->co, -ENOMEM);
		coroutine_gather(&req->co);
		return;
	}
	call(req, send_file, s);
}
