#include "cases.h"
#include "email.h"

const struct field mail_fields[MAIL_FIELDS] = {
	QUERY(BOOL, struct mail_input, later, .fallback = &(const bool){false}),
	BODY(STRING, struct mail_input, to, .max_length = ADDRESS_MAX,
	     .pattern =
		     PATTERN("^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*$")),
	BODY(STRING, struct mail_input, subject, .min_length = 1, .max_length = 200),
	BODY(STRING, struct mail_input, text, .max_length = 50000),
};

static void free_email(void *email)
{
	buffer_free(&((struct email *)email)->text);
}

/* The pattern's "$" is before a line break, too, as in Python. */
static bool is_one_line(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
			return false;
	return true;
}

/* NULL, and its answer is there or will be. */
static struct email *new_email(struct request *req, const struct mail_input *mail)
{
	static const char wrong[] = "control characters are not allowed";
	struct email *email;

	if (!is_one_line(mail->to) || !is_one_line(mail->subject)) {
		input_refuse(req, &mail_fields[is_one_line(mail->to) ? 2 : 1], wrong,
			     "value_error");
		return NULL;
	}
	email = request_alloc(req, sizeof(*email));
	if (!email) {
		reply_error(req, 503);
		return NULL;
	}
	email_write(email, mail->to, mail->subject, mail->text);
	if (!request_defer(req, free_email, email))
		return NULL;
	if (email->text.failed)
		reply_error(req, 503);
	return email->text.failed ? NULL : email;
}

static void reply_mail(struct request *req, int status, const struct mail_input *mail)
{
	struct buffer out = {0};

	buffer_append_text(&out, "{\"to\":");
	json_string(&out, mail->to);
	buffer_append_text(&out, status == 200 ? ",\"sent\":true}" : ",\"sent\":false}");
	reply_text(req, status, "application/json", &out);
}

static void log_failure(const struct email *email)
{
	static const char *const words[] = {
		[EMAIL_SENT] = "none",	     [EMAIL_LATE] = "late",
		[EMAIL_DOWN] = "no server",  [EMAIL_DEFERRED] = "deferred",
		[EMAIL_REFUSED] = "refused", [EMAIL_UNSAFE] = "no TLS"};

	log_event(LOG_LEVEL_WARNING, "mail-failed", "error", words[email->outcome], "code",
		  log_number(email->code), NULL);
}

static void refuse_email(struct request *req, const struct email *email)
{
	log_failure(email);
	switch (email->outcome) {
	case EMAIL_LATE:
		reply_error(req, 504);
		break;
	case EMAIL_REFUSED:
		reply_refusal(req, 502, "the mail server said %ld", email->code);
		break;
	case EMAIL_DEFERRED:
		reply_refusal(req, 503, "the mail server said %ld", email->code);
		break;
	case EMAIL_UNSAFE:
		reply_refusal(req, 502, "there is no TLS with the mail server");
		break;
	default:
		reply_error(req, 503);
	}
}

/* When the client has its answer. Nobody is there to be told what came of it but the log. */
static void send_later(struct request *req, void *email)
{
	struct email *e = email;

	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, email_send, e));
	if (e->outcome != EMAIL_SENT)
		log_failure(e);
	ASYNC_END(req);
}

/* POST /cases/mail: a client that blocks, wrapped: run_in_threadpool. With ?later=true it is sent
 * after the answer, as FastAPI's BackgroundTasks do. */
void mail(struct request *req)
{
	const struct mail_input *mail = request_input(req);
	struct email **f = FRAME(req, struct email *);

	ASYNC_BEGIN(req);
	if (!case_options.mail) {
		reply_missing(req, "mail server", "make run MAIL_URL=smtp://HOST:PORT");
		return;
	}
	*f = new_email(req, mail);
	if (!*f)
		return;
	if (mail->later) {
		if (request_later(req, send_later, *f))
			reply_mail(req, 202, mail);
		return;
	}
	AWAIT(req, run_in_threadpool(req, email_send, *f));
	if ((*f)->outcome == EMAIL_SENT)
		reply_mail(req, 200, mail);
	else
		refuse_email(req, *f);
	ASYNC_END(req);
}
