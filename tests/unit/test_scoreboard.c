/* Locks belong to processes, so whoever else is on the board is a child: it claims a slot, says so
 * through a pipe, and lives until it is told to go. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/harness.h"
#include "scoreboard/board_reader.h"
#include "scoreboard/scoreboard.h"

enum { MANY = 256 }; /* as many as two pools have on a machine with 128 cores */

#define TRACE  "0af7651916cd43dd8448eb211c80319c"
#define DIGITS "123456789012345678901234567890"

static char path[64];
static struct scoreboard board = {.fd = -1}; /* of the test */
static struct workers workers;		     /* that are on it */
static bool disk_is_full;

/* Instead of the C library's. */
int posix_fallocate(int fd, off_t offset, off_t len)
{
	if (disk_is_full)
		return ENOSPC;
	return fallocate(fd, 0, offset, len) ? errno : 0;
}

static struct other {
	pid_t pid;	 /* 0: it has ended */
	uint64_t number; /* that it claimed; 0: none */
} others[MANY];
static int other_count;

static int make_path(void)
{
	char directory[] = "/tmp/lanes-board-XXXXXX";

	if (!mkdtemp(directory))
		return 1;
	snprintf(path, sizeof(path), "%s/scoreboard", directory);
	return 0;
}

static int remove_path(void)
{
	unlink(path);
	*strrchr(path, '/') = '\0';
	return rmdir(path);
}

static void be_other(int ready, const char *pool)
{
	struct board_slot *slot = NULL;
	uint64_t number;

	if (scoreboard_open(&board, path) == 0)
		slot = scoreboard_claim(&board, pool, 0, "loop", "/");
	if (slot)
		number = slot ? board_get(&slot->number) : 0;
	if (write(ready, &number, sizeof(number)) < 0)
		_exit(1);
	pause();
	_exit(0);
}

static struct other *other_of(pid_t pid)
{
	struct other *other = &others[other_count++];

	CU_ASSERT_FATAL(pid > 0);
	*other = (struct other){.pid = pid};
	return other;
}

static struct other *other_start(const char *pool)
{
	struct other *other;
	int ends[2];
	pid_t pid;

	CU_ASSERT_FATAL(pipe(ends) == 0);
	pid = fork();
	if (pid == 0)
		be_other(ends[1], pool);
	other = other_of(pid);
	close(ends[1]);
	CU_ASSERT_EQUAL(read(ends[0], &other->number, sizeof(other->number)),
			(ssize_t)sizeof(other->number));
	close(ends[0]);
	return other;
}

static void other_end(struct other *other)
{
	if (other->pid) {
		kill(other->pid, SIGKILL);
		waitpid(other->pid, NULL, 0);
	}
	other->pid = 0;
}

/* Of every test: nothing is left for the next. */
static void end(void)
{
	scoreboard_close(&board);
	workers_free(&workers);
	while (other_count)
		other_end(&others[--other_count]);
	unlink(path);
}

static void read_workers(void)
{
	workers_free(&workers);
	CU_ASSERT_EQUAL_FATAL(workers_read(&board, &workers), 0);
}

static struct board_slot *claim(const char *pool)
{
	CU_ASSERT_EQUAL_FATAL(scoreboard_open(&board, path), 0);
	return scoreboard_claim(&board, pool, 0, "loop", "/");
}

static void claimed(void)
{
	struct board_slot *slot = claim("loop");

	CU_ASSERT_PTR_NOT_NULL_FATAL(slot);
	read_workers();
	CU_ASSERT_EQUAL_FATAL(workers.count, 1);
	CU_ASSERT_STRING_EQUAL(workers.list[0].name, "loop-1");
	CU_ASSERT_EQUAL(workers.list[0].pid, (uint64_t)getpid());
	CU_ASSERT(workers.list[0].memory > 0);
	CU_ASSERT(workers.list[0].process_threads >= 1);
	CU_ASSERT_FALSE(workers.list[0].is_held);
}

/* SIGSTOP has come when waitpid() says so. */
static void stopped_process(void)
{
	struct other *other = other_start("loop");
	struct worker_state worker;

	CU_ASSERT_EQUAL_FATAL(scoreboard_open(&board, path), 0);
	CU_ASSERT(worker_read(&board, 0, &worker));
	CU_ASSERT_FALSE(worker.stopped);
	CU_ASSERT_EQUAL(kill(other->pid, SIGSTOP), 0);
	CU_ASSERT_EQUAL(waitpid(other->pid, NULL, WUNTRACED), other->pid);
	CU_ASSERT(worker_read(&board, 0, &worker));
	CU_ASSERT_TRUE(worker.stopped);
}

