#include "admin/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "admin/status_text.h"

enum { REDRAW_MS = 500, CTRL_C = 3, CTRL_D = 4 };

/* What the rates are made from. */
struct sample {
	struct workers workers;
	uint64_t taken;
};

static void put(const struct buffer *out)
{
	size_t at = 0;

	while (at < out->len) {
		ssize_t n = write(STDOUT_FILENO, out->data + at, out->len - at);

		if (n < 0)
			return;
		at += (size_t)n;
	}
}

/* The rates against the sample before, in the order of now's workers; NULL if memory is out. */
static double *rates_of(const struct sample *now, const struct sample *before)
{
	double *rates = calloc(now->workers.count + 1, sizeof(*rates));
	double seconds = (double)(now->taken - before->taken) / 1e9;

	for (size_t i = 0; rates && i < now->workers.count; i++) {
		const struct worker_state *worker = &now->workers.list[i];

		for (size_t j = 0; j < before->workers.count; j++)
			if (before->workers.list[j].pid == worker->pid && seconds > 0)
				rates[i] = (double)(worker->requests -
						    before->workers.list[j].requests) /
					   seconds;
	}
	return rates;
}

static int take(const struct scoreboard *board, struct sample *sample)
{
	sample->taken = board_now();
	return workers_read(board, &sample->workers);
}

/* As the environment says; 0: it does not. */
static size_t columns(void)
{
	const char *given = getenv("COLUMNS");
	int number = given ? atoi(given) : 0;

	return number > 0 ? (size_t)number : 0;
}

static void draw(const struct sample *now, const struct sample *before)
{
	struct winsize size = {0};
	double *rates = rates_of(now, before);
	struct table_style style = {.color = !getenv("NO_COLOR"), .rates = rates};
	struct buffer out = {0};
	struct buffer screen = {0};

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	style.width = size.ws_col ? size.ws_col : columns();
	style.height = size.ws_row > 2 ? size.ws_row - 1u : 0;
	table_append(&out, &now->workers, &style);
	/* Each line is cleared behind its text, and the screen below: nothing flickers. */
	buffer_append_text(&screen, "\033[H");
	for (size_t i = 0; i < out.len; i++) {
		if (out.data[i] == '\n')
			buffer_append_text(&screen, "\033[K");
		buffer_append(&screen, &out.data[i], 1);
	}
	buffer_append_text(&screen, "\033[J");
	put(&screen);
	buffer_free(&screen);
	buffer_free(&out);
	free(rates);
}

/* Waits for the next redraw; true if it is time to end. */
static bool wait_for_key(int signals)
{
	struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
			       {.fd = signals, .events = POLLIN}};
	char key = 0;

	poll(fds, 2, REDRAW_MS);
	if (fds[1].revents || (fds[0].revents && read(STDIN_FILENO, &key, 1) <= 0))
		return true;
	return key == 'q' || key == CTRL_C || key == CTRL_D;
}

static void watch(const struct scoreboard *board, int signals)
{
	struct sample before = {0};
	struct sample now = {0};

	do {
		if (take(board, &now))
			break;
		draw(&now, &before);
		workers_free(&before.workers);
		before = now;
	} while (!wait_for_key(signals));
	workers_free(&before.workers);
}

/* A descriptor that is readable when one came that ends us. */
static int take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* The terminal gives us keys as they are typed, and its other screen, until we are done. */
static void run_in_terminal(const struct scoreboard *board)
{
	static const struct buffer enter = {"\033[?1049h\033[?25l", 14, 0, false};
	static const struct buffer leave = {"\033[?25h\033[?1049l", 14, 0, false};
	int signals = take_signals();
	struct termios usual;
	struct termios raw;
	bool has_keys = tcgetattr(STDIN_FILENO, &usual) == 0;

	raw = usual;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	if (has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	put(&enter);
	watch(board, signals);
	put(&leave);
	if (has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &usual);
	if (signals >= 0)
		close(signals);
}

static int print_once(const struct scoreboard *board)
{
	struct buffer out = {0};
	struct workers workers;

	if (workers_read(board, &workers))
		return 1;
	table_append(&out, &workers, &(struct table_style){.width = columns()});
	put(&out);
	buffer_free(&out);
	workers_free(&workers);
	return 0;
}

int top_run(const char *path)
{
	struct scoreboard board;
	int status = 0;
	int err;

	if (!path) {
		log_complaint("--top needs --scoreboard");
		return 2;
	}
	err = scoreboard_open_to_read(&board, path);
	if (err) {
		log_complaint("%.1000s: %s", path,
			      err == -EPROTO ? "not a scoreboard of this version" : strerror(-err));
		return 1;
	}
	if (isatty(STDOUT_FILENO))
		run_in_terminal(&board);
	else
		status = print_once(&board);
	scoreboard_close(&board);
	return status;
}
