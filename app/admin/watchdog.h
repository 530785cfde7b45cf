/*
 * Logs who holds a loop for too long, while it is held: from the admin worker, which sees it on
 * the scoreboard, as the loop itself cannot. (asyncio tells afterwards: slow_callback_duration.)
 */
#ifndef LANES_ADMIN_WATCHDOG_H
#define LANES_ADMIN_WATCHDOG_H

#include <stdint.h>

#include "await/timers.h"
#include "scoreboard/scoreboard.h"

/* Watches from now on, as long as the timers run. limit: nanoseconds. Loop thread; once. */
void watchdog_start(struct timers *timers, const struct scoreboard *board, uint64_t limit);

#endif
