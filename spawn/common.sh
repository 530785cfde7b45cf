# shellcheck shell=sh
# Shared by the scripts that start, stop and watch a system: settings, pools, processes, stopping.
# Sourced, after which the working directory is the project's: the folder that has nginx and spawn.
#
# A system is everything that was started for one RUN_DIR: nginx, for every socket a master that
# keeps its worker processes alive, logs.sh, which keeps the logs, and database.sh, which keeps a PostgreSQL
# alive if DATABASE says so. Each of them began a session of its own, and is noted in RUN_DIR/pids
# with the moment at which it started. A process belongs to the system if its session began with one that
# is noted; what it is called and where it works proves nothing. All of them have RUN_DIR as their working
# directory and name files relative to it: workers that gave up root need no permission on the
# directories above it.

set -u
umask 022
# A closed descriptor's number would go to the next file that is opened, whatever that is.
[ -e /proc/self/fd/0 ] || exec </dev/null
[ -e /proc/self/fd/1 ] || exec >/dev/null
[ -e /proc/self/fd/2 ] || exec 2>/dev/null
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# In a project, which has a Makefile, a path that is given is below it, and make has the commands. Installed
# (share/lanes), it is below the caller's directory, and the scripts are the commands.
base=$PWD
CDPATH='' cd "$(dirname "$0")/.." || exit 1
PROJECT=$PWD
if [ -e Makefile ]; then
	base=$PROJECT before='make ' after='' built=build
else
	before=$PROJECT/spawn/ after=.sh built=$PROJECT/../../bin
fi

# typed NAME: the command as one types it.
typed() {
	printf %s "$before$1$after"
}

# absolute PATH: as the caller means it.
absolute() {
	CDPATH='' cd -- "$base" && realpath -m -- "$1"
}

fail() {
	echo "$NAME: $*" >&2
	exit 1
}

# Where nobody can read it, or the disk is full, work goes on.
say() {
	echo "$NAME: $*" 2>/dev/null || :
}

# --- settings ---

MOST=256 # workers of a pool, and CPU threads of a worker
cores=$(nproc)
[ "$cores" -le "$MOST" ] || cores=$MOST

RUN_DIR=${RUN_DIR:-run}
# shellcheck source=spawn/settings.sh
. "$PROJECT/spawn/settings.sh"
NAME=${0##*/} # as long as nobody knows what the program is called
CONFIG=${CONFIG:-${LANES_CONFIG:-}}
[ -z "$CONFIG" ] || CONFIG=$(absolute "$CONFIG") || exit 1
GIVEN=$(given_variables)
# Those that start a system read it, as restart.sh does later. Another works with what the system was started with,
# whatever the file says by now.
# shellcheck disable=SC2034 # check-config.sh has it
case ${0##*/} in
start.sh | run.sh | dev.sh | migrate.sh) read_config "$VARIABLES" || exit 1 ;;
check-config.sh) read_config "$VARIABLES" || bad=yes ;;
esac
set_defaults
SOCKETS=$WORKERS # of loop workers, that nginx knows
# shellcheck source=spawn/project.sh
. "$PROJECT/spawn/project.sh"
PROGRAM=${PROGRAM:-$built/$NAME}

newline='
'
case $RUN_DIR in
*"$newline"* | *' ') fail "RUN_DIR must not hold a line break or end in a blank" ;;
esac
case $PROGRAM in
*"$newline"* | *[=\ ]) fail "PROGRAM must not hold a line break, or end in a blank or =" ;;
esac
RUN_DIR=$(absolute "$RUN_DIR") || exit 1
PROGRAM=$(absolute "$PROGRAM") || exit 1

# A system that is there keeps the name that it was started with; a new one then takes its own.
# shellcheck disable=SC2034 # of start.sh and run.sh
own_name=$NAME name=
[ ! -f "$RUN_DIR/pids/settings" ] || IFS='=' read -r _ name <"$RUN_DIR/pids/settings"
case $name in
'' | -* | *[!A-Za-z0-9_-]*) ;;
*) NAME=$name ;;
esac

# The system must be running. What it was started with becomes the settings.
running_settings() {
	[ -n "$(processes)" ] || fail "nothing is running in $RUN_DIR"
	alive nginx || fail "nginx is not running in $RUN_DIR: $(typed stop), $(typed start)"
	read_settings
}

