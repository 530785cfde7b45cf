#include "client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 30 }; /* seconds for an answer */

struct part {
	char *text;
	size_t size;
	size_t len;
};

static size_t keep(char *bytes, size_t one, size_t count, void *to)
{
	struct part *part = to;
	size_t room = part->size - 1 - part->len;
	size_t len = count < room ? count : room;

	memcpy(part->text + part->len, bytes, len);
	part->len += len;
	part->text[part->len] = '\0';
	return one * count;
}

const struct answer *ask(const char *method, const char *target, const char *const *headers,
			 const char *body)
{
	static struct answer answer;
	struct part head = {answer.head, sizeof(answer.head), 0};
	struct part rest = {answer.body, sizeof(answer.body), 0};
	struct curl_slist *list = NULL;
	const char *base = getenv("URL");
	char url[4096];
	CURL *curl = curl_easy_init();

	memset(&answer, 0, sizeof(answer));
	snprintf(url, sizeof(url), "%s%s", base ? base : "http://127.0.0.1:8080", target);
	while (headers && *headers)
		list = curl_slist_append(list, *headers++);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)PATIENCE);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &head);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &rest);
	if (!strcmp(method, "HEAD"))
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	if (body)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	if (curl_easy_perform(curl) == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(list);
	return &answer;
}

const struct answer *ask_json(const char *method, const char *target, const char *json)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};

	return ask(method, target, headers, json);
}

const char *header_of(const struct answer *answer, const char *name)
{
	static char value[1024];
	size_t len = strlen(name);

	value[0] = '\0';
	for (const char *line = answer->head; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncasecmp(line, name, len) && line[len] == ':') {
			sscanf(line + len + 1, " %1023[^\r\n]", value);
			break;
		}
	}
	return value;
}
