/*
 * The state of the workers as text: JSON for programs, a table for people.
 */
#ifndef LANES_ADMIN_STATUS_H
#define LANES_ADMIN_STATUS_H

#include <lanes.h>

/* Appends the JSON array of workers; with_routes: their histograms, too. */
void status_json(struct buffer *out, const struct workers *workers, bool with_routes);

#endif
