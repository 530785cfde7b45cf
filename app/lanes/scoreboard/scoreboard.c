#include "scoreboard/scoreboard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	VERSION = 14,
	PAGE = 4096,
	CLAIM_LOCK = BOARD_SLOTS, /* the byte that is locked while a slot is chosen */
	ATTEMPTS = 100,
	LOCK_STEP_MS = 5,
	LOCK_STEPS = 2000, /* looks at a lock that is held, in all … */
	HOLDER_STEPS =
		200, /* … and while the same process holds it: it only has to choose a slot */
};

static const char MAGIC[8] = "LANESSB";

/* What a reader checks before it believes the rest. */
struct header {
	char magic[8];
	uint32_t version;
	uint32_t slots;
	uint64_t slot_size;
};

static const size_t MAP_SIZE = PAGE + BOARD_SLOTS * sizeof(struct board_slot);

const uint64_t board_bounds[BOARD_BUCKETS] = {
	100000,	   300000,     1000000,	   3000000,	10000000,    30000000,	  100000000,
	300000000, 1000000000, 3000000000, 10000000000, 30000000000, 60000000000, UINT64_MAX,
};

static struct header expected(void)
{
	struct header header = {
		.version = VERSION, .slots = BOARD_SLOTS, .slot_size = sizeof(struct board_slot)};

	memcpy(header.magic, MAGIC, sizeof(MAGIC));
	return header;
}

/* Locks or unlocks one byte; it need not exist in the file. */
static int lock_byte(int fd, int command, unsigned byte, short type)
{
	struct flock lock = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
	int err;

	do
		err = fcntl(fd, command, &lock) ? -errno : 0;
	while (err == -EINTR);
	return err;
}

/* Whoever may read the file could hold its lock for ever: no longer than a second for each holder,
 * and ten in all. */
static int lock_in_time(int fd)
{
	pid_t holder = 0;
	unsigned seen = 0;

	for (unsigned step = 0; step < LOCK_STEPS && seen < HOLDER_STEPS; step++) {
		struct flock held = {
			.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = CLAIM_LOCK, .l_len = 1};
		int err = lock_byte(fd, F_SETLK, CLAIM_LOCK, F_WRLCK);

		if (err != -EAGAIN && err != -EACCES)
			return err;
		if (fcntl(fd, F_GETLK, &held) == 0 && held.l_pid != holder) {
			holder = held.l_pid;
			seen = 0;
		}
		seen++;
		nanosleep(&(struct timespec){.tv_nsec = LOCK_STEP_MS * 1000000L}, NULL);
	}
	return -ETIMEDOUT;
}

static bool is_ours(int fd)
{
	struct header want = expected();
	struct header found;

	return pread(fd, &found, sizeof(found), 0) == (ssize_t)sizeof(found) &&
	       memcmp(&found, &want, sizeof(want)) == 0;
}

/* A new file is put together under another name and gets its own only if nobody was faster. */
static int make_file(const char *path)
{
	struct header header = expected();
	char temporary[PATH_MAX];
	int fd;
	int err = 0;

	if (snprintf(temporary, sizeof(temporary), "%s.%d", path, (int)getpid()) >=
	    (int)sizeof(temporary))
		return -ENAMETOOLONG;
	unlink(temporary);
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
	if (fd < 0)
		return -errno;
	if (pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		err = -ENOSPC;
	else if (link(temporary, path) && errno != EEXIST)
		err = -errno;
	unlink(temporary);
	close(fd);
	return err;
}

static bool is_at(int fd, const char *path)
{
	struct stat here;
	struct stat there;

	return fstat(fd, &here) == 0 && lstat(path, &there) == 0 && here.st_ino == there.st_ino &&
	       here.st_dev == there.st_dev;
}

/* Opens the file with its claim lock held. A file that is none of ours is taken away, not written
 * over: an older version of us may have it mapped. Whoever waited for the lock of a file that was
 * taken away tries again. */
static int open_locked(const char *path)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		int err;

		if (fd < 0 && errno == ENOENT) {
			err = make_file(path);
			if (err)
				return err;
			continue;
		}
		if (fd < 0)
			return -errno;
		err = lock_in_time(fd);
		if (!err && is_at(fd, path)) {
			if (is_ours(fd))
				return fd;
			unlink(path);
		}
		close(fd);
		if (err)
			return err;
	}
	return -EBUSY;
}

