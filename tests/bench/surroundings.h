/*
 * What the contenders of the cases stand on, the same for all of them: a PostgreSQL of the
 * benchmark's own, the services that they call, and a picture.
 */
#ifndef TESTS_BENCH_SURROUNDINGS_H
#define TESTS_BENCH_SURROUNDINGS_H

#include <stdint.h>

/* Starts them; port is for the services. Contenders and tools find them as $DATABASE (a URL),
 * $DATABASE_DSN (as PDO wants it) and $OUTSIDE (/fast or /slow come behind it); the picture is
 * photo.jpg, what a new order says is order.json. Ends the program, after a message, if one does
 * not start. */
void surroundings_start(uint16_t port);

/* Forgets the orders that were made. */
void surroundings_reset(void);

/* Ends the database, if there is one, and removes it; what is a group ends with the others. */
void surroundings_end(void);

#endif
