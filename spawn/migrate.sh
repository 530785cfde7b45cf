#!/bin/sh
# Makes the tables that the program as it is built now needs in the running system's database, or brings them
# up to date; where no system runs, in that of DATABASE_URL. What is there is left alone.
given=${PROGRAM:-}
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=spawn/system.sh
. "$PWD/spawn/system.sh"

check_settings
wanted=$PROGRAM
lock
if [ -z "$(processes)" ] && [ -n "$DATABASE_URL" ]; then
	[ -x "$PROGRAM" ] || fail "$PROGRAM is missing: build it first"
	LANES_DATABASE=$DATABASE_URL exec "$PROGRAM" --migrate
fi
running_settings
[ -z "$given" ] || PROGRAM=$wanted
cd "$RUN_DIR" || exit
has_database
# Workers that start meanwhile are of the program that the system was started with.
trap 'rm -rf new' EXIT
{ mkdir -p new && install -m 755 "$PROGRAM" "new/$NAME"; } || fail "cannot copy $PROGRAM to $RUN_DIR"
run_program "new/$NAME" --migrate
