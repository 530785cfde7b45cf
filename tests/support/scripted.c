#include "scripted.h"

#include <signal.h>
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
		if (!strcmp(script, "hold") || send(fd, script, len, MSG_NOSIGNAL) < 0)
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
