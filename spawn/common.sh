# shellcheck shell=sh
# Shared by the scripts that start, stop and watch a system: settings, pools, processes, stopping.
# Sourced, after which the working directory is the project's.
#
# A system is everything that lives in one RUN_DIR: nginx, and for every socket a multiwatch that
# keeps its worker processes alive. All of them have RUN_DIR as their working directory and name
# files relative to it, for two reasons: workers that gave up root need no permission on the
# directories above it, and a process can be recognised as part of the system by /proc/PID/cwd,
# whatever became of the pid files.

set -u
umask 022
# A closed descriptor's number would go to the next file that is opened, whatever that is.
[ -e /proc/self/fd/0 ] || exec </dev/null
[ -e /proc/self/fd/1 ] || exec >/dev/null
[ -e /proc/self/fd/2 ] || exec 2>/dev/null
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
CDPATH='' cd "$(dirname "$0")/.." || exit 1

fail() {
	echo "lanes: $*" >&2
	exit 1
}

# Where nobody can read it, or the disk is full, work goes on.
say() {
	echo "lanes: $*" 2>/dev/null || :
}

# --- settings: make variables or environment, the same names everywhere ---

MOST=256 # workers of a pool, and CPU threads of a worker
cores=$(nproc)
[ "$cores" -le "$MOST" ] || cores=$MOST

PORT=${PORT:-8080}
WORKERS=${WORKERS:-$cores}
PREFORK_WORKERS=${PREFORK_WORKERS:-$WORKERS}
CPU_WORKERS=${CPU_WORKERS:-1}
THREADS=${THREADS:-40}
CPU_THREADS=${CPU_THREADS:-$cores}
RUN_DIR=${RUN_DIR:-run}
RUN_USER=${RUN_USER:-www-data}     # what root's nginx and workers become
STOP_TIMEOUT=${STOP_TIMEOUT:-10}   # seconds that requests in flight get at a stop
START_TIMEOUT=${START_TIMEOUT:-15} # seconds until the next worker has to have started, or the URL to answer
PROGRAM=${PROGRAM:-build/lanes}

newline='
'
case $RUN_DIR in
*"$newline"* | *' ') fail "RUN_DIR must not hold a line break or end in a blank" ;;
esac
RUN_DIR=$(realpath -m -- "$RUN_DIR")

# number NAME VALUE LEAST MOST
number() {
	case $2 in
	'' | *[!0-9]* | 0?* | ???????*) ;;
	*) [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ] || return 0 ;;
	esac
	fail "$1=$2: a whole number from $3 to $4 is wanted"
}

check_settings() {
	number PORT "$PORT" 1 65535
	number WORKERS "$WORKERS" 1 "$MOST"
	number PREFORK_WORKERS "$PREFORK_WORKERS" 0 "$MOST"
	number CPU_WORKERS "$CPU_WORKERS" 0 "$MOST"
	number THREADS "$THREADS" 1 1024
	number CPU_THREADS "$CPU_THREADS" 1 "$MOST"
	number STOP_TIMEOUT "$STOP_TIMEOUT" 0 3600
	number START_TIMEOUT "$START_TIMEOUT" 1 3600
}

# The system must be running. What it was started with becomes the settings.
running_settings() {
	[ -n "$(processes)" ] || ! alive nginx || fail "another user's system runs in $RUN_DIR"
	[ -n "$(processes)" ] || fail "nothing is running in $RUN_DIR"
	alive nginx || fail "nginx is not running in $RUN_DIR: make stop, make start"
	# shellcheck source=/dev/null
	. "$RUN_DIR/pids/settings"
}

# --- pools ---

# The pools that are started.
POOLS='loop prefork cpu admin'

# One line per pool: name, engine, processes, name of its sockets, niceness. Everything below is
# made from this table: workers, sockets, and nginx's upstreams.
pools() {
	while read -r pool rest; do
		case " $POOLS " in
		*" $pool "*) echo "$pool $rest" ;;
		esac
	done <<-EOF
		loop    loop    $WORKERS          worker    0
		prefork prefork $PREFORK_WORKERS  prefork   0
		cpu     loop    $CPU_WORKERS      cpu       10
		admin   loop    1                 admin     0
	EOF
}

# One line per socket, which is one multiwatch: its name, pool, engine, slot, processes, socket and
# niceness. Loop workers have a socket each, so that nginx can choose between them. Blocking workers
# share one socket (slot 0), and the kernel gives each connection to one that is free. The admin
# worker is always one.
units() {
	pools | while read -r pool engine count socket nice; do
		if [ "$engine" = prefork ] || [ "$pool" = admin ]; then
			[ "$count" = 0 ] || echo "$pool $pool $engine 0 $count $socket.sock $nice"
			continue
		fi
		slot=1
		while [ "$slot" -le "$count" ]; do
			echo "$pool-$slot $pool $engine $slot 1 $socket-$slot.sock $nice"
			slot=$((slot + 1))
		done
	done
}

# --- processes ---

