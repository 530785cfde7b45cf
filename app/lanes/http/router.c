#include "http/router.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "http/input.h"

enum {
	NONE = UINT32_MAX,
	WHOLE = UINT32_MAX,
};

struct router_node {
	uint32_t route;	   /* first that ends here */
	uint32_t rest;	   /* first that has its {name:path} here */
	uint32_t variable; /* node below a {name} */
	bool edges;	   /* it has some with texts */
};

/* From a node by a segment to the next; from WHOLE by a path to its first route. */
struct router_edge {
	struct slice text; /* data NULL: no edge */
	uint32_t from;
	uint32_t to;
};

/* ---- the tree ---- */

/* The edge, or the place where it would be. */
static inline struct router_edge *find_edge(const struct router *router, uint32_t from,
					    struct slice text)
{
	for (uint32_t at = slice_hash(from, text);; at++) {
		struct router_edge *edge = &router->edges[at & router->edge_mask];

		if (!edge->text.data || (edge->from == from && slice_equal(edge->text, text)))
			return edge;
	}
}

/* Takes the next segment off a path that begins with the slash before it. */
static struct slice next_segment(struct slice *path)
{
	const char *begin = path->data + 1;
	const char *end = memchr(begin, '/', path->len - 1);
	size_t len = end ? (size_t)(end - begin) : path->len - 1;

	*path = (struct slice){begin + len, path->len - 1 - len};
	return (struct slice){begin, len};
}

enum segment_kind { TEXT, VARIABLE, REST, BAD };

/* What a segment of a route's path is; name is what stands for it. */
static enum segment_kind kind_of(struct slice segment, struct slice *name)
{
	static const char suffix[] = ":path";
	size_t len = sizeof(suffix) - 1;
	bool rest;

	*name = (struct slice){NULL, 0};
	if (!memchr(segment.data, '{', segment.len) && !memchr(segment.data, '}', segment.len))
		return TEXT;
	if (segment.len < 3 || segment.data[0] != '{' || segment.data[segment.len - 1] != '}')
		return BAD;
	*name = (struct slice){segment.data + 1, segment.len - 2};
	rest = name->len > len && !memcmp(name->data + name->len - len, suffix, len);
	if (rest)
		name->len -= len;
	for (size_t i = 0; i < name->len; i++)
		if (strchr("{}:/", name->data[i]))
			return BAD;
	return rest ? REST : VARIABLE;
}

static uint32_t new_node(struct router *router)
{
	router->nodes[router->node_count] = (struct router_node){NONE, NONE, NONE, false};
	return router->node_count++;
}

static uint32_t below(struct router *router, uint32_t node, struct slice segment)
{
	struct router_edge *edge = find_edge(router, node, segment);

	if (!edge->text.data) {
		*edge = (struct router_edge){segment, node, new_node(router)};
		router->nodes[node].edges = true;
	}
	return edge->to;
}

/* Behind those of the same shape. */
static void append_route(struct router *router, uint32_t *first, uint32_t route)
{
	while (*first != NONE)
		first = &router->next[*first];
	*first = route;
	router->next[route] = NONE;
}

static void add_whole(struct router *router, struct slice path, uint32_t route)
{
	struct router_edge *edge = find_edge(router, WHOLE, path);

	if (!edge->text.data)
		*edge = (struct router_edge){path, WHOLE, NONE};
	append_route(router, &edge->to, route);
}

static bool add_route(struct router *router, uint32_t route)
{
	struct slice path = slice_of(router->routes->list[route].path);
	enum segment_kind kind = TEXT;
	uint32_t node = 0;
	size_t names = 0;
	size_t segments = 0;
	struct slice name;

	if (!path.len || path.data[0] != '/')
		return false;
	if (!strpbrk(path.data, "{}")) {
		add_whole(router, path, route);
		return true;
	}
	if (router->variable == NONE)
		router->variable = route;
	while (path.len && kind != REST) {
		struct slice segment = next_segment(&path);

		kind = kind_of(segment, &name);
		if (kind == BAD || (kind == REST && path.len) ||
		    (kind != TEXT && ++names > ROUTE_NAMES) || ++segments > ROUTE_SEGMENTS)
			return false;
		if (kind == TEXT) {
			node = below(router, node, segment);
		} else if (kind == VARIABLE) {
			if (router->nodes[node].variable == NONE) {
				uint32_t made = new_node(router);

				router->nodes[node].variable = made;
			}
			node = router->nodes[node].variable;
		}
	}
	append_route(router, kind == REST ? &router->nodes[node].rest : &router->nodes[node].route,
		     route);
	return true;
}

static size_t count_segments(const struct routes *routes)
{
	size_t count = 0;

	for (size_t i = 0; i < routes->count; i++)
		for (const char *at = routes->list[i].path; *at; at++)
			count += *at == '/';
	return count;
}

/* The field of the path that the path does not have; NULL: there is none such. */
static const char *missing_name(const struct route *route)
{
	for (size_t i = 0; route->input && i < route->input->count; i++) {
		const struct field *field = &route->input->fields[i];
		const char *name = field->name ? field->name : field->member;
		struct slice path = slice_of(route->path);
		bool found = field->place != IN_PATH;

		while (path.len && !found) {
			struct slice known;

			found = kind_of(next_segment(&path), &known) != TEXT &&
				slice_is(known, name);
		}
		if (!found)
			return name;
	}
	return NULL;
}

