#include "cases.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

/* Of a library that can only block: the price that a supplier lists. */
struct price_list {
	char *url;
	struct buffer answer;
	CURLcode error;
};

struct combined_frame {
	struct fetch call;
	struct price_list *list;
	struct job_ticket job;
	char payload[PICTURE_TEXT];
};

enum { LIST_MAX = 4096, LIST_SECONDS = 2 };

static size_t on_list(char *bytes, size_t one, size_t n, void *list)
{
	struct buffer *b = &((struct price_list *)list)->answer;

	if (b->len + one * n > LIST_MAX)
		return 0;
	buffer_append(b, bytes, one * n);
	return b->failed ? 0 : one * n;
}

/* On a thread. */
static void read_list(void *price_list)
{
	struct price_list *list = price_list;
	CURL *curl = curl_easy_init();

	list->error = CURLE_OUT_OF_MEMORY;
	if (!curl)
		return;
	list->error = curl_easy_setopt(curl, CURLOPT_URL, list->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)LIST_SECONDS);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_list);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, list);
	if (!list->error)
		list->error = curl_easy_perform(curl);
	if (list->answer.failed)
		list->error = CURLE_OUT_OF_MEMORY;
	curl_easy_cleanup(curl);
}

static void free_list(void *list)
{
	buffer_free(&((struct price_list *)list)->answer);
}

/* False, and there is an answer, or will be: memory is out. */
static bool prepare(struct request *req, struct combined_frame *f, struct slice item)
{
	struct slice url = fetch_url(req, "%s/suppliers/2/price?item=%.*s", case_options.outside,
				     (int)item.len, item.data);

	f->call = (struct fetch){.url = fetch_url(req, "%s/suppliers/1/price?item=%.*s",
						  case_options.outside, (int)item.len, item.data),
				 .within = LIST_SECONDS,
				 .limit = LIST_MAX};
	f->list = request_alloc(req, sizeof(*f->list));
	if (f->list)
		f->list->url = request_alloc(req, url.len + 1);
	if (!f->call.url.data || !url.data || !f->list || !f->list->url) {
		reply_error(req, 503);
		return false;
	}
	memcpy(f->list->url, url.data, url.len);
	return request_defer(req, free_list, f->list);
}

/* Both prices; or the status that says why there are none. */
static int read_prices(const struct combined_frame *f, int64_t *price, int64_t *listed)
{
	int err;

	if (f->list->error)
		return status_of_curl((int)f->list->error);
	if (f->call.status != 200)
		return 502;
	err = read_price(f->call.content, price);
	err = err ? err : read_price(buffer_slice(&f->list->answer), listed);
	return !err ? 200 : err == -ENOMEM ? 503 : 502;
}

/* {"item":"tea","price":950,"listed":1020,"render":7} */
static void reply_combined(struct request *req, struct slice item, const struct combined_frame *f)
{
	struct buffer out = {0};
	int64_t price = 0;
	int64_t listed = 0;
	int status = read_prices(f, &price, &listed);

	if (status != 200) {
		reply_error(req, status);
		return;
	}
	buffer_append_text(&out, "{\"item\":");
	json_string(&out, item);
	buffer_format(&out, ",\"price\":%lld,\"listed\":%lld,\"render\":%lld}", (long long)price,
		      (long long)listed, (long long)f->job.id);
	reply_text(req, 200, "application/json", &out);
}

/* GET /cases/combined?item=tea: three ways to wait in one gather. A call is awaited, a library that
 * blocks has a thread, and what takes long is queued for another process: what an item looks like.
 */
void combined(struct request *req)
{
	static const struct picture picture = {
		.width = 64, .height = 64, .iterations = 200, .x = -0.5, .zoom = 1};
	const struct combined_query *asked = request_input(req);
	struct combined_frame *f = FRAME(req, struct combined_frame);

	ASYNC_BEGIN(req);
	if (!has_database(req))
		return;
	if (!case_options.outside) {
		reply_missing(req, "supplier", "--outside URL");
		return;
	}
	if (!prepare(req, f, asked->item))
		return;
	gather_add_fetch(req, &f->call, NULL);
	gather_add_thread(req, read_list, f->list, NULL);
	gather_add_job(req, NULL, &f->job, "render", picture_text(&picture, f->payload));
	AWAIT(req, gather(req));
	reply_combined(req, asked->item, f);
	ASYNC_END(req);
}
