#include "await/place.h"

#include "scoreboard/board_task.h"

/* By number, of all loops of this process. */
static const struct await_place *known[BOARD_PLACES];
static unsigned known_count = 1;

void place_name(struct await_place *place, struct board_slot *board)
{
	if (!place->number && known_count < BOARD_PLACES) {
		known[known_count] = place;
		place->number = known_count++;
	}
	for (uint64_t n = board_get(&board->place_count) + 1; n < known_count; n++)
		board_add_place(board, known[n]->what, known[n]->file, known[n]->function,
				(unsigned)known[n]->line);
	place->board = board;
}
