/* An e-mail client that blocks: libcurl, which speaks SMTP. */
#include <curl/curl.h>
#include <stdio.h>

#include "cases.h"
#include "email.h"

static struct curl_blob trusted; /* data is NULL: whom the system trusts */

bool open_mail(void)
{
	struct buffer text = {0};
	FILE *file = case_options.mail_ca ? fopen(case_options.mail_ca, "re") : NULL;
	char piece[4096];
	size_t n;

	if (!case_options.mail_ca)
		return true;
	while (file && (n = fread(piece, 1, sizeof(piece), file)))
		buffer_append(&text, piece, n);
	if (file)
		fclose(file);
	trusted = (struct curl_blob){.data = text.data, .len = text.len};
	if (!text.len || text.failed)
		log_complaint("--mail-ca: %.1000s cannot be read", case_options.mail_ca);
	return text.len && !text.failed;
}

static size_t on_text(char *to, size_t one, size_t room, void *data)
{
	struct email *email = data;
	size_t n = email->text.len - email->sent;

	n = n < one * room ? n : one * room;
	memcpy(to, email->text.data + email->sent, n);
	email->sent += n;
	return n;
}

/* A name and a password are in the URL, if there are any. */
static CURLcode perform(CURL *curl, struct curl_slist *to, struct email *email)
{
	char from[512];

	snprintf(from, sizeof(from), "<%.500s>", case_options.mail_from);
	curl_easy_setopt(curl, CURLOPT_URL, case_options.mail);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)case_options.mail_timeout);
	curl_easy_setopt(curl, CURLOPT_USE_SSL,
			 (long)(case_options.mail_tls == MAIL_TLS_REQUIRED ? CURLUSESSL_ALL
									   : CURLUSESSL_TRY));
	if (trusted.data)
		curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &trusted);
	curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from);
	curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
	curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_text);
	curl_easy_setopt(curl, CURLOPT_READDATA, email);
	return curl_easy_perform(curl);
}

static enum email_outcome outcome_of(CURLcode error, long code)
{
	switch (error) {
	case CURLE_OK:
		return EMAIL_SENT;
	case CURLE_OPERATION_TIMEDOUT:
		return EMAIL_LATE;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_USE_SSL_FAILED:
		return EMAIL_UNSAFE;
	default:
		return code >= 500 ? EMAIL_REFUSED : code >= 400 ? EMAIL_DEFERRED : EMAIL_DOWN;
	}
}

void email_send(void *email)
{
	struct email *e = email;
	CURLcode error = CURLE_OUT_OF_MEMORY;
	struct curl_slist *to = curl_slist_append(NULL, e->to);
	CURL *curl = curl_easy_init();

	if (curl && to) {
		error = perform(curl, to, e);
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &e->code);
	}
	e->outcome = outcome_of(error, e->code);
	curl_slist_free_all(to);
	curl_easy_cleanup(curl);
}
