#include <openssl/evp.h>
#include <string.h>

#include "cases.h"

enum { KEY = 32 };

struct derived {
	int64_t rounds;
	unsigned char key[KEY];
	bool done;
};

static const char PASSWORD[] = "correct horse";
static const unsigned char SALT[] = "battery staple";

/* Wherever it is called, it needs a core for as long as it takes: this is what keeps passwords. */
static void derive_key(void *derived)
{
	struct derived *d = derived;

	d->done = PKCS5_PBKDF2_HMAC(PASSWORD, (int)strlen(PASSWORD), SALT, sizeof(SALT) - 1,
				    (int)d->rounds, EVP_sha256(), KEY, d->key);
}

/* {"rounds":100000,"key":"…"} */
static void reply_key(struct request *req, const struct derived *d)
{
	struct buffer out = {0};

	if (!d->done) {
		reply_error(req, 503);
		return;
	}
	buffer_format(&out, "{\"rounds\":%lld,\"key\":\"", (long long)d->rounds);
	for (size_t i = 0; i < KEY; i++)
		buffer_format(&out, "%02x", d->key[i]);
	buffer_append_text(&out, "\"}");
	reply_text(req, 200, "application/json", &out);
}

/* GET /cases/derive?rounds=100000: a key from a password, which takes a core for so many rounds: on
 * a thread, and the loop serves others. */
void derive(struct request *req)
{
	const struct derive_query *asked = request_input(req);
	struct derived *d = FRAME(req, struct derived);

	ASYNC_BEGIN(req);
	d->rounds = asked->rounds;
	AWAIT(req, run_in_cpu_pool(req, derive_key, d));
	reply_key(req, d);
	ASYNC_END(req);
}

/* GET /cases/derive/bad: the same on the loop. BAD, and here to be seen: async computes nothing
 * faster, and nobody is served meanwhile. */
void derive_bad(struct request *req)
{
	struct derived d = {.rounds = ((const struct derive_query *)request_input(req))->rounds};

	derive_key(&d);
	reply_key(req, &d);
}
