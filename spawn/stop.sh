#!/bin/sh
# Stops the system in RUN_DIR, whatever state it is in, and removes all it left but the logs.
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"
number STOP_TIMEOUT "$STOP_TIMEOUT" 0 3600

nothing() {
	say "nothing is running in $RUN_DIR"
	exit 0
}

lock
[ -n "$(processes)" ] || [ -d "$RUN_DIR/pids" ] || nothing
trap 'hurry=yes' INT
stop_system
say "stopped"
