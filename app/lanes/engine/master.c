/*
 * One thread, no loop but poll, and no memory but what is here: nothing can leak, and a fork copies
 * little. Signals are blocked, and read from a descriptor, so none comes between a fork and what is
 * noted of it.
 *
 * A worker says through its pipe (engine/parent.h) that it accepts, and that it drains. It is
 * started by exec, so that its program is the file as it is now. That is what nginx's and php-fpm's
 * masters do for themselves, and gunicorn's and unicorn's for applications; multiwatch starts a
 * successor only when a worker has ended.
 */
#include "engine/master.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/crew.h"
#include "engine/held.h"
#include "engine/listen.h"
#include "engine/notify.h"
#include "engine/parent.h"
#include "scoreboard/scoreboard.h"

enum {
	YOUNG_MS = 2000, /* two starts that are no further apart, are in a row */
	STARTS = 10,	 /* so many more than processes in a row are nothing to wait for */
	PAUSE_MS = 1000, /* each further one is */
	EXIT_FORCED = 3,
};

struct master {
	const struct options *options;
	int signals; /* a signalfd */
	struct listener listener;
	int wanted;
	struct {
		int64_t number; /* of its worker in the pool; 0: the scoreboard gives it one */
		uint64_t start_at;
	} places[MASTER_PROCESSES];
	struct crew crew;
	struct held held;
	unsigned generation;
	bool replacing;
	bool was_ready;
	bool served; /* a worker has accepted, ever */
	bool stopping;
	int status;
	uint64_t started; /* when the last one was … */
	int starts;	  /* … and how many were in a row */
};

/* ---- start ---- */

/* When the next worker may be started in a place: now, if they do not die again and again. */
static uint64_t pace(struct master *m)
{
	uint64_t now = now_ms();

	m->starts = now - m->started <= YOUNG_MS ? m->starts + 1 : 1;
	m->started = now;
	if (m->starts <= m->wanted + STARTS)
		return now;
	log_event(LOG_LEVEL_WARNING, "start-delayed", "starts", log_number(m->starts), NULL);
	m->started += PAUSE_MS;
	return m->started;
}

static bool start(struct master *m, int place, bool successor)
{
	const struct child as = {
		.place = place, .generation = m->generation, .successor = successor};

	return crew_start(&m->crew, &as, m->places[place].number);
}

static void start_missing(struct master *m, uint64_t now)
{
	for (int place = 0; place < m->wanted; place++)
		if (!crew_at(&m->crew, place, false) && now >= m->places[place].start_at &&
		    !start(m, place, false))
			m->places[place].start_at = now + PAUSE_MS;
}

/* ---- end ---- */

/* The socket is let go of first: what is in its queue then is all that the workers have to serve,
 * and who comes later is told so. */
static void stop(struct master *m, const char *why)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	log_event(LOG_LEVEL_INFO, "stopping", "signal", why, NULL);
	notify("STOPPING=1");
	m->stopping = true;
	m->replacing = false;
	listener_leave(&m->listener);
	listener_close(&m->listener);
	if (nothing >= 0) {
		dup2(nothing, 0);
		close(nothing);
	}
	for (struct child *c = m->crew.children; c < m->crew.children + CREW; c++)
		if (c->state == STARTING || c->state == SERVING)
			crew_drain(&m->crew, c, SIGTERM);
}

static void stop_by_force(struct master *m)
{
	log_event(LOG_LEVEL_WARNING, "ended-by-force", "why", "second-signal", NULL);
	crew_kill(&m->crew);
}

static void replace_failed(struct master *m)
{
	log_event(LOG_LEVEL_ERROR, "replace-failed", "workers",
		  log_number(crew_count(&m->crew, SERVING)), NULL);
	notify("READY=1\nSTATUS=the workers before serve on: the program does not start");
	m->replacing = false;
}

/* A worker has ended. Who is told to drain before he takes signals has nothing that could drain. */
static void bury(struct master *m, struct child *child, int how)
{
	int status = WIFEXITED(how)		? WEXITSTATUS(how)
		     : WTERMSIG(how) == SIGTERM ? 0
						: 128 + WTERMSIG(how);
	bool was_draining = child->state == DRAINING;
	struct child *successor = crew_at(&m->crew, child->place, true);
	bool in_vain = child->state == STARTING && WIFEXITED(how) && !m->served;

	child->state = NOBODY;
	if (child->pipe >= 0)
		close(child->pipe);
	if (status || !was_draining)
		log_event(LOG_LEVEL_WARNING, "worker-ended", "worker_pid", log_number(child->pid),
			  "status", log_number(status), NULL);
	if ((m->stopping || in_vain) && status > m->status)
		m->status = WIFEXITED(how) ? status : EXIT_FORCED;
	if (m->stopping || was_draining)
		return;
	if (in_vain)
		stop(m, "none");
	else if (child->successor)
		replace_failed(m);
	else if (successor)
		successor->successor = false;
	else
		m->places[child->place].start_at = pace(m);
}

