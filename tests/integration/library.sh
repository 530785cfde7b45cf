#!/bin/sh
# library.sh DIRECTORY: copies this tree without the demonstration into DIRECTORY, that is without app/guide,
# app/cases, app/demonstration.[ch] and the line of app/main.c that includes that, and has the library's own
# tests built there, and some of them run. It starts from the objects that are built already, which are the same.
set -eu
directory=$1
built=$(dirname "${PROGRAM:-build/lanes}")
unset PROGRAM RUN_DIR MAKEFLAGS MAKELEVEL CFLAGS CC SANITIZER TESTS
cp -a Makefile LICENSE README.md app nginx spawn tests "$directory"
rm -r "$directory/app/guide" "$directory/app/cases" "$directory"/app/demonstration.[ch]
sed -i '/^#include "demonstration.h"/d' "$directory/app/main.c"
diff app/main.c "$directory/app/main.c" | grep -c '^[<>]' | grep -qx 1
mkdir "$directory/build"
cp -a "$built/app" "$built/tests" "$built/inside.a" "$built/flags" "$directory/build"
rm -r "$directory"/build/app/guide "$directory"/build/app/cases "$directory"/build/app/demonstration.* "$directory/build/tests/guide"
cd "$directory"
make --no-print-directory -j2 OBJ=build BUILD=build all unit integration
TESTS='unit integration' tests/run handler/ router/ task/ input/ routes/ limits/
