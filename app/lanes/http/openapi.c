#include "http/openapi.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "http/openapi_schema.h"
#include "http/reply.h"

/* ---- an operation ---- */

/* "/files/{path:path}" is "/files/{path}". */
static void append_path(struct buffer *out, const char *path)
{
	while (*path) {
		size_t name = strcspn(path, ":{");

		json_content(out, (struct slice){path, name});
		path += name;
		if (*path == '{') {
			name = strcspn(path, ":}");
			json_content(out, (struct slice){path, name});
			path += name + strcspn(path + name, "}");
		} else if (*path) {
			json_content(out, (struct slice){path++, 1});
		}
	}
}

static const char *const methods[METHODS] = {"get", "post", "put", "patch", "delete"};

/* The handler's name, the path and the method, of which all but words is "_". */
static void append_operation_id(struct buffer *out, const struct route *route)
{
	size_t from = out->len;

	buffer_append_text(out, route->name ? route->name : "route");
	append_path(out, route->path);
	for (; from < out->len; from++)
		if (!isalnum((unsigned char)out->data[from]))
			out->data[from] = '_';
	buffer_append_text(out, "_");
	buffer_append_text(out, methods[route->method]);
}

static void add_parameter(struct buffer *out, const struct field *field, bool *some)
{
	static const char *const places[] = {"path", "query", "header", "cookie"};
	char name[SCHEMA_NAME_SIZE];

	json_begin_item(out, "parameters", some);
	buffer_append_text(out, "{");
	json_add_bool(out, "required", schema_requires(field));
	json_add_text(out, "description", field->description);
	json_begin(out, "schema");
	schema_add(out, field);
	json_end(out);
	json_add_text(out, "name", schema_name(field, name));
	json_add_text(out, "in", places[field->place]);
	json_end(out);
}

static bool has_field(const struct input *input, const char *name)
{
	for (size_t i = 0; input && i < input->count; i++)
		if (input->fields[i].place == IN_PATH &&
		    !strcmp(input->fields[i].name ? input->fields[i].name : input->fields[i].member,
			    name))
			return true;
	return false;
}

/* Those of the path, for which no field need be declared, and then the others. */
static void add_parameters(struct buffer *out, const struct route *route)
{
	const struct input *input = route->input;
	bool some = false;

	for (const char *at = strchr(route->path, '{'); at; at = strchr(at, '{')) {
		char name[SCHEMA_NAME_SIZE] = "";
		size_t len = strcspn(++at, ":}");

		memcpy(name, at, len < SCHEMA_NAME_SIZE ? len : SCHEMA_NAME_SIZE - 1);
		if (!has_field(input, name))
			add_parameter(out,
				      &(const struct field){.kind = FIELD_STRING, .member = name},
				      &some);
	}
	for (size_t i = 0; input && i < input->count; i++)
		if (input->fields[i].place < IN_BODY)
			add_parameter(out, &input->fields[i], &some);
	json_end_list(out, some);
}

static bool has_file(const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fields[i].kind == FIELD_FILE ||
		    (fields[i].kind == FIELD_LIST && fields[i].item->kind == FIELD_FILE))
			return true;
	return false;
}

/* The schema of what is no JSON. */
static void add_raw_content(struct buffer *out, const char *type)
{
	json_begin(out, "content");
	json_begin(out, type);
	json_begin(out, "schema");
	json_add_text(out, "type", "string");
	json_add_text(out, "format", strncmp(type, "text/", 5) ? "binary" : NULL);
	json_end(out);
	json_end(out);
	json_end(out);
}

/* A body of which the handler makes what it likes. */
static void add_raw_body(struct buffer *out, const struct route *route)
{
	if (!route->takes && !route->body_limit)
		return;
	json_begin(out, "requestBody");
	add_raw_content(out, route->takes ? route->takes : "application/octet-stream");
	json_end(out);
}