static void reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (struct child *c = m->crew.children; c < m->crew.children + CREW; c++)
			if (c->state != NOBODY && c->pid == pid) {
				bury(m, c, status);
				break;
			}
}

/* ---- what workers say ---- */

static void tell_ready(struct master *m)
{
	int serving = crew_count(&m->crew, SERVING);

	if (m->was_ready || serving < m->wanted)
		return;
	m->was_ready = true;
	log_event(LOG_LEVEL_INFO, "ready", "workers", log_number(serving), NULL);
	notify("READY=1\nMAINPID=%d\nSTATUS=workers that serve: %d", (int)m->crew.master, serving);
}

static void accepts(struct master *m, struct child *child, int64_t number)
{
	struct child *before = child->successor ? crew_at(&m->crew, child->place, false) : NULL;

	child->state = SERVING;
	child->deadline = 0;
	child->successor = false;
	m->served = true;
	m->places[child->place].number = number;
	if (before)
		crew_drain(&m->crew, before, SIGTERM);
	tell_ready(m);
}

/* Its number, and later that it drains, of its own accord, or as we have told it. */
static void hear(struct master *m, struct child *child)
{
	char text[64];
	ssize_t n = read(child->pipe, text, sizeof(text) - 1);

	if (n <= 0) {
		close(child->pipe);
		child->pipe = -1;
		return;
	}
	text[n] = '\0';
	if (child->state == STARTING && *text >= '0' && *text <= '9')
		accepts(m, child, atoll(text));
	if (strchr(text, PARENT_LEAVES) && child->state == SERVING)
		crew_drain(&m->crew, child, 0);
}

/* ---- replace ---- */

/* One at a time; who is about to start, of the program as it may have been, is waited for. */
static void replace_next(struct master *m)
{
	if (!m->replacing)
		return;
	for (int place = 0; place < m->wanted; place++) {
		struct child *worker = crew_at(&m->crew, place, false);

		if (crew_at(&m->crew, place, true))
			return;
		if (!worker || worker->generation == m->generation)
			continue;
		if (worker->state == SERVING && !start(m, place, true))
			replace_failed(m);
		return;
	}
	m->replacing = false;
	log_event(LOG_LEVEL_INFO, "replaced", "workers", log_number(crew_count(&m->crew, SERVING)),
		  NULL);
	notify("READY=1\nSTATUS=workers that serve: %d", crew_count(&m->crew, SERVING));
}

static void replace(struct master *m)
{
	int err = m->options->log ? log_to(m->options->log) : 0;

	if (err)
		log_event(LOG_LEVEL_WARNING, "log-failed", "error", strerror(-err), NULL);
	log_event(LOG_LEVEL_INFO, "replacing", "signal", "HUP", NULL);
	notify("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)board_now() / 1000);
	m->generation++;
	m->replacing = true;
}

/* ---- signals ---- */

/* Numbers that follow the first, if the scoreboard does not know which are free. */
static void add_place(struct master *m, bool first)
{
	const struct options *o = m->options;
	int place = m->wanted;

	if (place == MASTER_PROCESSES)
		return;
	m->places[place].start_at = 0;
	m->places[place].number =
		o->scoreboard && !(first && o->slot) ? 0 : (o->slot ? o->slot : 1) + place;
	m->wanted++;
}

static void remove_place(struct master *m)
{
	if (m->wanted == 1)
		return;
	m->wanted--;
	for (int successor = 0; successor < 2; successor++) {
		struct child *worker = crew_at(&m->crew, m->wanted, successor);

		if (worker)
			crew_drain(&m->crew, worker, SIGTERM);
	}
}

static void on_signal(struct master *m, int number)
{
	int before = m->wanted;

	if (number == SIGCHLD)
		reap(m);
	else if (number == SIGUSR2) /* others know it, and by itself it would be our end */
		log_event(LOG_LEVEL_WARNING, "signal-unknown", "signal", "USR2", "instead", "HUP",
			  NULL);
	else if (number != SIGHUP && number != SIGTTIN && number != SIGTTOU)
		m->stopping ? stop_by_force(m) : stop(m, sigabbrev_np(number));
	else if (m->stopping)
		return;
	else if (number == SIGHUP)
		replace(m);
	else
		number == SIGTTIN ? add_place(m, false) : remove_place(m);
	if (number == SIGTTIN || number == SIGTTOU)
		log_event(LOG_LEVEL_INFO, m->wanted == before ? "not-scaling" : "scaling",
			  "workers", log_number(m->wanted), NULL);
}

/* Whoever started us in the background does not want us to end with its terminal; but a HUP ends
 * nothing here. */
static bool open_signals(struct master *m)
{
	static const int numbers[] = {SIGTERM, SIGINT,	SIGQUIT, SIGUSR1, SIGUSR2,
				      SIGHUP,  SIGTTIN, SIGTTOU, SIGCHLD};
	struct sigaction before;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		bool ends = numbers[i] == SIGINT || numbers[i] == SIGQUIT;

		if (!ends || sigaction(numbers[i], NULL, &before) || before.sa_handler != SIG_IGN)
			sigaddset(&set, numbers[i]);
	}
	signal(SIGCHLD, SIG_DFL); /* ignored, there would be nobody to wait for */
	sigprocmask(SIG_BLOCK, &set, &m->crew.before);
	m->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return m->signals >= 0;
}