static void numbers_differ(void)
{
	struct other *one = other_start("loop");
	struct other *two = other_start("loop");
	struct other *cpu = other_start("cpu");

	CU_ASSERT_EQUAL(one->number, 1);
	CU_ASSERT_EQUAL(two->number, 2);
	CU_ASSERT_EQUAL(cpu->number, 1);
}

static void dead_slot_is_free(void)
{
	struct other *dead = other_start("loop");
	struct board_slot *slot;

	other_start("loop");
	other_end(dead);
	slot = claim("loop");
	CU_ASSERT_PTR_NOT_NULL_FATAL(slot);
	CU_ASSERT_PTR_EQUAL(slot, &board.slots[0]);
	CU_ASSERT_EQUAL(board_get(&slot->number), 1);
	CU_ASSERT_EQUAL(board_get(&slot->head), 0);
	read_workers();
	CU_ASSERT_EQUAL(workers.count, 2);
}

static void many_workers(void)
{
	struct stat file;
	off_t size_of_one;

	other_start("loop");
	CU_ASSERT_EQUAL(stat(path, &file), 0);
	size_of_one = file.st_size;
	for (unsigned i = 1; i < MANY; i++)
		CU_ASSERT_EQUAL(other_start("loop")->number, i + 1);
	CU_ASSERT_EQUAL_FATAL(scoreboard_open_to_read(&board, path), 0);
	read_workers();
	CU_ASSERT_EQUAL_FATAL(workers.count, MANY);
	CU_ASSERT_STRING_EQUAL(workers.list[MANY - 1].name, "loop-256");
	scoreboard_close(&board);
	/* The file is as large as those who are there need. */
	CU_ASSERT_EQUAL(stat(path, &file), 0);
	CU_ASSERT_EQUAL(file.st_size, size_of_one + (MANY - 1) * (off_t)sizeof(struct board_slot));
}

/* Holds a lock on the file, as long as it lives: whoever may read it can have one of F_RDLCK. */
static struct other *locker_start(struct flock lock)
{
	struct other *other;
	pid_t pid = fork();
	int fd;

	if (pid == 0) {
		fd = open(path, lock.l_type == F_RDLCK ? O_RDONLY : O_RDWR);
		if (fd < 0 || fcntl(fd, F_SETLK, &lock))
			_exit(1);
		raise(SIGSTOP);
		_exit(0);
	}
	other = other_of(pid);
	CU_ASSERT_EQUAL(waitpid(pid, NULL, WUNTRACED), pid);
	return other;
}

static void no_slot_left(void)
{
	struct other *all_others;

	other_start("loop");
	all_others = locker_start(
		(struct flock){.l_type = F_WRLCK, .l_start = 1, .l_len = BOARD_SLOTS - 1});
	CU_ASSERT_PTR_NULL(claim("loop"));
	other_end(all_others);
	CU_ASSERT_PTR_NOT_NULL(scoreboard_claim(&board, "loop", 0, "loop", "/"));
}

static void write_file(const char *bytes, size_t len, off_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	CU_ASSERT(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, bytes, len), (ssize_t)len);
	if (size)
		CU_ASSERT_EQUAL(ftruncate(fd, size), 0);
	close(fd);
}

static void expect_replaced(void)
{
	struct scoreboard reader;
	struct stat before;
	struct stat after;
	int kept = open(path, O_RDONLY | O_CLOEXEC); /* or its inode could be used again */

	CU_ASSERT_EQUAL(fstat(kept, &before), 0);
	CU_ASSERT_EQUAL(scoreboard_open_to_read(&reader, path), -EPROTO);
	CU_ASSERT_PTR_NOT_NULL(claim("loop"));
	CU_ASSERT_EQUAL(stat(path, &after), 0);
	CU_ASSERT_NOT_EQUAL(before.st_ino, after.st_ino);
	close(kept);
	scoreboard_close(&board);
	CU_ASSERT_EQUAL(scoreboard_open_to_read(&reader, path), 0);
	scoreboard_close(&reader);
	end();
}

