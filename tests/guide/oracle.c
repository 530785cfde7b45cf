#include "oracle.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/system.h"

#define PYTHON "/usr/bin/python3"

static pid_t uvicorn;

/* uvicorn gets a socket that listens already, so there is no port to race for, and a connection
 * made before it is ready waits in the socket's queue. It takes that socket for a unix one and does
 * not set TCP_NODELAY; connections inherit it. */
static void run_uvicorn(int listener)
{
	char fd[16];

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	snprintf(fd, sizeof(fd), "%d", listener);
	fcntl(listener, F_SETFD, 0);
	/* By its whole name: Python looks for its modules where it thinks that it is. */
	execl(PYTHON, PYTHON, "-B", "-m", "uvicorn", "--app-dir", "tests/oracle", "app:app", "--fd",
	      fd, "--log-level", "error", (char *)NULL);
	perror(PYTHON);
	_exit(127);
}

/* A socket that nobody serves any more hangs up. */
static bool answers(uint16_t port)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	int fd = tcp_open(port);
	char byte;
	bool answered = send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0 &&
			recv(fd, &byte, 1, 0) == 1;

	close(fd);
	return answered;
}

const char *oracle_start(void)
{
	static char url[64];
	uint16_t port;
	int listener = tcp_listen(&port);

	setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
	uvicorn = fork();
	if (uvicorn == 0)
		run_uvicorn(listener);
	close(listener);
	if (uvicorn > 0 && answers(port))
		return url;
	oracle_stop();
	return NULL;
}

void oracle_stop(void)
{
	if (uvicorn > 0) {
		kill(uvicorn, SIGTERM);
		waitpid(uvicorn, NULL, 0);
	}
	uvicorn = 0;
}

const char *oracle_version(void)
{
	static char version[64];
	FILE *python;

	if (version[0])
		return version;
	python = popen(PYTHON " -c 'import fastapi, pydantic; print(\"FastAPI\", "
			      "fastapi.__version__ + \", pydantic\", pydantic.VERSION)'",
		       "re");
	if (!python || !fgets(version, sizeof(version), python))
		strcpy(version, "none");
	if (python)
		pclose(python);
	version[strcspn(version, "\n")] = '\0';
	return version;
}