static void add_body(struct buffer *out, const struct route *route)
{
	const struct input *input = route->input;
	size_t first = 0;
	const struct field *fields;
	size_t count;
	bool required;

	while (input && first < input->count && input->fields[first].place < IN_BODY)
		first++;
	if (!input || first == input->count) {
		add_raw_body(out, route);
		return;
	}
	fields = &input->fields[first];
	count = input->count - first;
	required = fields->place == IN_BODY;
	json_begin(out, "requestBody");
	json_begin(out, "content");
	json_begin(out, fields->place == IN_BODY  ? "application/json"
			: has_file(fields, count) ? "multipart/form-data"
						  : "application/x-www-form-urlencoded");
	json_begin(out, "schema");
	if (fields->place == IN_BODY) {
		schema_type_title(out, fields->of);
	} else {
		json_key(out, "title");
		buffer_append_text(out, "\"Body_");
		append_operation_id(out, route);
		buffer_append_text(out, "\"");
	}
	schema_add_members(out, fields, count);
	json_end(out);
	json_end(out);
	json_end(out);
	for (size_t i = 0; i < count; i++)
		required |= schema_requires(&fields[i]);
	if (required)
		json_add_bool(out, "required", true);
	json_end(out);
}

/* What is no object is called after the operation. */
static void add_answers_title(struct buffer *out, const struct route *route)
{
	struct buffer name = {0};

	buffer_append_text(&name, "Response_");
	append_operation_id(&name, route);
	buffer_append(&name, "", 1);
	out->failed |= name.failed;
	if (!name.failed)
		schema_title(out, "title", name.data);
	buffer_free(&name);
}

static void add_answers(struct buffer *out, const struct route *route)
{
	int status = route->status ? route->status : 200;

	json_begin(out, "responses");
	json_next(out);
	buffer_format(out, "\"%d\":{", status);
	json_add_text(out, "description", "Successful Response");
	if (route->gives) {
		add_raw_content(out, route->gives);
	} else if (status != 204 && status != 304) {
		json_begin(out, "content");
		json_begin(out, "application/json");
		json_begin(out, "schema");
		if (route->answers && route->answers->kind != FIELD_OBJECT)
			add_answers_title(out, route);
		if (route->answers)
			schema_add(out, route->answers);
		json_end(out);
		json_end(out);
		json_end(out);
	}
	json_end(out);
	if (route->input)
		buffer_append_text(out,
				   ",\"422\":{\"description\":\"Validation Error\",\"content\":{"
				   "\"application/json\":{\"schema\":{"
				   "\"$ref\":\"#/components/schemas/HTTPValidationError\"}}}}");
	json_end(out);
}

static void add_operation(struct buffer *out, const struct route *route)
{
	json_begin(out, methods[route->method]);
	json_add_texts(out, "tags", route->tags);
	if (route->summary)
		json_add_text(out, "summary", route->summary);
	else
		schema_title(out, "summary", route->name ? route->name : "route");
	json_add_text(out, "description", route->description);
	json_key(out, "operationId");
	buffer_append_text(out, "\"");
	append_operation_id(out, route);
	buffer_append_text(out, "\"");
	add_parameters(out, route);
	add_body(out, route);
	add_answers(out, route);
	json_end(out);
}

/* ---- the document ---- */

/* As the document has them: {name:path} is {name}. */
static int compare_paths(const char *one, const char *other)
{
	static const char rest[] = ":path}";

	for (;; one++, other++) {
		if (!strncmp(one, rest, sizeof(rest) - 1))
			one += sizeof(rest) - 2;
		if (!strncmp(other, rest, sizeof(rest) - 1))
			other += sizeof(rest) - 2;
		if (*one != *other || !*one)
			return (unsigned char)*one - (unsigned char)*other;
	}
}

static int by_path(const void *one, const void *other, void *list)
{
	size_t a = *(const size_t *)one;
	size_t b = *(const size_t *)other;
	int order = compare_paths(((const struct route *)list)[a].path,
				  ((const struct route *)list)[b].path);

	return order ? order : (a > b) - (a < b);
}