int router_open(struct router *router, const struct routes *routes)
{
	size_t segments = count_segments(routes);
	size_t places = 4;

	while (places < 2 * segments)
		places *= 2;
	*router = (struct router){
		.routes = routes,
		.nodes = calloc(segments + 1, sizeof(*router->nodes)),
		.edges = calloc(places, sizeof(*router->edges)),
		.edge_mask = (uint32_t)places - 1,
		.next = calloc(routes->count + 1, sizeof(*router->next)),
		.variable = NONE,
		.in_flight = calloc(routes->count + 1, sizeof(*router->in_flight)),
	};
	if (!router->nodes || !router->edges || !router->next || !router->in_flight) {
		router_close(router);
		log_complaint("out of memory for %zu routes", routes->count);
		return -ENOMEM;
	}
	new_node(router);
	for (size_t i = 0; i < routes->count; i++) {
		const struct input *input = routes->list[i].input;
		const char *wrong = input ? input_prepare(input) : NULL;
		const char *missing;

		if (wrong) {
			log_complaint("route %.1000s: %s", routes->list[i].path, wrong);
			router_close(router);
			return -EINVAL;
		}
		if (add_route(router, (uint32_t)i)) {
			missing = missing_name(&routes->list[i]);
			if (!missing)
				continue;
			log_complaint("route %.1000s: its path has no {%.100s}",
				      routes->list[i].path, missing);
			router_close(router);
			return -EINVAL;
		}
		log_complaint("route %.1000s: its path must begin with a slash, and have its at "
			      "most %d {names} as whole segments of %d, {name:path} as the last",
			      routes->list[i].path, ROUTE_NAMES, ROUTE_SEGMENTS);
		router_close(router);
		return -EINVAL;
	}
	router->documents = !routes->undocumented &&
			    !find_edge(router, WHOLE, slice_of(ROUTER_DOCUMENT))->text.data;
	return 0;
}

void router_close(struct router *router)
{
	free(router->nodes);
	free(router->edges);
	free(router->next);
	free(router->in_flight);
	*router = (struct router){0};
}

/* ---- looking up ---- */

/* Where a walk through the tree may go on: at a node, with what is left of the path (nothing, or a
 * slash and more), and what stood for the names so far. */
struct step {
	uint32_t node;
	size_t count;
	struct slice value; /* of the last of them */
	struct slice path;
};

/* The route that was declared first is the best. */
static void consider(const struct router *router, uint32_t route, struct router_match *match,
		     const struct slice *values, size_t count)
{
	const struct route *list = router->routes->list;

	for (; route != NONE; route = router->next[route]) {
		match->allowed |= 1u << list[route].method;
		if (list[route].method != match->method || route >= match->route)
			continue;
		match->route = route;
		match->count = count;
		memcpy(match->values, values, count * sizeof(*values));
	}
}

/* Python's regular expressions, which Starlette has, let `$` match before a final newline; of what
 * stands for a name it is a part, and of {name:path} no newline is. */
static struct slice without_newline(struct slice text)
{
	text.len -= text.len && text.data[text.len - 1] == '\n';
	return text;
}

/* Both ways of a node are gone: by the text, and by the name. The stack is as deep as the tree. */
static void walk(const struct router *router, struct slice path, struct router_match *match)
{
	struct step steps[ROUTE_SEGMENTS + 1]; /* not worth clearing */
	struct slice values[ROUTE_NAMES + 1];

	steps[0] = (struct step){.path = path};
	for (size_t depth = 1; depth;) {
		struct step at = steps[--depth];
		const struct router_node *node = &router->nodes[at.node];
		const struct router_edge *edge = NULL;
		struct slice rest = without_newline(at.path);
		struct slice left = at.path;
		struct slice segment;

		if (at.count)
			values[at.count - 1] = at.value;
		if (!at.path.len) {
			consider(router, node->route, match, values, at.count);
			continue;
		}
		segment = next_segment(&left);
		if (node->rest != NONE && !memchr(rest.data, '\n', rest.len)) {
			values[at.count] = (struct slice){rest.data + 1, rest.len - 1};
			consider(router, node->rest, match, values, at.count + 1);
		}
		if (node->variable != NONE && segment.len)
			steps[depth++] = (struct step){node->variable, at.count + 1, segment, left};
		if (node->edges)
			edge = find_edge(router, at.node,
					 left.len ? segment : without_newline(segment));
		if (edge && edge->text.data)
			steps[depth++] = (struct step){edge->to, at.count, at.value, left};
	}
}

bool router_find(const struct router *router, enum method method, struct slice path,
		 struct router_match *match)
{
	const struct router_edge *whole;

	match->method = method; /* its values are not worth clearing */
	match->route = NONE;
	match->allowed = 0;
	match->count = 0;
	whole = find_edge(router, WHOLE, without_newline(path));
	if (whole->text.data)
		consider(router, whole->to, match, match->values, 0);
	if (router->variable < match->route && path.len && path.data[0] == '/')
		walk(router, path, match);
	return match->route != NONE;
}

/* A brace begins a name, as the route was added; behind it is a brace, or ":path". */
struct slice request_path(const struct request *req, const char *name)
{
	const char *at = strchr(req->route->path, '{');
	size_t len = strlen(name);

	for (size_t i = 0; at; i++, at = strchr(at, '{'))
		if (!strncmp(++at, name, len) && (at[len] == '}' || at[len] == ':'))
			return req->path_values[i];
	return (struct slice){NULL, 0};
}
