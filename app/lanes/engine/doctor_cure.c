#include "engine/doctor_cure.h"

#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

static const char sleeps[] = "AWAIT(req, sleep_for(req, seconds)) sleeps and gives the loop back";
static const char waits[] =
	"AWAIT(req, await_fd(req, fd, events)), or call it in run_in_threadpool()";
static const char locks[] =
	"wait for locks and threads in run_in_threadpool(), or in a SYNC handler";
static const char blocks[] = "call it in run_in_threadpool(), or make the handler SYNC";
const char cure_computes[] =
	"compute in run_in_cpu_pool(), or let the cpu pool's processes serve it";
const char cure_many[] = "many short handlers in one turn: more workers share them";
const char cure_unknown[] = "await what it waits for; compute in run_in_cpu_pool()";

/* A machine may lack some of these: their names are libseccomp's. */
static const struct {
	int call;
	const char *cure;
} cures[] = {
	{SCMP_SYS(nanosleep), sleeps}, {SCMP_SYS(clock_nanosleep), sleeps},
	{SCMP_SYS(poll), waits},       {SCMP_SYS(ppoll), waits},
	{SCMP_SYS(select), waits},     {SCMP_SYS(pselect6), waits},
	{SCMP_SYS(epoll_wait), waits}, {SCMP_SYS(epoll_pwait), waits},
	{SCMP_SYS(read), waits},       {SCMP_SYS(readv), waits},
	{SCMP_SYS(write), waits},      {SCMP_SYS(writev), waits},
	{SCMP_SYS(recvfrom), waits},   {SCMP_SYS(recvmsg), waits},
	{SCMP_SYS(sendto), waits},     {SCMP_SYS(sendmsg), waits},
	{SCMP_SYS(accept), waits},     {SCMP_SYS(accept4), waits},
	{SCMP_SYS(connect), waits},    {SCMP_SYS(futex), locks},
	{SCMP_SYS(wait4), locks},      {SCMP_SYS(waitid), locks},
};

void cure_call(long call, char *name, size_t size)
{
	char *known =
		call >= 0 ? seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)call) : NULL;

	snprintf(name, size, "%s", known ? known : "");
	free(known);
}

const char *cure_waits(long call)
{
	for (size_t i = 0; i < sizeof(cures) / sizeof(cures[0]); i++)
		if (cures[i].call == call)
			return cures[i].cure;
	return blocks;
}
