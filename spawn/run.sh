#!/bin/sh
# Runs a system in the foreground until Ctrl-C, SIGTERM or SIGHUP, and then stops it: requests in
# flight are answered first; a second Ctrl-C does not wait for them. Ends with an error when nginx
# or all the workers of a pool die for good.
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"

export RUN_DIR PROGRAM

# The system must not outlive this process, not even if that is killed and can stop nothing itself:
# a guard, in a session of its own, waits for its end.
start_guard() {
	setsid spawn/guard.sh $$ </dev/null >/dev/null 2>&1 &
	guard=$!
}

finish() {
	kill -s TERM -- "-$guard" 2>/dev/null # with its sleep
	for helper in $control $fastapi; do
		kill -s TERM "$helper" 2>/dev/null
	done
	exit "$1"
}

stop() {
	trap 'hurry=yes' INT
	trap '' TERM HUP
	lock
	stop_system
	say stopped
}

# True while somebody wants the system: no signal came, and neither did "make stop". A make that
# was killed does not pass signals on.
wanted() {
	[ -z "$signal" ] && { [ -z "${MAKELEVEL-}" ] || [ -d "/proc/$PPID" ]; }
}

# What has died for good, or nothing.
loss() {
	alive nginx || printf ' nginx'
	[ -z "$DATABASE" ] || alive database || printf ' the database'
	units | while read -r unit pool _; do
		! alive "$unit" || echo "$pool"
	done >"$RUN_DIR/pids/living"
	pools | while read -r pool _ count _; do
		[ "$count" = 0 ] || grep -qx "$pool" "$RUN_DIR/pids/living" || printf ' every %s worker' "$pool"
	done
}

# What to type for the first routes that need no body, as a worker says that they are: {id} becomes 1, and for a
# name there is no example.
examples() {
	curl -s --noproxy '*' --max-time 5 "http://127.0.0.1:$PORT/status" | sed 's/{"name"/\n&/g' |
		sed -n '/"pool":"loop"/ { p; q }' | grep -o '"/[^"]*":{"kind"' |
		sed -e 's/":{"kind"$//' -e 's/{[a-z_]*id}/1/g' -e '/{/d' | head -n 8 |
		sed -e "s|^\"\(.*\)|  curl -i 'http://localhost:$PORT\1'|"
}

# Who may do what, where nginx listens to others, too.
warn() {
	case $LISTEN in
	127.* | ::1 | localhost) return ;;
	esac
	cat <<-EOF

		WARNING: LISTEN=$LISTEN: whoever reaches this machine may ask, and hold its loops. Nobody is asked who he is,
		and nothing is encrypted: for a class in a network that you trust, and no longer than it lasts.
		The lanes, exercises and votes are for ${ADMIN_FROM:-this machine only: ADMIN_FROM=NETWORK shows them to others}.
		Its names are localhost ${SERVER_NAMES:-only: SERVER_NAMES=ADDRESS lets others in by that}.
	EOF
}

signal="" control="" fastapi=""
trap 'signal=yes' INT TERM HUP
start_guard
RUN_PID=$$ spawn/start.sh || finish $?
NAME=$own_name

spawn/control.sh $$ </dev/null &
control=$!
if [ -n "$FASTAPI" ]; then
	spawn/fastapi.sh </dev/null &
	fastapi=$!
	while runs "$fastapi" && [ ! -S "$RUN_DIR/fastapi.sock" ]; do
		sleep 0.05
	done
fi
if wanted; then
	{
		echo "In a browser: http://localhost:$PORT/ and http://localhost:$PORT/docs"
		examples
		warn
		echo "The password for changing the number of workers on the page: $(cat "$RUN_DIR/control/password")"
		echo "Ctrl-C stops it."
	} 2>/dev/null
fi
status=0
while wanted; do
	sleep 1 &
	wait $!
	kill $! 2>/dev/null # when a signal came first
	if [ ! -e "$RUN_DIR/pids/run.pid" ]; then
		say "stopped from elsewhere"
		finish 0
	fi
	lost=$(loss 2>/dev/null)
	if [ -n "$lost" ]; then
		echo "$NAME: died for good:$lost; see the logs in $RUN_DIR" >&2
		status=1
		break
	fi
done
stop
finish $status
