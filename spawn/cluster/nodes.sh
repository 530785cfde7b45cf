# shellcheck shell=sh
# The machines of a cluster, each a network namespace on a bridge, and what runs on them. Sourced inside of the
# cluster's namespaces, where the working directory is the cluster's folder, and this process may make
# interfaces.
#
# A node is a process that sleeps; its namespaces are the machine. A folder of its name has its pids, logs and
# files, and no other node reads them.

set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
NET=10.77
# shellcheck source=/dev/null # cluster.sh writes it
. ./settings

fail() {
	echo "cluster: $*" >&2
	exit 1
}

say() {
	echo "cluster: $*" 2>/dev/null || :
}

address_of() {
	case $1 in
	client) echo $NET.0.254 ;;
	front?) echo "$NET.0.${1#front}" ;;
	address) echo $NET.0.10 ;;
	database) echo $NET.0.20 ;;
	*) echo "$NET.1.${1#host}" ;;
	esac
}

# at NODE COMMAND...: becomes the command, on that machine. The clients' is where the bridge is.
at() {
	[ "$1" != client ] || {
		shift
		exec "$@"
	}
	read -r node_pid <"$1/node.pid"
	shift
	exec nsenter --target "$node_pid" --net --uts "$@"
}

# on NODE COMMAND...: runs it there.
on() (
	at "$@"
)

# start NODE NAME COMMAND...: in the background, in the node's folder. What may need no privileges has none.
start() {
	node=$1 name=$2
	shift 2
	[ "$name" = keepalived ] || set -- unshare --user --map-user="$PLAIN_UID" --map-group="$PLAIN_GID" "$@"
	(at "$node" --wd="$node" setsid "$@" </dev/null >>"$node/$name.log" 2>&1) &
	echo $! >"$node/$name.pid"
}

# runs NODE NAME
runs() {
	read -r pid 2>/dev/null <"$1/$2.pid" && kill -s 0 "$pid" 2>/dev/null
}

# end NODE NAME: the process gets a TERM, and is waited for.
end() {
	! runs "$1" "$2" || kill -s TERM "$pid"
	while runs "$1" "$2"; do
		sleep 0.02
	done
	rm -f "$1/$2.pid"
}

# eventually SECONDS COMMAND...
eventually() {
	until_=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -le "$until_" ] || return 1
		sleep 0.02
	done
}

# --- the network ---

bridge_make() {
	ip link set lo up
	{ ip link add bridge type bridge && ip link set bridge up && ip addr add "$(address_of client)/16" dev bridge; } ||
		fail 'no bridge can be made here'
}

# nodes KIND: those that there are.
nodes() {
	for node in "$1"*/node.pid; do
		[ ! -e "$node" ] || dirname "$node"
	done | sort -V
}

# node_make NAME: a machine with a cable to the bridge. The bridge's end of the cable has the machine's name.
node_make() {
	mkdir -p "$1"
	unshare --net --uts sleep infinity </dev/null >/dev/null 2>&1 &
	echo $! >"$1/node.pid"
	eventually 5 [ "$(readlink "/proc/$!/ns/net")" != "$(readlink /proc/self/ns/net)" ] || sleep 0.1
	ip link add "$1" type veth peer name eth0 netns $! || fail "$1 has no cable"
	ip link set "$1" master bridge up
	on "$1" sh -c "hostname $1; ip link set lo up; ip addr add $(address_of "$1")/16 dev eth0; ip link set eth0 up"
}

node_remove() {
	ip link del "$1"
	end "$1" node
}

# --- a host: workers, each with a port of its own, one that says how it is, and one for jobs ---

# with_database COMMAND...: whose environment has its URL, and who may ask workers.
with_database() (
	LANES_DATABASE=$(cat database.url) FCGI_WEB_SERVER_ADDRS="$(address_of front1), $(address_of front2)"
	export LANES_DATABASE FCGI_WEB_SERVER_ADDRS
	"$@"
)

# lanes HOST NAME OPTION...
lanes() {
	host=$1 unit=$2
	shift 2
	# shellcheck disable=SC2153 # of settings
	with_database start "$host" "$unit" "../$NAME" --processes 1 --scoreboard board/scoreboard --threads "$THREADS" \
		--ready-pools loop --log worker.log "$@"
}

host_start() {
	mkdir -p "$1/board" "$1/spool"
	slot=1
	while [ "$slot" -le "$WORKERS" ]; do
		lanes "$1" "loop-$slot" --pool loop --slot "$slot" --listen "$(address_of "$1"):$((9000 + slot))" \
			--spool spool
		slot=$((slot + 1))
	done
	lanes "$1" health --pool health --routes health --listen "$(address_of "$1"):9000"
	[ "$JOB_WORKERS" = 0 ] || lanes "$1" jobs-1 --pool jobs --engine jobs --slot 1 --drain-timeout 10
	eventually "$START_TIMEOUT" host_serves "$1" || fail "$1 does not serve: $(tail -n 1 "$1/worker.log")"
}

# Each of its masters has said that its workers accept.
host_serves() {
	ready=$(grep -c ' event=ready' "$1/worker.log" 2>/dev/null)
	[ "${ready:-0}" -ge $((WORKERS + 1 + (JOB_WORKERS > 0))) ]
}

# The units of a host, those first that requests go to.
units() {
	for unit in "$1"/loop-*.pid "$1"/health.pid "$1"/jobs-*.pid; do
		[ ! -e "$unit" ] || basename "$unit" .pid
	done
}

