/*
 * An HTTP answer: one byte with the length of the pieces it comes in, the answer. However it is cut
 * it is the same answer, its texts end, and what is complete stays so.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "client/answer.h"

static enum answer_state feed(struct answer *answer, const char *bytes, size_t len, size_t piece)
{
	enum answer_state state = ANSWER_MORE;

	answer_init(answer);
	for (size_t n; len && state == ANSWER_MORE; bytes += n, len -= n) {
		n = len < piece ? len : piece;
		state = answer_feed(answer, bytes, n);
	}
	return state;
}

static void check_texts(const struct answer *answer)
{
	assert(memchr(answer->worker, '\0', sizeof(answer->worker)));
	assert(memchr(answer->timing, '\0', sizeof(answer->timing)));
	assert(memchr(answer->body, '\0', sizeof(answer->body)));
	assert(answer->body_kept <= ANSWER_BODY && answer->body_kept <= answer->body_bytes);
	assert(answer->status == 0 || (answer->status >= 100 && answer->status <= 999));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answer whole;
	struct answer cut;
	enum answer_state state;

	if (!size)
		return 0;
	state = feed(&whole, (const char *)data + 1, size - 1, SIZE_MAX);
	assert(feed(&cut, (const char *)data + 1, size - 1, data[0] + 1U) == state);
	check_texts(&whole);
	check_texts(&cut);
	assert(state != ANSWER_DONE || answer_ends_here(&whole));
	if (state == ANSWER_BAD)
		return 0;
	assert(whole.status == cut.status && whole.serial == cut.serial);
	assert(!strcmp(whole.worker, cut.worker) && !strcmp(whole.timing, cut.timing));
	assert(whole.body_kept == cut.body_kept);
	assert(!memcmp(whole.body, cut.body, whole.body_kept));
	assert(answer_ends_here(&whole) == answer_ends_here(&cut));
	return 0;
}
