#include "base/journal.h"

#include <ctype.h>
#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int journal = -1;

bool journal_is_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat file;

	if (!stream || fstat(STDERR_FILENO, &file))
		return false;
	snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)file.st_dev,
		 (unsigned long long)file.st_ino);
	return strcmp(stream, ours) == 0;
}

bool journal_open(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	journal_close();
	if (strlen(path) >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, path, strlen(path));
	journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (journal >= 0 && connect(journal, (struct sockaddr *)&address, sizeof(address)))
		journal_close();
	return journal >= 0;
}

void journal_close(void)
{
	if (journal >= 0)
		close(journal);
	journal = -1;
}

bool journal_is_open(void)
{
	return journal >= 0;
}

/* A value with a newline in it has its length, 64 bits with the lowest first, before it. */
void journal_field(struct journal_entry *entry, const char *prefix, const char *name,
		   const char *value)
{
	size_t len = strlen(value);
	bool plain = !memchr(value, '\n', len);
	uint64_t size = htole64(len);
	char *at = entry->text + entry->len;

	if (strlen(prefix) + strlen(name) + len + 2 + sizeof(size) >
	    sizeof(entry->text) - entry->len)
		return;
	at = stpcpy(at, prefix);
	for (; *name; name++)
		*at++ = (char)(isalnum((unsigned char)*name) ? toupper((unsigned char)*name) : '_');
	*at++ = plain ? '=' : '\n';
	if (!plain)
		at = mempcpy(at, &size, sizeof(size));
	at = mempcpy(at, value, len);
	*at++ = '\n';
	entry->len = (size_t)(at - entry->text);
}

/* sendto(2), which the sandbox knows. */
void journal_send(const struct journal_entry *entry)
{
	(void)!send(journal, entry->text, entry->len, MSG_DONTWAIT | MSG_NOSIGNAL);
}
