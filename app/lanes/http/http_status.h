/* The statuses of HTTP, with Python's words (http.HTTPStatus), as FastAPI has them. */
#ifndef LANES_HTTP_HTTP_STATUS_H
#define LANES_HTTP_HTTP_STATUS_H

#include <stdbool.h>

struct http_status {
	short code;
	short line_len;
	const char *line;   /* "Status: 404 Not Found", as CGI has it */
	const char *reason; /* "Not Found" */
	const char *error;  /* the body of an error's answer */
};

/* Whether an answer with this status has no body (RFC 9110 15.3.5, 15.4.5). */
static inline bool http_status_is_empty(int code)
{
	return code == 204 || code == 304;
}

/* NULL if there is no such status. */
const struct http_status *http_status(int code);

#endif
