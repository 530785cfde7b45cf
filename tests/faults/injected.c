#include "injected.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../support/harness.h"

const struct kind kinds[KINDS] = {
	{"/", "", "\"sync\":"},
	{"/async/await-one", "seconds=0.001", "async_io_task(0.001s) done"},
	{"/async/await-many", "seconds=0.002", "async_io_task(0.002s) done"},
	{"/sync/noawait", "seconds=0.001", "blocking_io_task(0.001s) done"},
	{"/async/wrap-blocking", "seconds=0", "blocking_io_task(0.0s) done"},
	{"/async/bad-blocking", "seconds=0", "blocked event loop for 0.0s"},
	{"/async/cpu-bound", "n=10", "{\"sum_sq\":285}"},
};

bool injected_possible(void)
{
	if (!MEMORY_COUNTS)
		not_judged("a sanitizer is in the worker");
	return MEMORY_COUNTS;
}

bool injected_prepare(struct injected *in)
{
	const char *here = path_from_here(program());
	char path[DIRECTORY_SIZE + 16];
	void *map;
	int fd;

	*in = (struct injected){0};
	in->directory = directory_make();
	snprintf(path, sizeof(path), "%s/control", in->directory);
	snprintf(in->scoreboard, sizeof(in->scoreboard), "%s/scoreboard", in->directory);
	snprintf(in->file, sizeof(in->file), "FAULTS_CONTROL=%s", path);
	/* Blanks divide its value. */
	snprintf(in->preload, sizeof(in->preload), "LD_PRELOAD=%.*s/preload.so",
		 (int)(strrchr(here, '/') - here), here);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*in->control)))
		return false;
	map = mmap(NULL, sizeof(*in->control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	in->control = map;
	return map != MAP_FAILED;
}

bool injected_start(struct injected *in)
{
	return worker_start(
		&in->worker,
		STRINGS("--threads", "4", "--scoreboard", in->scoreboard, "--slot", "1"),
		STRINGS(in->preload, in->file));
}

void injected_remove(struct injected *in)
{
	worker_stop(&in->worker);
	munmap(in->control, sizeof(*in->control));
	directory_remove(in->directory);
}

static enum fortune judge(const char *text, const char *expected)
{
	if (strstr(text, "END 1 0 OVERLOADED") || strstr(text, "Status: 503 "))
		return REFUSED;
	return strstr(text, "Status: 200 ") && strstr(text, expected) ? ANSWERED : WRONG;
}

enum fortune fortune_of(struct raw *raw, const char *expected)
{
	enum fortune fortune;

	if (raw_answers(raw, "END 1 ")) {
		fortune = judge(raw->text.data, expected);
		if (fortune == WRONG)
			printf("    instead of %s: %.300s\n", expected, raw->text.data);
		buffer_free(&raw->in);
		return fortune;
	}
	fortune = raw_closed(raw) ? CLOSED : SILENT;
	raw_close(raw);
	return fortune;
}

static bool answers(const struct injected *in)
{
	struct raw raw;
	bool good = raw_open(&raw, in->worker.socket) && raw_get(&raw, 1, "/", "") &&
		    fortune_of(&raw, "\"sync\":") == ANSWERED;

	if (raw.fd >= 0)
		raw_close(&raw);
	return good;
}

bool as_good_as_new(struct injected *in)
{
	const struct board_slot *slot;
	struct scoreboard board;
	bool good;

	if (!answers(in) || scoreboard_open_to_read(&board, in->scoreboard))
		return false;
	slot = board_find(&board, "loop", 1);
	good = slot && EVENTUALLY(board_get(&slot->in_flight) == 0) &&
	       EVENTUALLY(process_sockets(in->worker.pid) == 1) && /* the one that listens */
	       EVENTUALLY(board_get(&slot->connections) == 0);
	scoreboard_close(&board);
	return good;
}
