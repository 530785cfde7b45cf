#!/bin/sh
# Stops the system in RUN_DIR, whatever state it is in, and removes all it left but the logs.
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"

nothing() {
	say "nothing is running in $RUN_DIR"
	exit 0
}

lock
# What was said to the start counts, if nobody says another one now.
noted=$(sed -n 's/^STOP_TIMEOUT=//p' "$RUN_DIR/pids/settings" 2>/dev/null)
case " $GIVEN " in
*' STOP_TIMEOUT '*) ;;
*) STOP_TIMEOUT=${noted:-$STOP_TIMEOUT} ;;
esac
number STOP_TIMEOUT "$STOP_TIMEOUT" 0 3600
[ -n "$(processes)" ] || [ -d "$RUN_DIR/pids" ] || nothing
trap 'hurry=yes' INT
stop_system
say "stopped"
