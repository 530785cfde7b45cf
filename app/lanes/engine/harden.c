/*
 * A worker needs its socket (descriptor 0), its log (2), and nothing else of whoever started it:
 * spawn-fcgi and others leave what they inherited open, a lock or another worker's socket
 * included.
 *
 * PR_SET_DUMPABLE stays as it is. Without it, nobody but root could look at /proc/PID: the scripts
 * recognise a system's processes by their working directory there, and debuggers need it, too.
 */
#include "engine/harden.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/parent.h"

/* The requests of all clients would be in the file. The hard limit stays, so that prlimit can allow
 * a running worker to leave one. */
static void leave_no_core(void)
{
	struct rlimit core;

	if (getrlimit(RLIMIT_CORE, &core))
		return;
	core.rlim_cur = 0;
	setrlimit(RLIMIT_CORE, &core);
}

static void limit_address_space(rlim_t bytes)
{
	if (setrlimit(RLIMIT_AS, &(struct rlimit){.rlim_cur = bytes, .rlim_max = bytes}))
		log_complaint("address-space: %s", strerror(errno));
}

static void adjust_oom_score(const char *score)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, score, strlen(score)) < 0)
		log_complaint("oom-score-adj: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

void harden(const struct options *options)
{
	/* A descriptor below 3 that is missing would be given to a socket. */
	for (int fd = open("/dev/null", O_RDWR); fd >= 0 && fd <= STDERR_FILENO;)
		fd = open("/dev/null", O_RDWR);
	closefrom(parent_is_there() ? PARENT_FD + 1 : STDERR_FILENO + 1);
	/* In a container it inherits who has lost his parent: the kernel forgets them at their end.
	 */
	if (getpid() == 1)
		signal(SIGCHLD, SIG_IGN);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (options->core == CORE_OFF)
		leave_no_core();
	if (options->address_space)
		limit_address_space((rlim_t)options->address_space << 20);
	if (options->oom_score_adj)
		adjust_oom_score(log_number(options->oom_score_adj));
}
