/*
 * What a handler is given, declared once: a table of fields, each a member of a struct. Before the
 * handler runs they are taken from the path, the query, the headers, the cookies and the body,
 * decoded and validated; or all that is wrong with them is answered, in one 422, as FastAPI 0.92
 * with pydantic 1 answers it.
 *
 *	struct order {
 *		int64_t shop;
 *		struct slice item;
 *		int64_t quantity;
 *	};
 *
 *	static const struct field new_order[] = {
 *		PATH(INT, struct order, shop, .ge = LIMIT(1)),
 *		BODY(STRING, struct order, item, .min_length = 1, .max_length = 64),
 *		BODY(INT, struct order, quantity, .ge = LIMIT(1), .le = LIMIT(1000)),
 *	};
 *
 *	… POST("/shops/{shop}/orders", ASYNC, create_order, .input = INPUT(new_order))
 *
 *	const struct order *order = request_input(req);
 *
 * A field that has neither a fallback nor .optional is required. Tables are static and stand
 * outside of functions; the fields of one are in the order in which their problems are told: path,
 * query, headers, cookies, body or form.
 *
 * Different from FastAPI:
 * - An integer is one of 64 bits; what is beyond is answered as if that were its limit.
 * - A string is text: half a surrogate pair in it, which Python keeps until it fails, is a 400.
 * - An integer too large for a float is no valid float (FastAPI fails: 500).
 * - Of more than INPUT_PROBLEMS_MAX problems so many are told.
 * - A UUID has at most 256 bytes, whatever is between its digits; JSON is at most JSON_DEPTH deep.
 */
#ifndef LANES_HTTP_INPUT_H
#define LANES_HTTP_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "http/datetime.h"
#include "http/pattern.h"
#include "http/request.h"
#include "http/uuid.h"

enum {
	INPUT_PROBLEMS_MAX = 1000,
};

enum field_place {
	IN_PATH,
	IN_QUERY,
	IN_HEADER,
	IN_COOKIE,
	IN_BODY, /* a JSON object's member */
	IN_FORM, /* application/x-www-form-urlencoded or multipart/form-data */
};

/* What a field is, and what the member has to be. */
enum field_kind {
	FIELD_INT,	/* int64_t */
	FIELD_NUMBER,	/* double */
	FIELD_BOOL,	/* bool */
	FIELD_STRING,	/* struct slice, UTF-8; data is NULL if it was not given */
	FIELD_ENUM,	/* an enum, or int: which of the words, from 0 */
	FIELD_DATETIME, /* struct datetime */
	FIELD_UUID,	/* struct uuid */
	FIELD_FILE,	/* struct upload; from a form */
	FIELD_LIST,	/* struct list; from the query, a form or a body */
	FIELD_OBJECT,	/* a struct; from a body */
};

struct list {
	void *items; /* live as long as the request; NULL if it was not given */
	size_t count;
};

/* A file of a form. It is where the body is, and lives as long as the request. */
struct upload {
	struct slice name; /* as the client calls it: not to be trusted */
	struct slice type; /* its Content-Type; data is NULL if it has none */
	struct slice content;
};

struct limit {
	bool set;
	double value; /* of an integer: a whole one, below 2^53 */
};

struct field {
	enum field_place place;
	enum field_kind kind;
	const char *member;
	size_t offset; /* of the member */
	size_t size;
	size_t whole; /* of the struct */

	const char *of;	      /* "struct order": what the member is in */
	const char *name;     /* as the client knows it, if not as the member; of a header in small
			       * letters, and "_" in the member's name becomes "-" */
	bool optional;	      /* it may be missing, or null: then the member is all zero */
	size_t given;	      /* GIVEN(struct, member) of a bool: whether it was not */
	const void *fallback; /* what the member is if it is missing: one of the member's type */

	struct limit ge, gt, le, lt;   /* INT, NUMBER */
	size_t min_length, max_length; /* STRING: characters; 0: no limit */
	struct pattern *pattern;       /* STRING: PATTERN("[a-z]+") */
	const char *const *words;      /* ENUM: WORDS("small", "large") */
	size_t min_items, max_items;   /* LIST; 0: no limit */
	const struct field *item;      /* LIST: ITEM_INT(.ge = LIMIT(0)) … */
	const struct field *fields;    /* OBJECT: FIELDS(table), of BODY fields */
	size_t field_count;

	const char *description; /* in /openapi.json; NULL: none */
};

