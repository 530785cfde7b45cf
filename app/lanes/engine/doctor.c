#include "engine/doctor.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/affinity.h"
#include "base/log.h"
#include "engine/doctor_cure.h"
#include "engine/doctor_source.h"
#include "engine/doctor_stack.h"
#include "scoreboard/board_task.h"

enum {
	NS_PER_S = 1000000000,
	NS_PER_MS = 1000000,
	IDLE_LOOKS = 10,      /* without a request between them: then it rests */
	STACK_SIZE = 1 << 20, /* of its thread: libdw needs a sixth of it at once */
	SOURCES = STACK_FRAMES * 2,
};

static struct {
	struct board_slot *slot; /* NULL: it does not run */
	uint64_t limit;		 /* nanoseconds that a turn may last */
	bool is_off;
	pthread_t thread;
	_Atomic bool ends;
	/* The rest is its thread's. */
	struct stack stack;
	struct source sources[SOURCES]; /* of its frames: a compiler makes one of several */
	size_t count;
} doctor;

/* ---- which of the functions ---- */

static void find_library(uintptr_t at, struct source *source)
{
	Dl_info known;
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): an address on the stack */
	bool is_known = dladdr((void *)at, &known) && known.dli_sname;

	*source = (struct source){.outside = true};
	snprintf(source->name, sizeof(source->name), "%s", is_known ? known.dli_sname : "");
}

static void find_sources(void)
{
	doctor.count = 0;
	for (size_t i = 0; i < doctor.stack.count && doctor.count < SOURCES; i++) {
		struct source *next = &doctor.sources[doctor.count];
		uintptr_t at = doctor.stack.frames[i];

		if (stack_is_program(at)) {
			doctor.count += source_find(at, next, SOURCES - doctor.count);
		} else {
			find_library(at, next);
			doctor.count++;
		}
	}
}

