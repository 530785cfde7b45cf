#include "once.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness.h"

static int in_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t once_executed(const char *path, size_t *twice)
{
	struct stat what = {0};
	FILE *in = fopen(path, "r");
	char *text;
	char **lines;
	size_t count = 0;

	*twice = 0;
	CU_ASSERT_FATAL(in && fstat(fileno(in), &what) == 0);
	text = calloc(1, (size_t)what.st_size + 1);
	lines = calloc((size_t)what.st_size + 1, sizeof(*lines));
	CU_ASSERT_FATAL(text && lines);
	CU_ASSERT_EQUAL(fread(text, 1, (size_t)what.st_size, in), (size_t)what.st_size);
	fclose(in);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		lines[count++] = line;
	qsort(lines, count, sizeof(*lines), in_order);
	for (size_t i = 1; i < count; i++)
		*twice += !strcmp(lines[i - 1], lines[i]);
	free(lines);
	free(text);
	return count;
}