host_stop() {
	for unit in $(units "$1"); do
		! runs "$1" "$unit" || kill -s TERM "$pid"
	done
	for unit in $(units "$1"); do
		end "$1" "$unit"
	done
}

hosts() {
	nodes host
}

# --- the database ---

# The superuser asks by its socket.
sql() {
	"$POSTGRES/psql" -qAt -h "$PWD/database/data-folder" -U postgres -d lanes -v ON_ERROR_STOP=1 -f -
}

# As spawn/database.sh has it, and on the network with a password. A host that is gone leaves connections, whose
# locks would be held: PostgreSQL notices as HAProxy does.
database_start() {
	mkdir -m 700 database/data-folder
	start database postgres ../sh/database.sh data-folder "$POSTGRES" "$DATABASE_CONNECTIONS" \
		-c "listen_addresses=$(address_of database)" -c tcp_keepalives_idle=1 -c tcp_keepalives_interval=1 \
		-c tcp_keepalives_count=2 -c tcp_user_timeout=2000
	{ eventually 60 database_serves && runs database postgres; } ||
		fail "the database did not start: $(tail -n 1 database/postgres.log)"
	password=$(cat /proc/sys/kernel/random/uuid)
	echo "host lanes lanes $NET.0.0/16 scram-sha-256" >>database/data-folder/data/pg_hba.conf
	echo "ALTER ROLE lanes PASSWORD '$password'; SELECT pg_reload_conf();" | sql >/dev/null ||
		fail 'the database gets no password'
	(umask 077 && echo "postgresql://lanes:$password@$(address_of database)/lanes?connect_timeout=2&tcp_user_timeout=1000&keepalives_idle=1&keepalives_interval=1&keepalives_count=2" >database.url)
}

database_serves() {
	[ -e database/data-folder/ready ] || ! runs database postgres
}

# --- a front ---

fronts() {
	nodes front
}

# servers HAPROXY|NGINX: a line for each worker.
servers_of() {
	slot=1
	while [ "$slot" -le "$WORKERS" ]; do
		echo "$1-$slot $(address_of "$1"):$((9000 + slot))"
		slot=$((slot + 1))
	done
}

# With the servers of the hosts that there are in the place of those that are there.
write_front() {
	servers=$(for host in $(hosts); do servers_of "$host"; done)
	case $FRONT in
	haproxy)
		{
			sed -e '/^backend health/,$d' -e '/^	server /d' sh/haproxy.cfg
			echo "$servers" | sed 's/.*/	server & tcp-ut 1s max-reuse 100/'
			sed -e '1,/^backend health/{/^backend health/!d}' -e '/^	server /d' sh/haproxy.cfg
			for host in $(hosts); do echo "	server $host $(address_of "$host"):9000 tcp-ut 1s"; done
		} | sed -e "s/maxconn 512/maxconn $MAXCONN/" -e 's|/run/haproxy/admin.sock|unix@haproxy.sock|' >"$1/haproxy.cfg"
		;;
	nginx)
		mkdir -p "$1/temp"
		echo "$servers" | awk -v most="$MAXCONN" 'NR == FNR { list[++n] = $2; next }
			!/^\t\tserver / { print; next }
			!done++ { for (i = 1; i <= n; i++) print "\t\tserver " list[i] " max_fails=2 fail_timeout=1s max_conns=" most ";" }' \
			- sh/nginx.conf >"$1/nginx.conf"
		;;
	esac
}

front_start() {
	write_front "$1"
	case $FRONT in
	haproxy) start "$1" haproxy haproxy -db -f haproxy.cfg ;;
	nginx)
		on "$1" sysctl -qw net.ipv4.tcp_keepalive_time=1 net.ipv4.tcp_keepalive_intvl=1 \
			net.ipv4.tcp_keepalive_probes=2 net.ipv4.tcp_retries2=3
		start "$1" nginx nginx -e stderr -p . -c nginx.conf
		;;
	esac
	{ eventually "$START_TIMEOUT" front_serves "$1" && runs "$1" "$FRONT"; } ||
		fail "$1 does not serve: $(tail -n 1 "$1/$FRONT.log")"
	if [ "$FRONTS" = 1 ]; then
		on "$1" ip addr add "$(address_of address)/16" dev eth0
		return
	fi
	# Here nobody is root, to whom alone scripts may belong for enable_script_security.
	other=$([ "$1" = front1 ] && echo front2 || echo front1)
	priority=$([ "$1" = front1 ] && echo 100 || echo 99)
	sed -e "s/router_id front1/router_id $1/" -e "s/priority 100/priority $priority/" \
		-e "s/unicast_src_ip .*/unicast_src_ip $(address_of "$1")/" \
		-e /enable_script_security/d -e "s/^\(\t\t\)$NET.0.2$/\1$(address_of "$other")/" sh/keepalived.conf >"$1/keepalived.conf"
	start "$1" keepalived keepalived --vrrp --dont-fork --log-console -f keepalived.conf -p vrrp.pid -r vrrp-child.pid
}

front_serves() {
	! runs "$1" "$FRONT" || on "$1" curl -sf -o /dev/null --max-time 1 http://127.0.0.1:8080/front
}

# haproxy_says FRONT COMMAND: the runtime API's answer.
haproxy_says() {
	echo "$2" | socat -t 10 - "UNIX-CONNECT:$1/haproxy.sock"
}
