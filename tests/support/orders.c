#include "orders.h"
#include "mock.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "http/number.h"
#include "http/reply.h"
#include "http/router.h"

enum size { SMALL, LARGE, HUGE_ONE };

static char nothing[1];
static const struct list empty = {nothing, 0};

#define SIZES .words = WORDS("small", "large", "extra large")
#define SMALL_ONE                                                                                  \
	.fallback = &(const int)                                                                   \
	{                                                                                          \
		SMALL                                                                              \
	}
#define EMPTY		    .fallback = &empty
#define OPTIONAL(type, has) .optional = true, .given = GIVEN(type, has)
#define TEXT(text)                                                                                 \
	&(const struct slice)                                                                      \
	{                                                                                          \
		(text), sizeof(text) - 1                                                           \
	}
#define WORD "^[a-z]+( [a-z]+)*$"

/* ---- what the routes are given, in the order of orders.py ---- */

struct item {
	int64_t item;
	struct slice q;
};

static const struct field item_fields[] = {
	PATH(INT, struct item, item, .ge = LIMIT(1), .le = LIMIT(1000000)),
	QUERY(STRING, struct item, q, .min_length = 3, .max_length = 5, .optional = true),
};

struct search {
	struct slice q;
	int64_t limit;
	int64_t offset;
	double price;
	bool has_price;
	bool exact;
	enum size size;
	struct list tags;
};

static const struct field search_fields[] = {
	QUERY(STRING, struct search, q, .min_length = 2, .max_length = 20,
	      .pattern = PATTERN(WORD)),
	QUERY(INT, struct search, limit, .ge = LIMIT(1), .le = LIMIT(100),
	      .fallback = &(const int64_t){10}),
	QUERY(INT, struct search, offset, .ge = LIMIT(0), .lt = LIMIT(1000),
	      .fallback = &(const int64_t){0}),
	QUERY(NUMBER, struct search, price, .gt = LIMIT(0), .lt = LIMIT(1000.5),
	      OPTIONAL(struct search, has_price)),
	QUERY(BOOL, struct search, exact, .fallback = &(const bool){false}),
	QUERY(ENUM, struct search, size, SIZES, SMALL_ONE),
	QUERY(LIST, struct search, tags, .name = "tag", .max_items = 3, EMPTY,
	      .item = ITEM_STRING(.min_length = 2, .max_length = 4)),
};

struct limited {
	int64_t above;
	int64_t below;
	double over;
	double under;
	double any;
	bool has_above, has_below, has_over, has_under, has_any;
};

static const struct field limited_fields[] = {
	QUERY(INT, struct limited, above, .gt = LIMIT(-5), OPTIONAL(struct limited, has_above)),
	QUERY(INT, struct limited, below, .lt = LIMIT(5), OPTIONAL(struct limited, has_below)),
	QUERY(NUMBER, struct limited, over, .gt = LIMIT(0.5), OPTIONAL(struct limited, has_over)),
	QUERY(NUMBER, struct limited, under, .le = LIMIT(0.25),
	      OPTIONAL(struct limited, has_under)),
	QUERY(NUMBER, struct limited, any, OPTIONAL(struct limited, has_any)),
};

struct lists {
	struct list ints;
	struct list floats;
	struct list bools;
	struct list sizes;
	struct list ids;
	struct list times;
};

static const struct field list_fields[] = {
	QUERY(LIST, struct lists, ints, .min_items = 1, .max_items = 4,
	      .item = ITEM_INT(.ge = LIMIT(0), .lt = LIMIT(10))),
	QUERY(LIST, struct lists, floats, .min_items = 2, .item = ITEM_NUMBER(), .optional = true),
	QUERY(LIST, struct lists, bools, .item = ITEM_BOOL(), EMPTY),
	QUERY(LIST, struct lists, sizes, .item = ITEM_ENUM(SIZES), EMPTY),
	QUERY(LIST, struct lists, ids, .item = ITEM_UUID(), EMPTY),
	QUERY(LIST, struct lists, times, .item = ITEM_DATETIME(), EMPTY),
};

