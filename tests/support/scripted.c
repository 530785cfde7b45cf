#include "scripted.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system.h"

static void reset(int fd)
{
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
		   sizeof(struct linger));
}

/* What it says, of so many bytes; false, if nobody hears it. */
static bool say(int fd, const char *text, size_t len)
{
	static const char slowly[] = "drip ";

	if (len < sizeof(slowly) - 1 || strncmp(text, slowly, sizeof(slowly) - 1) != 0)
		return send(fd, text, len, MSG_NOSIGNAL) >= 0;
	for (size_t i = sizeof(slowly) - 1; i < len; i++) {
		if (send(fd, text + i, 1, MSG_NOSIGNAL) < 0)
			return false;
		usleep(10000);
	}
	return true;
}

static void serve(int fd, const char *script)
{
	char heard[65536];

	for (;;) {
		size_t len = strcspn(script, "|");

		if (!strcmp(script, "reset"))
			reset(fd);
		if (!strcmp(script, "reset"))
			break;
		while (!strcmp(script, "hold") && recv(fd, heard, sizeof(heard), 0) > 0)
			;
		if (!strcmp(script, "hold") || !say(fd, script, len))
			break;
		script += len;
		if (!*script++ || recv(fd, heard, sizeof(heard), 0) <= 0)
			break;
	}
	close(fd);
	_exit(0);
}

void scripted_start(struct scripted *server, const char *script)
{
	int listener = tcp_listen(&server->port);

	server->pid = fork();
	if (server->pid) {
		close(listener);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0 && fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve(fd, script);
		}
		close(fd);
	}
}

void scripted_stop(struct scripted *server)
{
	if (server->pid > 0) {
		kill(server->pid, SIGKILL);
		waitpid(server->pid, NULL, 0);
	}
	server->pid = 0;
}
