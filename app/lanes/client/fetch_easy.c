/* What curl is told of a call, and what it tells. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/fetch_multi.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { DNS_SECONDS = 60 /* that curl keeps what it was told */ };

/* ---- what comes ---- */

/* Each returns how many bytes it took, or 0: the transfer ends. */

static size_t on_header(char *line, size_t one, size_t n, void *data)
{
	struct fetch_call *call = data;

	(void)one;
	call->header_bytes += n;
	if (call->header_bytes > FETCH_HEADERS) {
		call->error = -EFBIG;
		return 0;
	}
	if (n > 5 && !memcmp(line, "HTTP/", 5)) /* before it there was an interim one, a 100 */
		call->lines.len = 0;
	if (!fetch_reserve(call, &call->lines, n))
		return 0;
	buffer_append(&call->lines, line, n);
	return n;
}

static size_t on_content(char *bytes, size_t one, size_t n, void *data)
{
	struct fetch_call *call = data;
	curl_off_t length = -1;
	size_t wanted = n;

	(void)one;
	if (!call->content.len)
		curl_easy_getinfo(call->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (length > (curl_off_t)n)
		wanted = (size_t)length;
	if (wanted > call->limit - call->content.len) {
		call->error = -EFBIG;
		return 0;
	}
	if (!fetch_reserve(call, &call->content, wanted + 1))
		return 0;
	buffer_append(&call->content, bytes, n);
	call->content.data[call->content.len] = '\0';
	return n;
}

/* ---- what goes ---- */

/* Of a body that is not to be sent twice: curl, which would do that on another connection where one
 * turns out to be closed, cannot go back in it. */
static size_t on_body(char *to, size_t one, size_t room, void *data)
{
	struct fetch_call *call = data;
	size_t n = call->body.len - call->sent;

	if (n > one * room)
		n = one * room;
	memcpy(to, call->body.data + call->sent, n);
	call->sent += n;
	return n;
}

static curl_socket_t on_open(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct fetch_call *call = data;
	curl_socket_t fd = fetcher_open_socket(call->fetcher, address);

	(void)purpose;
	if (fd < 0)
		call->socket = fd;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* curl would look up a name that it was not told, and would be waited for when the call is given
 * up. */
static int on_lookup(void *resolver, void *reserved, void *data)
{
	(void)resolver;
	(void)reserved;
	(void)data;
	return 1; /* it does not */
}

/* ---- to set it up ---- */

/* May be sent twice: RFC 9110 9.2.2. */
static bool is_idempotent(const char *method)
{
	static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
	size_t i = 0;

	while (i < COUNT(methods) && strcmp(methods[i], method) != 0)
		i++;
	return i < COUNT(methods);
}

static void set_method(const struct fetch_call *call)
{
	const char *method = call->method;
	bool again = is_idempotent(method);
	bool has_body = call->body.len || !strcmp(method, "POST") || !strcmp(method, "PUT") ||
			!strcmp(method, "PATCH");

	if (!again && !call->body.len)
		curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
	if (has_body) {
		curl_easy_setopt(call->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)call->body.len);
	}
	if (has_body && (again || !call->body.len)) {
		curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS,
				 call->body.len ? call->body.data : "");
	} else if (has_body) {
		curl_easy_setopt(call->easy, CURLOPT_READFUNCTION, on_body);
		curl_easy_setopt(call->easy, CURLOPT_READDATA, call);
	}
	if (!strcmp(method, "HEAD"))
		curl_easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
	else if (strcmp(method, has_body ? "POST" : "GET") != 0)
		curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, method);
}

/* One file of all whom the system trusts takes 30 ms to read, in which the loop would be held; of
 * the folder only those are read that somebody names. What else is trusted is read once, and kept.
 */
static void set_trust(const struct fetch_call *call)
{
	const char *ca = call->ca ? call->ca : fetch_limits.ca;
	const char *folder = ca ? NULL : curl_version_info(CURLVERSION_NOW)->capath;

	if (!ca && !folder)
		return;
	curl_easy_setopt(call->easy, CURLOPT_CAINFO, ca);
	curl_easy_setopt(call->easy, CURLOPT_CAPATH, folder);
}

/* What curl is to know of the name, so that it never looks it up. 0 or -ENOMEM. */
static int set_addresses(struct fetch_call *call)
{
	const struct fetch_host *host = call->host;
	char line[sizeof(host->addresses) + 300];

	if (strchr(host->name, ':')) /* of IPv6: it cannot be told, and needs not */
		return 0;
	snprintf(line, sizeof(line), "+%s:%s:%s", host->name, host->port,
		 host->is_address ? host->name : host->addresses);
	call->resolved = curl_slist_append(NULL, line);
	if (!call->resolved)
		return -ENOMEM;
	curl_easy_setopt(call->easy, CURLOPT_RESOLVE, call->resolved);
	curl_easy_setopt(call->easy, CURLOPT_RESOLVER_START_FUNCTION, on_lookup);
	return 0;
}

int fetch_easy_set_up(struct fetch_call *call)
{
	CURL *easy = call->easy;
	CURLcode code;
	int err;

	call->sent = 0;
	call->error = call->socket = 0;
	call->why[0] = '\0';
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->why);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_content);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, fetcher_close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, call->fetcher);
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, (long)DNS_SECONDS);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
			 call->secure ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
	set_method(call);
	if (call->secure)
		set_trust(call);
	/* These are copied, and may find no memory. */
	code = curl_easy_setopt(easy, CURLOPT_URL, call->url);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_PROXY, "");
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	err = code ? -ENOMEM : set_addresses(call);
	return err;
}

/* ---- what has come of it ---- */

static int connect_error(const struct fetch_call *call)
{
	long number = 0;

	if (call->socket)
		return call->socket;
	curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &number);
	switch (number) {
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENOMEM:
		return (int)-number;
	case ETIMEDOUT:
		return -EHOSTUNREACH;
	default:
		return -ECONNREFUSED;
	}
}

int fetch_easy_error(const struct fetch_call *call, CURLcode code)
{
	static const struct {
		CURLcode code;
		int error;
	} errors[] = {
		{CURLE_OK, 0},
		{CURLE_OUT_OF_MEMORY, -ENOMEM},
		{CURLE_URL_MALFORMAT, -EINVAL},
		{CURLE_COULDNT_RESOLVE_HOST, -ENOMEM}, /* it is told the addresses */
		{CURLE_SETOPT_OPTION_SYNTAX, -ENOMEM}, /* … and could not keep them */
		{CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT},
		{CURLE_PEER_FAILED_VERIFICATION, -EKEYREJECTED},
		{CURLE_SSL_CACERT_BADFILE, -EKEYREJECTED},
		{CURLE_SSL_ISSUER_ERROR, -EKEYREJECTED},
		{CURLE_SSL_CONNECT_ERROR, -EBADMSG},
		{CURLE_UNSUPPORTED_PROTOCOL, -EBADMSG},
		{CURLE_WEIRD_SERVER_REPLY, -EBADMSG},
		{CURLE_BAD_CONTENT_ENCODING, -EBADMSG},
		{CURLE_HTTP2, -EBADMSG},
		{CURLE_FILESIZE_EXCEEDED, -EFBIG},
	};
	size_t i = 0;

	if (code && call->error)
		return call->error;
	if (code == CURLE_COULDNT_CONNECT)
		return connect_error(call);
	while (i < COUNT(errors) && errors[i].code != code)
		i++;
	return i < COUNT(errors) ? errors[i].error : -ECONNRESET;
}
