#!/bin/sh
# at.sh COMMAND...: what is done to a cluster that runs, inside of its namespaces (cluster.sh says what there is).
# shellcheck source=spawn/cluster/nodes.sh
. ./sh/nodes.sh

is_node() {
	case ${1-} in
	*[!a-z0-9]* | '') ;;
	*) [ ! -e "$1/node.pid" ] || return 0 ;;
	esac
	fail "${1-}: no machine is called so. There are: $(nodes '' | tr '\n' ' ')"
}

# connected KIND: those whose cable is plugged.
connected() {
	for node in $(nodes "$1"); do
		[ "$(cable "$node")" != up ] || echo "$node"
	done
}

cable() {
	ip -br link show "$1" | awk '{ print tolower($2) }'
}

# --- hosts that come and go ---

# A server that is added takes nothing from default-server, so the options are said again; and 2.6 takes no
# tcp-ut and no max-reuse for one. A HAProxy that is started later would read that from its configuration, as of the others.
add_server() {
	options=$(sed -n 's/^	default-server //p' "$1/haproxy.cfg" | sed -n "$([ "$2" = lanes ] && echo 1 || echo 2)p")
	said=$(haproxy_says "$1" "add server $2/$3 $4 $options; enable server $2/$3; enable health $2/$3")
	case $said in
	*'New server registered'*) ;;
	*) fail "$1: $said" ;;
	esac
}

add() {
	host=host$1
	[ ! -e "$host/node.pid" ] || fail "$host is there"
	node_make "$host"
	host_start "$host"
	for front in $(fronts); do
		if [ "$FRONT" = nginx ]; then
			write_front "$front"
			runs "$front" nginx && kill -s HUP "$pid"
			continue
		fi
		servers_of "$host" | while read -r server address; do
			add_server "$front" lanes "$server" "$address" || exit
		done || exit
		add_server "$front" health "$host" "$(address_of "$host"):9000"
	done
	say "$host serves"
}

# state FRONT HOST STATE: of all of its workers.
set_state() {
	for server in $(servers_of "$2" | cut -d ' ' -f 1); do
		haproxy_says "$1" "set server lanes/$server state $3" >/dev/null
	done
}

# in_flight FRONT HOST: requests that it has.
in_flight() {
	haproxy_says "$1" 'show stat' |
		awk -F , -v host="$2" '$1 == "lanes" && index($2, host "-") == 1 { n += $5 + $3 } END { print n + 0 }'
}

is_idle() {
	[ "$(in_flight "$1" "$2")" = 0 ]
}

# drain HOST: no front asks it any more, and none has a connection to it on which something is under way.
drain() {
	for front in $(fronts); do
		set_state "$front" "$1" drain
	done
	for front in $(fronts); do
		eventually 150 is_idle "$front" "$1" || fail "$front waits for $1"
		set_state "$front" "$1" maint # HAProxy closes what it kept
	done
}

remove() {
	host=host$1
	is_node "$host"
	if [ "$FRONT" = haproxy ]; then
		drain "$host"
		for front in $(fronts); do
			haproxy_says "$front" "set server health/$host state maint" >/dev/null
			for server in $(servers_of "$host" | sed 's/ .*//; s/^/lanes\//') "health/$host"; do
				eventually 10 deleted "$front" "$server" || fail "$front: $said"
			done
		done
	else
		mv "$host" "gone-$host"
		for front in $(fronts); do
			write_front "$front"
			runs "$front" nginx && kill -s HUP "$pid"
		done
		mv "gone-$host" "$host"
		sleep 3 # nginx ends the connections that it kept
	fi
	host_stop "$host"
	node_remove "$host"
	say "$host is gone"
}

deleted() {
	said=$(haproxy_says "$1" "del server $2")
	case $said in
	*'Server deleted'*) ;;
	*) return 1 ;;
	esac
}

# --- an upgrade: each host in turn, each of its masters gets a HUP ---

replaced() {
	[ "$(grep -c "pid=$2 event=replaced" "$1/worker.log")" -gt "$3" ]
}

replace() {
	for unit in $(units "$1"); do
		runs "$1" "$unit" || fail "$1: $unit is dead"
		master=$pid had=$(grep -c "pid=$master event=replaced" "$1/worker.log")
		kill -s HUP "$master"
		eventually 60 replaced "$1" "$master" "$had" || fail "$1: $unit has no successor"
	done
}

upgrade() {
	for host in $(hosts); do
		[ "$FRONT" = nginx ] || drain "$host"
		replace "$host"
		if [ "$FRONT" = haproxy ]; then
			for front in $(fronts); do
				set_state "$front" "$host" ready
			done
			for front in $(connected front); do
				eventually 10 is_up "$front" "$host" || fail "$front: $host is not up"
			done
		fi
		say "$host replaced"
	done
}

# How many of a host's workers a front takes for good.
ups() {
	haproxy_says "$1" 'show stat' |
		awk -F , -v host="$2" '$1 == "lanes" && index($2, host "-") == 1 && $18 ~ /^UP/ { n++ } END { print n + 0 }'
}

is_up() {
	[ "$(ups "$1" "$2")" = "$WORKERS" ]
}

# slow MACHINE replace|delete WORDS...: on both ends of its cable.
slow() {
	node=$1 what=$2
	shift 2
	tc qdisc "$what" dev "$node" root "$@" && on "$node" tc qdisc "$what" dev eth0 root "$@"
}

# --- what there is ---

state() {
	for front in $(fronts); do
		address=$(on "$front" ip -br addr show dev eth0 | grep -qF "$(address_of address)/" && echo ", has the address")
		echo "$front $(address_of "$front") $FRONT$address, cable $(cable "$front")"
	done
	for host in $(hosts); do
		ups=
		[ "$FRONT" = nginx ] || ups=", $(ups "$(connected front | head -n 1)" "$host") up"
		echo "$host $(address_of "$host") $WORKERS workers$ups, cable $(cable "$host")"
	done
	echo "database $(address_of database) $(echo 'SELECT count(*) FROM pg_stat_activity WHERE usename = '"'lanes'" | sql) connections of $DATABASE_CONNECTIONS"
}

command=${1-}
shift
case $command in
unplug | plug)
	is_node "${1-}"
	date '+%s.%N' # for who measures
	ip link set "$1" "$([ "$command" = plug ] && echo up || echo down)"
	;;
add | remove)
	case ${1-} in
	'' | *[!0-9]* | 0* | ????*) fail "$command N: the number of a host is wanted" ;;
	esac
	"$command" "$1"
	;;
upgrade) upgrade ;;
hup) for host in $(hosts); do replace "$host"; done ;;
slow)
	is_node "${1-}"
	[ $# = 3 ] || fail "slow MACHINE MILLISECONDS PERCENT"
	slow "$1" replace netem delay "${2}ms" loss "${3}%"
	;;
fast)
	is_node "${1-}"
	slow "$1" delete
	;;
sql) sql ;;
haproxy) haproxy_says "${1-front1}" "$2" ;;
on)
	[ "${1-}" = client ] || is_node "${1-}"
	at "$@"
	;;
'' | state) state ;;
*) fail "$command: run, state, unplug, plug, slow, fast, add, remove, upgrade, haproxy, sql or on is wanted" ;;
esac