# The settings that are kept with a running system, the name first. They are read as numbers, names and the
# path of the program, whatever the file says.
SETTINGS='NAME PROGRAM POOLS PORT LISTEN ADMIN_FROM WORKERS SOCKETS PREFORK_WORKERS CPU_WORKERS JOB_WORKERS THREADS CPU_THREADS CLIENT_CONNS SERVER_NAMES BODY_KB TLS_LISTEN TLS_CERTIFICATE TLS_KEY LOG_MB RUN_USER DATABASE FASTAPI STOP_TIMEOUT START_TIMEOUT ENVIRONMENT CONFIG GIVEN'
read_settings() {
	mine=$GIVEN # how patient a command is, is up to who gives it
	# shellcheck disable=SC2034 # used by eval
	while IFS='=' read -r name value; do
		case "$name in $mine" in
		*_TIMEOUT\ in*" $name "*) continue ;;
		esac
		case " $SETTINGS " in
		*" $name "*) eval "$name=\$value" ;;
		*) fail "$RUN_DIR/pids/settings: no setting is called $name" ;;
		esac
	done <"$RUN_DIR/pids/settings"
	check_settings
}

# --- whose RUN_DIR ---

# A name's owner could put anything in its place, and whoever may write to a directory could put anything
# there. So RUN_DIR has to be the caller's, and all above it root's, the caller's, or of the owner of this
# project, whose scripts are running; nobody else may write there. The exceptions: a directory like
# /tmp, and a user's own group. Who only looks may look into root's, too: check_owner looking.
# shellcheck disable=SC2120 # only some look
check_owner() {
	me=$(id -u)
	theirs=$(stat -c %u .)
	place=$RUN_DIR
	while :; do
		[ ! -e "$place" ] || check_place "${1-}"
		[ "$place" != / ] || break
		place=$(dirname -- "$place")
	done
}

check_place() {
	# The owner, his group if it is named like him, and the permissions as the kernel writes them.
	# shellcheck disable=SC2046 # words
	set -- "$1" $(stat -c '%u %U %G %f' -- "$place")
	owner=$2 mode=$((0x$5))
	case $place:$owner in
	"$RUN_DIR:$me") ;;
	"$RUN_DIR:0") [ "$1" = looking ] || fail "RUN_DIR belongs to another user, $3: $place" ;;
	"$RUN_DIR:"*) fail "RUN_DIR belongs to another user, $3: $place" ;;
	*":0" | *":$me" | *":$theirs") ;;
	*) fail "RUN_DIR=$RUN_DIR is not safe: $place belongs to $3" ;;
	esac
	writers=$((mode & 022))
	[ "$3" != "$4" ] || writers=$((mode & 02))
	[ "$writers" = 0 ] || { [ "$place" != "$RUN_DIR" ] && [ $((mode & 01000)) != 0 ]; } ||
		fail "RUN_DIR=$RUN_DIR is not safe: others may write to $place"
}

# --- pools ---

# One line per pool: name, engine, processes, name of its sockets, niceness, and a path that nginx/lanes.conf.in
# leads to it: all below, where it ends in "/". Everything below is made from this table: workers, sockets,
# and nginx's upstreams. none: it has no socket, and takes its work from the database.
pools() {
	while read -r pool rest; do
		case " $POOLS " in
		*" $pool "*) echo "$pool $rest" ;;
		esac
	done <<-EOF
		loop    loop    $WORKERS          worker    0   /
		prefork prefork $PREFORK_WORKERS  prefork   0   /prefork/
		cpu     loop    $CPU_WORKERS      cpu       10  /cpu-pool/
		exercise loop   1                 exercise  0   /exercise/
		exercise-prefork prefork 2 exercise-prefork 0   /exercise/prefork/
		outside loop    1                 outside   0   /outside/
		jobs    jobs    $JOB_WORKERS      none      0   none
		admin   loop    1                 admin     0   /status
		health  loop    1                 health    0   /healthz
	EOF
}

