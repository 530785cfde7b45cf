/* The statuses of HTTP, with Python's words (http.HTTPStatus), as FastAPI has them. */
#ifndef LANES_HTTP_HTTP_STATUS_H
#define LANES_HTTP_HTTP_STATUS_H

struct http_status {
	short code;
	short line_len;
	const char *line;   /* "Status: 404 Not Found", as CGI has it */
	const char *reason; /* "Not Found" */
	const char *error;  /* the body of an error's answer */
};

/* NULL if there is no such status. */
const struct http_status *http_status(int code);

#endif