static void wrong_files_are_replaced(void)
{
	struct stat file;
	char header[24];

	write_file("", 0, 0);
	expect_replaced();
	write_file("what is this?", 13, 0);
	expect_replaced();

	/* All but the version right. */
	CU_ASSERT_PTR_NOT_NULL(claim("loop"));
	CU_ASSERT_EQUAL(stat(path, &file), 0);
	CU_ASSERT_EQUAL(pread(board.fd, header, sizeof(header), 0), (ssize_t)sizeof(header));
	end();
	header[8]++;
	write_file(header, sizeof(header), file.st_size);
	expect_replaced();

	/* Ours, but cut. */
	header[8]--;
	write_file(header, sizeof(header) - 1, 0);
	expect_replaced();
}

static void full_disk(void)
{
	struct board_slot *slot;

	CU_ASSERT_PTR_NOT_NULL(claim("loop"));
	scoreboard_close(&board);
	slot = claim("loop");
	disk_is_full = true;
	CU_ASSERT_EQUAL(scoreboard_add_routes(&board, 1), 0);
	CU_ASSERT_EQUAL(board_routes(slot), 1);
	scoreboard_close(&board);
	CU_ASSERT_EQUAL(scoreboard_open(&board, path), 0);
	CU_ASSERT_PTR_NULL(scoreboard_claim(&board, "loop", 0, "loop", "/"));
	disk_is_full = false;
	end();
	/* Without a file there is a slot of our own. */
	CU_ASSERT_EQUAL(scoreboard_open(&board, NULL), 0);
	CU_ASSERT_PTR_NOT_NULL(scoreboard_claim(&board, "loop", 0, "loop", "/"));
}

static void no_directory(void)
{
	CU_ASSERT_EQUAL(scoreboard_open(&board, "/nowhere/at/all"), -ENOENT);
	CU_ASSERT_EQUAL(scoreboard_open_to_read(&board, "/nowhere/at/all"), -ENOENT);
}

/* ---- not to be believed ---- */

static bool printable(const char *text, size_t room)
{
	size_t len = strnlen(text, room);

	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return len < room;
}

/* A worker's slot with one byte everywhere, and the kernel's word for who it is. */
static void expect_fit_to_show(unsigned char byte, pid_t pid)
{
	struct board_slot *slot = &board.slots[0];
	char name[BOARD_ROUTE];
	struct span spans[64];
	uint64_t next = 0;
	size_t sound = 0;

	memset(slot, byte, sizeof(*slot));
	read_workers();
	CU_ASSERT_EQUAL_FATAL(workers.count, 1);
	CU_ASSERT_EQUAL(workers.list[0].pid, (uint64_t)pid);
	CU_ASSERT(printable(workers.list[0].name, sizeof(workers.list[0].name)));
	CU_ASSERT(printable(workers.list[0].pool, BOARD_NAME));
	CU_ASSERT(printable(workers.list[0].engine, BOARD_NAME));
	for (unsigned i = 0; i <= UINT16_MAX; i++)
		if (!printable(board_route_name(slot, i, name), BOARD_ROUTE))
			CU_FAIL_FATAL("a name that cannot be shown");
	for (unsigned i = 0; i <= UINT16_MAX; i++)
		if (!printable(board_thing_name(slot, i, name), BOARD_THING))
			CU_FAIL_FATAL("a name that cannot be shown");
	for (unsigned i = 0; i < workers.list[0].awaits_count; i++) {
		CU_ASSERT(span_has_thing(workers.list[0].awaits[i].kind));
		CU_ASSERT(workers.list[0].awaits[i].thing < BOARD_THINGS);
	}
	for (int i = 0; i < BOARD_POOLS; i++) {
		CU_ASSERT(workers.list[0].pools[i].threads <= BOARD_THREADS_MAX);
		CU_ASSERT(workers.list[0].pools[i].busy_count <= BOARD_THREADS);
	}
	CU_ASSERT_EQUAL(workers.list[0].longest_60s, workers.list[0].held);
	CU_ASSERT_EQUAL(board_spans(slot, &next, spans, 64, NULL), 64);
	for (int i = 0; i < 64; i++)
		sound += span_is_sound(&spans[i]);
	CU_ASSERT_EQUAL(sound, 0);
}

static void written_over(void)
{
	struct other *other = other_start("loop");

	CU_ASSERT_EQUAL_FATAL(scoreboard_open(&board, path), 0);
	expect_fit_to_show(0xff, other->pid);
	expect_fit_to_show('\033', other->pid);
	expect_fit_to_show('A', other->pid);
}

static uint64_t answers_of(const struct board_slot *slot, unsigned route)
{
	struct route_state state;

	board_route(slot, route, &state);
	return state.count;
}

