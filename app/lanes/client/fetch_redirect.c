/* Where a call is led to, if it may be. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "client/fetch_host.h"

/* What is only for who was asked first. */
static const char *const secrets[] = {"Authorization", "Cookie", "Proxy-Authorization", "Host",
				      NULL};
static const char *const of_body[] = {"Content-Type", "Content-Encoding", "Content-Language", NULL};

static void drop_headers(struct fetch_call *call, const char *const *names)
{
	for (const char *const *name = names; *name; name++) {
		struct curl_slist **at = &call->headers;
		size_t len = strlen(*name);

		while (*at) {
			struct curl_slist *header = *at;

			if (strncasecmp(header->data, *name, len) ||
			    !strchr(":;", header->data[len])) {
				at = &header->next;
				continue;
			}
			*at = header->next;
			header->next = NULL;
			curl_slist_free_all(header);
		}
	}
}

static bool leads_elsewhere(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* As browsers do it: RFC 9110 15.4. */
static void change_method(struct fetch_call *call)
{
	bool was_post = !strcmp(call->method, "POST");

	if (call->status == 303 ? !strcmp(call->method, "HEAD") : !(was_post && call->status < 303))
		return;
	strcpy(call->method, "GET");
	call->body = (struct slice){NULL, 0};
	drop_headers(call, of_body);
}

/* 0 or a negative errno. */
static int lead(struct fetch_call *call, const char *url)
{
	const struct fetch_host *from = call->host;
	bool was_secure = call->secure;
	int err;

	if (!call->redirects--)
		return -ELOOP;
	err = fetch_host_aim(call, url);
	if (err == -EINVAL || (!err && was_secure && !call->secure))
		return -EACCES;
	if (err)
		return err;
	if (call->host != from || call->secure != was_secure)
		drop_headers(call, secrets);
	change_method(call);
	call->lines.len = call->content.len = 0;
	return fetch_host_enter(call);
}

bool fetch_is_redirected(struct fetch_call *call, int *error)
{
	char *url = NULL;

	if (!call->follows || !leads_elsewhere(call->status))
		return false;
	curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_URL, &url);
	if (!url)
		return false;
	*error = lead(call, url);
	return !*error;
}
