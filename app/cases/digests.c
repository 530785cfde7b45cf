#include "cases.h"

/* GET /cases/digests?name=a&name=b: asyncio.gather of threads. Several files at the same time, as
 * many as there are threads and cores; it takes as long as the longest. */
void digests(struct request *req)
{
	const struct names *names = request_input(req);
	const struct slice *name = names->names.items;
	struct digests *f = FRAME(req, struct digests);
	struct buffer out = {0};

	ASYNC_BEGIN(req);
	for (size_t i = 0; i < names->names.count; i++) {
		f->list[i].name = name[i];
		gather_add_thread(req, digest_file, &f->list[i], NULL);
	}
	AWAIT(req, gather(req));
	for (size_t i = 0; i < names->names.count; i++) {
		if (f->list[i].error) {
			buffer_free(&out);
			refuse_file(req, &f->list[i]);
			return;
		}
		buffer_append_text(&out, i ? "," : "[");
		append_digest(&out, &f->list[i]);
	}
	buffer_append_text(&out, "]");
	reply_text(req, 200, "application/json", &out);
	ASYNC_END(req);
}
