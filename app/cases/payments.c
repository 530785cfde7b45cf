#include "cases.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>

/* What a payment provider's library is like: it blocks, and is as thread-safe as one can hope. */
struct payment_call {
	const struct payment_input *asked;
	struct buffer answer;
	long status;
	CURLcode error;
};

enum { ANSWER_MAX = 65536 };

/* One at a time may fail slowly: those of the provider wait for each other here, and hold up
 * nobody else. */
const struct thread_pool_options payment_threads = {
	.name = "payments", .threads = 16, .spares = 16, .queue = 200};

static size_t on_answer(char *bytes, size_t one, size_t n, void *answer)
{
	struct buffer *b = answer;

	if (b->len + one * n > ANSWER_MAX)
		return 0;
	buffer_append(b, bytes, one * n);
	return b->failed ? 0 : one * n;
}

static void pay(CURL *curl, const char *url, struct curl_slist *headers, struct slice body,
		struct payment_call *call)
{
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)case_options.payment_timeout);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body.len);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &call->answer);
	call->error = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &call->status);
}

int status_of_curl(int error)
{
	switch (error) {
	case CURLE_OPERATION_TIMEDOUT:
		return 504;
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_OUT_OF_MEMORY:
		return 503;
	default:
		return 502;
	}
}

static void call_gateway(struct payment_call *call)
{
	const struct payment_input *asked = call->asked;
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	struct buffer body = {0};
	char key[128];
	char url[512];
	CURL *curl = curl_easy_init();

	/* A key is the same however often it is tried: nobody pays twice. */
	snprintf(key, sizeof(key), "Idempotency-Key: %.*s", (int)asked->idempotency_key.len,
		 asked->idempotency_key.data);
	snprintf(url, sizeof(url), "%s/payments", case_options.outside);
	buffer_append_text(&body, "{\"order\":");
	json_string(&body, asked->order);
	buffer_format(&body, ",\"amount\":%lld}", (long long)asked->amount);
	call->error = CURLE_OUT_OF_MEMORY;
	if (curl && headers && curl_slist_append(headers, key) && !body.failed)
		pay(curl, url, headers, buffer_slice(&body), call);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	buffer_free(&body);
}

/* What the gateway calls the payment is passed on; an answer without is none. */
static void reply_payment(struct request *req, const struct payment_call *call)
{
	const struct json_value *payment = NULL;
	struct json_document document;
	struct buffer out = {0};

	json_document_read(&document, buffer_slice(&call->answer));
	if (document.root)
		payment = json_member(document.root, "payment");
	if (!payment || payment->type != JSON_STRING) {
		reply_error(req, document.error == -ENOMEM ? 503 : 502);
	} else {
		buffer_append_text(&out, "{\"payment\":");
		json_string(&out, payment->text);
		buffer_append_text(&out, ",\"order\":");
		json_string(&out, call->asked->order);
		buffer_format(&out, ",\"amount\":%lld}", (long long)call->asked->amount);
		reply_text(req, 201, "application/json", &out);
	}
	json_document_free(&document);
}

/* POST /cases/payments: a library that can only block. SYNC, as `def`: it has a thread, and those
 * are its own. */
void payments(struct request *req)
{
	struct payment_call made = {.asked = request_input(req)};

	if (!case_options.outside) {
		reply_missing(req, "payment gateway", "--outside URL");
		return;
	}
	call_gateway(&made);
	if (made.error || (made.status != 201 && made.status != 402))
		log_event(LOG_LEVEL_WARNING, "payment-failed", "error",
			  curl_easy_strerror(made.error), "gateway_status", log_number(made.status),
			  NULL);
	if (made.error)
		reply_error(req, status_of_curl(made.error));
	else if (made.status == 402)
		reply_refusal(req, 402, "the payment was declined");
	else if (made.status == 201)
		reply_payment(req, &made);
	else
		reply_error(req, 502);
	buffer_free(&made.answer);
}