/* Of a file with two slots: what the first has too much would be the second's. */
static void many_routes(void)
{
	struct other *other = other_start("loop");
	struct other *second = other_start("loop");
	struct board_slot *slot;
	char name[BOARD_ROUTE];

	other_end(other);
	CU_ASSERT_EQUAL_FATAL(scoreboard_open(&board, path), 0);
	slot = scoreboard_claim(&board, "loop", 1, "loop", "/");
	CU_ASSERT_PTR_EQUAL_FATAL(slot, &board.slots[0]);
	CU_ASSERT_EQUAL(board_routes(slot), 1);
	CU_ASSERT_EQUAL(scoreboard_add_routes(&board, 2 * BOARD_ROUTES), BOARD_ROUTES - 1);
	CU_ASSERT_EQUAL(board_routes(slot), BOARD_ROUTES);
	strcpy(slot->routes[BOARD_ROUTES - 1].name, "/last");
	for (uint16_t route = 1; route < 3 * BOARD_ROUTES; route++)
		board_answered(slot, span_owner_pack((struct span_owner){1, route, 200}), 1);
	CU_ASSERT_EQUAL(answers_of(slot, 0), 2 * BOARD_ROUTES);
	for (unsigned i = 1; i < BOARD_ROUTES; i++)
		CU_ASSERT_EQUAL(answers_of(slot, i), 1);
	CU_ASSERT_EQUAL(board_get(&board.slots[1].pid), (uint64_t)second->pid);
	CU_ASSERT_STRING_EQUAL(board_route_name(slot, BOARD_ROUTES - 1, name), "/last");
	scoreboard_close(&board);

	/* The next owner of the slot has none of them. */
	CU_ASSERT_EQUAL_FATAL(scoreboard_open(&board, path), 0);
	slot = scoreboard_claim(&board, "loop", 1, "loop", "/");
	CU_ASSERT_EQUAL(scoreboard_add_routes(&board, 2), 2);
	board_answered(slot, span_owner_pack((struct span_owner){1, 2, 200}), 1);
	board_answered(slot, span_owner_pack((struct span_owner){1, 3, 200}), 1);
	CU_ASSERT_EQUAL(answers_of(slot, 0), 1);
	CU_ASSERT_EQUAL(answers_of(slot, 2), 1);
	CU_ASSERT_STRING_EQUAL(board_route_name(slot, BOARD_ROUTES - 1, name), "");
}

static void locked_by_a_stranger(void)
{
	struct scoreboard open_before;
	struct other *other;

	CU_ASSERT_EQUAL_FATAL(scoreboard_open(&open_before, path), 0);
	other = locker_start((struct flock){.l_type = F_RDLCK});
	CU_ASSERT_EQUAL(scoreboard_open(&board, path), -ETIMEDOUT);
	CU_ASSERT_PTR_NULL(scoreboard_claim(&open_before, "loop", 0, "loop", "/"));
	other_end(other);
	CU_ASSERT_PTR_NOT_NULL(scoreboard_claim(&open_before, "loop", 0, "loop", "/"));
	scoreboard_close(&open_before);
	/* Its slots are nobody's, whoever reads the file. */
	other = locker_start((struct flock){.l_type = F_RDLCK});
	CU_ASSERT_EQUAL_FATAL(scoreboard_open_to_read(&board, path), 0);
	read_workers();
	CU_ASSERT_EQUAL(workers.count, 0);
}

static void links_are_not_followed(void)
{
	char elsewhere[80];

	snprintf(elsewhere, sizeof(elsewhere), "%s-elsewhere", path);
	write_file("", 0, 0);
	CU_ASSERT_EQUAL(rename(path, elsewhere), 0);
	CU_ASSERT_EQUAL(symlink(elsewhere, path), 0);
	CU_ASSERT_EQUAL(scoreboard_open(&board, path), -ELOOP);
	CU_ASSERT_EQUAL(scoreboard_open_to_read(&board, path), -ELOOP);
	CU_ASSERT_EQUAL(access(elsewhere, F_OK), 0);
	unlink(path);
	unlink(elsewhere);
}

static bool has_opened_it(pid_t pid)
{
	char link[64];
	char target[128];
	bool open = false;

	for (int fd = 0; fd < 64 && !open; fd++) {
		ssize_t len;

		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, fd);
		len = readlink(link, target, sizeof(target) - 1);
		target[len > 0 ? len : 0] = '\0';
		open = !strcmp(target, path);
	}
	return open;
}

