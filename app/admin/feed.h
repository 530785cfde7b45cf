/*
 * The feed: what the system does, as messages, the same for all listeners: ten a second, one a
 * second while nothing happens.
 *
 * A message is made once, by the listener that wakes first when the next one is due. A newcomer's
 * first message reaches back ten seconds and ends where the feed's next message begins, so nobody
 * misses a span or gets one twice. Our own requests are not part of it, or those who watch would
 * watch each other.
 *
 * Above some hundred answers a second nobody looks at single requests, and telling of them would
 * cost more than serving them. Then they are counted (bucket.h), a bucket for each worker and
 * message, and only spans that took long are told. A newcomer hears of such seconds in buckets of a
 * second.
 */
#ifndef LANES_ADMIN_FEED_H
#define LANES_ADMIN_FEED_H

#include <lanes.h>

enum { FEED_KEPT = 8 }; /* messages that are there, the last ones */

struct feed;

/* Of that scoreboard, which is borrowed, as long as the process; NULL if memory is out. */
struct feed *feed_open(const struct scoreboard *board);

/* Makes the next message if it is due and there is something to tell. */
void feed_turn(struct feed *feed);

/* Seconds until the next one is due. */
double feed_until_due(const struct feed *feed);

/* How many were made so far; they are numbered from 0. */
uint64_t feed_count(const struct feed *feed);

struct slice feed_message(const struct feed *feed, uint64_t number);

/* For a newcomer, who goes on with message feed_count(). */
struct slice feed_first(struct feed *feed);

#endif
