#!/bin/sh
# database.sh FOLDER BIN CONNECTIONS [OPTION...]: keeps a PostgreSQL alive that is a system's own. start.sh puts a copy
# into RUN_DIR and runs it there, as the user whom workers run as: PostgreSQL refuses root. FOLDER, below
# RUN_DIR, is that user's, and nobody else may enter: whoever reaches the socket in it is let in. The cluster
# is FOLDER/data; where there is none, it is made in data.new, so that it is there as a whole or not at all.
# BIN has PostgreSQL's programs, which gets the options. FOLDER/ready is there once it has begun to serve.
#
# RUN_DIR may be below a folder that this user may not enter, like /root. So whatever starts names the
# cluster by way of this process, which works in it.
#
# A PostgreSQL that ends is started again, always; but if the first one never served, this ends, too. SIGTERM
# ends both.
set -u
umask 077
export LC_ALL=C # of what is said here; the cluster has a locale of its own
folder=$1 bin=$2 connections=$3
shift 3
cd -P "$folder" || exit # not by name
child=0 ending=
trap 'ending=yes; [ "$child" = 0 ] || kill -s INT "$child"' TERM

# begin COMMAND...: in the background, until finish; it reads descriptor 3. It does not outlive this process,
# by way of which it finds its files: it ends as in a crash then. And it begins where everybody may be:
# PostgreSQL 15 goes back there by name.
begin() {
	(cd / && exec setpriv --pdeathsig QUIT "$@" <&3 3<&-) &
	child=$!
	[ -z "$ending" ] || kill -s INT "$child" # it came before there was a child
}

# Its status. A signal ends the wait, and not what is waited for.
finish() {
	wait "$child"
	while status=$? && [ "$status" -gt 128 ] && kill -s 0 "$child" 2>/dev/null; do
		wait "$child"
	done
	child=0
	return "$status"
}

# The role of the workers owns their database, and is no superuser. Text is in the order of its characters'
# numbers, on every machine.
make_cluster() {
	rm -rf data.new && mkdir data.new && cd -P data.new || exit
	begin "$bin/initdb" -D "/proc/$$/cwd" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
		--no-instructions "$@" 3</dev/null >/dev/null
	finish && [ -z "$ending" ] || exit 1
	begin "$bin/postgres" --single -D "/proc/$$/cwd" -c exit_on_error=on postgres 3<<-EOF >/dev/null
		CREATE ROLE lanes LOGIN
		CREATE DATABASE lanes OWNER lanes
	EOF
	finish && mv ../data.new ../data || exit 1
}

# The numbers in the files of a PostgreSQL that was killed prove nothing, they may be others' by now. Who works
# there does.
working=$(find -L /proc/[0-9]*/cwd -maxdepth 0 -samefile data 2>/dev/null | tr -cs '0-9' ' ')
if [ -n "$working" ]; then
	echo "FATAL:  another PostgreSQL works in $folder/data: process$working" >&2
	exit 1
fi
rm -f data/postmaster.pid .s.PGSQL.*
if [ -d data ]; then
	cd -P data || exit
else
	case $folder in
	*-kept) make_cluster ;;
	*) make_cluster --no-sync ;; # it is made anew if the machine stops
	esac
fi

served=
while [ -z "$ending" ]; do
	begun=$(date +%s)
	begin "$bin/postgres" -D "/proc/$$/cwd" -p 5432 -c listen_addresses= -c unix_socket_directories=.. \
		-c "max_connections=$connections" "$@" 3</dev/null
	while [ -z "$served" ] && kill -s 0 "$child" 2>/dev/null; do
		case $(sed -n 8p postmaster.pid 2>/dev/null) in
		ready*) : >../ready && served=yes ;;
		*) sleep 0.02 ;;
		esac
	done
	finish
	[ -n "$served" ] || exit 1
	[ -n "$ending" ] || [ $(($(date +%s) - begun)) -gt 2 ] || sleep 1
done
