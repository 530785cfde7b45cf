/* lanes, lanes-common, liblanes-dev and lanes-doc: from the build to the purge. Each test goes on
 * where the one before has ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/booted.h"
#include "../support/client.h"
#include "../support/harness.h"
#include "packages.h"

static bool booted;

static int setup(void)
{
	return packages() ? 0 : -1;
}

static int cleanup(void)
{
	machine_end();
	return 0;
}

/* Of what was built; $F is its folder. */
static bool does(const char *command)
{
	struct outcome outcome;

	return succeeds(&outcome, STRINGS("sh", "-ec", command),
			STRINGS(textf("F=%s", packages())));
}

static void lintian_finds_nothing(void)
{
	CU_ASSERT(does("lintian --allow-root --pedantic --fail-on error,warning,pedantic "
		       "$F/new/*.changes"));
}

/* In another folder, and as if at another place. */
static void a_second_build_is_the_same(void)
{
	CU_ASSERT(
		does("cd $F/new; [ $(ls *.deb | wc -l) = 5 ]; for file in *.deb *.dsc *.tar.*; do "
		     "cmp $file ../somewhere/else/again/$file; done"));
}

static void versions_are_the_programs(void)
{
	CU_ASSERT(does("for v in old/" OLD_VERSION " new/" NEW_VERSION "; do "
		       "dpkg-deb -x $F/${v%/*}/lanes_*.deb $F/x; "
		       "[ \"$($F/x/usr/bin/lanes --version)\" = \"lanes ${v#*/}\" ]; "
		       "zgrep -qF \"lanes ${v#*/}\" $F/x/usr/share/man/man1/lanes.1.gz; rm -r "
		       "$F/x; done"));
	CU_ASSERT(does("[ \"$(build/lanes --version 2>/dev/null || echo lanes " NEW_VERSION
		       ")\" = 'lanes " NEW_VERSION "' ]"));
}

static void documents_lead_to_each_other(void)
{
	CU_ASSERT(does(
		"here=$PWD; dpkg-deb -x $F/new/lanes-doc_*.deb $F/doc; "
		"cd $F/doc/usr/share/doc/lanes; $here/tests/documents/check links; rm -r $F/doc"));
}

/* ---- on a machine ---- */

static bool on_machine(void)
{
	if (!booted)
		booted = packages_machine() && packages_list("/tmp/before");
	return booted;
}

/* The configuration of workers has a database, which is not Lanes' own. */
static bool has_database(void)
{
	return machine_did(
		       "set -e; bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1); mkdir "
		       "/run/database; "
		       "chown postgres /run/database; cd /run/database; "
		       "setpriv --reuid postgres --regid postgres --clear-groups sh -ec \""
		       "$bin/initdb -A trust -D data; $bin/pg_ctl -D data -l log -w "
		       "-o '-k /run/database -c listen_addresses=' start\" >/dev/null; "
		       "psql -q -h /run/database -U postgres postgres -c 'CREATE ROLE lanes LOGIN' "
		       "-c 'CREATE DATABASE lanes OWNER lanes'; "
		       "echo 'database = postgresql://lanes@/lanes?host=/run/database' "
		       ">>/etc/lanes/lanes.conf") &&
	       packages_typed("old", "--migrate") && packages_typed("old", "systemctl reload");
}

/* A password is nobody else's, nginx' neither. */
static bool is_of_workers(void)
{
	return machine_says("stat -c '%a %U %G' /etc/lanes/lanes.conf", "640 root lanes\n") &&
	       machine_did("! setpriv --reuid lanes-nginx --regid lanes-nginx --clear-groups "
			   "cat /etc/lanes/lanes.conf 2>/dev/null");
}

static void what_is_installed_serves(void)
{
	if (!on_machine())
		return;
	CU_ASSERT_FATAL(packages_typed("old", "apt-get install"));
	CU_ASSERT_FATAL(packages_install("/srv/packages/old/*.deb"));
	CU_ASSERT(packages_typed("old", "systemctl status"));
	CU_ASSERT(machine_says("systemctl is-active lanes.target", "active\n"));
	CU_ASSERT(machine_says("systemctl is-enabled lanes.target lanes-loop@2.service",
			       "enabled\nenabled\n"));
	CU_ASSERT(EVENTUALLY(strstr(machine_does("curl -s localhost:8080/readyz")->out, "ready") !=
			     NULL));
	CU_ASSERT(machine_says("curl -s 'localhost:8080/status?text'", "loop-2 "));
	CU_ASSERT(machine_says("curl -s localhost:8080/prefork/", "{"));
	CU_ASSERT(is_of_workers());
	CU_ASSERT(machine_did("man -w lanes && man -w 3 lanes && man -w lanes-new"));
}