# The processes of this system, one line each: pid, name, parent's pid. Those of another user's do
# not show where they live: processes any lists whatever has such a name.
processes() {
	find /proc/[0-9]*/cwd -maxdepth 0 -printf '%h %l\n' 2>/dev/null |
		while read -r proc cwd; do
			case $cwd in
			"$RUN_DIR" | "$RUN_DIR (deleted)") ;;
			*) [ -n "${1-}" ] || continue ;;
			esac
			read -r pid name _ parent _ 2>/dev/null <"$proc/stat" || continue
			case $name in
			'(nginx)' | '(multiwatch)' | '(lanes)' | '(spawn-fcgi)' | '(setpriv)' | '(setsid)')
				name=${name#'('}
				echo "$pid ${name%')'} $parent"
				;;
			esac
		done
}

# runs PID: false once it has ended, even if its parent never asks how (it stays a zombie then).
runs() {
	read -r _ _ state _ 2>/dev/null <"/proc/$1/stat" || return 1
	case $state in
	Z | X) return 1 ;;
	esac
}

# alive NAME: true if the process noted in pids/NAME.pid runs.
alive() {
	read -r pid 2>/dev/null <"$RUN_DIR/pids/$1.pid" && runs "$pid"
}

# await_end PID [SECONDS]: returns when the process has ended; looks that often.
await_end() {
	while runs "$1"; do
		sleep "${2-0.05}"
	done
}

# One command at a time works on a RUN_DIR. The lock is on the directory itself: no file to leave
# behind. It ends with the process that holds descriptor 9.
lock() {
	[ -d "$RUN_DIR" ] || return 0
	exec 9<"$RUN_DIR" || fail "cannot read $RUN_DIR"
	flock -w 60 9 || fail "another command has been working on $RUN_DIR for a minute"
}

# A process of the system needs to know nothing of make and of the caller's shell.
clean_environment() {
	for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
		case $name in
		PATH | LANG | LC_* | TZ | LANES_* | *SAN_OPTIONS | PPID) ;;
		*) unset "$name" ;;
		esac
	done
}

# daemon NAME LOG COMMAND...: starts a process of the system from inside RUN_DIR and notes its pid.
# It gets a session of its own: a Ctrl-C in the terminal is not meant for it.
daemon() {
	daemon=$1 log=$2
	shift 2
	(
		clean_environment
		exec setsid "$@" </dev/null >>"$log" 2>&1 9<&-
	) &
	echo $! >"pids/$daemon.pid"
}

# --- stopping ---

# signal_all SIGNAL NAMES: every process of the system with one of the names whose parent is not
# itself part of the system (masters look after their own), or with ALL, every one.
signal_all() {
	list=$(processes)
	echo "$list" | while read -r pid name parent; do
		case " $2 " in
		*" $name "*) ;;
		*' ALL '*) parent= ;;
		*) continue ;;
		esac
		case "$newline$list" in
		*"$newline$parent "*) [ -z "$parent" ] || continue ;;
		esac
		[ -z "$pid" ] || kill -s "$1" "$pid" 2>/dev/null
	done
}

# running NAME: the system's processes with that name; with ALL, every one.
running() {
	case $1 in
	ALL) processes ;;
	*) processes | grep " $1 " ;;
	esac
}

# gone NAME SECONDS: waits until running NAME finds nothing; false if it still does after that
# time, or once hurry is set.
gone() {
	since=$(date +%s)
	told=
	while [ -n "$(running "$1")" ]; do
		waited=$(($(date +%s) - since))
		[ "$waited" -le "$2" ] && [ -z "${hurry-}" ] || return 1
		if [ "$waited" -ge 2 ] && [ -z "$told" ]; then
			say "waiting for requests in flight (at most $STOP_TIMEOUT s)"
			told=yes
		fi
		sleep 0.05
	done
}

# Ends every process of the system and removes its files. nginx goes first: it lets go of
# the port and ends when the requests it has are answered. Then the workers have nothing to do. The
# admin worker is told at once, for its streams would never end.
stop_system() {
	rm -f "$RUN_DIR/pids/run.pid"
	signal_all QUIT nginx
	! alive admin || kill -s TERM "$(cat "$RUN_DIR/pids/admin.pid")" 2>/dev/null
	gone nginx "$STOP_TIMEOUT" || signal_all TERM nginx
	signal_all TERM 'spawn-fcgi setsid setpriv multiwatch lanes'
	gone ALL 3 || while
		signal_all KILL ALL
		! gone ALL 1
	do :; done
	[ ! -d "$RUN_DIR" ] || remove_files
}

# Removes what a system leaves: everything but logs that say something.
remove_files() (
	cd "$RUN_DIR" || exit
	[ -d pids ] || exit
	rm -f worker-*.sock prefork.sock cpu-*.sock admin.sock nginx.conf nginx.pid ./*.servers lanes lanes.new
	rm -rf pids temp board www www.new
	for log in worker.log access.log error.log; do
		[ -s "$log" ] || rm -f "$log"
	done
	rmdir "$RUN_DIR" 2>/dev/null || true
)
