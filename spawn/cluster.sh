#!/bin/sh
# Runs a cluster in the foreground, until Ctrl-C, SIGTERM or SIGHUP: HOSTS hosts with WORKERS workers each, a
# database, and two fronts with an address that is always one's, each a network namespace of its own. With a
# command (cluster.sh unplug host2), does that to the one that runs in RUN_DIR.
#
# All of it is below one namespace, in which a plain user may do what root may: of the machine's own network
# nothing is touched but the one port that leads into it, on loopback. Root becomes RUN_USER first. The
# first process in there is cluster/inside.sh; with it, however it ends, all others do.
RUN_DIR=${RUN_DIR:-run-cluster} WORKERS=${WORKERS:-2} DATABASE=private THREADS=${THREADS:-10}
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=spawn/system.sh
. "$PWD/spawn/system.sh"
HOSTS=${HOSTS:-3}
FRONT=${FRONT:-haproxy} # or nginx
FRONTS=${FRONTS:-$(command -v keepalived >/dev/null && echo 2 || echo 1)}
MAXCONN=${MAXCONN:-512} # requests in flight at a worker
folder=$RUN_DIR/cluster

check() {
	check_settings
	number HOSTS "$HOSTS" 1 200
	number FRONTS "$FRONTS" 1 2
	number MAXCONN "$MAXCONN" 1 65535
	case $FRONT in
	haproxy | nginx) ;;
	*) fail "FRONT=$FRONT: haproxy or nginx is wanted" ;;
	esac
	check_port
	for program in "$FRONT" haproxy spawn-fcgi setpriv unshare nsenter curl ip; do
		command -v "$program" >/dev/null || fail "$program is missing: $PROJECT/spawn/deps.sh cluster"
	done
	[ "$FRONT" = nginx ] || command -v socat >/dev/null || fail "socat is missing: $PROJECT/spawn/deps.sh cluster"
	[ "$FRONTS" = 1 ] || command -v keepalived >/dev/null || fail "keepalived is missing: FRONTS=1, or $PROJECT/spawn/deps.sh cluster"
	[ -x "$PROGRAM" ] || fail "$PROGRAM is missing: build it first"
	[ "$(id -u)" != 0 ] || id -u "$RUN_USER" >/dev/null 2>&1 || fail "RUN_USER=$RUN_USER: no such user"
	find_postgres
	give_up_root
	# shellcheck disable=SC2086 # words
	$drop unshare --user --map-root-user --net --mount --pid --fork --mount-proc true 2>/dev/null ||
		fail "namespaces are not allowed here to $(id -un): sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces"
}

# The first process inside, as this side knows it.
find_init() {
	init=
	read -r outer started 2>/dev/null <"$RUN_DIR/cluster.pid" && runs "$outer" "$started" || return
	init=$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v parent="$outer" '
		match($0, /.*\)/) { split(substr($0, RLENGTH + 2), field, " "); if (field[2] == parent) print $1 }')
	[ -n "$init" ]
}

# Becomes a command inside.
enter() {
	{ [ -e "$folder/ready" ] && find_init; } || fail "no cluster runs in $RUN_DIR"
	give_up_root
	# shellcheck disable=SC2086 # words
	exec $drop nsenter --target "$init" --user --preserve-credentials --net --mount --pid --uts --wd ./sh/at.sh "$@"
}

write_folder() {
	{ mkdir -p "$RUN_DIR" && rm -rf "$folder" && mkdir "$folder"; } || fail "cannot write to $RUN_DIR"
	cd "$folder" || exit
	{ cp -R "$PROJECT/spawn/cluster" sh && cp "$PROJECT/spawn/database.sh" sh && cp "$PROGRAM" "$NAME" &&
		chmod -R u=rwX,go=rX .; } || fail "cannot write to $RUN_DIR"
	user=$(id -u) group=$(id -g)
	[ "$(id -u)" != 0 ] || { user=$(id -u "$RUN_USER") && group=$(id -g "$RUN_USER"); }
	cat >settings <<-END
		NAME=$NAME
		HOSTS=$HOSTS
		WORKERS=$WORKERS
		THREADS=$THREADS
		JOB_WORKERS=$JOB_WORKERS
		FRONT=$FRONT
		FRONTS=$FRONTS
		MAXCONN=$MAXCONN
		START_TIMEOUT=$START_TIMEOUT
		POSTGRES=$POSTGRES
		DATABASE_CONNECTIONS=$(((HOSTS + 2) * (WORKERS + 1) * 9 + 20))
		PLAIN_UID=$user
		PLAIN_GID=$group
	END
	cat >welcome <<-END
		In a browser: http://localhost:$PORT/
		  curl -i http://localhost:$PORT/
		  $again unplug host$HOSTS     # its cable; plug host$HOSTS puts it back
		  $again add $((HOSTS + 1))           # a host more; remove $((HOSTS + 1))
		  $again upgrade          # replaces all workers, one host after the other
		  $again state            # what there is
		  $again on host1 ps ax   # a command on a machine
		Ctrl-C stops it.
	END
	chown -R "$user:$group" .
}

# What is said to be typed.
again=$PROJECT/spawn/cluster.sh
[ "$base" != "$PROJECT" ] || again=spawn/cluster.sh
[ "$RUN_DIR" = "$base/run-cluster" ] || again="RUN_DIR=$RUN_DIR $again"

case ${1-run} in
run) ;;
*) enter "$@" ;;
esac

stop() {
	trap '' INT TERM HUP
	find_init
	kill -s KILL "$child" 2>/dev/null # with which the other goes
	wait "$child" 2>/dev/null
	[ -z "$init" ] || await_end "$init"
	find "$folder" ! -type d \( ! -name '*.log' -o -empty \) -delete 2>/dev/null
	find "$folder" -depth -type d -empty -delete 2>/dev/null
	rm -f "$RUN_DIR/cluster.pid"
}

check_owner ""
check
! find_init || fail "already running in $RUN_DIR"
raise_files_limit
write_folder
signal=
trap 'signal=yes' INT TERM HUP
# spawn-fcgi opens the port, which becomes descriptor 0.
# shellcheck disable=SC2086 # words
setsid setpriv --pdeathsig KILL spawn-fcgi -n -a 127.0.0.1 -p "$PORT" -b 4096 -- \
	"$(command -v env)" $drop setpriv --pdeathsig KILL unshare --user --map-root-user --net --mount --pid --uts --fork \
	--kill-child --mount-proc ./sh/inside.sh &
child=$!
IFS= read -r stat <"/proc/$child/stat"
# shellcheck disable=SC2086 # words
set -- ${stat##*)}
echo "$child ${20}" >"$RUN_DIR/cluster.pid"
status=1
while [ -z "$signal" ] && runs "$child" && { [ -z "${MAKELEVEL-}" ] || [ -d "/proc/$PPID" ]; }; do
	sleep 0.5 &
	wait $!
done
[ ! -e "$folder/ready" ] || [ -z "$signal" ] || status=0
stop
[ $status != 0 ] || say stopped
exit $status
