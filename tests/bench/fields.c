#include "fields.h"

static struct json_object *field(struct json_object *json, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(json, name, &value);
	return value;
}

double field_number(struct json_object *json, const char *name, double otherwise)
{
	struct json_object *value = field(json, name);

	return value ? json_object_get_double(value) : otherwise;
}

const char *field_text(struct json_object *json, const char *name)
{
	struct json_object *value = field(json, name);

	return value ? json_object_get_string(value) : "";
}