/* Holds the lock under which slots are chosen, and takes the file away from who waits for it. */
static void take_away(int ready)
{
	struct flock lock = {.l_type = F_WRLCK, .l_start = BOARD_SLOTS, .l_len = 1};
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_SETLK, &lock) || write(ready, "", 1) != 1)
		_exit(1);
	while (!has_opened_it(getppid()))
		;
	_exit(unlink(path) != 0);
}

static void a_file_that_is_taken_away_is_not_used(void)
{
	struct stat used;
	struct stat there;
	int status;
	int ends[2];
	char byte;
	pid_t pid;

	CU_ASSERT_PTR_NOT_NULL(claim("loop"));
	scoreboard_close(&board);
	CU_ASSERT_FATAL(pipe(ends) == 0);
	pid = fork();
	if (pid == 0)
		take_away(ends[1]);
	close(ends[1]);
	CU_ASSERT_EQUAL_FATAL(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	CU_ASSERT_EQUAL_FATAL(scoreboard_open(&board, path), 0);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT_EQUAL(fstat(board.fd, &used), 0);
	CU_ASSERT_EQUAL(stat(path, &there), 0);
	CU_ASSERT_EQUAL(used.st_ino, there.st_ino);
}

/* ---- what a worker notes ---- */

static void turn(struct board_slot *slot, uint64_t nanoseconds)
{
	board_turn_begins(slot, board_now() - nanoseconds);
	board_turn_ends(slot);
	CU_ASSERT_EQUAL(board_get(&slot->turn_since), 0);
}

static void the_longest_turn_of_a_second_is_kept(void)
{
	struct board_slot *slot;
	uint64_t second;
	uint64_t hold;

	CU_ASSERT_EQUAL_FATAL(scoreboard_open(&board, NULL), 0);
	slot = scoreboard_claim(&board, "loop", 1, "loop", "/");
	do {
		second = board_now() / 1000000000;
		turn(slot, 2000000);
		turn(slot, 500000000);
		turn(slot, 1000000);
	} while (board_now() / 1000000000 != second);
	hold = board_get(&slot->holds[second % BOARD_SECONDS]);
	CU_ASSERT_EQUAL(hold >> 32, second);
	CU_ASSERT_TRUE((uint32_t)hold >= 500000);
	CU_ASSERT_TRUE((uint32_t)hold < 1500000);
	/* What is noted for a second that is long over does not count. */
	do {
		second = board_now() / 1000000000;
		board_set(&slot->holds[second % BOARD_SECONDS],
			  (second - BOARD_SECONDS) << 32 | 60000000);
		turn(slot, 1000000);
	} while (board_now() / 1000000000 != second);
	hold = board_get(&slot->holds[second % BOARD_SECONDS]);
	CU_ASSERT_EQUAL(hold >> 32, second);
	CU_ASSERT_TRUE((uint32_t)hold >= 1000 && (uint32_t)hold < 60000000);
}

/* At any moment, also in the middle of a turn. */
static void the_time_that_a_loop_was_busy_adds_up(void)
{
	struct board_slot *slot = calloc(1, sizeof(*slot));
	uint64_t ended;

	CU_ASSERT_EQUAL(board_watch_read(&slot->busy, 1000), 0);
	board_turn_begins(slot, 1000);
	board_turn_begins(slot, 1700); /* it has begun already */
	CU_ASSERT_EQUAL(board_watch_read(&slot->busy, 1000), 0);
	CU_ASSERT_EQUAL(board_watch_read(&slot->busy, 4000), 3000);
	ended = board_turn_ends(slot);
	CU_ASSERT_EQUAL(board_watch_read(&slot->busy, ended + 5000), ended - 1000);
	board_turn_begins(slot, ended + 10);
	CU_ASSERT_EQUAL(board_watch_read(&slot->busy, ended + 30), ended - 1000 + 20);
	free(slot);
}

static void a_duration_belongs_to_the_bound_that_it_reaches(void)
{
	const uint64_t owner = span_owner_pack((struct span_owner){1, 3, 404});
	struct board_slot *slot;
	uint64_t sum = 0;

	CU_ASSERT_EQUAL_FATAL(scoreboard_open(&board, NULL), 0);
	slot = scoreboard_claim(&board, "loop", 1, "loop", "/");
	CU_ASSERT_EQUAL(scoreboard_add_routes(&board, 3), 3);
	for (int i = 0; i < BOARD_BUCKETS - 1; i++) {
		board_answered(slot, owner, board_bounds[i]);
		CU_ASSERT_EQUAL(board_get(&slot->routes[3].buckets[i]), i ? 2 : 1);
		board_answered(slot, owner, board_bounds[i] + 1);
		CU_ASSERT_EQUAL(board_get(&slot->routes[3].buckets[i + 1]), 1);
		sum += 2 * board_bounds[i] + 1;
	}
	CU_ASSERT_EQUAL(board_get(&slot->routes[3].nanoseconds), sum);
	CU_ASSERT_EQUAL(board_get(&slot->classes[4]), 2 * (BOARD_BUCKETS - 1));
}

/* What is written there may be anything: it becomes text of so many bytes. */
static void a_request_has_the_ids_of_the_logs(void)
{
	static const struct {
		const char *id, *trace;
		const char *shown, *shown_trace;
	} cases[] = {
		{"25567-17-1", TRACE, "25567-17-1", TRACE},
		{"", "", "", ""},
		{DIGITS "-" DIGITS, TRACE "0", DIGITS "-12345678", TRACE},
		{"\n\xff\"", "0AF7651916CD43DD8448EB211C80319C", "??\"", ""},
	};
	struct board_slot *slot;

	CU_ASSERT_EQUAL_FATAL(scoreboard_open(&board, NULL), 0);
	slot = scoreboard_claim(&board, "loop", 1, "loop", "/");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		board_identify(slot, 7, cases[i].id, cases[i].trace);
		CU_ASSERT_STRING_EQUAL(board_ids(slot, 7).id, cases[i].shown);
		CU_ASSERT_STRING_EQUAL(board_ids(slot, 7).trace, cases[i].shown_trace);
	}
	memset(slot->ids[7].id, 'x', sizeof(slot->ids[7]) - offsetof(struct board_id, id));
	CU_ASSERT_EQUAL(strlen(board_ids(slot, 7).id), BOARD_ID - 1);
	CU_ASSERT_STRING_EQUAL(board_ids(slot, 7).trace, "");
	/* Another request at its place, and another process's of the same number. */
	CU_ASSERT_STRING_EQUAL(board_ids(slot, 7 + BOARD_IDS).id, "");
	board_set(&slot->pid, 1);
	CU_ASSERT_STRING_EQUAL(board_ids(slot, 7).id, "");
}

