/* A service on several hosts, for tests/cluster: what is posted with a key is counted in the
 * database, and is a job for whichever host takes it. */
#include <lanes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char host[64]; /* before the sandbox */

struct once {
	struct slice key;
};

struct pause {
	double seconds;
};

struct once_frame {
	struct job_ticket job;
	char payload[96];
	int len;
};

static const struct field path[] = {PATH(STRING, struct once, key, .max_length = 64)};
static const struct field query[] = {QUERY(NUMBER, struct pause, seconds, .ge = LIMIT(0),
					   .le = LIMIT(60), .fallback = &(const double){0.3})};
static const struct field body[] = {BODY(STRING, struct once, key, .max_length = 64)};

static void does_nothing(struct request *req)
{
	reply_bytes(req, 200, "text/plain", slice_of("nothing"));
}

/* In flight when something happens. */
static void waits(struct request *req)
{
	const struct pause *pause = request_input(req);

	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, pause->seconds));
	reply_bytes(req, 200, "text/plain", slice_of("waited"));
	ASYNC_END(req);
}

/* Who comes again with the same key has the same row and the same job; how often he came is
 * counted. */
static void does_it(struct request *req)
{
	const struct once *once = request_input(req);
	struct once_frame *f = FRAME(req, struct once_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_query(req, NULL,
			    "INSERT INTO once (key, host) VALUES ($1, $2) ON CONFLICT (key)"
			    " DO UPDATE SET arrivals = once.arrivals + 1",
			    pg_text(once->key), pg_text(slice_of(host))));
	f->len = snprintf(f->payload, sizeof(f->payload), "{\"key\":\"%.*s\"}", (int)once->key.len,
			  once->key.data);
	AWAIT(req, job_enqueue(req, &f->job, "note", ((struct slice){f->payload, (size_t)f->len}),
			       .key = once->key));
	reply_bytes(req, 201, "text/plain", slice_of("done"));
	ASYNC_END(req);
}

/* Its arrivals are how many workers were asked. */
static void is_unavailable(struct request *req)
{
	const struct once *once = request_input(req);

	ASYNC_BEGIN(req);
	AWAIT(req,
	      pg_query(req, NULL,
		       "INSERT INTO once (key, host, done) VALUES ($1, $2, 1) ON CONFLICT (key)"
		       " DO UPDATE SET arrivals = once.arrivals + 1",
		       pg_text(once->key), pg_text(slice_of(host))));
	reply_error(req, 503);
	ASYNC_END(req);
}

static void note(struct request *req)
{
	const struct once *once = request_input(req);

	ASYNC_BEGIN(req);
	AWAIT(req,
	      pg_query(req, NULL, "UPDATE once SET done = done + 1, done_by = $2 WHERE key = $1",
		       pg_text(once->key), pg_text(slice_of(host))));
	reply_bytes(req, 200, "text/plain", slice_of("noted"));
	ASYNC_END(req);
}

static bool knows_host(struct setup *setup)
{
	(void)setup;
	return gethostname(host, sizeof(host) - 1) == 0;
}

static const struct route routes[] = {
	GET("/", ASYNC, does_nothing),
	GET("/wait", ASYNC, waits, .input = INPUT(query)),
	POST("/once/{key}", ASYNC, does_it, .input = INPUT(path)),
	GET("/unavailable/{key}", ASYNC, is_unavailable, .input = INPUT(path)),
};

static const struct job_kind kinds[] = {
	JOB("note", ASYNC, note, .input = INPUT(body), .attempts = 100, .lease = 3, .backoff = 0.1),
};

static const struct migration tables[] = {
	{1,
	 "CREATE TABLE once (key text PRIMARY KEY, arrivals integer NOT NULL DEFAULT 1, host text,"
	 " done integer NOT NULL DEFAULT 0, done_by text);"},
	{0}};

int main(int argc, char **argv)
{
	const struct application application = {.routes = ROUTES(routes),
						.jobs = JOBS(kinds),
						.migrations = {"once", tables},
						.prepare = knows_host};

	return lanes_main(argc, argv, &application);
}
