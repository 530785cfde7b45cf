/*
 * Packages of two versions, built once, and a machine on which they are installed; and an upgrade
 * under load. Main thread.
 */
#ifndef TESTS_PACKAGES_PACKAGES_H
#define TESTS_PACKAGES_PACKAGES_H

#include <stdbool.h>

#include "../support/load.h"

/* The one before, and the one that "make deb" would make. */
#define OLD_VERSION "0.0.9"
#define NEW_VERSION "0.1.0"

/* Where the packages are: of both versions, and of the newer one built again elsewhere, in "old",
 * "new" and "somewhere/else/again" of it. The first call builds them, if DEB_DIR does not say where
 * there are some; NULL if that failed. */
const char *packages(void);

/* Boots a machine, which has them in /srv/packages; if that cannot be, the running test is not
 * judged. */
bool packages_machine(void);

/* Types the line of spawn/debian/README.md that has this, where the packages of a version are. */
bool packages_typed(const char *version, const char *what);

/* Installs these files, which may be patterns; says what dpkg said if that fails. */
bool packages_install(const char *files);

/* What the machine has of files: a list, in a file there. */
bool packages_list(const char *into);

/* These are installed over others while 32 clients GET this, two ask /readyz, and 32 POST what the
 * plan has, up to a while after the moment at which every worker runs the new program. Nothing may
 * fail; posted is how many POSTs there were. */
bool packages_upgrade(const char *files, const char *program, const char *get,
		      const struct load_plan *post, size_t *posted);

#endif