static void what_is_awaited_has_a_name(void)
{
	static const char lasting[] = DIGITS "0123456789" DIGITS "!";
	struct board_slot *slot;
	char name[BOARD_THING];

	CU_ASSERT_PTR_NOT_NULL_FATAL(slot = claim("loop"));
	CU_ASSERT_EQUAL(board_things(slot), 1);
	CU_ASSERT_EQUAL(board_add_thing(slot, "localhost:80", 12), 1);
	CU_ASSERT_EQUAL(board_add_thing(slot, "SELECT\n\"\xff", 9), 2);
	CU_ASSERT_EQUAL(board_add_thing(slot, lasting, sizeof(lasting) - 1), 3);
	CU_ASSERT_STRING_EQUAL(board_thing_name(slot, 0, name), "");
	CU_ASSERT_STRING_EQUAL(board_thing_name(slot, 1, name), "localhost:80");
	CU_ASSERT_STRING_EQUAL(board_thing_name(slot, 2, name), "SELECT?\"?");
	CU_ASSERT_EQUAL(strlen(board_thing_name(slot, 3, name)), BOARD_THING - 1);
	CU_ASSERT_STRING_EQUAL(board_thing_name(slot, 4, name), "");
	for (unsigned i = 4; i < BOARD_THINGS; i++)
		CU_ASSERT_EQUAL(board_add_thing(slot, "x", 1), i);
	CU_ASSERT_EQUAL(board_add_thing(slot, "x", 1), 0);
	CU_ASSERT_STRING_EQUAL(board_thing_name(slot, BOARD_THINGS - 1, name), "x");
	CU_ASSERT_STRING_EQUAL(board_thing_name(slot, BOARD_THINGS, name), "");
	end();

	/* The next owner of the slot has none of them. */
	slot = claim("loop");
	CU_ASSERT_EQUAL(board_things(slot), 1);
	CU_ASSERT_STRING_EQUAL(board_thing_name(slot, 1, name), "");
}

/* ---- the ring ---- */

enum { CHUNK = 100 };

