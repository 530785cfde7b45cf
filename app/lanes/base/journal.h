/*
 * systemd's journal, spoken to in its own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): a datagram
 * for each entry, with a field in each line. Not through libsystemd: that opens its socket with the
 * first entry, and a file for a long one, which nobody in the sandbox may.
 */
#ifndef LANES_BASE_JOURNAL_H
#define LANES_BASE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* An entry that is put together. */
struct journal_entry {
	char text[6144];
	size_t len;
};

/* Whether stderr is the journal, as systemd says it is (JOURNAL_STREAM). */
bool journal_is_stderr(void);

/* Entries go to the socket of that name from now on. False if there is none: then they go nowhere.
 */
bool journal_open(const char *path);
void journal_close(void);
bool journal_is_open(void);

/* Adds prefix and name, in capitals and with '_' for what is neither letter nor digit, and the
 * value, whatever bytes it has. A field for which there is no room is left out. */
void journal_field(struct journal_entry *entry, const char *prefix, const char *name,
		   const char *value);

/* Any thread; it never waits: a journal that takes nothing loses the entry. */
void journal_send(const struct journal_entry *entry);

#endif