/* NULL: it is in a library. */
static const struct source *source_of(size_t i)
{
	return doctor.sources[i].outside ? NULL : &doctor.sources[i];
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* Wherever that was built. */
static bool is_librarys(const char *file)
{
	return begins(file, "app/lanes/") || begins(file, "app/admin/") ||
	       strstr(file, "/app/lanes/") || strstr(file, "/app/admin/");
}

/* Not the library's, nor a header of the system's; nor main(), which has called all there is. */
static bool is_own(const struct source *source)
{
	return source && source->file[0] && !is_librarys(source->file) &&
	       !begins(source->file, "/usr/") && strcmp(source->name, "main") != 0;
}

/* The service's own that is innermost; where nobody knows which are, the program's that has a name,
 * or else any. SOURCES: there is none. */
static size_t innermost(void)
{
	size_t first = SOURCES;

	for (size_t i = 0; i < doctor.count; i++) {
		const struct source *source = source_of(i);

		if (is_own(source))
			return i;
		if (source && (first == SOURCES || (source->name[0] && !source_of(first)->name[0])))
			first = i;
	}
	return first;
}

/* What the library has called, that came to this one of the service's own: its handler. Where the
 * frames do not reach so far, nobody knows: the same. */
static size_t outermost(size_t from)
{
	size_t own = from;

	for (size_t i = from; i < doctor.count; i++) {
		if (is_own(source_of(i)))
			own = i;
		else if (source_of(i))
			return own;
	}
	return from;
}

/* ---- what is said of them ---- */

/* Of a path that is too long, its end. */
static void tell_place(const struct source *source, char to[BOARD_SOURCE])
{
	char text[SOURCE_TEXT + 16];
	const char *end = text;

	if (source->file[0])
		snprintf(text, sizeof(text), "%s:%d", source->file, source->line);
	else
		snprintf(text, sizeof(text), "program+0x%llx", (unsigned long long)source->at);
	if (strlen(text) >= BOARD_SOURCE)
		end = text + strlen(text) - (BOARD_SOURCE - 1);
	memcpy(to, end, strlen(end) + 1);
}

/* NULL, or why there is no line. */
static const char *tell_stack(struct held_by *held)
{
	const char *lack = "its stack does not lead to the program";
	size_t inner;
	size_t outer;

	find_sources();
	inner = innermost();
	if (inner < SOURCES) {
		snprintf(held->function, sizeof(held->function), "%.*s", BOARD_SOURCE - 1,
			 source_of(inner)->name);
		lack = source_of(inner)->lack;
		tell_place(source_of(inner), held->at);
		outer = outermost(inner);
		if (outer != inner)
			tell_place(source_of(outer), held->from);
		if (inner) {
			const char *call = doctor.sources[inner - 1].name;

			snprintf(held->call, sizeof(held->call), "%.*s", BOARD_HOLD_CALL - 1,
				 call + strspn(call, "_"));
		}
	}
	if (doctor.stack.waits && !held->call[0])
		cure_call(doctor.stack.call, held->call, sizeof(held->call));
	return lack;
}

static void set_cure(struct held_by *held, const char *cure)
{
	snprintf(held->cure, sizeof(held->cure), "%s", cure);
}

/* Of what was not seen there is no function; of what was, maybe no line. */
static void say(const struct held_by *held, bool seen, const char *lack, uint64_t duration)
{
	char route[BOARD_ROUTE];
	char seconds[24];

	board_route_name(doctor.slot, held->request.route, route);
	snprintf(seconds, sizeof(seconds), "%.3f", (double)duration / NS_PER_S);
	if (seen)
		log_event(LOG_LEVEL_WARNING, "loop-held", "request",
			  log_number(held->request.serial), "route", route, "seconds", seconds,
			  "function", held->function, "at", held->at, "call", held->call, "cure",
			  held->cure,
			  lack		  ? "unseen"
			  : held->from[0] ? "from"
					  : NULL,
			  lack ? lack : held->from, NULL);
	else
		log_event(LOG_LEVEL_WARNING, "loop-held", "request",
			  log_number(held->request.serial), "route", route, "seconds", seconds,
			  "unseen", lack, "cure", held->cure, NULL);
}

static bool lasts(uint64_t turn)
{
	return atomic_load_explicit(&doctor.slot->turn_since, memory_order_acquire) == turn;
}

/* Of the turn that has lasted since then. Where it ends meanwhile, what was seen may be of
 * another. */
static void diagnose(uint64_t turn)
{
	struct held_by held = {.turn = turn};
	uint64_t owner = 0;
	uint64_t since = 0;
	uint64_t now;
	const char *lack;
	bool seen;

	held.is_request = board_doing(&doctor.slot->running, &since, &owner);
	seen = stack_take(&doctor.stack);
	now = board_now();
	lack = seen ? NULL : doctor.stack.lack;
	if (!lasts(turn)) {
		seen = false;
		lack = "it was over too soon";
	}
	if (!held.is_request)
		owner = 0;
	held.request.serial = span_owner_unpack(owner).serial;
	held.request.route = span_owner_unpack(owner).route;
	held.many = held.is_request && now - since < (now - turn) / 2;
	if (seen)
		lack = tell_stack(&held);
	set_cure(&held, held.many	     ? cure_many
			: !seen		     ? cure_unknown
			: doctor.stack.waits ? cure_waits(doctor.stack.call)
					     : cure_computes);
	board_tell_hold(doctor.slot, &held, owner, now);
	say(&held, seen, lack, now - turn);
}

/* ---- its thread ---- */

/* Until that is over, or the word is no longer that; ns 0: it has no end. */
static void wait_while(uint32_t value, uint64_t ns)
{
	struct timespec time = {.tv_sec = (time_t)(ns / NS_PER_S),
				.tv_nsec = (long)(ns % NS_PER_S)};

	syscall(SYS_futex, &doctor.slot->watch_rests, FUTEX_WAIT_PRIVATE, value, ns ? &time : NULL,
		NULL, 0);
}

static bool is_new(uint64_t *busy)
{
	uint64_t before = *busy;

	*busy = board_get(&doctor.slot->busy);
	return *busy != before;
}

/* A turn that began before the loop could see the word is seen here; one that begins later wakes
 * us. */
static void rest(uint64_t *busy)
{
	source_forget();
	atomic_store(&doctor.slot->watch_rests, 1);
	wait_while(1, doctor.limit);
	if (!is_new(busy) && !doctor.ends)
		wait_while(1, 0);
	atomic_store(&doctor.slot->watch_rests, 0);
}

static void *watch(void *unused)
{
	uint64_t diagnosed = 0;
	uint64_t busy = 0;
	unsigned idle = 0;

	(void)unused;
	affinity_leave();
	prctl(PR_SET_NAME, "doctor");
	while (!doctor.ends) {
		uint64_t since = board_get(&doctor.slot->turn_since);
		uint64_t now = board_now();
		bool is_open = since && since != diagnosed && since < now;

		idle = is_new(&busy) || since ? 0 : idle + 1;
		if (is_open && now - since >= doctor.limit) {
			diagnose(since);
			diagnosed = since;
		} else if (is_open) {
			wait_while(0, since + doctor.limit - now);
		} else if (idle < IDLE_LOOKS) {
			wait_while(0, doctor.limit);
		} else {
			rest(&busy);
			idle = 0;
		}
	}
	return NULL;
}

static int start_thread(void)
{
	pthread_attr_t attributes;
	sigset_t all;
	sigset_t before;
	int err = pthread_attr_init(&attributes);

	if (err)
		return err;
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&doctor.thread, &attributes, watch, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return err;
}

void doctor_prepare(const struct options *options)
{
	doctor.is_off = options->doctor == DOCTOR_OFF || options->engine == ENGINE_PREFORK;
	if (doctor.is_off)
		return;
	stack_prepare();
	source_prepare();
}

void doctor_begin(struct board_slot *slot, const struct options *options)
{
	int err;

	if (doctor.is_off || doctor.slot)
		return;
	doctor.slot = slot;
	doctor.limit = (uint64_t)options->slow_callback * NS_PER_MS;
	doctor.ends = false;
	err = start_thread();
	if (!err)
		return;
	doctor.slot = NULL;
	stack_close();
	source_close();
	log_event(LOG_LEVEL_WARNING, "no-doctor", "why", strerror(err), NULL);
}

void doctor_end(void)
{
	if (!doctor.slot)
		return;
	doctor.ends = true;
	atomic_store(&doctor.slot->watch_rests, 2);
	syscall(SYS_futex, &doctor.slot->watch_rests, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	pthread_join(doctor.thread, NULL);
	atomic_store(&doctor.slot->watch_rests, 0);
	doctor.slot = NULL;
	stack_close();
	source_close();
}
