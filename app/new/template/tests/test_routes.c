/* A test for each route: what its clients see. */
#include <string.h>

#include "client.h"

static void a_quote_is_made(void)
{
	const struct answer *answer =
		ask_json("POST", "/quotes", "{\"item\": \"tea\", \"quantity\": 3}");

	CU_ASSERT_EQUAL(answer->status, 201);
	CU_ASSERT_STRING_EQUAL(header_of(answer, "Content-Type"), "application/json");
	CU_ASSERT_STRING_EQUAL(answer->body, "{\"item\":\"tea\",\"price\":28.50}");
}

static void a_wrong_quote_is_a_422(void)
{
	const struct answer *answer = ask_json("POST", "/quotes", "{\"item\": \"tea\"}");

	CU_ASSERT_EQUAL(answer->status, 422);
	CU_ASSERT_PTR_NOT_NULL(strstr(answer->body, "\"loc\":[\"body\",\"quantity\"]"));
}

static void the_stock_of_an_item_is_told(void)
{
	CU_ASSERT_STRING_EQUAL(ask("GET", "/items/7/stock", NULL, NULL)->body,
			       "{\"id\":7,\"stock\":42}");
	CU_ASSERT_EQUAL(ask("GET", "/items/none/stock", NULL, NULL)->status, 422);
}

static void nothing_is_elsewhere(void)
{
	CU_ASSERT_EQUAL(ask("GET", "/nowhere", NULL, NULL)->status, 404);
}

extern const struct test route_tests[];
const struct test route_tests[] = {
	{"POST /quotes: a quote is made", a_quote_is_made},
	{"POST /quotes: a wrong one is a 422", a_wrong_quote_is_a_422},
	{"GET /items/{id}/stock: the stock of an item", the_stock_of_an_item_is_told},
	{"elsewhere there is nothing", nothing_is_elsewhere},
	{NULL, NULL},
};