static void take_signals(struct master *m)
{
	struct signalfd_siginfo info;

	while (read(m->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		on_signal(m, (int)info.ssi_signo);
}

/* ---- the process ---- */

/* Milliseconds until something is due; -1: nothing is. */
static int patience(const struct master *m, uint64_t now)
{
	uint64_t next = m->held.next;

	for (int i = 0; i < CREW; i++) {
		const struct child *child = &m->crew.children[i];

		if (child->state != NOBODY && child->deadline && child->deadline < next)
			next = child->deadline;
	}
	for (int i = 0; i < m->wanted && !m->stopping; i++)
		if (m->places[i].start_at > now && m->places[i].start_at < next)
			next = m->places[i].start_at;
	return next == UINT64_MAX ? -1 : next <= now ? 0 : (int)(next - now) + 1;
}

static void wait_for_news(struct master *m)
{
	struct pollfd fds[1 + CREW] = {{.fd = m->signals, .events = POLLIN}};

	for (int i = 0; i < CREW; i++) {
		const struct child *child = &m->crew.children[i];

		fds[1 + i] = (struct pollfd){.fd = child->state == NOBODY ? -1 : child->pipe,
					     .events = POLLIN};
	}
	poll(fds, 1 + CREW, patience(m, now_ms()));
	for (int i = 0; i < CREW; i++)
		if (fds[1 + i].revents)
			hear(m, &m->crew.children[i]);
	take_signals(m);
}

/* The socket becomes descriptor 0, as the workers will have it. */
static bool open_socket(struct master *m)
{
	const struct options *o = m->options;
	const struct socket_file file = {(mode_t)o->listen_mode, o->listen_owner, o->listen_group};

	m->listener.fd = -1;
	if (o->engine == ENGINE_JOBS)
		return true;
	if (listener_adopt(o->listen) ||
	    listener_open_as(&m->listener, o->listen, (int)o->backlog, &file))
		return false;
	dup2(m->listener.fd, 0);
	listener_stop(&m->listener);
	m->listener.fd = 0;
	return true;
}

int master_run(const struct options *options, int argc, char **argv)
{
	static struct master m;
	char name[64];

	m = (struct master){
		.options = options,
		.crew = {.options = options, .argc = argc, .argv = argv, .master = getpid()}};
	snprintf(name, sizeof(name), options->slot ? "%.40s-%lld-master" : "%.40s-master",
		 options->pool, (long long)options->slot);
	if (argc > CREW_ARGUMENTS || !open_socket(&m))
		return 1;
	closefrom(STDERR_FILENO + 1);
	log_init(name);
	held_begin(&m.held, options);
	setenv(PARENT_VARIABLE, "3", 1);
	if (!open_signals(&m)) {
		log_complaint("signalfd: %s", strerror(errno));
		return 1;
	}
	reap(&m); /* who has ended before: of these no signal comes any more */
	for (int i = 0; i < options->processes; i++)
		add_place(&m, true);
	while (!m.stopping || crew_count(&m.crew, NOBODY) < CREW) {
		uint64_t now = now_ms();

		if (!m.stopping) {
			start_missing(&m, now);
			replace_next(&m);
		}
		crew_kill_late(&m.crew, now);
		held_look(&m.held, &m.crew, now);
		wait_for_news(&m);
	}
	log_event(LOG_LEVEL_INFO, "stopped", "status", log_number(m.status), NULL);
	return m.status;
}