# One line per socket, which is one master: its name, pool, engine, slot, processes, socket,
# niceness and path. Loop workers have a socket each, so that nginx can choose between them; those that were
# added to more than nginx knows sockets share these in turn. Blocking workers
# share one socket (slot 0), and the kernel gives each connection to one that is free. The admin
# worker is always one, and so is the health worker. For exercises, which have to come out the same on
# every machine, there are always one loop worker and two blocking ones. One more stands in for services
# elsewhere, which the demonstration calls.
units() {
	pools | while read -r pool engine count socket nice path; do
		if [ "$engine" = prefork ] || [ "$pool" = admin ] || [ "$pool" = health ]; then
			[ "$count" = 0 ] || echo "$pool $pool $engine 0 $count $socket.sock $nice $path"
			continue
		fi
		slot=1 sockets=$count
		[ "$pool" != loop ] || [ "$count" -le "$SOCKETS" ] || sockets=$SOCKETS
		while [ "$slot" -le "$sockets" ]; do
			case $socket in
			none) echo "$pool-$slot $pool $engine $slot 1 none $nice none" ;;
			*) echo "$pool-$slot $pool $engine $slot $(((count - slot) / sockets + 1)) $socket-$slot.sock $nice $path" ;;
			esac
			slot=$((slot + 1))
		done
	done
}

# --- processes ---

# Another for each time that the machine was started.
BOOT=/proc/sys/kernel/random/boot_id

# What the processes of a system are called, besides NAME; bash, setsid and setpriv become the others.
NAMES="nginx|spawn-fcgi|setpriv|setsid|bash|logs[.]sh|database[.]sh|initdb|postgres"

# Where a database of the system's own is, below RUN_DIR; what is kept has a name of its own.
database_folder() {
	case $DATABASE in
	kept) echo database-kept ;;
	*) echo database ;;
	esac
}

