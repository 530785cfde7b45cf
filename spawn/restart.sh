#!/bin/sh
# Replaces every worker of the running system by a fresh one, of the program as it is built now: the one
# that was started, or PROGRAM. One after the other: a worker is asked to drain, and when its successor has
# started, it is the next one's turn. nginx is not touched, and the sockets stay open all the time.
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

# multiwatch's own signal would end it, too; each worker is signalled itself.
units | while read -r unit _; do
	for worker in $(workers_of "$unit"); do
		forget_deaths "$unit"
		before=$(workers_of "$unit")
		kill -s TERM "$worker"
		await_end "$worker"
		started "$unit" "$before" || fail "$unit has no successor: see $RUN_DIR/worker.log"
		say "$unit replaced"
	done
done