struct order_at {
	struct uuid order;
	struct datetime at;
	enum size size;
	bool has_size;
};

static const struct field order_at_fields[] = {
	PATH(UUID, struct order_at, order),
	PATH(DATETIME, struct order_at, at),
	QUERY(ENUM, struct order_at, size, SIZES, OPTIONAL(struct order_at, has_size)),
};

struct when {
	struct datetime at;
	struct datetime until;
	bool has_until;
};

static const struct field when_fields[] = {
	QUERY(DATETIME, struct when, at),
	QUERY(DATETIME, struct when, until, OPTIONAL(struct when, has_until)),
};

struct who {
	struct slice name;
	struct slice nick;
};

static const struct field who_fields[] = {
	PATH(STRING, struct who, name, .min_length = 2, .max_length = 8),
	QUERY(STRING, struct who, nick, .pattern = PATTERN("^[^ ]*$"), .fallback = TEXT("none")),
};

struct headers {
	struct slice x_token;
	int64_t x_count;
	bool x_flag;
	bool has_x_flag;
	struct uuid trace;
	bool has_trace;
	struct slice user_agent;
	struct slice content_type;
};

static const struct field header_fields[] = {
	HEADER(STRING, struct headers, x_token, .min_length = 4, .max_length = 16),
	HEADER(INT, struct headers, x_count, .ge = LIMIT(0), .le = LIMIT(9),
	       .fallback = &(const int64_t){0}),
	HEADER(BOOL, struct headers, x_flag, OPTIONAL(struct headers, has_x_flag)),
	HEADER(UUID, struct headers, trace, .name = "x-trace-id",
	       OPTIONAL(struct headers, has_trace)),
	HEADER(STRING, struct headers, user_agent, .fallback = TEXT("none")),
	HEADER(STRING, struct headers, content_type, .optional = true),
};

struct cookies {
	struct slice session;
	int64_t visits;
	struct datetime since;
	bool has_since;
};

static const struct field cookie_fields[] = {
	COOKIE(STRING, struct cookies, session, .min_length = 2),
	COOKIE(INT, struct cookies, visits, .ge = LIMIT(0), .fallback = &(const int64_t){0}),
	COOKIE(DATETIME, struct cookies, since, OPTIONAL(struct cookies, has_since)),
};

struct order {
	struct slice item;
	int64_t quantity;
	double price;
	bool gift;
	enum size size;
	struct slice note;
	struct datetime at;
	bool has_at;
	struct uuid id;
	bool has_id;
};

static const struct field order_fields[] = {
	BODY(STRING, struct order, item, .min_length = 1, .max_length = 12),
	BODY(INT, struct order, quantity, .ge = LIMIT(1), .le = LIMIT(1000)),
	BODY(NUMBER, struct order, price, .gt = LIMIT(0), .fallback = &(const double){1.5}),
	BODY(BOOL, struct order, gift, .fallback = &(const bool){false}),
	BODY(ENUM, struct order, size, SIZES, SMALL_ONE),
	BODY(STRING, struct order, note, .max_length = 5, .optional = true),
	BODY(DATETIME, struct order, at, OPTIONAL(struct order, has_at)),
	BODY(UUID, struct order, id, OPTIONAL(struct order, has_id)),
};

struct members {
	int64_t i;
	double f;
	bool b;
	struct slice s;
	enum size e;
	struct datetime t;
	struct uuid u;
	struct list l;
	int64_t plain;
	bool has_i, has_f, has_b, has_e, has_t, has_u;
};

