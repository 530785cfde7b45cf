#include <stdio.h>

#include "cases.h"
#include "mandelbrot.h"

struct render_frame {
	struct job_ticket job;
	char payload[PICTURE_TEXT];
};

struct slice picture_text(const struct picture *p, char text[PICTURE_TEXT])
{
	int len = snprintf(text, PICTURE_TEXT,
			   "{\"width\":%lld,\"height\":%lld,\"iterations\":%lld,\"x\":%.17g,"
			   "\"y\":%.17g,\"zoom\":%.17g}",
			   (long long)p->width, (long long)p->height, (long long)p->iterations,
			   p->x, p->y, p->zoom);

	return (struct slice){text, (size_t)len};
}

/* POST /cases/renders: heavy work goes into a queue, and is done by another process. Who asks again
 * with the same Idempotency-Key is led to the same one. */
void post_render(struct request *req)
{
	const struct render_input *asked = request_input(req);
	struct render_frame *f = FRAME(req, struct render_frame);
	char location[BOARD_PATH + 40];
	struct buffer out = {0};

	ASYNC_BEGIN(req);
	if (!has_database(req))
		return;
	AWAIT(req, job_enqueue(req, &f->job, "render", picture_text(&asked->picture, f->payload),
			       .key = asked->idempotency_key));
	buffer_format(&out, "{\"id\":%lld}", (long long)f->job.id);
	reply_text(req, 202, "application/json", &out);
	snprintf(location, sizeof(location), "%.*s/cases/renders/%lld", (int)req->prefix.len,
		 req->prefix.data, (long long)f->job.id);
	reply_header(req, "Location", slice_of(location));
	ASYNC_END(req);
}

/* {"id":7,"state":"waiting","attempts":0,"error":null} */
static void reply_state(struct request *req, const struct job_report *report)
{
	static const char *const states[] = {"", "waiting", "running", "done", "dead", "cancelled"};
	struct buffer out = {0};

	buffer_format(&out, "{\"id\":%lld,\"state\":\"%s\",\"attempts\":%d,\"error\":",
		      (long long)report->id, states[report->state], report->attempts);
	if (report->error.len)
		json_string(&out, report->error);
	else
		buffer_append_text(&out, "null");
	buffer_append_text(&out, "}");
	reply_text(req, 200, "application/json", &out);
	if (report->state == JOB_WAITING || report->state == JOB_RUNNING)
		reply_header(req, "Retry-After", slice_of("1"));
}

/* GET /cases/renders/{id}: the picture, or how far it is. */
void get_render(struct request *req)
{
	const struct order_key *key = request_input(req);
	struct job_report *report = FRAME(req, struct job_report);

	ASYNC_BEGIN(req);
	if (!has_database(req))
		return;
	AWAIT(req, job_read(req, report, "render", key->id));
	if (report->state == JOB_UNKNOWN)
		reply_refusal(req, 404, "there is no render %lld", (long long)key->id);
	else if (report->state == JOB_DONE)
		reply_bytes(req, 200, "image/png", report->result);
	else
		reply_state(req, report);
	ASYNC_END(req);
}

static void free_drawing(void *drawing)
{
	buffer_free(&((struct drawing *)drawing)->png);
}

/* NULL, and its answer is there or will be: memory is out. */
static struct drawing *new_drawing(struct request *req)
{
	struct drawing *d = request_alloc(req, sizeof(*d));

	if (!d) {
		reply_error(req, 503);
		return NULL;
	}
	d->picture = request_input(req);
	return request_defer(req, free_drawing, d) ? d : NULL;
}

/* The job: in a worker with --engine jobs, on a thread of its CPU pool. To draw it twice does no
 * harm. */
static void render(struct request *req)
{
	struct drawing **f = FRAME(req, struct drawing *);

	ASYNC_BEGIN(req);
	*f = new_drawing(req);
	if (!*f)
		return;
	AWAIT(req, run_in_cpu_pool(req, draw, *f));
	if ((*f)->error)
		reply_error(req, 503);
	else
		reply_text(req, 200, "image/png", &(*f)->png);
	ASYNC_END(req);
}

const struct job_kind case_jobs[CASE_JOBS] = {
	JOB("render", ASYNC, render, .input = INPUT(picture_fields), .deadline = 60, .lease = 5,
	    .attempts = 3),
};
