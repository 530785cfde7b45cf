/*
 * lanes --top: the table of the workers in a terminal, again and again. It reads the scoreboard
 * itself, so it works whatever else does not.
 */
#ifndef LANES_ADMIN_TOP_H
#define LANES_ADMIN_TOP_H

/* Shows the scoreboard at path until q, Ctrl-C or a signal; once, if stdout is no terminal.
 * Returns the process's exit status. */
int top_run(const char *path);

#endif
