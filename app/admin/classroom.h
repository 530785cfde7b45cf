/*
 * A class: visitors of the page who gave themselves a name, and what each of them predicts. It is
 * kept here, in the memory of the admin worker, and is gone when that is replaced.
 */
#ifndef LANES_ADMIN_CLASSROOM_H
#define LANES_ADMIN_CLASSROOM_H

#include <lanes.h>

enum {
	CLASS_MOST = 64,    /* visitors; one more takes the place of who was silent for longest */
	CLASS_NAME = 24,    /* characters */
	CLASS_WORD = 24,    /* of an exercise, and an option */
	CLASS_MARK = 8,	    /* digits of base 16 */
	CLASS_SILENT = 600, /* seconds after which a visitor is gone */
	CLASS_RUN = 60,	    /* … and nobody believes any more that he runs an exercise */
};

struct classroom;

/* As long as the process; NULL if memory is out. */
struct classroom *classroom_open(void);

/* GET /class: {"visitors":[{"name":…,"exercise":…,"option":…,"mark":…,"running":true}]}, in the
 * order in which they came. The mark is what the page puts into the trace of all that it sends, so
 * that others know whose requests are whose.
 */
void class_list(struct request *req);

/* POST /class: somebody is there, has a name, and predicts an option, or runs the exercise. The
 * same answer. */
void class_join(struct request *req);

#endif