/* clang-format off */
#define PATH(kind, type, member, ...)   INPUT_FIELD(IN_PATH, kind, type, member, __VA_ARGS__)
#define QUERY(kind, type, member, ...)  INPUT_FIELD(IN_QUERY, kind, type, member, __VA_ARGS__)
#define HEADER(kind, type, member, ...) INPUT_FIELD(IN_HEADER, kind, type, member, __VA_ARGS__)
#define COOKIE(kind, type, member, ...) INPUT_FIELD(IN_COOKIE, kind, type, member, __VA_ARGS__)
#define BODY(kind, type, member, ...)   INPUT_FIELD(IN_BODY, kind, type, member, __VA_ARGS__)
#define FORM(kind, type, member, ...)   INPUT_FIELD(IN_FORM, kind, type, member, __VA_ARGS__)

/* The items of a list. */
#define ITEM(kind_, type, ...) \
	&(const struct field){.kind = FIELD_##kind_, .size = sizeof(type), __VA_ARGS__}
#define ITEM_INT(...)      ITEM(INT, int64_t, __VA_ARGS__)
#define ITEM_NUMBER(...)   ITEM(NUMBER, double, __VA_ARGS__)
#define ITEM_BOOL(...)     ITEM(BOOL, bool, __VA_ARGS__)
#define ITEM_STRING(...)   ITEM(STRING, struct slice, __VA_ARGS__)
#define ITEM_ENUM(...)     ITEM(ENUM, int, __VA_ARGS__)
#define ITEM_DATETIME(...) ITEM(DATETIME, struct datetime, __VA_ARGS__)
#define ITEM_UUID(...)     ITEM(UUID, struct uuid, __VA_ARGS__)
#define ITEM_FILE(...)     ITEM(FILE, struct upload, __VA_ARGS__)
#define ITEM_LIST(...)     ITEM(LIST, struct list, __VA_ARGS__)
#define ITEM_OBJECT(type, table) ITEM(OBJECT, type, FIELDS(table))

#define LIMIT(value)        {true, (value)}
#define GIVEN(type, member) (INPUT_OFFSET(type, member, bool) + 1)
#define WORDS(...)          (const char *const[]){__VA_ARGS__, NULL}
#define PATTERN(text_)      &(struct pattern){.text = (text_)}
#define FIELDS(table)       .fields = (table), .field_count = sizeof(table) / sizeof((table)[0])

#define INPUT(table) &(const struct input){(table), sizeof(table) / sizeof((table)[0])}
/* clang-format on */

/* ---- of which those are made ---- */

/* Does not compile if the member is of another type. */
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a type */
#define INPUT_OFFSET(type, member, of)	    _Generic(((type *)0)->member, of : offsetof(type, member))
#define INPUT_OFFSET_INT(type, member)	    INPUT_OFFSET(type, member, int64_t)
#define INPUT_OFFSET_NUMBER(type, member)   INPUT_OFFSET(type, member, double)
#define INPUT_OFFSET_BOOL(type, member)	    INPUT_OFFSET(type, member, bool)
#define INPUT_OFFSET_STRING(type, member)   INPUT_OFFSET(type, member, struct slice)
#define INPUT_OFFSET_ENUM(type, member)	    offsetof(type, member)
#define INPUT_OFFSET_DATETIME(type, member) INPUT_OFFSET(type, member, struct datetime)
#define INPUT_OFFSET_UUID(type, member)	    INPUT_OFFSET(type, member, struct uuid)
#define INPUT_OFFSET_LIST(type, member)	    INPUT_OFFSET(type, member, struct list)
#define INPUT_OFFSET_FILE(type, member)	    INPUT_OFFSET(type, member, struct upload)
#define INPUT_OFFSET_OBJECT(type, member)   offsetof(type, member)
#define INPUT_FIELD(place_, kind_, type, member_, ...)                                             \
	{                                                                                          \
		.place = (place_), .kind = FIELD_##kind_, .member = #member_,                      \
		.offset = INPUT_OFFSET_##kind_(type, member_),                                     \
		.size = sizeof(((type *)0)->member_), .whole = sizeof(type), .of = #type,          \
		__VA_ARGS__                                                                        \
	}

struct input {
	const struct field *fields;
	size_t count; /* of them; at least one */
};

/* Compiles the patterns, and looks at the tables. Returns NULL, or what is wrong with which field
 * (static). Main thread, at the start. */
const char *input_prepare(const struct input *input);

/* Whether some of it is in the body. */
bool input_takes_body(const struct input *input);

/* Reads the fields into request_input(req), of a body that is in memory (--body-memory); those of
 * the body from there, its data is NULL if there was none. False after an answer: 422; 400 for a
 * body that cannot be read; 503 if memory is out.
 */
bool input_read(struct request *req, const struct input *input, struct slice body);

/* The struct of which the route's fields are members. It lives as long as the request. */
static inline void *request_input(const struct request *req)
{
	return req->input;
}

/* Answers 422 with a problem that only the handler can see, in pydantic's words or its own. */
void input_refuse(struct request *req, const struct field *field, const char *msg,
		  const char *type);

#endif
