#include <errno.h>
#include <stdlib.h>

#include "cases.h"

/* Of one supplier. */
struct quote {
	struct fetch call;
	int outcome;
	int64_t price; /* hundredths */
};

struct quotes {
	struct quote of[SUPPLIERS]; /* number 1 is the first */
	int late;
};

int read_price(struct slice json, int64_t *price)
{
	const struct json_value *value;
	struct json_document document;
	int err;

	json_document_read(&document, json);
	err = document.error == -ENOMEM ? -ENOMEM : -EBADMSG;
	value = document.root ? json_member(document.root, "price") : NULL;
	if (value && value->type == JSON_INTEGER && value->text.len <= 9) {
		*price = strtoll(value->text.data, NULL, 10);
		err = 0;
	}
	json_document_free(&document);
	return err;
}

static void append_numbers(struct buffer *out, const char *name, const bool *is)
{
	const char *comma = "";

	buffer_format(out, ",\"%s\":[", name);
	for (int i = 0; i < SUPPLIERS; i++)
		if (is[i]) {
			buffer_format(out, "%s%d", comma, i + 1);
			comma = ",";
		}
	buffer_append_text(out, "]");
}

/* {"item":"tea","quotes":[{"supplier":1,"price":950}],"late":[2],"failed":[3]} */
static void reply_quotes(struct request *req, struct slice item, struct quotes *f)
{
	bool late[SUPPLIERS], failed[SUPPLIERS];
	const char *comma = "";
	struct buffer out = {0};

	buffer_append_text(&out, "{\"item\":");
	json_string(&out, item);
	buffer_append_text(&out, ",\"quotes\":[");
	for (int i = 0; i < SUPPLIERS; i++) {
		struct quote *quote = &f->of[i];
		bool has_price = !quote->outcome && quote->call.status == 200 &&
				 !read_price(quote->call.content, &quote->price);

		late[i] = quote->outcome == -ETIMEDOUT;
		failed[i] = !has_price && !late[i];
		if (!has_price)
			continue;
		buffer_format(&out, "%s{\"supplier\":%d,\"price\":%lld}", comma, i + 1,
			      (long long)quote->price);
		comma = ",";
	}
	buffer_append_text(&out, "]");
	append_numbers(&out, "late", late);
	append_numbers(&out, "failed", failed);
	buffer_append_text(&out, "}");
	reply_text(req, 200, "application/json", &out);
}

/* GET /cases/quotes?item=tea&within=0.5: asyncio.gather of three calls, for half a second at most.
 * Who is late is left out, and named; so is who fails. */
void quotes(struct request *req)
{
	const struct quotes_query *asked = request_input(req);
	struct quotes *f = FRAME(req, struct quotes);

	ASYNC_BEGIN(req);
	if (!case_options.outside) {
		reply_missing(req, "supplier", "--outside URL");
		return;
	}
	for (int i = 0; i < SUPPLIERS; i++) {
		f->of[i].call.url =
			fetch_url(req, "%s/suppliers/%d/price?item=%.*s", case_options.outside,
				  i + 1, (int)asked->item.len, asked->item.data);
		f->of[i].call.limit = 4096;
		gather_add_fetch(req, &f->of[i].call, &f->of[i].outcome);
	}
	TRY_AWAIT(req, f->late, gather_within(req, asked->within));
	reply_quotes(req, asked->item, f);
	ASYNC_END(req);
}
