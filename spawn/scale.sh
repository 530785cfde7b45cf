#!/bin/sh
# Changes the number of loop workers of the running system to WORKERS, and of workers for jobs to JOB_WORKERS; of
# those only, if no WORKERS is given. A new worker is started before nginx hears of it, and nginx has forgotten
# an old one before it is asked to drain. As many as there are: nothing is touched.
given=${WORKERS:-} jobs_given=${JOB_WORKERS:-}
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=spawn/system.sh
. "$PWD/spawn/system.sh"

check_settings
wanted=$WORKERS
lock
running_settings
had=$WORKERS jobs_had=$JOB_WORKERS
jobs_wanted=${jobs_given:-$jobs_had}
[ -n "$given" ] || [ -z "$jobs_given" ] || wanted=$had
cd "$RUN_DIR" || exit
[ "$jobs_wanted" = 0 ] || has_database

# The processes of nginx that take new connections.
nginx_workers() {
	for pid in $(processes | awk -v master="$master" '$3 == master { print $1 }'); do
		grep -qs 'shutting down' "/proc/$pid/cmdline" || echo "$pid"
	done
}

# nginx reads its configuration anew: new processes take over, the old ones finish what they have.
reload_nginx() {
	read -r master _ <pids/nginx.pid
	write_servers
	write_nginx_conf
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

# start_more POOL HAD: those that the settings have, and that are not there.
start_more() {
	units | awk -v pool="$1" -v had="$2" '$2 == pool && $4 > had' | while read -r unit; do
		# shellcheck disable=SC2086 # a line of words
		start_unit $unit
		started "${unit%% *}" "" || fail "${unit%% *} did not start: see $RUN_DIR/worker.log"
	done
}

# retire POOL WANTED HAD: those that are too many.
retire() {
	retired=$(seq "$(($2 + 1))" "$3")
	for slot in $retired; do
		! alive "$1-$slot" || kill -s TERM "$pid"
	done
	for slot in $retired; do
		! alive "$1-$slot" || await_end "$pid"
		rm -f "pids/$1-$slot.pid"
		[ "$1" != loop ] || rm -f "worker-$slot.sock"
	done
}

if [ "$wanted" = "$had" ]; then
	[ -n "$jobs_given" ] || say "$wanted loop worker(s), as before"
else
	WORKERS=$wanted
	raise_files_limit
	start_more loop "$had" || exit 1
	reload_nginx
	retire loop "$wanted" "$had"
	write_settings
	say "$wanted loop worker(s), $had before"
fi
if [ "$jobs_wanted" = "$jobs_had" ]; then
	[ -z "$jobs_given" ] || say "$jobs_wanted worker(s) for jobs, as before"
else
	JOB_WORKERS=$jobs_wanted
	raise_files_limit
	start_more jobs "$jobs_had" || exit 1
	retire jobs "$jobs_wanted" "$jobs_had"
	write_settings
	say "$jobs_wanted worker(s) for jobs, $jobs_had before"
fi
