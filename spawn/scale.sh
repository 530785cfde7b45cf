#!/bin/sh
# Changes the number of loop workers of the running system to WORKERS, and of workers for jobs to JOB_WORKERS; of
# those only, if no WORKERS is given. As many as there are: nothing is touched.
#
# nginx is never reloaded: that closes connections of clients, on which a POST may be on its way. It knows as many
# sockets as there were workers when it was started. Of those, one whose worker is gone leads to the socket of
# another; more workers than that share sockets.
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

# Whose master is dead has nobody to start workers: scaling would hide that.
for unit in $(units | awk '$2 == "loop" || $2 == "jobs" { print $1 }'); do
	alive "$unit" || fail "$unit is dead: $(typed stop), $(typed start)"
done

# start_more POOL HAD: those that the settings have, and that are not there. A socket of a worker that was there
# before is made beside its name, and takes that when somebody accepts on it.
start_more() {
	units | awk -v pool="$1" -v had="$2" '$2 == pool && $4 > had' |
		while read -r unit pool engine slot _ file nice path; do
			since=$(moment)
			new=none
			[ "$file" = none ] || { new=worker-$slot.new && rm -f "$new"; }
			start_unit "$unit" "$pool" "$engine" "$slot" 1 "$new" "$nice" "$path"
			hears "$unit" "$since" ready "$START_TIMEOUT" || fail "$unit did not start: see $RUN_DIR/worker.log"
			[ "$file" = none ] || mv -T "$new" "$file" || exit
		done
}

# retire POOL WANTED HAD: those that are too many. The name of a loop worker's socket leads to another's first:
# so all who come go there, and who is in its queue is served before it ends.
retire() {
	retired=$(seq "$(($2 + 1))" "$3")
	for slot in $retired; do
		[ "$1" != loop ] || {
			ln -sfn "worker-$(((slot - 1) % $2 + 1)).sock" "worker-$slot.new" &&
				mv -T "worker-$slot.new" "worker-$slot.sock"
		} || fail "cannot write to $RUN_DIR"
		! alive "$1-$slot" || kill -s TERM "$pid"
	done
	for slot in $retired; do
		! alive "$1-$slot" || await_end "$pid"
		rm -f "pids/$1-$slot.pid"
	done
}

# share SIGNAL SLOT WORKERS: one process more (TTIN) or less (TTOU) at the socket that worker SLOT shares; then there are
# so many WORKERS, which is noted at once: where the next one fails, the next call goes on from there.
share() {
	unit=loop-$((($2 - 1) % SOCKETS + 1))
	alive "$unit" || fail "$unit is dead: $(typed stop), $(typed start)"
	since=$(moment)
	before=$(workers_of "$unit")
	kill -s "$1" "$pid"
	{ hears "$unit" "$since" 'scaling|not-scaling' "$START_TIMEOUT" && [ "$1$heard" != TTINnot-scaling ]; } ||
		fail "$unit does not scale: see $RUN_DIR/worker.log"
	deadline=$(($(date +%s) + START_TIMEOUT))
	while [ "$1" = TTIN ] && ! successor "$unit" "$before"; do
		[ "$(date +%s)" -le "$deadline" ] || fail "$unit has no worker more: see $RUN_DIR/worker.log"
		sleep 0.02
	done
	(WORKERS=$3 write_settings)
}

# Whether the unit has a worker that was not there before and has logged its start.
successor() {
	for worker in $(workers_of "$1"); do
		case " $2" in
		*" $worker "*) ;;
		*) ! cat worker.log* 2>/dev/null | grep -aq " pid=$worker event=started " || return 0 ;;
		esac
	done
	return 1
}

# Waits until each master has as many workers as it is to have: the others have drained.
await_shares() {
	units | awk '$2 == "loop" { print $1, $5 }' | while read -r unit processes; do
		while
			# shellcheck disable=SC2046 # words
			set -- $(workers_of "$unit")
			[ $# -gt "$processes" ] && alive "$unit"
		do
			sleep 0.05
		done
	done
}

least() {
	echo $(($1 < $2 ? $1 : $2))
}

if [ "$wanted" = "$had" ]; then
	[ -n "$jobs_given" ] || say "$wanted loop worker(s), as before"
else
	WORKERS=$wanted
	raise_files_limit
	start_more loop "$had" || { retire loop "$had" "$(least "$wanted" "$SOCKETS")"; exit 1; }
	for slot in $(seq "$(((had > SOCKETS ? had : SOCKETS) + 1))" "$wanted"); do
		share TTIN "$slot" "$slot"
	done
	for slot in $(seq "$had" -1 "$(((wanted > SOCKETS ? wanted : SOCKETS) + 1))"); do
		share TTOU "$slot" "$((slot - 1))"
	done
	retire loop "$(least "$wanted" "$SOCKETS")" "$(least "$had" "$SOCKETS")"
	await_shares
	write_settings
	say "$wanted loop worker(s), $had before"
fi
if [ "$jobs_wanted" = "$jobs_had" ]; then
	[ -z "$jobs_given" ] || say "$jobs_wanted worker(s) for jobs, as before"
else
	JOB_WORKERS=$jobs_wanted
	raise_files_limit
	start_more jobs "$jobs_had" || { retire jobs "$jobs_had" "$jobs_wanted"; exit 1; }
	retire jobs "$jobs_wanted" "$jobs_had"
	write_settings
	say "$jobs_wanted worker(s) for jobs, $jobs_had before"
fi
