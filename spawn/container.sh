#!/bin/sh
# Pid 1 of a container that holds a whole system (Containerfile): run.sh, and what its logs say goes to stderr.
# It reaps what loses its parent, as a shell that waits does, and ends as run.sh does. TERM and INT stop the system,
# HUP replaces its workers.
set -u
CDPATH='' cd "$(dirname "$0")/.." || exit 1

# As many workers as cores, of which a quota (--cpus, limits.cpu) may leave less than nproc says.
cores() {
	set -- "$(nproc)" "$(cat /sys/fs/cgroup/cpu.max 2>/dev/null || # version 1 has two files
		cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us 2>/dev/null)"
	echo "$2" | tr '\n' ' ' | awk -v cores="$1" '
		$1 + 0 > 0 && $2 + 0 > 0 && $1 <= cores * $2 { cores = int(($1 + $2 - 1) / $2) }
		END { print (cores < 256 ? cores : 256) }'
}
export WORKERS="${WORKERS:-$(cores)}" CPU_THREADS="${CPU_THREADS:-$(cores)}"

spawn/run.sh 1>&2 &
system=$!
trap 'kill -s TERM $system' TERM INT QUIT
trap 'spawn/restart.sh 1>&2 &' HUP

# By their names: nginx and logs.sh put new files there. What is in them when the system ends is said before this
# ends.
mkdir -p "$RUN_DIR" # whether that can be is run.sh's to say
(cd "$RUN_DIR" && exec tail -q -n +1 -s 0.2 --pid="$system" -F worker.log access.log error.log 1>&2 2>/dev/null) &
logs=$!

# A signal ends a wait, and not what is waited for.
while kill -0 $system 2>/dev/null; do
	wait $system
	status=$?
done
wait $logs
exit "$status"