static int map_private(struct scoreboard *board)
{
	board->map_size = PAGE + sizeof(struct board_slot);
	board->map = mmap(NULL, board->map_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return board->map == MAP_FAILED ? -errno : 0;
}

static int map_file(struct scoreboard *board, const char *path)
{
	board->fd = open_locked(path);
	if (board->fd < 0)
		return board->fd;
	lock_byte(board->fd, F_SETLK, CLAIM_LOCK, F_UNLCK);
	board->map_size = MAP_SIZE;
	board->map = mmap(NULL, board->map_size, PROT_READ | PROT_WRITE, MAP_SHARED, board->fd, 0);
	return board->map == MAP_FAILED ? -errno : 0;
}

int scoreboard_open(struct scoreboard *board, const char *path)
{
	int err;

	*board = (struct scoreboard){.fd = -1};
	err = path ? map_file(board, path) : map_private(board);
	if (err) {
		board->map = NULL;
		scoreboard_close(board);
		return err;
	}
	board->slots = (struct board_slot *)((char *)board->map + PAGE);
	return 0;
}

int scoreboard_open_to_read(struct scoreboard *board, const char *path)
{
	int err = 0;

	*board = (struct scoreboard){
		.fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
	if (board->fd < 0)
		return -errno;
	board->map_size = MAP_SIZE;
	if (!is_ours(board->fd))
		err = -EPROTO;
	else
		board->map = mmap(NULL, board->map_size, PROT_READ, MAP_SHARED, board->fd, 0);
	if (board->map == MAP_FAILED)
		err = -errno;
	if (err) {
		board->map = NULL;
		scoreboard_close(board);
		return err;
	}
	board->slots = (struct board_slot *)((char *)board->map + PAGE);
	return 0;
}

void scoreboard_close(struct scoreboard *board)
{
	if (board->map)
		munmap(board->map, board->map_size);
	if (board->fd >= 0)
		close(board->fd);
	*board = (struct scoreboard){.fd = -1};
}

unsigned scoreboard_slots(const struct scoreboard *board)
{
	struct stat file;
	size_t size;

	if (board->fd < 0)
		return 1;
	if (fstat(board->fd, &file) || file.st_size < PAGE)
		return 0;
	size = (size_t)file.st_size < MAP_SIZE ? (size_t)file.st_size : MAP_SIZE;
	return (unsigned)((size - PAGE) / sizeof(struct board_slot));
}

pid_t scoreboard_holder(const struct scoreboard *board, unsigned slot)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)slot, .l_len = 1};

	if (board->own == &board->slots[slot])
		return getpid();
	/* A lock for reading is no worker's. */
	if (board->fd < 0 || fcntl(board->fd, F_GETLK, &lock) || lock.l_type != F_WRLCK)
		return 0;
	return lock.l_pid > 0 ? lock.l_pid : -1;
}

bool scoreboard_alive(const struct scoreboard *board, unsigned slot)
{
	return scoreboard_holder(board, slot) != 0;
}

bool board_is_pool_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_");

	return len >= 1 && len <= 10 && !name[len];
}

static off_t slot_at(unsigned slot)
{
	return PAGE + (off_t)slot * (off_t)sizeof(struct board_slot);
}

bool scoreboard_read(const struct scoreboard *board, unsigned slot, size_t at, void *to,
		     size_t size)
{
	return pread(board->fd, to, size, slot_at(slot) + (off_t)at) == (ssize_t)size;
}

/* The number of a worker of the pool, 0 for one of another. Not through the map, where looking at
 * all slots would make pages of all of them ours. */
static uint64_t number_in_pool(const struct scoreboard *board, unsigned slot, const char *pool)
{
	char name[sizeof(board->slots->pool)];
	uint64_t number;

	if (!scoreboard_read(board, slot, offsetof(struct board_slot, pool), name, sizeof(name)) ||
	    strncmp(name, pool, sizeof(name) - 1) != 0 ||
	    !scoreboard_read(board, slot, offsetof(struct board_slot, number), &number,
			     sizeof(number)))
		return 0;
	return number;
}

static uint64_t lowest_free_number(const struct scoreboard *board, const char *pool)
{
	bool taken[BOARD_SLOTS + 1] = {true};
	unsigned count = board->fd < 0 ? 0 : scoreboard_slots(board);
	uint64_t number = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t other = scoreboard_alive(board, i) ? number_in_pool(board, i, pool) : 0;

		if (other <= BOARD_SLOTS)
			taken[other] = true;
	}
	while (taken[number])
		number++;
	return number;
}

/* Blocks on the disk, for a slot with so many routes, or writing through the map could meet a full
 * one, and that is a SIGBUS. */
static int reserve(const struct scoreboard *board, unsigned slot, size_t routes)
{
	size_t size = offsetof(struct board_slot, routes) + routes * sizeof(struct board_route);

	return -posix_fallocate(board->fd, slot_at(slot), (off_t)size);
}

/* The file has whole slots, or reading through the map could be one, too. */
static int extend(const struct scoreboard *board, unsigned slot)
{
	if (scoreboard_slots(board) > slot)
		return 0;
	return ftruncate(board->fd, slot_at(slot + 1)) ? -errno : 0;
}

static struct board_slot *lock_free_slot(struct scoreboard *board)
{
	if (board->fd < 0)
		return &board->slots[0];
	for (unsigned i = 0; i < BOARD_SLOTS; i++) {
		if (lock_byte(board->fd, F_SETLK, i, F_WRLCK))
			continue;
		if (reserve(board, i, 1) == 0 && extend(board, i) == 0)
			return &board->slots[i];
		lock_byte(board->fd, F_SETLK, i, F_UNLCK);
		return NULL;
	}
	return NULL;
}

