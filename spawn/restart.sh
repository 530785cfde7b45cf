#!/bin/sh
# Replaces every worker of the running system by a fresh one, of the program as it is built now: the one
# that was started, or PROGRAM. One after the other: its master starts a successor on the same socket, and
# when that accepts, the worker drains. nginx is not touched.
given=${PROGRAM:-}
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=spawn/system.sh
. "$PWD/spawn/system.sh"

check_settings
wanted=$PROGRAM
lock
running_settings
cd "$RUN_DIR" || exit
[ -z "$given" ] || PROGRAM=$wanted
copy_program
copy_page || fail "cannot copy the page to $RUN_DIR"

[ -z "$DATABASE" ] || run_program "$NAME" --migrate || fail "the workers are not replaced"
write_settings
start_logs

had=$(units | while read -r unit _; do workers_of "$unit"; done)
units | while read -r unit _ _ _ processes _; do
	since=$(moment)
	alive "$unit" || fail "$unit is dead: $(typed stop), $(typed start)"
	kill -s HUP "$pid"
	hears "$unit" "$since" 'replaced|replace-failed' $((processes * START_TIMEOUT + 5)) ||
		fail "$unit has no successor: see $RUN_DIR/worker.log"
	[ "$heard" = replaced ] || fail "$unit has no successor, and serves on as it was: see $RUN_DIR/worker.log"
	say "$unit replaced"
done || exit
# Those before serve what comes on connections that nginx keeps, until it has ended them.
for worker in $had; do
	await_end "$worker"
done
