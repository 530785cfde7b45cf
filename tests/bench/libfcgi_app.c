/*
 * libfcgi-app SOCKET PROCESSES THREADS: /async/await-one and /sync/noawait as one would write them
 * with libfcgi alone: each thread accepts, answers, finishes. What Lanes is compared with.
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 4096, STACK = 256 * 1024 };

static double seconds_of(const char *query)
{
	const char *seconds = query ? strstr(query, "seconds=") : NULL;

	return seconds ? strtod(seconds + strlen("seconds="), NULL) : 1.5;
}

static void answer(FCGX_Request *request)
{
	double seconds = seconds_of(FCGX_GetParam("QUERY_STRING", request->envp));
	char body[128];
	int len;

	if (seconds > 0)
		usleep((useconds_t)(seconds * 1e6));
	len = snprintf(body, sizeof(body),
		       "{\"mode\":\"async\",\"detail\":\"async_io_task(%.1fs) done\"}", seconds);
	FCGX_FPrintF(request->out,
		     "Status: 200 OK\r\nContent-Type: application/json\r\n"
		     "Content-Length: %d\r\nCache-Control: no-store\r\n\r\n%s",
		     len, body);
}

static void *serve(void *socket)
{
	FCGX_Request request;

	FCGX_InitRequest(&request, *(int *)socket, 0);
	while (FCGX_Accept_r(&request) == 0) {
		answer(&request);
		FCGX_Finish_r(&request);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_attr_t attributes;
	int socket;

	if (argc != 4) {
		fputs("Usage: libfcgi-app SOCKET PROCESSES THREADS\n", stderr);
		return 2;
	}
	FCGX_Init();
	socket = FCGX_OpenSocket(argv[1], BACKLOG);
	if (socket < 0)
		return 1;
	for (int i = 1; i < atoi(argv[2]) && fork() > 0; i++)
		;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	for (int i = 1; i < atoi(argv[3]); i++) {
		pthread_t thread;

		if (pthread_create(&thread, &attributes, serve, &socket))
			return 1;
	}
	serve(&socket);
	return 0;
}
