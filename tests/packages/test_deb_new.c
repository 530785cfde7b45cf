/* The package of a service of one's own: made by lanes-new, on what liblanes-dev has installed, and
 * nothing else of Lanes. It is tests/once, which writes each POST into a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/booted.h"
#include "../support/client.h"
#include "../support/harness.h"
#include "packages.h"

enum { KEYS = 1000000 };

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

static bool on_machine(void)
{
	if (!booted)
		booted = packages_machine();
	return booted;
}

static bool make_deb(const char *version)
{
	return machine_did(textf("cd /srv/my_shop && make -s deb VERSION=%s DEB_DIR=/srv/%s",
				 version, version));
}

static void it_is_built(void)
{
	if (!on_machine())
		return;
	CU_ASSERT_FATAL(packages_install("/srv/packages/new/lanes-common_*.deb "
					 "/srv/packages/new/liblanes-dev_*.deb"));
	CU_ASSERT(machine_did("cd /srv && lanes-new my_shop && [ ! -e /usr/bin/lanes ]"));
	CU_ASSERT_FATAL(make_deb("1.0"));
	CU_ASSERT(machine_did("lintian --allow-root --pedantic "
			      "--fail-on error,warning,pedantic /srv/1.0/*.changes"));
	CU_ASSERT(machine_did("cp -a /srv/1.0 /srv/first"));
	CU_ASSERT(make_deb("1.0") &&
		  machine_did("cmp /srv/first/my-shop_*.deb /srv/1.0/my-shop_*.deb"));
}

static void it_serves_where_it_is_installed(void)
{
	if (!on_machine())
		return;
	CU_ASSERT(packages_list("/tmp/before"));
	CU_ASSERT_FATAL(packages_install("/srv/1.0/my-shop_*.deb"));
	CU_ASSERT(EVENTUALLY(strstr(machine_does("curl -s localhost:8080/readyz")->out, "ready") !=
			     NULL));
	CU_ASSERT(machine_says("curl -s localhost:8080/items/7/stock", "\"stock\":42"));
	CU_ASSERT(machine_says("curl -s 'localhost:8080/status?text'", "loop-2 "));
	CU_ASSERT(machine_says("systemctl is-enabled my_shop-prefork.service", "disabled\n"));
	CU_ASSERT(machine_did("dpkg --purge my-shop"));
	CU_ASSERT(packages_list("/tmp/after") &&
		  machine_did("! comm -13 /tmp/before /tmp/after | grep ."));
}

static void its_upgrade_loses_nothing(void)
{
	struct outcome outcome;
	size_t posted;

	if (!on_machine())
		return;
	CU_ASSERT_FATAL(succeeds(
		&outcome,
		STRINGS("cp", "tests/once/app.c", machine_file("/srv/my_shop/app/main.c")), NULL));
	CU_ASSERT_FATAL(make_deb("1.1") && make_deb("1.2"));
	/* Its file, and where it is: before it starts. */
	CU_ASSERT_FATAL(
		machine_did("systemctl mask my_shop.target") &&
		packages_install("/srv/1.1/my-shop_*.deb") &&
		machine_did("install -d -o my_shop /var/cache/my_shop; cd /var/cache/my_shop; "
			    "install -m 644 -o my_shop /dev/null executed; "
			    "drop=/etc/systemd/system/my_shop-.service.d; mkdir $drop; "
			    "printf '[Service]\\nEnvironment=LANES_ONCE='$PWD'/executed\\n' "
			    ">$drop/once.conf; systemctl daemon-reload; "
			    "systemctl unmask my_shop.target; systemctl start my_shop.target"));
	CU_ASSERT_FATAL(EVENTUALLY(
		strstr(machine_does("curl -s localhost:8080/readyz")->out, "ready") != NULL));
	CU_ASSERT_FATAL(packages_upgrade(
		"/srv/1.2/my-shop_*.deb", "my_shop", "/",
		PLAN(.target = "/once/{}", .keys = KEYS, .type = "text/plain"), &posted));
	CU_ASSERT(posted < KEYS);
	CU_ASSERT(machine_says("sort /var/cache/my_shop/executed | uniq -d | wc -l; "
			       "wc -l </var/cache/my_shop/executed",
			       textf("0\n%zu\n", posted)));
}

static const struct test tests[] = {
	{"it is built, without a finding and reproducibly", it_is_built},
	{"it serves where it is installed, and a purge leaves nothing",
	 it_serves_where_it_is_installed},
	{"its upgrade under 64 clients: no request fails, each POST is executed once",
	 its_upgrade_loses_nothing},
};

const struct suite deb_new_suite = {"deb-new", tests, COUNT(tests), setup, cleanup};
