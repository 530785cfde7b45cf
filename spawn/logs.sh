#!/bin/bash
# logs.sh BYTES: keeps the logs of a system, in whose RUN_DIR it runs. What workers say, and those who
# watch over them, comes through a pipe: none of them holds worker.log, so none can cut what others
# wrote there; and a line goes to the file that has the name when it comes, so that may be renamed. A
# log of more than that many bytes takes the place of its .old; nginx is told to open its own anew.
# SIGTERM: writes what is still in the pipe, and ends.
set -uo posix # a signal ends read
umask 027
LC_ALL=C
exec <>log.pipe

# nginx_does SIGNAL: if the process that was noted is the one that has the number.
nginx_does() {
	read -r pid started <pids/nginx.pid && IFS= read -r stat <"/proc/$pid/stat" || return
	# shellcheck disable=SC2086 # words
	set -- "$1" ${stat##*)}
	[ "${21}" != "$started" ] || kill -s "$1" "$pid"
}

turn_over() {
	reopen=
	while read -r size log; do
		[ "${size:-0}" -gt "$1" ] || continue
		case $log in
		worker.log) mv -f "$log" "$log.old" && : >>"$log" ;;
		database.log) cp -f "$log" "$log.old" && : >"$log" ;; # PostgreSQL writes into what it has
		*) mv -f "$log" "$log.old" && reopen=yes ;;
		esac
	done <<<"$(stat -c '%s %n' worker.log access.log error.log database.log)"
	[ -z "$reopen" ] || nginx_does USR1
}

trap 'ending=yes' TERM
ending='' looked=0 begun='' # the beginning of a line that was cut by the clock, or a signal
while line=; IFS= read -r -n 4096 -t "${ending:+0.0}2" line; cut=$?; [ "$cut" = 0 ] || [ -n "$line" ] || [ -z "$ending" ]; do
	begun=$begun$line
	[ "$cut" != 0 ] || [ -z "$begun" ] || printf '%s\n' "$begun" >>worker.log
	[ "$cut" != 0 ] || begun=
	[ $((SECONDS - looked)) -lt 2 ] || {
		looked=$SECONDS
		turn_over "$1"
	}
done 2>/dev/null
[ -z "$begun" ] || printf '%s\n' "$begun" >>worker.log
