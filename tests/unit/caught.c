#include "caught.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int saved = -1;
static int reader = -1;

void caught_begin(void)
{
	int pair[2];

	saved = dup(STDERR_FILENO);
	if (saved < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) ||
	    dup2(pair[1], STDERR_FILENO) < 0)
		abort();
	close(pair[1]);
	reader = pair[0];
}

void caught_end(struct caught *caught)
{
	ssize_t n;

	dup2(saved, STDERR_FILENO);
	close(saved);
	*caught = (struct caught){.len = 0};
	while ((n = read(reader, caught->text + caught->len,
			 sizeof(caught->text) - 1 - caught->len)) > 0) {
		caught->len += (size_t)n;
		caught->writes++;
	}
	close(reader);
}

bool caught_one_line(const struct caught *caught, const char *word)
{
	const char *newline = memchr(caught->text, '\n', caught->len);

	return caught->writes == 1 && newline == caught->text + caught->len - 1 &&
	       strstr(caught->text, word);
}