static const struct field member_fields[] = {
	BODY(INT, struct members, i, OPTIONAL(struct members, has_i)),
	BODY(NUMBER, struct members, f, OPTIONAL(struct members, has_f)),
	BODY(BOOL, struct members, b, OPTIONAL(struct members, has_b)),
	BODY(STRING, struct members, s, .optional = true),
	BODY(ENUM, struct members, e, SIZES, OPTIONAL(struct members, has_e)),
	BODY(DATETIME, struct members, t, OPTIONAL(struct members, has_t)),
	BODY(UUID, struct members, u, OPTIONAL(struct members, has_u)),
	BODY(LIST, struct members, l, .item = ITEM_INT(), .optional = true),
	BODY(INT, struct members, plain, .fallback = &(const int64_t){7}),
};

struct address {
	struct slice street;
	int64_t number;
};

static const struct field address_fields[] = {
	BODY(STRING, struct address, street, .min_length = 1),
	BODY(INT, struct address, number, .gt = LIMIT(0)),
};

struct customer {
	struct slice name;
	struct slice mail;
	struct address address;
	bool has_address;
};

#define MAIL "^[^@ ]+@[^@ ]+\\.[a-z]{2,3}$"

static const struct field customer_fields[] = {
	BODY(STRING, struct customer, name, .pattern = PATTERN("[A-Z]")),
	BODY(STRING, struct customer, mail, .pattern = PATTERN(MAIL), .fallback = TEXT("none")),
	BODY(OBJECT, struct customer, address, FIELDS(address_fields),
	     OPTIONAL(struct customer, has_address)),
};

struct line {
	struct slice item;
	int64_t quantity;
	struct list sizes;
};

static const struct field line_fields[] = {
	BODY(STRING, struct line, item),
	BODY(INT, struct line, quantity, .ge = LIMIT(1), .fallback = &(const int64_t){1}),
	BODY(LIST, struct line, sizes, .item = ITEM_ENUM(SIZES), EMPTY),
};

struct cart {
	struct customer customer;
	struct list lines;
	struct list tags;
	struct list matrix;
};

static const struct field cart_fields[] = {
	BODY(OBJECT, struct cart, customer, FIELDS(customer_fields)),
	BODY(LIST, struct cart, lines, .min_items = 1, .max_items = 3,
	     .item = ITEM_OBJECT(struct line, line_fields)),
	BODY(LIST, struct cart, tags, .item = ITEM_STRING(.max_length = 3), EMPTY),
	BODY(LIST, struct cart, matrix, .item = ITEM_LIST(.item = ITEM_INT()), .optional = true),
};

struct shop_cart {
	int64_t shop;
	bool dry;
	struct slice x_token;
	struct slice session;
	struct slice name;
	struct slice mail;
	struct address address;
	bool has_address;
};

static const struct field shop_cart_fields[] = {
	PATH(INT, struct shop_cart, shop, .ge = LIMIT(1)),
	QUERY(BOOL, struct shop_cart, dry, .fallback = &(const bool){false}),
	HEADER(STRING, struct shop_cart, x_token),
	COOKIE(STRING, struct shop_cart, session, .optional = true),
	BODY(STRING, struct shop_cart, name, .pattern = PATTERN("[A-Z]")),
	BODY(STRING, struct shop_cart, mail, .pattern = PATTERN(MAIL), .fallback = TEXT("none")),
	BODY(OBJECT, struct shop_cart, address, FIELDS(address_fields),
	     OPTIONAL(struct shop_cart, has_address)),
};

struct form {
	struct slice name;
	int64_t age;
	enum size size;
	bool agree;
	struct list tags;
	struct datetime at;
	bool has_at;
};

static struct slice none = {"none", 4};
static const struct list one_tag = {&none, 1};

static const struct field form_fields[] = {
	FORM(STRING, struct form, name, .min_length = 2, .max_length = 12),
	FORM(INT, struct form, age, .ge = LIMIT(0), .le = LIMIT(150)),
	FORM(ENUM, struct form, size, SIZES, SMALL_ONE),
	FORM(BOOL, struct form, agree, .fallback = &(const bool){false}),
	FORM(LIST, struct form, tags, .max_items = 3, .item = ITEM_STRING(), .fallback = &one_tag),
	FORM(DATETIME, struct form, at, OPTIONAL(struct form, has_at)),
};

