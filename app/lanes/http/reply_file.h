/*
 * Files as answers: sent by the web server, where it can, or from here, without holding the loop.
 */
#ifndef LANES_HTTP_REPLY_FILE_H
#define LANES_HTTP_REPLY_FILE_H

#include "base/slice.h"

struct request;

struct file {
	/* A folder that is open for good, as open_folder() has it; or, without a path, the file
	 * itself, of which there is a copy (dup) as soon as reply_file() has begun. */
	int from;
	struct slice path; /* below the folder; lives as long as the request */
	const char *type;  /* Content-Type; static */
	/* The internal location of nginx that is that folder ("/files/"; static): nginx is told to
	 * send the file (X-Accel-Redirect), and ranges work. NULL: it is sent from here, whatever
	 * is in front. */
	const char *accel;
};

/* In an application's prepare(), which also says that the sandbox has to let it be read
 * (setup->needs->reads): a descriptor, or -1 after a message. */
int open_folder(const char *path);

/* On a thread, as it may block: opens a file below such a folder, to read it. A path that leads out
 * of it, through a symbolic link, or to anything but a file, is -ENOENT, -ENOTDIR or -ELOOP; any
 * other error is what open() says. */
int open_below(int folder, struct slice path);

/* AWAIT(req, reply_file(req, &(struct file){…})): answers with that file, and goes on when it is
 * sent. ASYNC handlers only.
 *
 * A path that leads out of the folder, through a symbolic link, or to anything but a file, is a
 * 404. From here it comes with Content-Length, ETag (of its time and size) and Last-Modified,
 * unless the handler has set one; who has it gets a 304 (http/condition.h). Threads open and read
 * it, a piece at a time, as fast as the client takes it; it counts among --max-streams. Of a file
 * that nginx sends these are nginx's. */
void reply_file(struct request *req, const struct file *file);

#endif
