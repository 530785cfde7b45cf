/* An e-mail client that blocks: libcurl, which speaks SMTP. */
#include <curl/curl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

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

/* libcurl forgets CURLOPT_TIMEOUT_MS while it waits for what the server says to the whole text. But
 * it calls this then, about once a second. */
static int is_late(void *data, curl_off_t all, curl_off_t come, curl_off_t to_send, curl_off_t sent)
{
	const struct email *email = data;
	struct timespec now;

	(void)all;
	(void)come;
	(void)to_send;
	(void)sent;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > email->end.tv_sec ||
	       (now.tv_sec == email->end.tv_sec && now.tv_nsec >= email->end.tv_nsec);
}

static void set_end(struct email *email)
{
	clock_gettime(CLOCK_MONOTONIC, &email->end);
	email->end.tv_sec += case_options.mail_timeout / 1000;
	email->end.tv_nsec += case_options.mail_timeout % 1000 * 1000000;
	if (email->end.tv_nsec >= 1000000000) {
		email->end.tv_sec++;
		email->end.tv_nsec -= 1000000000;
	}
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
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_late);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, email);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
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

/* Says QUIT, but does not wait for what the server says to that: libcurl would, for two minutes. */
static void hang_up(CURL *curl)
{
	curl_socket_t fd;

	if (curl && !curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd) && fd != CURL_SOCKET_BAD)
		shutdown(fd, SHUT_RD);
	curl_easy_cleanup(curl);
}

static enum email_outcome outcome_of(CURLcode error, long code)
{
	switch (error) {
	case CURLE_OK:
		return EMAIL_SENT;
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_ABORTED_BY_CALLBACK:
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

	set_end(e);
	if (curl && to) {
		error = perform(curl, to, e);
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &e->code);
	}
	e->outcome = outcome_of(error, e->code);
	curl_slist_free_all(to);
	hang_up(curl);
}