struct picture {
	struct slice title;
	int64_t stars;
	struct upload picture;
	struct list more;
	struct list tags;
};

static const struct field picture_fields[] = {
	FORM(STRING, struct picture, title, .max_length = 8),
	FORM(INT, struct picture, stars, .fallback = &(const int64_t){0}),
	FORM(FILE, struct picture, picture),
	FORM(LIST, struct picture, more, .item = ITEM_FILE(), EMPTY),
	FORM(LIST, struct picture, tags, .item = ITEM_STRING(), EMPTY),
};

/* ---- the answer ---- */

static void echo_file(struct buffer *out, const struct upload *file)
{
	buffer_append_text(out, "[");
	json_string(out, file->name);
	buffer_append_text(out, ",");
	if (file->type.data)
		json_string(out, file->type);
	else
		buffer_append_text(out, "null");
	buffer_append_text(out, ",");
	json_string(out, file->content);
	buffer_append_text(out, "]");
}

static void echo_members(struct buffer *out, const struct field *fields, size_t count,
			 const char *from);

static void echo_value(struct buffer *out, const struct field *field, const void *from)
{
	char text[DATETIME_TEXT_SIZE + UUID_TEXT_LEN + FLOAT_TEXT_SIZE];
	const struct list *list = from;

	switch (field->kind) {
	case FIELD_INT:
		buffer_format(out, "%" PRId64, *(const int64_t *)from);
		break;
	case FIELD_NUMBER:
		json_string(out, (struct slice){text, float_text(*(const double *)from, text)});
		break;
	case FIELD_BOOL:
		buffer_append_text(out, *(const bool *)from ? "true" : "false");
		break;
	case FIELD_STRING:
		json_string(out, *(const struct slice *)from);
		break;
	case FIELD_ENUM:
		json_string(out, slice_of(field->words[*(const int *)from]));
		break;
	case FIELD_DATETIME:
		json_string(out, (struct slice){text, datetime_text(from, text)});
		break;
	case FIELD_UUID:
		uuid_text(from, text);
		json_string(out, (struct slice){text, UUID_TEXT_LEN});
		break;
	case FIELD_FILE:
		echo_file(out, from);
		break;
	case FIELD_LIST:
		buffer_append_text(out, "[");
		for (size_t i = 0; i < list->count; i++) {
			buffer_append_text(out, i ? "," : "");
			echo_value(out, field->item,
				   (const char *)list->items + i * field->item->size);
		}
		buffer_append_text(out, "]");
		break;
	case FIELD_OBJECT:
		buffer_append_text(out, "{");
		echo_members(out, field->fields, field->field_count, from);
		buffer_append_text(out, "}");
		break;
	}
}

static bool is_null(const struct field *field, const char *from)
{
	if (field->kind == FIELD_STRING)
		return !((const struct slice *)(const void *)(from + field->offset))->data;
	if (field->kind == FIELD_LIST)
		return !((const struct list *)(const void *)(from + field->offset))->items;
	return field->given && !from[field->given - 1];
}

static void echo_members(struct buffer *out, const struct field *fields, size_t count,
			 const char *from)
{
	for (size_t i = 0; i < count; i++) {
		buffer_append_text(out, i ? "," : "");
		json_string(out, slice_of(fields[i].member));
		buffer_append_text(out, ":");
		if (is_null(&fields[i], from))
			buffer_append_text(out, "null");
		else
			echo_value(out, &fields[i], from + fields[i].offset);
	}
}

/* ---- a request without an engine ---- */

/* The request that is answered. */
static const struct orders_request *current;

