/*
 * The state of the workers as text: JSON for programs, a table for people.
 */
#ifndef LANES_ADMIN_STATUS_H
#define LANES_ADMIN_STATUS_H

#include <lanes.h>

/* Appends the JSON array of workers; with_routes: with their histograms, and with what is 0. */
void status_json(struct buffer *out, const struct workers *workers, bool with_routes);

/* Appends ,"id":…,"trace":… of a request: what logs call it, as far as that is known. */
void ids_json(struct buffer *out, const struct board_slot *slot, uint32_t serial);

#endif
