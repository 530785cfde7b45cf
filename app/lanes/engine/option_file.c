#include "engine/option_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/option_value.h"

enum {
	FILE_MOST = 1048576, /* bytes */
	WHERE_SIZE = 320,
};

/* The file, with an end: options point into it. */
static char *kept;

/* All of it, or what is wrong. */
static const char *read_whole(int fd, size_t size, char *text)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return strerror(errno);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	return strlen(text) == len ? NULL : "it is not a text";
}

/* A pipe could not be read again by a worker that is started later. */
static const char *read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *wrong = NULL;
	struct stat file;

	if (fd < 0)
		return strerror(errno);
	if (fstat(fd, &file) || !S_ISREG(file.st_mode))
		wrong = "it is not a regular file";
	else if (file.st_size > FILE_MOST)
		wrong = "it is longer than 1 MB";
	free(kept);
	kept = wrong ? NULL : malloc((size_t)file.st_size + 1);
	if (kept)
		wrong = read_whole(fd, (size_t)file.st_size, kept);
	else if (!wrong)
		wrong = strerror(ENOMEM);
	close(fd);
	return wrong;
}

static char *trimmed(char *text)
{
	size_t len = strlen(text);

	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

static void cut_comment(char *line)
{
	for (char *c = line; *c; c++)
		if (*c == '#' && (c == line || isspace((unsigned char)c[-1]))) {
			*c = '\0';
			break;
		}
}

/* PORT, WORKERS …; but what the FastCGI specification has in the environment is there only. */
static bool is_of_scripts(const char *name)
{
	return isupper((unsigned char)*name) &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(name) &&
	       strncmp(name, "FCGI_", 5) != 0 && strncmp(name, "LANES_", 6) != 0;
}

static int set_line(const struct option_table *tables, size_t count, const char *where, char *line)
{
	const struct option_table *table = tables;
	const struct option_spec *option = NULL;
	char named[WHERE_SIZE + 64];
	const char *name;
	char *equals;

	cut_comment(line);
	line = trimmed(line);
	if (!*line)
		return 0;
	equals = strchr(line, '=');
	if (!equals)
		return option_complain(where, line, "NAME = VALUE");
	*equals = '\0';
	name = trimmed(line);
	if (is_of_scripts(name))
		return 0;
	for (; table < tables + count && !option; table++)
		option = option_find(table, name, strlen(name));
	if (!option || option->kind >= OPTION_FLAG || !strcmp(name, "config"))
		return option_complain(where, name, "an option that a file may have; see --help");
	snprintf(named, sizeof(named), "%s: %s", where, name);
	return option_set(table - 1, option, named, trimmed(equals + 1));
}

int option_file_read(const struct option_table *tables, size_t count, const char *path, bool all)
{
	const char *wrong = read_file(path);
	char *next = kept;
	int err = 0;

	if (wrong) {
		log_complaint("%.1000s: %s", path, wrong);
		return -EINVAL;
	}
	for (unsigned number = 1; next && (all || !err); number++) {
		char *line = strsep(&next, "\n");
		char where[WHERE_SIZE];

		snprintf(where, sizeof(where), "%.250s:%u", path, number);
		if (set_line(tables, count, where, line))
			err = -EINVAL;
	}
	return err;
}