/* "X-Token" is HTTP_X_TOKEN, "Content-Type" without HTTP_. */
static bool is_variable(struct slice header, const char *variable)
{
	bool special = !strcmp(variable, "CONTENT_TYPE") || !strcmp(variable, "CONTENT_LENGTH");

	if (!special && strncmp(variable, "HTTP_", 5) != 0)
		return false;
	variable += special ? 0 : 5;
	if (!special && !strncmp(variable, "CONTENT_", 8))
		return false;
	if (header.len != strlen(variable))
		return false;
	for (size_t i = 0; i < header.len; i++)
		if ((header.data[i] == '-' ? '_' : toupper((unsigned char)header.data[i])) !=
		    variable[i])
			return false;
	return true;
}

static struct slice param(const struct request *req, const char *name)
{
	(void)req;
	for (size_t i = 0; i < current->header_count; i++)
		if (is_variable(current->headers[i].name, name))
			return current->headers[i].value;
	return (struct slice){NULL, 0};
}

static const struct request_ops ops = MOCK_OPS(param);

static void echo(struct request *req)
{
	const struct input *input = req->route->input;
	struct buffer out = {0};

	buffer_append_text(&out, "{");
	echo_members(&out, input->fields, input->count, request_input(req));
	buffer_append_text(&out, "}");
	reply_text(req, 200, "application/json", &out);
}

/* Of a name each, as the document says it. */
#define ECHO(name)                                                                                 \
	static void name(struct request *req)                                                      \
	{                                                                                          \
		echo(req);                                                                         \
	}
ECHO(items)
ECHO(search)
ECHO(numbers)
ECHO(lists)
ECHO(order_at)
ECHO(when)
ECHO(who)
ECHO(headers)
ECHO(cookies)
ECHO(orders)
ECHO(values)
ECHO(carts)
ECHO(shop_carts)
ECHO(form)
ECHO(pictures)

static const struct route list[] = {
	GET("/items/{item}", ASYNC, items, .input = INPUT(item_fields)),
	GET("/search", ASYNC, search, .input = INPUT(search_fields)),
	GET("/numbers", ASYNC, numbers, .input = INPUT(limited_fields)),
	GET("/lists", ASYNC, lists, .input = INPUT(list_fields)),
	GET("/orders/{order}/at/{at}", ASYNC, order_at, .input = INPUT(order_at_fields)),
	GET("/when", ASYNC, when, .input = INPUT(when_fields)),
	GET("/who/{name}", ASYNC, who, .input = INPUT(who_fields)),
	GET("/headers", ASYNC, headers, .input = INPUT(header_fields)),
	GET("/cookies", ASYNC, cookies, .input = INPUT(cookie_fields)),
	POST("/orders", ASYNC, orders, .input = INPUT(order_fields)),
	POST("/values", ASYNC, values, .input = INPUT(member_fields)),
	POST("/carts", ASYNC, carts, .input = INPUT(cart_fields)),
	PUT("/shops/{shop}/carts", ASYNC, shop_carts, .input = INPUT(shop_cart_fields)),
	POST("/form", ASYNC, form, .input = INPUT(form_fields)),
	POST("/pictures", ASYNC, pictures, .input = INPUT(picture_fields)),
};
const struct routes orders_routes = ROUTES(list, .title = "Orders", .version = "1.0");
static struct router router;

bool orders_open(void)
{
	return !router_open(&router, &orders_routes);
}

void orders_close(void)
{
	router_close(&router);
}

const struct input *orders_answer(struct request *req, const struct orders_request *asked)
{
	const struct input *input;

	request_init(req, &ops, NULL);
	if (asked->fills_arena)
		req->arena_used = sizeof(req->arena);
	req->method = asked->method;
	req->path = asked->path;
	req->query = asked->query;
	current = asked;
	if (!router_route(&router, req))
		return req->route ? req->route->input : NULL;
	input = req->route->input;
	if (!input) /* the document's */
		return NULL;
	if (!input_takes_body(input) || input_read(req, input, asked->body))
		echo(req);
	return input;
}
