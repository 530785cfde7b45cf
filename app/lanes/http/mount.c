#include "http/mount.h"

#include "base/log.h"
#include "http/percent.h"
#include "http/request.h"

static bool ends_with(struct slice text, struct slice end)
{
	return end.len && text.len >= end.len &&
	       !memcmp(text.data + text.len - end.len, end.data, end.len);
}

struct slice path_of_target(struct slice target)
{
	const char *end = target.len ? memchr(target.data, '?', target.len) : NULL;

	if (end)
		target.len = (size_t)(end - target.data);
	end = target.len ? memchr(target.data, '#', target.len) : NULL;
	if (end)
		target.len = (size_t)(end - target.data);
	return target;
}

/* Neither SCRIPT_NAME nor PATH_INFO came, or both are empty. DOCUMENT_URI is decoded, REQUEST_URI
 * as the client has sent it: of that there may be more than was meant for us, so it comes last. */
static void look_elsewhere(struct request *req)
{
	static bool told; /* once is enough */

	req->path = request_param(req, "DOCUMENT_URI");
	if (req->path.len)
		return;
	req->path = path_of_target(request_param(req, "REQUEST_URI"));
	req->raw = req->path.len != 0;
	if (!req->path.len)
		req->path.data = "";
	if (!req->path.len && !told) {
		told = true;
		log_event(LOG_LEVEL_WARNING, "no-path", "wanted",
			  "SCRIPT_NAME, PATH_INFO, DOCUMENT_URI or REQUEST_URI", NULL);
	}
}

/* nginx's fastcgi_params has the whole path as SCRIPT_NAME, and with a PATH_INFO added, that comes
 * twice. DOCUMENT_URI, which it has as well, says so; without that, two that are the same are one,
 * where the mount is not just that. */
static void take_apart(struct slice mount, struct request *req)
{
	struct slice info = req->raw ? request_param(req, "PATH_INFO") : req->path;
	struct slice whole;

	if (!ends_with(req->prefix, info))
		return;
	whole = request_param(req, "DOCUMENT_URI");
	if (whole.len ? slice_equal(whole, req->prefix)
		      : info.len == req->prefix.len && !slice_equal(mount, req->prefix))
		req->prefix.len -= info.len;
}

/* Takes the mount off the front of a path; false if that is outside. */
static bool take_off(struct slice mount, struct slice *path)
{
	if (path->len < mount.len ||
	    (mount.len && memcmp(path->data, mount.data, mount.len) != 0) ||
	    (path->len > mount.len && path->data[mount.len] != '/'))
		return false;
	if (mount.len)
		*path = (struct slice){path->data + mount.len, path->len - mount.len};
	return true;
}

/* The path as CGI has it; false if memory is out. */
static bool decode(struct request *req)
{
	char *decoded;

	if (!req->raw)
		return true;
	decoded = request_alloc(req, req->path.len + 1);
	if (!decoded)
		return false;
	req->path = percent_decode(req->path, decoded, req->path.len);
	req->raw = false;
	return true;
}

struct slice mount_join(struct request *req, struct slice path)
{
	size_t len = req->prefix.len + path.len;
	char *whole = request_alloc(req, len + 1);

	if (!whole)
		return (struct slice){NULL, 0};
	memcpy(whole, req->prefix.data, req->prefix.len);
	memcpy(whole + req->prefix.len, path.data, path.len);
	return (struct slice){whole, len};
}

int mount_enter(struct slice mount, struct request *req)
{
	struct slice *prefix = &req->prefix;

	if (!req->path.len)
		look_elsewhere(req);
	if (prefix->len && (!slice_equal(*prefix, mount) || slice_equal(*prefix, req->path)))
		take_apart(mount, req);
	while (prefix->len && prefix->data[prefix->len - 1] == '/')
		prefix->len--;
	if (!mount.data || slice_equal(*prefix, mount))
		return 0;
	if (prefix->len || !req->raw || !take_off(mount, &req->path)) {
		if (!decode(req))
			return 503;
		if (prefix->len)
			req->path = mount_join(req, req->path);
		if (!req->path.data)
			return 503;
		*prefix = (struct slice){"", 0};
		if (!take_off(mount, &req->path))
			return 404;
	}
	*prefix = mount;
	return 0;
}