static size_t read_spans(const struct board_slot *slot, uint64_t *next, uint64_t *lost,
			 uint64_t *first)
{
	struct span spans[CHUNK];
	size_t all = 0;
	size_t count;

	while ((count = board_spans(slot, next, spans, CHUNK, lost))) {
		if (!all)
			*first = spans[0].start;
		for (size_t i = 0; i < count; i++)
			CU_ASSERT_EQUAL(spans[i].start, *first + all + i);
		all += count;
	}
	return all;
}

static void spans(void)
{
	struct board_slot *slot;
	uint64_t first = 0;
	uint64_t next = 0;
	uint64_t lost = 0;

	CU_ASSERT_EQUAL_FATAL(scoreboard_open(&board, NULL), 0);
	slot = scoreboard_claim(&board, "loop", 1, "loop", "/");
	for (uint64_t i = 0; i < 1000; i++)
		board_span(slot, SPAN_LOOP, i, i + 1, 0);
	CU_ASSERT_EQUAL(read_spans(slot, &next, &lost, &first), 1000);
	CU_ASSERT_EQUAL(first, 0);
	CU_ASSERT_EQUAL(read_spans(slot, &next, &lost, &first), 0);
	for (uint64_t i = 1000; i < 1000 + 2 * BOARD_SPANS; i++)
		board_span(slot, SPAN_LOOP, i, i + 1, 0);
	CU_ASSERT_EQUAL(read_spans(slot, &next, &lost, &first), BOARD_SPANS - 1);
	CU_ASSERT_EQUAL(first, 1000 + BOARD_SPANS + 1);
	CU_ASSERT_EQUAL(lost, BOARD_SPANS + 1);
	CU_ASSERT_EQUAL(next, 1000 + 2 * BOARD_SPANS);
}

static bool waited_for(enum span_kind kind, unsigned thing, uint64_t count, double seconds)
{
	struct waited waited;
	bool any = board_thing(board.own, kind, thing, &waited);

	return any == (count != 0) && waited.count == count &&
	       (!count || waited.seconds == seconds);
}

static void waits_are_counted(void)
{
	struct board_slot *slot;

	CU_ASSERT_PTR_NOT_NULL_FATAL(slot = claim("loop"));
	board_add_thing(slot, "SELECT", 6);
	board_add(&slot->waits[SPAN_DB - SPAN_FETCH].now, 1);
	board_add(&slot->waits[SPAN_DB_QUEUE - SPAN_FETCH].now, 1);
	board_awaits(&slot->awaits[9], span_thing(SPAN_DB, 1),
		     span_owner_pack((struct span_owner){.serial = 7}), board_now());
	board_awaits(&slot->awaits[3], SPAN_LOOP, 1, 1); /* what nobody waits for */
	read_workers();
	CU_ASSERT_EQUAL(workers.list[0].waits[SPAN_FETCH - SPAN_FETCH], 0);
	CU_ASSERT_EQUAL(workers.list[0].waits[SPAN_DB_QUEUE - SPAN_FETCH], 1);
	CU_ASSERT_EQUAL(workers.list[0].waits[SPAN_DB - SPAN_FETCH], 1);
	CU_ASSERT_EQUAL_FATAL(workers.list[0].awaits_count, 1);
	CU_ASSERT_EQUAL(workers.list[0].awaits[0].kind, SPAN_DB);
	CU_ASSERT_EQUAL(workers.list[0].awaits[0].thing, 1);
	CU_ASSERT_EQUAL(workers.list[0].awaits[0].request.serial, 7);
	board_end(&slot->awaits[9].doing);
	read_workers();
	CU_ASSERT_EQUAL(workers.list[0].awaits_count, 0);
	CU_ASSERT(waited_for(SPAN_DB, 1, 0, 0));
	board_waited(slot, SPAN_DB, 1, 500000000);
	board_waited(slot, SPAN_DB, 1, 1000000000);
	board_waited(slot, SPAN_DB, 0, 250000000);
	board_waited(slot, SPAN_DB_QUEUE, 1, 2000000000);
	CU_ASSERT(waited_for(SPAN_DB, 1, 2, 1.5));
	CU_ASSERT(waited_for(SPAN_DB, 0, 1, 0.25));
	CU_ASSERT(waited_for(SPAN_DB_QUEUE, 0, 1, 2));
	CU_ASSERT(waited_for(SPAN_DB_QUEUE, 1, 0, 0));
	CU_ASSERT(waited_for(SPAN_FETCH, 1, 0, 0));
	CU_ASSERT(waited_for(SPAN_FETCH, 0, 0, 0));
	end();

	/* The next owner of the slot begins at nothing. */
	slot = claim("loop");
	board_add_thing(slot, "SELECT", 6);
	CU_ASSERT(waited_for(SPAN_DB, 1, 0, 0));
	CU_ASSERT(waited_for(SPAN_DB, 0, 0, 0));
}

