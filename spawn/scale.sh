#!/bin/sh
# Changes the number of loop workers of the running system to WORKERS. A new worker is started
# before nginx hears of it, and nginx has forgotten an old one before it is asked to drain. As many
# as there are: nothing is touched.
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=spawn/system.sh
. "$PWD/spawn/system.sh"

check_settings
wanted=$WORKERS
lock
running_settings
had=$WORKERS
WORKERS=$wanted
if [ "$wanted" = "$had" ]; then
	say "$wanted loop worker(s), as before"
	exit 0
fi
cd "$RUN_DIR" || exit

# The processes of nginx that take new connections.
nginx_workers() {
	for pid in $(processes | awk -v master="$master" '$3 == master { print $1 }'); do
		grep -qs 'shutting down' "/proc/$pid/cmdline" || echo "$pid"
	done
}

# nginx reads its configuration anew: new processes take over, the old ones finish what they have.
reload_nginx() {
	old=" $(nginx_workers | tr '\n' ' ') "
	kill -s HUP "$master"
	deadline=$(($(date +%s) + START_TIMEOUT))
	while :; do
		new=$(nginx_workers)
		kept=
		for pid in $new; do
			case $old in
			*" $pid "*) kept=yes ;;
			esac
		done
		[ -z "$new" ] || [ -n "$kept" ] || return 0
		[ "$(date +%s)" -le "$deadline" ] || fail "nginx did not reload: see $RUN_DIR/error.log"
		sleep 0.02
	done
}

raise_files_limit
units | awk -v had="$had" '$2 == "loop" && $4 > had' | while read -r unit; do
	# shellcheck disable=SC2086 # a line of words
	start_unit $unit
	started "${unit%% *}" "" || fail "${unit%% *} did not start: see $RUN_DIR/worker.log"
done || exit 1
read -r master _ <pids/nginx.pid
write_servers
write_nginx_conf
reload_nginx
retired=$(seq "$((wanted + 1))" "$had")
for slot in $retired; do
	! alive "loop-$slot" || kill -s TERM "$pid"
done
for slot in $retired; do
	! alive "loop-$slot" || await_end "$pid"
	rm -f "worker-$slot.sock" "pids/loop-$slot.pid"
done
write_settings
say "$wanted loop worker(s), $had before"
