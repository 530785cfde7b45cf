#!/bin/bash
# control.sh PID: changes the number of loop workers when somebody asks for it who has the password, as long as the
# run.sh that has this pid runs. The admin worker passes requests on, each a line of RUN_DIR/control/pipe, "NAME SECONDS
# WORKERS PASSWORD", and reads in RUN_DIR/control/outcome what has come of one: its name, and an HTTP status. One at
# a time, and after a wrong password none for a second. The password is in RUN_DIR/control/password, for its owner.
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"

CONTROL_MOST=16 # workers; app/admin/control.h has the same
LATE=4          # seconds: who asked has given up

folder=$RUN_DIR/control
IFS= read -r password <"$folder/password" && exec 8<>"$folder/pipe" || exit
unset JOB_WORKERS

outcome() {
	echo "$asked $1" >"$folder/outcome"
}

while runs "$1" && [ -p "$folder/pipe" ]; do
	# Where the clock cuts a line, the rest of it is there.
	IFS= read -r -t 1 -u 8 line || { [ -n "$line" ] && IFS= read -r -u 8 rest && line=$line$rest; } || continue
	IFS=' ' read -r asked seconds workers given <<<"$line"
	case $seconds in
	'' | *[!0-9]*) continue ;;
	esac
	[ $(($(date +%s) - seconds)) -le "$LATE" ] || continue
	if [ "$given" != "$password" ]; then
		outcome 403
		sleep 1
		continue
	fi
	case $workers in
	[1-9] | 1[0-9]) [ "$workers" -le "$CONTROL_MOST" ] ;;
	*) false ;;
	esac || {
		outcome 422
		continue
	}
	outcome 202
	WORKERS=$workers spawn/scale.sh 8>&-
done