static void some_spans_have_a_thing(void)
{
	struct span seen[4];
	struct board_slot *slot;
	uint64_t next = 0;

	CU_ASSERT_EQUAL_FATAL(scoreboard_open(&board, NULL), 0);
	slot = scoreboard_claim(&board, "loop", 1, "loop", "/");
	board_span(slot, SPAN_POOL | 7 << 16, 1, 2, 0);
	board_span(slot, SPAN_FETCH | 7 << 16, 1, 2, 0);
	board_span(slot, SPAN_DB | (uint64_t)BOARD_THINGS << 16, 1, 2, 0);
	board_span(slot, SPAN_KINDS, 1, 2, 0);
	CU_ASSERT_EQUAL_FATAL(board_spans(slot, &next, seen, 4, NULL), 4);
	CU_ASSERT(seen[0].thread == 7 && seen[0].thing == 0 && span_is_sound(&seen[0]));
	CU_ASSERT(seen[1].thread == 0 && seen[1].thing == 7 && span_is_sound(&seen[1]));
	CU_ASSERT_FALSE(span_is_sound(&seen[2]));
	CU_ASSERT_FALSE(span_is_sound(&seen[3]));
}

/* A writer in another process that never stops: what is read is whole nevertheless. */
static void spans_being_written(void)
{
	struct span spans[CHUNK];
	uint64_t next = 0;
	uint64_t read = 0;
	pid_t writer;

	CU_ASSERT_PTR_NOT_NULL_FATAL(claim("loop"));
	writer = fork();
	if (writer == 0)
		for (uint64_t i = 1;; i++)
			board_span(board.own, i & 0xff, i, 3 * i, i);
	while (read < 5 * (uint64_t)BOARD_SPANS) {
		size_t count = board_spans(board.own, &next, spans, CHUNK, NULL);

		for (size_t i = 0; i < count; i++) {
			uint64_t n = spans[i].start;

			if (n != next - count + i + 1 || spans[i].duration != 2 * n ||
			    span_owner_pack(spans[i].owner) != n ||
			    (uint64_t)spans[i].kind != (n & 0xff))
				CU_FAIL_FATAL("a span of two halves");
		}
		read += count;
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
}

static const struct test tests[] = {
	{"a claimed slot shows its worker", claimed},
	{"a process that is stopped is known to be", stopped_process},
	{"workers of a pool get different numbers", numbers_differ},
	{"a dead worker's slot and number are free again", dead_slot_is_free},
	{"256 workers of a pool have slots, in a file that grows with them", many_workers},
	{"when all slots are taken there is none", no_slot_left},
	{"a file that is empty, foreign, cut or of another version is replaced",
	 wrong_files_are_replaced},
	{"a full disk gives no slot, and no SIGBUS", full_disk},
	{"a directory that is missing is an error", no_directory},
	{"a slot with nonsense in it is shown as its kernel's process, and readable", written_over},
	{"a route beyond those that have a place counts as none, not as another", many_routes},
	{"somebody who holds the file's lock keeps nobody waiting", locked_by_a_stranger},
	{"a link in the scoreboard's place is not followed", links_are_not_followed},
	{"a file that is taken away while its lock is waited for is not used",
	 a_file_that_is_taken_away_is_not_used},
	{"the longest turn of a second is kept", the_longest_turn_of_a_second_is_kept},
	{"the time that a loop was busy adds up", the_time_that_a_loop_was_busy_adds_up},
	{"a duration belongs to the bound that it reaches",
	 a_duration_belongs_to_the_bound_that_it_reaches},
	{"a request has the ids of the logs, whatever is written there",
	 a_request_has_the_ids_of_the_logs},
	{"what is awaited has a name, and a number, as long as there is room",
	 what_is_awaited_has_a_name},
	{"waits are counted, by what is awaited", waits_are_counted},
	{"a span has a thread, or a thing that is awaited", some_spans_have_a_thing},
	{"spans are read once, in order; those written over are counted", spans},
	{"a span that is written over while it is read is left out", spans_being_written},
};

const struct suite scoreboard_suite = {"scoreboard", tests,	  sizeof(tests) / sizeof(tests[0]),
				       make_path,    remove_path, .after = end};
