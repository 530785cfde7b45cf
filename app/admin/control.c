#include "admin/control.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/admin.h"

enum {
	PASSWORD_MAX = 64, /* bytes */
	LINE = 160,
	LOOKS = 60, /* at what has come of it … */
};

static const double BETWEEN = 0.05; /* … seconds between two */

struct control {
	int pipe;
	int outcome;
	uint64_t asked; /* the number of the last request */
	bool busy;	/* with one */
};

const struct field control_fields[2] = {
	BODY(STRING, struct control_form, password, .min_length = 1, .max_length = PASSWORD_MAX,
	     .pattern = PATTERN("^[!-~]+$")),
	BODY(INT, struct control_form, workers, .ge = LIMIT(1), .le = LIMIT(CONTROL_MOST)),
};

struct control *control_open(const char *folder)
{
	static struct control kept; /* a process has one */
	char path[512];

	kept = (struct control){.pipe = -1, .outcome = -1};
	if (snprintf(path, sizeof(path), "%s/pipe", folder) < (int)sizeof(path))
		kept.pipe =
			open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC); /* never without a reader */
	if (snprintf(path, sizeof(path), "%s/outcome", folder) < (int)sizeof(path))
		kept.outcome = open(path, O_RDONLY | O_CLOEXEC);
	if (kept.pipe < 0 || kept.outcome < 0) {
		log_complaint("--control: '%.200s': %s", folder, strerror(errno));
		return NULL;
	}
	return &kept;
}

/* What it is called: numbers begin anew with each process, and an outcome may be another's. */
static void name_of(const struct control *control, char *name, size_t size)
{
	snprintf(name, size, "%ld-%" PRIu64, (long)getpid(), control->asked);
}

/* "NAME SECONDS WORKERS PASSWORD": who finds it too late leaves it. A line: "$" lets a newline
 * pass. */
static bool ask(struct control *control, const struct control_form *form)
{
	char name[48];
	char line[LINE];
	int len;

	control->asked++;
	name_of(control, name, sizeof(name));
	len = snprintf(line, sizeof(line), "%s %lld %" PRId64 " %.*s\n", name,
		       (long long)time(NULL), form->workers, (int)form->password.len,
		       form->password.data);
	return len < LINE && strchr(line, '\n') == line + len - 1 &&
	       write(control->pipe, line, (size_t)len) == len;
}

/* The status that it has come to; 0: nothing yet. */
static int outcome_of(const struct control *control)
{
	char name[48];
	char text[64] = "";
	size_t len;

	name_of(control, name, sizeof(name));
	len = strlen(name);
	if (pread(control->outcome, text, sizeof(text) - 1, 0) <= (ssize_t)len ||
	    strncmp(text, name, len) != 0 || text[len] != ' ')
		return 0;
	return (int)strtol(text + len, NULL, 10);
}

static void let_go(void *control)
{
	((struct control *)control)->busy = false;
}

struct asking {
	struct control *control;
	int looks;
};

static void reply_outcome(struct request *req, int status)
{
	struct buffer out = {0};

	if (status != 202) {
		reply_error(req, status ? status : 503);
		return;
	}
	buffer_format(&out, "{\"workers\":%" PRId64 "}",
		      ((struct control_form *)request_input(req))->workers);
	reply_text(req, 202, "application/json", &out);
}

void control(struct request *req)
{
	struct asking *asking = FRAME(req, struct asking);
	const struct admin *state = request_state(req);

	ASYNC_BEGIN(req);
	if (!state->control) {
		reply_error(req, 404);
		return;
	}
	if (state->control->busy || !request_defer(req, let_go, state->control)) {
		reply_error(req, 503);
		return;
	}
	asking->control = state->control;
	asking->control->busy = true;
	if (!ask(asking->control, request_input(req))) {
		reply_error(req, 503);
		return;
	}
	for (asking->looks = 0; asking->looks < LOOKS && !outcome_of(asking->control);
	     asking->looks++)
		AWAIT(req, sleep_for(req, BETWEEN));
	reply_outcome(req, outcome_of(asking->control));
	ASYNC_END(req);
}
