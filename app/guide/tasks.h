/* The guide's tasks, and the answers that they have in common. */
#ifndef LANES_GUIDE_TASKS_H
#define LANES_GUIDE_TASKS_H

#include <lanes.h>

#include <stdint.h>

/* time.sleep(): holds its thread, and nobody else can use it. Any thread. */
void blocking_io_task(double seconds);

/* sum(i * i for i in range(n)), computed step by step. Any thread. */
u128 cpu_bound_task(int64_t n);

/* Answers {"mode":"<mode>","detail":"<before><seconds><after>"}, or 503 if memory is out. Seconds
 * are as Python prints them; the texts must need no escapes. The shape is known, so it is written
 * into the request's own block, where json-c would take nine blocks of memory and a third of all
 * the time that a request costs; and that the lengths are known when it is compiled is a fortieth.
 */
void reply_sentence(struct request *req, struct slice mode, struct slice before, double seconds,
		    struct slice after);
static inline void reply_detail(struct request *req, const char *mode, const char *before,
				double seconds, const char *after)
{
	reply_sentence(req, slice_of(mode), slice_of(before), seconds, slice_of(after));
}

/* The same with one sentence for each of the seconds: {"mode":"<mode>","details":["…","…"]}. */
void reply_details(struct request *req, const char *mode, const char *before,
		   const struct list *seconds, const char *after);

#endif
