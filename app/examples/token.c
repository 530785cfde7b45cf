#include <strings.h>

#include "orders.h"

/* Not how long they are the same: that would tell how much of it was guessed. */
static bool same(struct slice text, struct slice secret)
{
	unsigned differs = text.len != secret.len;

	for (size_t i = 0; i < text.len && i < secret.len; i++)
		differs |= (unsigned char)text.data[i] ^ (unsigned char)secret.data[i];
	return !differs;
}

/* Before what changes something: "Authorization: Bearer …" (RFC 6750), in whatever case (RFC 9110,
 * 11.1). */
void check_token(struct request *req)
{
	static const char scheme[] = "Bearer ";
	size_t len = sizeof(scheme) - 1;
	const struct shop *s = request_state(req);
	struct slice given = request_param(req, "HTTP_AUTHORIZATION");

	if (given.len > len && !strncasecmp(given.data, scheme, len) &&
	    same((struct slice){given.data + len, given.len - len}, slice_of(s->token)))
		return;
	reply_error(req, 401);
	reply_header(req, "WWW-Authenticate", slice_of("Bearer"));
}
