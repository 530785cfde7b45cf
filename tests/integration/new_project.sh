#!/bin/sh
# new_project.sh PROJECT STEP: changes a project that make new has made, as its user would. add: puts the
# endpoint in that its README shows, and migrations. empty: deletes the routes, and their tests. untested: all tests. links:
# follows every link of its documents.
set -eu
check=$PWD/tests/documents/check block=$PWD/tests/documents/block
cd "$1"
mkdir -p build

# edit FILE PROGRAM [EXAMPLE]: with awk; an example of the README is in build/block.
edit() {
	[ $# = 2 ] || "$block" "$3" README.md >build/block
	awk "$2" "$1" >build/edited
	cmp -s "$1" build/edited && exit 1
	cp build/edited "$1"
}

# insert FILE EXAMPLE LINE: above the line that begins so.
insert() {
	# shellcheck disable=SC2016 # awk's
	line=$3 edit "$1" 'index($0, ENVIRON["line"]) == 1 {
		while ((getline example <"build/block") > 0) print example
	}
	{ print }' "$2"
}

case $2 in
add)
	insert app/main.c handler 'static const struct route '
	insert app/main.c route '	GET("/items'
	insert tests/test_routes.c test 'static void nothing_is_elsewhere'
	insert tests/test_routes.c line '	{"elsewhere'
	printf '%s\n' '-- version 1' "CREATE TABLE notes (text text DEFAULT 'a \"b\" \\ ?');" \
		'-- version 2' 'DROP TABLE notes;' >app/notes.sql
	printf '%s\n' '#include "lanes.h"' 'extern const struct migration notes_sql[];' \
		'const struct migration *newest_notes(void);' \
		'const struct migration *newest_notes(void) { return &notes_sql[1]; }' >app/notes.c
	;;
empty)
	edit app/main.c '/What POST \/quotes/ { skip = 1 } /^static const struct route / { skip = 0 }
		!skip && !/^\t(POST|GET|PUT)\(/'
	edit tests/test_routes.c '/^static void a_quote/ { skip = 1 } /nothing_is_elsewhere/ { skip = 0 }
		!skip && !/^\t\{"(POST|GET|PUT) /'
	;;
untested) edit tests/test_routes.c '/^static void / { skip = 1 } /^extern/ { skip = 0 } !skip && !/^\t\{"/' ;;
links) "$check" links ;;
esac
