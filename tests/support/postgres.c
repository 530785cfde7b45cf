#include "postgres.h"

#include <glob.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT = 22999, ARGUMENTS = 64, PROCESSES = 512 };

/* Where Debian has the newest; or in PATH. */
static const char *server_program(const char *name)
{
	const char *found = name;
	glob_t paths;

	if (glob(textf("/usr/lib/postgresql/*/bin/%s", name), 0, NULL, &paths) == 0)
		found = textf("%s", paths.gl_pathv[paths.gl_pathc - 1]);
	globfree(&paths);
	return found;
}

static const char *data_of(const struct postgres *postgres)
{
	return textf("%s/data", postgres->directory);
}

/* It does not run as root. Returns how many arguments that takes. */
static int as_another(const char **arguments)
{
	static const char *const before[] = {"setpriv",		 "--reuid=nobody",
					     "--regid=nogroup",	 "--clear-groups",
					     "--pdeathsig=KILL", "--"};
	int count = geteuid() == 0 ? (int)(sizeof(before) / sizeof(before[0])) : 0;

	for (int i = 0; i < count; i++)
		arguments[i] = before[i];
	return count;
}

static bool make_cluster(const struct postgres *postgres)
{
	const struct passwd *nobody = getpwnam("nobody");
	const char *arguments[ARGUMENTS] = {NULL};
	const char *const command[] = {server_program("initdb"),
				       "-D",
				       data_of(postgres),
				       "-N",
				       "-U",
				       "lanes",
				       "-A",
				       "trust",
				       "-E",
				       "UTF8",
				       "--locale=C",
				       "--no-instructions"};
	int count = as_another(arguments);
	struct outcome outcome;

	if (chmod(postgres->directory, 0711)) /* workers of another user connect */
		return false;
	if (count && (!nobody || chown(postgres->directory, nobody->pw_uid, nobody->pw_gid)))
		return false;
	for (size_t i = 0; i < sizeof(command) / sizeof(command[0]); i++)
		arguments[count++] = command[i];
	return succeeds(&outcome, arguments, STRINGS("LC_ALL=C"));
}

/* Without waiting for a disk, but where a setting says so. */
bool postgres_start(struct postgres *postgres)
{
	const char *arguments[ARGUMENTS] = {NULL};
	int count = as_another(arguments);
	const char *const command[] = {server_program("postgres"),
				       "-D",
				       data_of(postgres),
				       "-k",
				       postgres->directory,
				       "-p",
				       textf("%d", postgres->port),
				       "-c",
				       "listen_addresses=",
				       "-c",
				       "fsync=off",
				       "-c",
				       "shared_buffers=16MB"};

	for (size_t i = 0; i < sizeof(command) / sizeof(command[0]); i++)
		arguments[count++] = command[i];
	for (size_t i = 0; postgres->settings && postgres->settings[i]; i++) {
		arguments[count++] = "-c";
		arguments[count++] = postgres->settings[i];
	}
	postgres->pid = process_start(arguments, STRINGS("LC_ALL=C"),
				      textf("%s/postgres.log", postgres->directory));
	if (WITHIN(SLOW_START,
		   PQping(postgres->url) == PQPING_OK || process_ended(postgres->pid)) &&
	    !process_ended(postgres->pid))
		return true;
	printf("    PostgreSQL does not start: %s",
	       file_text(textf("%s/postgres.log", postgres->directory)));
	return false;
}

bool postgres_open(struct postgres *postgres, const char *const *settings)
{
	*postgres = (struct postgres){
		.directory = directory_make_for_all(), .settings = settings, .port = PORT};
	for (size_t i = 0; settings && settings[i]; i++)
		if (!strncmp(settings[i], "port=", 5))
			postgres->port = (uint16_t)atoi(settings[i] + 5);
	snprintf(postgres->url, sizeof(postgres->url),
		 "postgresql:///postgres?host=%s&port=%d&user=lanes", postgres->directory,
		 postgres->port);
	snprintf(postgres->variable, sizeof(postgres->variable), "LANES_DATABASE=%s",
		 postgres->url);
	return make_cluster(postgres) && postgres_start(postgres);
}

/* Its processes are in its data. It goes last: the others end when they notice that it is gone. */
void postgres_signal(const struct postgres *postgres, int number)
{
	static pid_t pids[PROCESSES];
	int count = processes_in(data_of(postgres), NULL, pids, PROCESSES);

	for (int i = 0; i < count && i < PROCESSES; i++)
		if (pids[i] != postgres->pid)
			kill(pids[i], number);
	kill(postgres->pid, number);
}

void postgres_end(struct postgres *postgres, int number)
{
	if (postgres->pid <= 0)
		return;
	if (number == SIGKILL)
		postgres_signal(postgres, number);
	else
		kill(postgres->pid, number);
	waitpid(postgres->pid, NULL, 0);
	postgres->pid = 0;
	EVENTUALLY(!processes_in(data_of(postgres), NULL, NULL, 0));
}

void postgres_close(struct postgres *postgres)
{
	if (!postgres->directory)
		return;
	postgres_end(postgres, SIGKILL);
	directory_remove(postgres->directory);
	postgres->directory = NULL;
}

const char *postgres_ask(const struct postgres *postgres, const char *sql)
{
	PGconn *conn = PQconnectdb(postgres->url);
	PGresult *result = PQexec(conn, sql);
	const char *answer = "";

	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) && PQnfields(result))
		answer = textf("%s", PQgetvalue(result, 0, 0));
	else if (PQresultStatus(result) != PGRES_TUPLES_OK &&
		 PQresultStatus(result) != PGRES_COMMAND_OK)
		answer = textf("error: %s", PQerrorMessage(conn));
	PQclear(result);
	PQfinish(conn);
	return answer;
}

bool postgres_do(const struct postgres *postgres, const char *sql)
{
	const char *answer = postgres_ask(postgres, sql);
	bool done = strncmp(answer, "error: ", 7) != 0;

	if (!done)
		printf("    %s: %s", sql, answer);
	return done;
}