static void an_upgrade_loses_nothing(void)
{
	static const char order[] = "{\"item\":\"tea\",\"quantity\":3}";
	size_t posted;

	if (!on_machine())
		return;
	CU_ASSERT_FATAL(has_database());
	CU_ASSERT_FATAL(EVENTUALLY(
		strstr(machine_does("curl -s localhost:8080/readyz")->out, "ready") != NULL));
	CU_ASSERT_FATAL(packages_upgrade("/srv/packages/new/*.deb", "lanes",
					 "/async/await-one?seconds=0.01",
					 PLAN(.target = "/cases/orders", .type = "application/json",
					      .content = {order, sizeof(order) - 1}, .body = NULL),
					 &posted));
	CU_ASSERT(machine_says("lanes --version", "lanes " NEW_VERSION "\n"));
	/* A row for each, and not two. */
	CU_ASSERT(machine_says("psql -qtA -h /run/database -U lanes lanes -c "
			       "'SELECT count(*), count(DISTINCT id) FROM orders'",
			       textf("%zu|%zu\n", posted, posted)));
	/* What was changed in the configuration is as it was. */
	CU_ASSERT(machine_did("grep -q ^database /etc/lanes/lanes.conf") && is_of_workers());
	CU_ASSERT(
		machine_says("systemctl list-units --failed --no-legend 'lanes*' | wc -l", "0\n"));
}

/* Units that were disabled or stopped stay so. */
static void an_upgrade_begins_nothing(void)
{
	if (!on_machine())
		return;
	CU_ASSERT(
		machine_did("systemctl disable --now lanes-loop@2.service lanes-prefork.service"));
	CU_ASSERT(packages_install("/srv/packages/new/lanes_*.deb"));
	CU_ASSERT(machine_says("systemctl is-active lanes-loop@2.service lanes-prefork.service",
			       "inactive\ninactive\n"));
	CU_ASSERT(machine_says("systemctl is-enabled lanes-loop@1.service lanes-loop@2.service",
			       "enabled\ndisabled\n"));
}

static void logs_are_rotated(void)
{
	if (!on_machine())
		return;
	CU_ASSERT(machine_did("logrotate -f /etc/logrotate.d/lanes"));
	CU_ASSERT(machine_did("[ -s /var/log/lanes-nginx/access.log.1 ]"));
	/* nginx writes to the one that is new. */
	CU_ASSERT(EVENTUALLY(machine_does("curl -s localhost:8080/healthz; sleep 0.2; "
					  "grep -q healthz /var/log/lanes-nginx/access.log")
				     ->status == 0));
	CU_ASSERT(machine_says("stat -c '%a %U' /var/log/lanes-nginx/access.log",
			       "640 lanes-nginx\n"));
}

static void a_purge_leaves_nothing(void)
{
	if (!on_machine())
		return;
	/* One that has failed is a unit, too. */
	CU_ASSERT(machine_did("sed -i '$ a nonsense' /etc/lanes/lanes.conf; "
			      "! systemctl restart lanes-loop@1.service"));
	CU_ASSERT(
		machine_did("dpkg --purge lanes lanes-dbgsym lanes-common liblanes-dev lanes-doc"));
	CU_ASSERT(machine_says("systemctl list-units --all --no-legend 'lanes*' | wc -l", "0\n"));
	CU_ASSERT(machine_says("pgrep -xc lanes", "0\n"));
	CU_ASSERT(packages_list("/tmp/after") &&
		  machine_did("! comm -13 /tmp/before /tmp/after | grep ."));
	CU_ASSERT(machine_did("! ls -d /run/lanes*"));
}

static const struct test tests[] = {
	{"lintian finds nothing", lintian_finds_nothing},
	{"built again elsewhere, they are the same byte for byte", a_second_build_is_the_same},
	{"their version is the program's", versions_are_the_programs},
	{"documents lead to each other", documents_lead_to_each_other},
	{"what is installed serves", what_is_installed_serves},
	{"an upgrade under 64 clients: no request fails, each POST is executed once",
	 an_upgrade_loses_nothing},
	{"an upgrade begins nothing that was disabled", an_upgrade_begins_nothing},
	{"logs are rotated", logs_are_rotated},
	{"a purge leaves nothing", a_purge_leaves_nothing},
};

const struct suite deb_suite = {"deb", tests, COUNT(tests), setup, cleanup};
