/* The options of a header such as Content-Type, "text/plain; charset=utf-8", as python-multipart
 * 0.0.5 reads them (parse_options_header). Pure functions, any thread. */
#ifndef LANES_HTTP_HEADER_OPTION_H
#define LANES_HTTP_HEADER_OPTION_H

#include <stdbool.h>

#include "base/slice.h"

/* What is before the options, as it is. */
struct slice header_main(struct slice header);

/* Finds the last option of that name (small letters). False if there is none. The value has its
 * quotes still. */
bool header_option(struct slice header, const char *name, struct slice *value);

/* Takes the quotes off; and the backslashes of what is escaped, into out, which has room for the
 * text if there are any. */
struct slice header_unquote(struct slice value, char *out);

#endif
