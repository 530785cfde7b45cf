/*
 * A service that makes every call that may wait: in its start, on a thread of the pool (/thread/…),
 * on the loop (/loop/…), and one in its background. It answers with the line where the call is. And
 * some that the sandbox ends it for.
 */
#include <fcntl.h>
#include <lanes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static int blocking[2], closed, file; /* a socket pair, one with a hung-up peer, and a file */
static struct sockaddr_in nobody;     /* port 0: the address of none */
static char byte = 'x';
static const struct timespec moment = {.tv_nsec = 1000};
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t own = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP; /* not to be locked twice */
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static FILE *stream;

static void *nothing(void *arg)
{
	return arg;
}

static pthread_t thread(void)
{
	pthread_t made;

	pthread_create(&made, NULL, nothing, NULL);
	return made;
}

/* A function that makes the call, and returns its line. */
#define LINE(name, ...)                                                                            \
	static long name##_(void)                                                                  \
	{                                                                                          \
		return (long)(__VA_ARGS__), __LINE__;                                              \
	}

LINE(sleep, sleep(0))
LINE(usleep, usleep(1))
LINE(nanosleep, nanosleep(&moment, NULL))
LINE(clock_nanosleep, clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL))
LINE(thrd_sleep, thrd_sleep(&moment, NULL))
LINE(write, write(blocking[1], &byte, 1))
LINE(getline, getline(&(char *){NULL}, &(size_t){0}, stream))
LINE(getdelim, getdelim(&(char *){NULL}, &(size_t){0}, 'L', stream))
LINE(fgetc, fgetc(stream))
LINE(fscanf, fscanf(stream, "%*c"))
LINE(pread64, pread64(file, &byte, 1, 0))
LINE(pwrite64, pwrite64(file, &byte, 1, 0))
LINE(lockf64, lockf64(file, F_LOCK, 0))
LINE(pthread_mutex_lock, pthread_mutex_lock(&own), pthread_mutex_lock(&own),
     pthread_mutex_unlock(&own))
LINE(read, read(closed, &byte, 1))
LINE(pread, pread(file, &byte, 1, 0))
LINE(pwrite, pwrite(file, &byte, 1, 0))
LINE(fread, fread(&byte, 1, 1, stream))
LINE(recv, recv(closed, &byte, 1, 0))
LINE(send, send(blocking[1], &byte, 1, 0))
LINE(connect, connect(blocking[0], (struct sockaddr *)&nobody, sizeof(nobody)))
LINE(accept, accept(blocking[0], NULL, NULL))
LINE(poll, poll(NULL, 0, 1))
LINE(select, select(0, NULL, NULL, NULL, &(struct timeval){.tv_usec = 1}))
LINE(getaddrinfo, getaddrinfo("127.0.0.1", "1", NULL, &(struct addrinfo *){NULL}))
LINE(pthread_join, pthread_join(thread(), NULL))
LINE(pthread_cond_timedwait, pthread_mutex_lock(&mutex),
     pthread_cond_timedwait(&cond, &mutex, &moment), pthread_mutex_unlock(&mutex))
LINE(sem_wait, sem_post(&semaphore), sem_wait(&semaphore))
LINE(fsync, fsync(file))
LINE(flock, flock(file, LOCK_EX))
LINE(wait, wait(NULL))
LINE(waitpid, waitpid(-1, NULL, 0))
LINE(system, system("true"))
LINE(socket, close(socket(AF_INET, SOCK_STREAM, 0)))
LINE(popen, pclose(popen("true", "r")))

#define TEN(call) call, call, call, call, call, call, call, call, call, call
LINE(hundreds, TEN(TEN(usleep(0))), TEN(TEN(usleep(0))), TEN(TEN(usleep(0))))

#define CALLED(name)                                                                               \
	{                                                                                          \
#name, name##_                                                                     \
	}
static const struct called {
	const char *name;
	long (*call)(void); /* returns its line */
} calls[] = {CALLED(sleep), CALLED(usleep), CALLED(nanosleep), CALLED(read),
	     CALLED(clock_nanosleep), CALLED(getline), CALLED(getdelim), CALLED(fgetc),
	     CALLED(fscanf), CALLED(pread64), CALLED(pwrite64), CALLED(lockf64),
	     CALLED(pthread_mutex_lock), CALLED(thrd_sleep), CALLED(write), CALLED(pread),
	     CALLED(pwrite), CALLED(fread), CALLED(recv), CALLED(send), CALLED(connect),
	     CALLED(accept), CALLED(poll), CALLED(select), CALLED(getaddrinfo),
	     CALLED(pthread_join), CALLED(sem_wait), CALLED(fsync), CALLED(flock), CALLED(wait),
	     CALLED(waitpid), CALLED(system), CALLED(pthread_cond_timedwait),
	     /* which are not made all at once */
	     CALLED(socket), CALLED(popen), CALLED(hundreds)};
enum { CALLS = sizeof(calls) / sizeof(calls[0]), WAITING = CALLS - 3 };

static void make_all(void *unused)
{
	(void)unused;
	for (int i = 0; i < WAITING; i++)
		calls[i].call();
}

static void make_call(struct request *req)
{
	struct slice wanted = request_path(req, "call");
	struct buffer out = {0};

	for (int i = 0; i < CALLS; i++)
		if (slice_is(wanted, calls[i].name))
			buffer_format(&out, "%ld", calls[i].call());
	/* What does not wait, or is the library's own. */
	(void)!poll(NULL, 0, 0);
	(void)!recv(blocking[0], &byte, 1, MSG_DONTWAIT);
	(void)!waitpid(-1, NULL, WNOHANG);
	log_event(LOG_LEVEL_INFO, "called", NULL);
	reply_text(req, 200, "text/plain", &out);
}

/* All of them, where nobody waits: their names. */
static void list_calls(struct request *req)
{
	struct buffer out = {0};

	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, make_all, NULL));
	for (int i = 0; i < WAITING; i++)
		buffer_format(&out, "%s ", calls[i].name);
	reply_text(req, 200, "text/plain", &out);
	ASYNC_END(req);
}

static bool prepare(struct setup *setup)
{
	int pair[2];

	(void)setup;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, blocking) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return false;
	close(pair[1]);
	closed = pair[0];
	file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	stream = fopen("/proc/self/exe", "r");
	sem_init(&semaphore, 0, 0);
	make_all(NULL);
	return stream != NULL;
}

static void start(struct request *req)
{
	(void)req;
	if (getenv("LANES_SANDBOX"))
		make_all(NULL);
}

static void background(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0.001));
	usleep(1);
	ASYNC_END(req);
}

static const struct route routes[] = {
	GET("/calls", ASYNC, list_calls),
	GET("/loop/{call}", ASYNC, make_call),
	GET("/thread/{call}", SYNC, make_call),
};

static const struct application application = {
	.routes = ROUTES(routes), .prepare = prepare, .start = start, .background = background};

int main(int argc, char **argv)
{
	return lanes_main(argc, argv, &application);
}
