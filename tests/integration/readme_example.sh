#!/bin/sh
# readme_example.sh DIRECTORY: does in a copy of app/ what the README says under "Adding an
# endpoint", and builds that: DIRECTORY/build/lanes. The copy starts from what is built already, so
# only what the example changes is compiled. With a second argument it is then spoilt: a local is to
# survive an AWAIT, which must not build.
set -eu
directory=$1
built=$(dirname "${PROGRAM:-build/lanes}")

# insert FILE NAME AFTER: puts the example below the line that contains AFTER.
insert() {
	grep -q "$3" "$1" || exit 1
	tests/integration/readme_block.sh "$2" >"$directory/block"
	sed -i "/$3/r $directory/block" "$1"
}

mkdir -p "$directory/build"
mkdir -p "$directory/tests"
cp -a app Makefile "$directory"
cp tests/programs.mk "$directory/tests"
cp -a "$built/app" "$built/inside.a" "$built/flags" "$directory/build"
tests/integration/readme_block.sh app/guide/hello.c >"$directory/app/guide/hello.c"
insert "$directory/app/guide/endpoints.h" declaration 'void root('
insert "$directory/app/guide/routes.c" route 'ASYNC, root'
[ $# = 1 ] || sed -i 's/const struct wait \*wait = \(.*\);.*$/double kept; const struct wait *wait = \1;/; s/ASYNC_BEGIN(req);/&kept = wait->seconds;/; s/wait->seconds, " s"/kept, " s"/' "$directory/app/guide/hello.c"
exec make -C "$directory" BUILD=build OBJ=build all
