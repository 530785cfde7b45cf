#include "http/multipart.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

#include "base/utf8.h"
#include "http/header_option.h"

enum { BEFORE = 4 /* "\r\n--" */ };

/* The value of an option, without quotes. 1, 0 if there is none, or -ENOMEM. */
static int take_option(const struct multipart *m, struct slice header, const char *name,
		       struct slice *value)
{
	struct slice quoted;
	char *out = NULL;

	if (!header_option(header, name, &quoted))
		return 0;
	if (memchr(quoted.data, '\\', quoted.len)) {
		out = request_alloc(m->req, quoted.len);
		if (!out)
			return -ENOMEM;
	}
	*value = header_unquote(quoted, out);
	return 1;
}

bool multipart_begin(struct multipart *m, struct request *req, struct slice type, struct slice body)
{
	char usual[sizeof("\"utf-8\"")];
	struct slice boundary;
	struct slice charset;
	char *delimiter = m->delimiter;

	*m = (struct multipart){.req = req, .rest = body};
	if (!header_option(type, "boundary", &boundary) || boundary.len > MULTIPART_BOUNDARY_MAX)
		return false;
	memcpy(delimiter, "\r\n--", BEFORE);
	boundary = header_unquote(boundary, delimiter + BEFORE);
	memmove(delimiter + BEFORE, boundary.data, boundary.len);
	m->delimiter_len = BEFORE + boundary.len;
	m->utf8 = true;
	if (header_option(type, "charset", &charset)) {
		if (charset.len < sizeof(usual))
			charset = header_unquote(charset, usual);
		m->utf8 = (charset.len == 5 && !strncasecmp(charset.data, "utf-8", 5)) ||
			  (charset.len == 4 && !strncasecmp(charset.data, "utf8", 4));
	}
	return true;
}

static struct slice from_latin1(const struct multipart *m, struct slice text)
{
	char *out;

	if (utf8_is_ascii(text))
		return text;
	out = request_alloc(m->req, 2 * text.len);
	return out ? utf8_of_latin1(text, out) : (struct slice){NULL, 0};
}

struct slice multipart_text(const struct multipart *m, struct slice text)
{
	return m->utf8 && utf8_is_valid(text) ? text : from_latin1(m, text);
}

/* Takes one byte. 1, or 0 at the end. */
static int take(struct multipart *m, char *c)
{
	if (!m->rest.len)
		return 0;
	*c = *m->rest.data++;
	m->rest.len--;
	return 1;
}

/* Takes these bytes. 1, 0 if the body ends before, or -EBADMSG. */
static int expect(struct multipart *m, const char *bytes, size_t len)
{
	char c;

	for (size_t i = 0; i < len; i++) {
		if (!take(m, &c))
			return 0;
		if (c != bytes[i])
			return -EBADMSG;
	}
	return 1;
}

static int take_first_delimiter(struct multipart *m)
{
	int taken;

	m->begun = true;
	for (; m->rest.len && (*m->rest.data == '\r' || *m->rest.data == '\n'); m->rest.len--)
		m->rest.data++;
	taken = expect(m, m->delimiter + 2, m->delimiter_len - 2);
	return taken == 1 ? expect(m, "\r\n", 2) : taken;
}

/* Takes a line of the head: 1; 2 for its end, which is also a line without a colon. */
static int take_header(struct multipart *m, struct slice *name, struct slice *value)
{
	char c;

	*name = (struct slice){m->rest.data, 0};
	for (;; name->len++) {
		if (!take(m, &c))
			return 0;
		if (c == ':')
			break;
		if (c == '\r') {
			int taken = expect(m, "\n", 1);

			return taken == 1 ? 2 : taken;
		}
		if (c != '-' && !isalpha((unsigned char)c))
			return -EBADMSG;
	}
	if (!name->len)
		return -EBADMSG;
	for (; m->rest.len && *m->rest.data == ' '; m->rest.len--)
		m->rest.data++;
	*value = (struct slice){m->rest.data, 0};
	for (; take(m, &c) && c != '\r'; value->len++)
		;
	return m->rest.len ? expect(m, "\n", 1) : 0;
}

static bool is_name(struct slice text, const char *name)
{
	return text.len == strlen(name) && !strncasecmp(text.data, name, text.len);
}

/* What is behind the last backslash, of what looks like a whole path of Windows. */
static struct slice basename_of(struct slice path)
{
	if ((path.len >= 3 && path.data[1] == ':' && path.data[2] == '\\') ||
	    (path.len >= 2 && path.data[0] == '\\' && path.data[1] == '\\')) {
		const char *last = memrchr(path.data, '\\', path.len);

		path.len -= (size_t)(last + 1 - path.data);
		path.data = last + 1;
	}
	return path;
}

static int take_names(struct multipart *m, struct slice disposition, struct multipart_part *part)
{
	int found = take_option(m, disposition, "name", &part->name);
	bool fine;

	if (found < 1)
		return found ? found : -ENOKEY;
	found = take_option(m, disposition, "filename", &part->filename);
	if (found < 0)
		return found;
	part->is_file = found == 1;
	part->name = multipart_text(m, part->name);
	fine = part->name.data != NULL;
	if (part->is_file) {
		part->filename = multipart_text(m, basename_of(part->filename));
		fine = fine && part->filename.data;
	}
	if (part->type.data) {
		part->type = from_latin1(m, part->type);
		fine = fine && part->type.data;
	}
	return fine ? 1 : -ENOMEM;
}

static int take_head(struct multipart *m, struct multipart_part *part)
{
	struct slice disposition = {NULL, 0};
	struct slice name;
	struct slice value;
	int taken;

	while ((taken = take_header(m, &name, &value)) == 1) {
		if (is_name(name, "content-disposition"))
			disposition = value;
		/* The first one counts. */
		if (is_name(name, "content-type") && !part->type.data)
			part->type = value;
	}
	return taken == 2 ? take_names(m, disposition, part) : taken;
}

/* Up to the next delimiter, which is taken with what ends it. 0: there is none, and the text is all
 * that there is. */
static int take_text(struct multipart *m, struct multipart_part *part)
{
	const char *end = m->rest.data + m->rest.len;
	const char *at = m->rest.data;

	part->text = m->rest;
	while ((at = memmem(at, (size_t)(end - at), m->delimiter, m->delimiter_len)) != NULL) {
		const char *after = at + m->delimiter_len;

		if (end - after < 2)
			break;
		if (!memcmp(after, "\r\n", 2) || !memcmp(after, "--", 2)) {
			part->text.len = (size_t)(at - part->text.data);
			m->rest = (struct slice){after + 2, (size_t)(end - after - 2)};
			if (*after == '-')
				m->rest.len = 0;
			return 1;
		}
		at = after;
	}
	m->rest.len = 0;
	return 0;
}

int multipart_next(struct multipart *m, struct multipart_part *part)
{
	int taken = m->begun ? (int)(m->rest.len != 0) : take_first_delimiter(m);

	*part = (struct multipart_part){.is_file = false};
	if (taken == 1)
		taken = take_head(m, part);
	return taken == 1 ? take_text(m, part) : taken;
}
