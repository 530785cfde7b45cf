#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "http/reply.h"

enum { DETAIL_MAX = 512 };

void reply_refusal(struct request *req, int status, const char *format, ...)
{
	struct buffer text = {0};
	char detail[DETAIL_MAX];
	va_list values;

	va_start(values, format);
	vsnprintf(detail, sizeof(detail), format, values);
	va_end(values);
	buffer_append_text(&text, "{\"detail\":");
	json_string(&text, slice_of(detail));
	buffer_append_text(&text, "}");
	reply_text(req, status, "application/json", &text);
	req->reply.retry |= req->reply.status == status && (status == 503 || status == 429);
}
