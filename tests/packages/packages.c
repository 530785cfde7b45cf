#include "packages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/booted.h"
#include "../support/client.h"
#include "../support/harness.h"

enum { PORT = 8080, CLIENTS = 32, SOME = 1000 };

static const char *folder; /* NULL: not built yet */

/* In a time zone, with options of Debian's (noopt: quickly). */
static bool build(const char *into, const char *version, const char *zone, const char *options)
{
	struct outcome outcome;

	return succeeds(
		&outcome,
		STRINGS("make", "-s", "--no-print-directory", "deb", textf("VERSION=%s", version)),
		STRINGS(textf("DEB_DIR=%s/%s", folder, into), textf("TZ=%s", zone),
			textf("DEB_BUILD_OPTIONS=%s", options)));
}

const char *packages(void)
{
	static bool failed;

	if (folder || failed)
		return folder;
	folder = getenv("DEB_DIR");
	if (folder)
		return folder;
	folder = directory_make();
	failed = !build("old", OLD_VERSION, "UTC", "noopt") ||
		 !build("new", NEW_VERSION, "UTC", "") ||
		 !build("somewhere/else/again", NEW_VERSION, "Pacific/Kiritimati", "");
	if (failed)
		folder = NULL;
	return folder;
}

bool packages_machine(void)
{
	const char *why_not = machine_boot(NULL);
	struct outcome outcome;

	if (why_not)
		not_judged("%s", why_not);
	return !why_not &&
	       succeeds(&outcome, STRINGS("cp", "-r", packages(), machine_file("/srv/packages")),
			NULL);
}

bool packages_typed(const char *version, const char *what)
{
	struct outcome outcome;
	char *line;
	char *end;

	if (!succeeds(&outcome,
		      STRINGS("tests/documents/block", "packages", "spawn/debian/README.md"), NULL))
		return false;
	for (line = strtok_r(outcome.out, "\n", &end); line; line = strtok_r(NULL, "\n", &end))
		if (strstr(line, what))
			return machine_did(textf("cd /srv/packages/%s && "
						 "export DEBIAN_FRONTEND=noninteractive; %s",
						 version, line));
	printf("    no line of spawn/debian/README.md has: %s\n", what);
	return false;
}

bool packages_install(const char *files)
{
	return machine_did(textf("DEBIAN_FRONTEND=noninteractive dpkg -i %s", files));
}

bool packages_list(const char *into)
{
	return machine_did(
		textf("find /etc /usr /opt /srv /var/lib /var/cache /var/log /run/lanes* "
		      "\\( -path /var/lib/dpkg -o -path /var/cache/man -o -path /var/lib/logrotate "
		      "-o -path /var/lib/systemd/linger -o -path /var/lib/PackageKit -o -path "
		      "/var/lib/containers "
		      "\\) -prune -o "
		      "-print 2>/dev/null | sort >%s",
		      into));
}

/* ---- an upgrade ---- */

/* Whether all workers, whose parents are masters, run what is installed now. */
static bool all_are_new(const char *program)
{
	return machine_does(textf("some=; for pid in $(pgrep -x %s); do "
				  "parent=$(ps -o ppid= -p $pid) || continue; "
				  "[ \"$(ps -o comm= -p $parent)\" = %s ] || continue; "
				  "some=yes; [ /proc/$pid/exe -ef /usr/bin/%s ] || exit 1; done; "
				  "[ $some ]",
				  program, program, program))
		       ->status == 0;
}

/* What went wrong, for who reads the test's output: requests, as nginx has noted them, and what it
 * and the workers complained of. */
static void show_failures(void)
{
	printf("%s", machine_does("cd /var/log/*-nginx && cat access.log | "
				  "grep -v '\"status\":20[0-9]' | head -n 60; "
				  "journalctl -q --no-pager -p warning | tail -n 60")
			     ->out);
}

bool packages_upgrade(const char *files, const char *program, const char *get,
		      const struct load_plan *post, size_t *posted)
{
	static struct load_result sum;
	const char *const ports[] = {textf("%d", PORT)};
	struct load_plan plan = *post;
	struct load *gets, *posts, *probes;
	bool installed;

	plan.servers = ports;
	plan.server_count = 1;
	plan.http = plan.repeat = true;
	plan.connections = CLIENTS;
	plan.patience = PATIENCE * UINT64_C(1000000000);
	posts = load_start(&plan);
	plan.target = get;
	plan.keys = 0;
	plan.type = NULL;
	plan.content = (struct slice){0};
	gets = load_start(&plan);
	plan.target = "/readyz";
	plan.connections = 2;
	plan.pause = 5000000;
	probes = load_start(&plan);
	CU_ASSERT(load_goes_on(gets, SOME) && load_goes_on(posts, SOME));
	installed = packages_install(files);
	CU_ASSERT(EVENTUALLY(all_are_new(program)));
	CU_ASSERT(load_goes_on(gets, SOME) && load_goes_on(posts, SOME));
	sum = *load_wait(posts);
	*posted = sum.sent;
	load_add(&sum, load_wait(gets));
	load_add(&sum, load_wait(probes));
	printf("    %zu requests, %zu failed, %zu refused; %zu of them POSTs\n", sum.sent,
	       sum.failed, sum.refused, *posted);
	if (sum.answered != sum.sent)
		show_failures();
	CU_ASSERT_EQUAL(sum.answered, sum.sent);
	CU_ASSERT_EQUAL(sum.failed + sum.refused + sum.resent, 0);
	return installed;
}
