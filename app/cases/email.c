/* The text of an e-mail (RFC 5322, 2045, 2047). */
#include "email.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "cases.h"

enum { LINE = 57 /* bytes that are 76 characters in base64 */, WORD = 45 };

static void append_base64(struct buffer *out, struct slice bytes)
{
	char *to = buffer_reserve(out, (bytes.len + 2) / 3 * 4 + 1);

	if (to)
		out->len += (size_t)EVP_EncodeBlock(
			(unsigned char *)to, (const unsigned char *)bytes.data, (int)bytes.len);
}

/* Takes so many bytes at most off the text: whole characters. */
static struct slice take(struct slice *text, size_t most)
{
	size_t len = text->len < most ? text->len : most;
	struct slice taken;

	while (len < text->len && len > 1 && ((unsigned char)text->data[len] & 0xc0) == 0x80)
		len--;
	taken = (struct slice){text->data, len};
	*text = (struct slice){text->data + len, text->len - len};
	return taken;
}

static bool is_plain(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < ' ' || text.data[i] > '~')
			return false;
	return text.len <= 60 && !memmem(text.data, text.len, "=?", 2);
}

static void append_subject(struct buffer *out, struct slice subject)
{
	buffer_append_text(out, "Subject: ");
	if (is_plain(subject)) {
		buffer_append(out, subject.data, subject.len);
		subject.len = 0;
	}
	for (bool more = false; subject.len; more = true) {
		buffer_append_text(out, more ? "\r\n =?utf-8?b?" : "=?utf-8?b?");
		append_base64(out, take(&subject, WORD));
		buffer_append_text(out, "?=");
	}
	buffer_append_text(out, "\r\n");
}

/* Never the same twice. */
static void append_id(struct buffer *out)
{
	uint64_t id[2] = {0};

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		out->failed = true;
	buffer_format(out, "Message-ID: <%016llx%016llx@lanes>\r\n", (unsigned long long)id[0],
		      (unsigned long long)id[1]);
}

static void append_date(struct buffer *out)
{
	time_t now = time(NULL);
	struct tm tm;
	char date[64];

	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	buffer_format(out, "Date: %s\r\n", date);
}

void email_write(struct email *email, struct slice to, struct slice subject, struct slice text)
{
	struct buffer *out = &email->text;

	snprintf(email->to, sizeof(email->to), "<%.*s>", (int)to.len, to.data);
	buffer_format(out, "From: %.500s\r\nTo: %.*s\r\n", case_options.mail_from, (int)to.len,
		      to.data);
	append_subject(out, subject);
	append_date(out);
	append_id(out);
	buffer_append_text(out, "MIME-Version: 1.0\r\n"
				"Content-Type: text/plain; charset=\"utf-8\"\r\n"
				"Content-Transfer-Encoding: base64\r\n\r\n");
	for (size_t i = 0; i < text.len; i += LINE) {
		size_t len = text.len - i < LINE ? text.len - i : LINE;

		append_base64(out, (struct slice){text.data + i, len});
		buffer_append_text(out, "\r\n");
	}
}
