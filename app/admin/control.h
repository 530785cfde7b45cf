/*
 * The number of loop workers, changed from the page. A worker may start no program, so it asks who
 * may: spawn/control.sh, in whose folder are a pipe, into which a request is one line, and a file,
 * which says what has come of the last. That one knows the password; we only pass it on.
 */
#ifndef LANES_ADMIN_CONTROL_H
#define LANES_ADMIN_CONTROL_H

#include <lanes.h>

enum { CONTROL_MOST = 16 }; /* workers; spawn/control.sh has the same */

struct control;

/* Before the sandbox: in that folder. NULL after a complaint. */
struct control *control_open(const char *folder);

/* POST /control: 202 when the number is about to be changed; 403: another password; 404: nobody
 * changes it. */
void control(struct request *req);

#endif
