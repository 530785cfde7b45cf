#!/bin/sh
# The first process of a cluster's namespaces (cluster.sh): makes its network, starts what runs in it, and says
# so. Everything ends with it. Descriptor 0 listens on the port of the machine that leads here.
#
# The cluster's folder is /mnt in here: folders above it, as /root, may be closed to who runs this, and HAProxy and
# PostgreSQL go back by name to where they began.
mount --no-canonicalize --rbind . /mnt && cd /mnt || exit
# shellcheck source=spawn/cluster/nodes.sh
. ./sh/nodes.sh

exec 3<&0 </dev/null
trap 'exit 0' INT TERM HUP

# Who is started here does not have the port.
begin() {
	bridge_make 3<&-
	node_make database 3<&-
	database_start 3<&-
	with_database on database "./$NAME" --migrate 3<&- || fail 'the tables cannot be made'
	for n in $(seq "$HOSTS"); do
		node_make "host$n" 3<&-
		host_start "host$n" 3<&-
	done
	for n in $(seq "$FRONTS"); do
		node_make "front$n" 3<&-
	done
	for n in $(seq "$FRONTS"); do
		front_start "front$n" 3<&-
	done
}

# The machine of the clients is this namespace itself.
begin
mkdir -p client
(cd client && exec unshare --user --map-user="$PLAIN_UID" --map-group="$PLAIN_GID" haproxy -db -f ../sh/gate.cfg >>gate.log 2>&1) &
exec 3<&-
answers() {
	curl -s -o /dev/null -w '%{http_code}' --max-time 2 "http://$(address_of address):8080/" | grep -q '^[1-4]'
}
eventually "$START_TIMEOUT" answers || fail "no answer within $START_TIMEOUT s"
: >ready
cat welcome
while sleep 1 & wait $!; do
	:
done
