#!/bin/sh
# systemd.sh serve|check: for lanes-nginx.service, which has it run in folders of its own. Makes nginx's
# configuration for the workers' sockets that there are, and becomes nginx, with the ports that systemd has opened
# for it; or only sees whether nginx would take it, before it is reloaded: if not, the one before stays.
# shellcheck disable=SC2034 # of common.sh and system.sh
SOCKETS_IN=/run/lanes
RUN_DIR=$RUNTIME_DIRECTORY
command=${1-}
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=spawn/system.sh
. "$PWD/spawn/system.sh"

# As common.sh has them, but of what is there. Two processes at the least have the socket of prefork.
units() {
	for socket in "$SOCKETS_IN"/*.sock; do
		name=$(basename "$socket" .sock)
		case $name in
		worker-*) echo "$name loop loop 1 1 $socket 0 /" ;;
		prefork) echo "$name prefork prefork 0 2 $socket 0 /prefork/" ;;
		cpu-* | outside-*) echo "$name ${name%-*} loop 1 1 $socket 0 /" ;;
		admin | health) echo "$name $name loop 0 1 $socket 0 /" ;;
		esac
	done
}

check_settings
raise_files_limit
umask 027
{ mkdir -p "$RUN_DIR/new" && cd "$RUN_DIR/new"; } || fail "cannot write to $RUN_DIR"
write_servers
write_nginx_conf
# What it says goes to the journal; who asked for what, to a file, which is too much for that.
sed -i -e 's|^error_log .*|error_log stderr warn;|' -e "s|alias www/;|alias $PROJECT/nginx/www/;|" \
	-e "s|access_log access.log|access_log $LOGS_DIRECTORY/access.log|" nginx.conf
[ "$command" = serve ] || nginx -t -q -p "$CACHE_DIRECTORY" -e stderr -c "$PWD/nginx.conf" ||
	fail "nginx goes on with what it has"
mv -f ./* "$RUN_DIR" || fail "cannot write to $RUN_DIR"
[ "$command" = serve ] || exit 0

# The descriptors from 3 on, as nginx itself passes them to another nginx.
NGINX=
while [ "${LISTEN_FDS:-0}" -gt 0 ]; do
	NGINX="$((LISTEN_FDS + 2));$NGINX"
	LISTEN_FDS=$((LISTEN_FDS - 1))
done
unset LISTEN_FDS LISTEN_PID LISTEN_FDNAMES
[ -z "$NGINX" ] || export NGINX
exec nginx -p "$CACHE_DIRECTORY" -e stderr -c "$RUN_DIR/nginx.conf"