# The processes of this system, one line each: pid, name, parent's pid. Those of sessions that a noted
# process began. When that is gone, another session could have its number by now: then it takes a
# process of ours that works in RUN_DIR. So it does when RUN_DIR was removed, which only its owner can do.
processes() {
	noted=
	if read -r boot 2>/dev/null <"$RUN_DIR/pids/boot" && [ "$boot" = "$(cat "$BOOT")" ]; then
		noted=$(cat "$RUN_DIR"/pids/*.pid 2>/dev/null)
	fi
	removed=
	[ -d "$RUN_DIR/pids" ] || removed=yes
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v noted="$noted" -v names="^($NAME|$NAMES)\$" -v removed="$removed" '
		BEGIN {
			count = split(noted, note, "\n")
			for (i = 1; i <= count; i++) {
				split(note[i], word, " ")
				started[word[1]] = word[2]
			}
		}
		# A name may have blanks and parentheses; what follows has none.
		match($0, /.*\)/) {
			name = substr($0, length($1) + 3, RLENGTH - length($1) - 3)
			split(substr($0, RLENGTH + 2), field, " ") # state, parent, group, session ...
			if (field[1] == "Z" || field[1] == "X")
				next
			if ($1 in started)
				leads[$1] = started[$1] == field[20] ? "ours" : "reused"
			if (name ~ names) {
				found[++n] = $1 " " name " " field[2]
				session[n] = field[4]
			}
		}
		END {
			for (i = 1; i <= n; i++)
				if (leads[session[i]] == "ours")
					print found[i]
				else if (removed)
					print found[i], "removed"
				else if (session[i] in started && !leads[session[i]])
					print found[i], "orphan"
		}' |
		while read -r number name parent doubt; do
			case $doubt in
			'') ;;
			orphan) works_here "$number" "" || continue ;;
			*) works_here "$number" " (deleted)" || continue ;;
			esac
			echo "$number $name $parent"
		done
}

# works_here PID END: a process of the caller's, or of the user that root's become, in a folder of the system
# whose name has that END.
works_here() {
	case $(stat -c %u "/proc/$1" 2>/dev/null) in
	"$(id -u)") ;;
	"$(id -u -- "$RUN_USER" 2>/dev/null)") [ "$(id -u)" = 0 ] || return 1 ;;
	*) return 1 ;;
	esac
	case $(readlink "/proc/$1/cwd") in
	"$RUN_DIR$2" | "$RUN_DIR"/database*"$2") ;;
	*) return 1 ;;
	esac
}

# runs PID [STARTED]: false once it has ended, even if its parent never asks how (it stays a zombie
# then), and if it started at another moment: another process has its number.
runs() {
	IFS= read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
	# shellcheck disable=SC2086 # words
	set -- "${2-}" ${stat##*)}
	case $2 in
	Z | X) return 1 ;;
	esac
	[ -z "$1" ] || [ "$1" = "${21}" ]
}

# alive NAME: true if the process noted in pids/NAME.pid runs; it is $pid then. A note of before the machine
# was started anew, and one that does not say when its process started, prove nothing.
alive() {
	read -r pid started 2>/dev/null <"$RUN_DIR/pids/$1.pid" && [ -n "$started" ] &&
		read -r noted 2>/dev/null <"$RUN_DIR/pids/boot" && read -r boot <"$BOOT" &&
		[ "$noted" = "$boot" ] && runs "$pid" "$started"
}

# await_end PID [SECONDS]: returns when the process has ended; looks that often.
await_end() {
	while runs "$1"; do
		sleep "${2-0.05}"
	done
}

# One command at a time works on a RUN_DIR. The lock is on the directory itself: no file to leave
# behind. It ends with the process that holds descriptor 9. Whose RUN_DIR it is, is asked here, when it is
# there: somebody could have made it since it was not.
lock() {
	check_owner ""
	[ -d "$RUN_DIR" ] || return 0
	exec 9<"$RUN_DIR" || fail "cannot read $RUN_DIR"
	flock -w 60 9 || fail "another command has been working on $RUN_DIR for a minute"
}

# A process of the system needs to know nothing of make and of the caller's shell.
clean_environment() {
	for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
		case $name in
		PATH | PPID) ;;
		*) unset "$name" ;;
		esac
	done
}

# Closes what the caller's shell had open, whatever that was, takes the environment that the system was
# started with (write_environment), whoever starts a further process of it, and becomes the command.
# shellcheck disable=SC2016 # expanded by bash, which can close descriptors above 9
CLOSED='for fd in /proc/$$/fd/*; do
	[ "${fd##*/}" -le 2 ] || eval "exec ${fd##*/}>&-"
done
for file in pids/environment/*; do
	[ -f "$file" ] || continue
	IFS= read -rd "" value <"$file"
	export "${file##*/}=$value" 2>/dev/null
done
exec "$@"'

# daemon NAME LOG COMMAND...: starts a process of the system from inside RUN_DIR and notes it. It gets a
# session of its own: a Ctrl-C in the terminal is not meant for it. It can gain no privileges, keeps of
# root's those that nginx and setpriv need to give them up, and leaves no core, which would hold
# everybody's requests; workers see to that themselves (--core). A pipe as its log may have no reader any
# more: that ends nobody.
daemon() {
	daemon=$1 log=$2
	shift 2
	(
		trap '' PIPE
		[ "$daemon" != nginx ] || umask 027 # it makes logs itself
		clean_environment
		# shellcheck disable=SC3045 # dash and bash both have it
		case $daemon in
		nginx | logs | database) ulimit -Sc 0 ;;
		esac
		set -- --no-new-privs "$@"
		[ "$(id -u)" != 0 ] || set -- --bounding-set \
			-all,+setuid,+setgid,+setpcap,+chown,+kill,+dac_override,+net_bind_service,+sys_resource "$@"
		exec setsid bash -c "$CLOSED" bash setpriv "$@" </dev/null >>"$log" 2>&1
	) &
	IFS= read -r stat <"/proc/$!/stat"
	# shellcheck disable=SC2086 # words
	set -- ${stat##*)}
	echo "$! ${20}" >"pids/$daemon.pid"
}

# --- stopping ---

# signal_all SIGNAL NAMES: every process of the system with one of the names whose parent is not
# itself part of the system (masters look after their own), or with ALL, every one but those that end last.
signal_all() {
	list=$(processes)
	echo "$list" | while read -r number name parent; do
		case " $2 " in
		*" $name "*) ;;
		*' ALL '*)
			case $name in
			logs.sh | database.sh | initdb | postgres) continue ;;
			esac
			parent=
			;;
		*) continue ;;
		esac
		case "$newline$list" in
		*"$newline$parent "*) [ -z "$parent" ] || continue ;;
		esac
		[ -z "$number" ] || kill -s "$1" "$number" 2>/dev/null
	done
}