struct board_slot *scoreboard_claim(struct scoreboard *board, const char *pool, uint32_t number,
				    const char *engine, const char *prefix)
{
	struct board_slot *slot;

	if (board->fd >= 0 && lock_in_time(board->fd))
		return NULL;
	slot = lock_free_slot(board);
	if (slot) {
		uint64_t chosen = number ? number : lowest_free_number(board, pool);

		board_set(&slot->pid, 0);
		atomic_thread_fence(memory_order_release);
		memset(slot, 0, offsetof(struct board_slot, spans));
		memset(slot->routes, 0, sizeof(slot->routes[0]));
		board_set(&slot->route_count, 1);
		strncpy(slot->pool, pool, sizeof(slot->pool) - 1);
		strncpy(slot->engine, engine, sizeof(slot->engine) - 1);
		strncpy(slot->prefix, prefix, sizeof(slot->prefix) - 1);
		board_set(&slot->number, chosen);
		board_set(&slot->started_at, (uint64_t)time(NULL));
		atomic_store_explicit(&slot->pid, (uint64_t)getpid(), memory_order_release);
	}
	if (board->fd >= 0)
		lock_byte(board->fd, F_SETLK, CLAIM_LOCK, F_UNLCK);
	board->own = slot;
	return slot;
}

size_t scoreboard_add_routes(struct scoreboard *board, size_t count)
{
	struct board_slot *slot = board->own;

	if (count >= BOARD_ROUTES)
		count = BOARD_ROUTES - 1;
	if (board->fd >= 0 && reserve(board, (unsigned)(slot - board->slots), count + 1))
		return 0;
	memset(&slot->routes[1], 0, count * sizeof(slot->routes[0]));
	atomic_store_explicit(&slot->route_count, count + 1, memory_order_release);
	return count;
}

unsigned board_add_thing(struct board_slot *slot, const char *name, size_t len)
{
	uint64_t number = board_get(&slot->thing_count) + 1;
	struct board_thing *thing;

	if (number >= BOARD_THINGS)
		return 0;
	if (len >= BOARD_THING)
		len = BOARD_THING - 1;
	thing = &slot->things[number];
	memcpy(thing->name, name, len);
	thing->name[len] = '\0';
	board_set(&thing->kind, 0);
	board_set(&thing->count, 0);
	board_set(&thing->nanoseconds, 0);
	atomic_store_explicit(&slot->thing_count, number, memory_order_release);
	return (unsigned)number;
}

void board_observe(word buckets[BOARD_BUCKETS], word *sum, uint64_t nanoseconds)
{
	unsigned bucket = 0;

	while (nanoseconds > board_bounds[bucket])
		bucket++;
	board_add(&buckets[bucket], 1);
	board_add(sum, nanoseconds);
}

void board_waited(struct board_slot *slot, enum span_kind kind, unsigned thing,
		  uint64_t nanoseconds)
{
	struct board_waits *waits = &slot->waits[kind - SPAN_FETCH];
	struct board_thing *of = &slot->things[thing];
	bool has_place = thing && kind != SPAN_DB_QUEUE;

	if (has_place)
		board_set(&of->kind, kind);
	board_add(has_place ? &of->count : &waits->count, 1);
	board_add(has_place ? &of->nanoseconds : &waits->nanoseconds, nanoseconds);
}

void board_answered(struct board_slot *slot, uint64_t owner, uint64_t nanoseconds)
{
	struct span_owner who = span_owner_unpack(owner);
	bool has_place = who.route < board_get(&slot->route_count) && who.route < BOARD_ROUTES;
	struct board_route *route = &slot->routes[has_place ? who.route : 0];

	board_observe(route->buckets, &route->nanoseconds, nanoseconds);
	board_add(&slot->classes[who.status / 100 % 6], 1);
}

void board_identify(struct board_slot *slot, uint32_t serial, const char *id, const char *trace)
{
	struct board_id *to = &slot->ids[serial % BOARD_IDS];

	board_set(&to->owner, 0);
	atomic_thread_fence(memory_order_release);
	snprintf(to->id, sizeof(to->id), "%s", id);
	snprintf(to->trace, sizeof(to->trace), "%s", trace);
	atomic_store_explicit(&to->owner, board_get(&slot->pid) << 32 | serial,
			      memory_order_release);
}

uint64_t board_turn_ends(struct board_slot *slot)
{
	uint64_t since = board_get(&slot->turn_since);
	uint64_t now;
	uint64_t second;
	uint64_t us;
	word *hold;

	if (!since)
		return 0;
	now = board_now();
	second = now / 1000000000;
	us = (now - since) / 1000;
	hold = &slot->holds[second % BOARD_SECONDS];
	if (board_get(hold) >> 32 != second || (uint32_t)board_get(hold) < us)
		board_set(hold, second << 32 | (uint32_t)us);
	board_watch_stop(&slot->busy, now);
	atomic_store_explicit(&slot->turn_since, 0, memory_order_release);
	return now;
}
