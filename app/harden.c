/*
 * A worker needs its socket (descriptor 0), its log (2), and nothing else of whoever started it:
 * spawn-fcgi and multiwatch leave what they inherited open, a lock or another worker's socket
 * included.
 *
 * PR_SET_DUMPABLE stays as it is. Without it, nobody but root could look at /proc/PID: the scripts
 * recognise a system's processes by their working directory there, and debuggers need it, too.
 */
#include "harden.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

void harden(bool keep_core)
{
	struct rlimit core;

	/* A descriptor below 3 that is missing would be given to a socket. */
	for (int fd = open("/dev/null", O_RDWR); fd >= 0 && fd <= STDERR_FILENO;)
		fd = open("/dev/null", O_RDWR);
	closefrom(STDERR_FILENO + 1);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (keep_core || getrlimit(RLIMIT_CORE, &core))
		return;
	/* The requests of all clients would be in the file. The hard limit stays, so that prlimit
	 * can allow a running worker to leave one. */
	core.rlim_cur = 0;
	setrlimit(RLIMIT_CORE, &core);
}