# running NAME: the system's processes with that name; with ALL, every one but those that end last; with JOBS,
# those that look after workers of jobs; with
# DATABASE, its processes, also those that PostgreSQL has left in the cluster when it was killed.
running() {
	case $1 in
	ALL) processes | grep -Ev ' (logs\.sh|database\.sh|initdb|postgres) ' ;;
	JOBS)
		for file in "$RUN_DIR"/pids/jobs-*.pid; do
			! alive "$(basename "$file" .pid)" || echo "$pid"
		done
		;;
	DATABASE)
		processes | grep -E ' (database\.sh|initdb|postgres) '
		find /proc/[0-9]*/cwd -maxdepth 0 -lname '*/database*/data*' -printf '%p %l\n' 2>/dev/null |
			while read -r number folder; do
				number=${number#/proc/} number=${number%/cwd}
				case $folder/$(cat "/proc/$number/comm" 2>/dev/null) in
				"$RUN_DIR"/database*/postgres) echo "$number postgres" ;;
				esac
			done
		;;
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
			case $1 in
			DATABASE) say "waiting for the database" ;;
			JOBS) say "waiting for jobs that run (at most $STOP_TIMEOUT s)" ;;
			*) say "waiting for requests in flight (at most $STOP_TIMEOUT s)" ;;
			esac
			told=yes
		fi
		sleep 0.05
	done
}

# Waits for all to end, and then does not.
end_all() {
	gone ALL 3 || while
		signal_all KILL ALL
		! gone ALL 1
	do :; done
}

# The database: fast, at once, and whatever it takes.
end_database() {
	[ -n "$(running DATABASE)" ] || return 0
	signal_all TERM database.sh
	for next in QUIT KILL KILL; do
		! gone DATABASE 10 || break
		# shellcheck disable=SC2046 # words
		kill -s "$next" $(running DATABASE | cut -d ' ' -f 1) 2>/dev/null
	done
}

# The masters that serve requests, in a stop: each once, as a second signal would end them by force.
drain_masters() {
	for file in "$RUN_DIR"/pids/*.pid; do
		unit=$(basename "$file" .pid)
		case $unit in
		nginx | admin | jobs-* | logs | database | run) continue ;;
		esac
		! alive "$unit" || kill -s TERM "$pid" 2>/dev/null
	done
	true
}

# Ends every process of the system and removes its files. nginx goes first: it lets go of
# the port and ends when the requests it has are answered. Then the workers have nothing to do. The
# admin worker is told at once, for its streams would never end, and so are those of jobs. Where nginx stays, there
# may be a stream of another worker, which ends when that drains: by then it has what nginx had to pass on. Nobody
# needs the database then, and when all have spoken, the log is closed.
stop_system() {
	rm -f "$RUN_DIR/pids/run.pid"
	signal_all QUIT nginx
	! alive admin || kill -s TERM "$pid" 2>/dev/null
	for pid in $(running JOBS); do
		kill -s TERM "$pid" 2>/dev/null
	done
	masters=$NAME
	gone nginx 1 || {
		drain_masters && masters=
		gone nginx "$STOP_TIMEOUT" || signal_all TERM nginx
	}
	gone JOBS "$STOP_TIMEOUT"
	signal_all TERM "spawn-fcgi setsid setpriv bash $masters"
	end_all
	NAMES="$NAMES|env" # what was about to become a master
	end_all
	hurry=
	end_database
	signal_all TERM logs.sh
	gone logs.sh 3 || signal_all KILL logs.sh
	gone logs.sh 3
	[ ! -d "$RUN_DIR" ] || remove_files
}

# Removes what a system leaves: everything but logs that say something.
remove_files() (
	cd "$RUN_DIR" || exit
	[ -d pids ] || exit
	rm -f worker-*.sock worker-*.new prefork.sock cpu-*.sock exercise-*.sock outside-*.sock admin.sock health.sock fastapi.sock log.pipe \
		nginx.conf nginx.conf.new nginx.conf.old nginx.pid options options.new options.old ./*.servers "$NAME" preload.so preload.new database.sh
	rm -rf pids temp board spool control www www.new dev new database
	for log in worker.log access.log error.log database.log; do
		[ -s "$log" ] || rm -f "$log"
	done
	rmdir "$RUN_DIR" 2>/dev/null || true
)
