/*
 * The fields of a table as JSON Schema, as pydantic 1 writes what FastAPI is given; and the pieces
 * of JSON that such a document is made of. Pure functions, any thread.
 */
#ifndef LANES_HTTP_OPENAPI_SCHEMA_H
#define LANES_HTTP_OPENAPI_SCHEMA_H

#include "base/buffer.h"
#include "http/input.h"

/* ---- JSON ---- */

/* A comma, unless it is the first of what is around it. */
void json_next(struct buffer *out);

/* A member's name, after a comma if there has to be one. */
void json_key(struct buffer *out, const char *name);

/* A member that is a text, of NULL none; one that is a list of texts (with NULL behind the last),
 * of NULL none; one that is a bool. */
void json_add_text(struct buffer *out, const char *name, const char *text);
void json_add_texts(struct buffer *out, const char *name, const char *const *texts);
void json_add_bool(struct buffer *out, const char *name, bool value);

/* A member that is an object, and its end. */
void json_begin(struct buffer *out, const char *name);
void json_end(struct buffer *out);

/* The next item of a list, which is not there if it has none. some: false at first. */
void json_begin_item(struct buffer *out, const char *list, bool *some);
void json_end_list(struct buffer *out, bool some);

/* ---- schemas ---- */

enum { SCHEMA_NAME_SIZE = 64 }; /* of a field's name, which has at most 32 characters */

/* As the client knows the field; in name, or as static as the table. */
const char *schema_name(const struct field *field, char name[SCHEMA_NAME_SIZE]);

bool schema_requires(const struct field *field);

/* A member with "X Token" for "x_token", as Python's title() has it. */
void schema_title(struct buffer *out, const char *member, const char *name);

/* The title "NewOrder" for "struct new_order". */
void schema_type_title(struct buffer *out, const char *of);

/* The members of a field's schema; an item has no name, and no title. And of that of an object, but
 * for its title. */
void schema_add(struct buffer *out, const struct field *field);
void schema_add_members(struct buffer *out, const struct field *fields, size_t count);

#endif