/* Tells of one path: of this route and those that follow, each method once. */
static void add_path(struct buffer *out, const struct routes *routes, const size_t *next_of,
		     size_t at)
{
	unsigned told = 0;

	json_next(out);
	buffer_append_text(out, "\"");
	append_path(out, routes->list[at].path);
	buffer_append_text(out, "\":{");
	do {
		const struct route *route = &routes->list[at];

		if (!(told & 1u << route->method))
			add_operation(out, route);
		told |= 1u << route->method;
		at = next_of[at];
	} while (at);
	json_end(out);
}

/* Each path where its first route is. */
static void add_paths(struct buffer *out, const struct routes *routes)
{
	const struct route *list = routes->list;
	size_t *sorted = calloc(routes->count + 1, sizeof(*sorted));
	/* Of each route the next one of its path; 0: there is none. And whether it is such a one.
	 */
	size_t *next_of = calloc(routes->count + 1, sizeof(*next_of));
	bool *follows = calloc(routes->count + 1, sizeof(*follows));
	size_t count = 0;

	json_begin(out, "paths");
	out->failed |= !sorted || !next_of || !follows;
	for (size_t i = 0; !out->failed && i < routes->count; i++)
		if (!list[i].undocumented)
			sorted[count++] = i;
	if (count)
		qsort_r(sorted, count, sizeof(*sorted), by_path, (void *)list);
	for (size_t i = 1; i < count; i++)
		if (!compare_paths(list[sorted[i - 1]].path, list[sorted[i]].path)) {
			next_of[sorted[i - 1]] = sorted[i];
			follows[sorted[i]] = true;
		}
	for (size_t i = 0; count && i < routes->count; i++)
		if (!list[i].undocumented && !follows[i])
			add_path(out, routes, next_of, i);
	json_end(out);
	free(sorted);
	free(next_of);
	free(follows);
}

static const char problems[] =
	",\"components\":{\"schemas\":{"
	"\"HTTPValidationError\":{\"title\":\"HTTPValidationError\",\"type\":\"object\","
	"\"properties\":{\"detail\":{\"title\":\"Detail\",\"type\":\"array\","
	"\"items\":{\"$ref\":\"#/components/schemas/ValidationError\"}}}},"
	"\"ValidationError\":{\"title\":\"ValidationError\",\"required\":[\"loc\",\"msg\",\"type\"]"
	","
	"\"type\":\"object\",\"properties\":{\"loc\":{\"title\":\"Location\",\"type\":\"array\","
	"\"items\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]}},"
	"\"msg\":{\"title\":\"Message\",\"type\":\"string\"},"
	"\"type\":{\"title\":\"Error Type\",\"type\":\"string\"}}}}}";

void openapi_write(struct buffer *out, const struct routes *routes, struct slice prefix)
{
	bool refuses = false; /* what does not fit its fields */

	for (size_t i = 0; i < routes->count; i++)
		refuses |= routes->list[i].input && !routes->list[i].undocumented;
	buffer_append_text(out, "{\"openapi\":\"3.0.2\"");
	json_begin(out, "info");
	json_add_text(out, "title", routes->title ? routes->title : program_invocation_short_name);
	json_add_text(out, "description", routes->description);
	json_add_text(out, "version", routes->version ? routes->version : "0.1.0");
	json_end(out);
	if (prefix.len) {
		buffer_append_text(out, ",\"servers\":[{\"url\":");
		json_string(out, prefix);
		buffer_append_text(out, "}]");
	}
	add_paths(out, routes);
	if (refuses)
		buffer_append_text(out, problems);
	buffer_append_text(out, "}");
}

void openapi_answer(struct request *req)
{
	struct buffer out = {0};

	openapi_write(&out, req->routes, req->prefix);
	reply_text(req, 200, "application/json", &out);
}
