#!/bin/sh
# readme_example.sh DIRECTORY: does in a copy of app/ what the README says under "Adding an
# endpoint", and builds that: DIRECTORY/build/lanes. The copy starts from what is built already, so
# only what the example changes is compiled.
set -eu
directory=$1
built=$(dirname "${PROGRAM:-build/lanes}")

# example NAME: the fenced block below "<!-- example: NAME -->".
example() {
	awk -v mark="<!-- example: $1 -->" '
		$0 == mark { wanted = 1; next }
		wanted && /^```/ { if (inside) exit; inside = 1; next }
		inside' README.md
}

# insert FILE NAME AFTER: puts the example below the line that contains AFTER.
insert() {
	example "$2" >"$directory/block"
	[ -s "$directory/block" ] || { echo "README.md: no example: $2" >&2; exit 1; }
	awk -v after="$3" -v block="$directory/block" '
		{ print }
		index($0, after) { while ((getline line < block) > 0) print line }' \
		"$1" >"$directory/new"
	mv "$directory/new" "$1"
}

mkdir -p "$directory/build"
cp -a app Makefile "$directory"
cp -a "$built/app" "$built/liblanes.a" "$built/flags" "$directory/build"
example app/endpoints/hello.c >"$directory/app/endpoints/hello.c"
insert "$directory/app/endpoints/endpoints.h" declaration 'void root('
insert "$directory/app/endpoints/routes.c" route '"/", root'
exec make -C "$directory" BUILD=build OBJ=build all
