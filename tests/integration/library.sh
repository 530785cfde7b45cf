#!/bin/sh
# library.sh DIRECTORY: copies this tree without the demonstration into DIRECTORY, that is without app/guide,
# app/cases, app/demonstration.[ch] and the line of app/main.c that includes that, and has the library's own
# tests built there, and some of them run. Unoptimized: so it is built sooner than programs are linked across files.
set -eu
directory=$1
unset PROGRAM RUN_DIR MAKEFLAGS MAKELEVEL BUILD OBJ CFLAGS CC SANITIZER TESTS
cp -a Makefile LICENSE README.md app nginx spawn tests "$directory"
rm -r "$directory/app/guide" "$directory/app/cases" "$directory"/app/demonstration.[ch]
sed -i '/^#include "demonstration.h"/d' "$directory/app/main.c"
diff app/main.c "$directory/app/main.c" | grep -c '^[<>]' | grep -qx 1
cd "$directory"
make --no-print-directory -j2 CFLAGS='-g -O0' all unit integration
TESTS='unit integration' tests/run handler/ router/ task/ input/ routes/ limits/
