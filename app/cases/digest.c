#include "cases.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

enum { PIECE = 16384 };

static EVP_MD *sha256;

bool open_digests(void)
{
	sha256 = sha256 ? sha256 : EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!sha256)
		log_complaint("OpenSSL has no SHA-256");
	return sha256;
}

/* Whatever happens to the file meanwhile: what is read is what is digested, and no more than so
 * many bytes. */
static int digest_all(int fd, EVP_MD_CTX *context, int64_t *bytes)
{
	char piece[PIECE];
	ssize_t n;

	do {
		n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && !EVP_DigestUpdate(context, piece, (size_t)n))
			return -ENOMEM;
		*bytes += n > 0 ? n : 0;
		if (*bytes > case_options.digest_limit)
			return -EFBIG;
	} while (n && still_wanted());
	return n ? -ECANCELED : 0;
}

static void write_hex(EVP_MD_CTX *context, struct digest *d)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned len;

	if (!EVP_DigestFinal_ex(context, bytes, &len))
		d->error = -ENOMEM;
	for (unsigned i = 0; i < len && !d->error; i++)
		snprintf(d->sha256 + (size_t)2 * i, 3, "%02x", bytes[i]);
}

void digest_file(void *digest)
{
	struct digest *d = digest;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int fd = open_below(case_files, d->name);

	d->error = fd < 0 ? fd : -ENOMEM;
	if (fd >= 0 && context && EVP_DigestInit_ex2(context, sha256, NULL))
		d->error = digest_all(fd, context, &d->bytes);
	if (!d->error)
		write_hex(context, d);
	EVP_MD_CTX_free(context);
	if (fd >= 0)
		close(fd);
}

void append_digest(struct buffer *out, const struct digest *d)
{
	buffer_append_text(out, "{\"name\":");
	json_string(out, d->name);
	buffer_format(out, ",\"bytes\":%lld,\"sha256\":\"%s\"}", (long long)d->bytes, d->sha256);
}

void refuse_file(struct request *req, const struct digest *d)
{
	switch (d->error) {
	case -EBADF:
		reply_missing(req, "folder of files", "--files FOLDER");
		return;
	case -ENOENT:
	case -ENOTDIR:
	case -ELOOP:
	case -EACCES:
		reply_refusal(req, 404, "%.*s is not there", (int)d->name.len, d->name.data);
		return;
	case -EFBIG:
		reply_refusal(req, 413, "%.*s has more than %lld bytes", (int)d->name.len,
			      d->name.data, (long long)case_options.digest_limit);
		return;
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
		reply_error(req, 503);
		return;
	default:
		log_event(LOG_LEVEL_WARNING, "file-failed", "error", strerror(-d->error), NULL);
		reply_error(req, 500);
	}
}

/* GET /cases/digest/{name}: one blocking read, and light work on what was read. SYNC, as `def`: all
 * of it runs on a thread. */
void digest(struct request *req)
{
	struct digest d = {.name = ((const struct named *)request_input(req))->name};
	struct buffer out = {0};

	digest_file(&d);
	if (d.error) {
		refuse_file(req, &d);
		return;
	}
	append_digest(&out, &d);
	reply_text(req, 200, "application/json", &out);
}
