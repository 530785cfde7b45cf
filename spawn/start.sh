#!/bin/sh
# Starts a system in the background: checks everything that can be checked first, then starts the
# workers, then nginx, and reports success when the URL answers. A start that fails says why in one
# line and leaves nothing running.
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=spawn/system.sh
. "$PWD/spawn/system.sh"

# --- before anything is touched ---

check_programs() {
	for program in nginx spawn-fcgi setpriv setsid flock curl realpath; do
		command -v "$program" >/dev/null || fail "$program is missing: $PROJECT/spawn/deps.sh run"
	done
	[ -x "$PROGRAM" ] || fail "$PROGRAM is missing: build it first"
}

check_fastapi() {
	[ -n "$FASTAPI" ] || return 0
	[ -n "${RUN_PID-}" ] || fail "$(origin FASTAPI)FASTAPI=$FASTAPI is for $(typed run), with which it ends"
	[ -e tests/oracle/app.py ] || fail "$(origin FASTAPI)FASTAPI=$FASTAPI: the guide's own application is in the project's folder only"
	/usr/bin/python3 -I -c 'import fastapi, uvicorn' 2>/dev/null ||
		fail "FASTAPI=$FASTAPI: python3-fastapi and uvicorn are missing: FASTAPI=1 $PROJECT/spawn/deps.sh run"
}

# Unix sockets have room for 107 bytes. The system itself uses relative paths; curl, debuggers and
# people want to be able to name the sockets from elsewhere.
check_run_dir() {
	check_owner ""
	length=$(printf %s "$RUN_DIR/exercise-prefork.sock" | wc -c)
	[ "$length" -le 107 ] ||
		fail "RUN_DIR is too long for unix sockets by $((length - 107)) bytes: $RUN_DIR"
	if [ -e "$RUN_DIR" ]; then
		[ -d "$RUN_DIR" ] || fail "RUN_DIR is not a directory: $RUN_DIR"
		[ -w "$RUN_DIR" ] || fail "RUN_DIR is not writable: $RUN_DIR"
		[ -z "$(ls -A "$RUN_DIR")" ] ||
			[ -n "$(find "$RUN_DIR" -maxdepth 1 \( -name pids -o -name '*.log' -o -name '*.log.old' -o -name database-kept \))" ] ||
			fail "RUN_DIR holds other files, name an empty or new one: $RUN_DIR"
	fi
}

# --- starting ---

prepare_run_dir() {
	mkdir -p "$RUN_DIR" 2>/dev/null || fail "cannot make RUN_DIR: $RUN_DIR"
	lock
	[ -z "$(processes)" ] ||
		fail "already running in $RUN_DIR: $(typed status), $(typed stop), or another RUN_DIR and PORT"
	trap 'undo interrupted' INT TERM HUP
	remove_files # of a system that was killed
	NAME=$own_name
	{ mkdir -p "$RUN_DIR/pids" && cd "$RUN_DIR"; } ||
		fail "cannot write to RUN_DIR: $RUN_DIR"
	{ chmod 755 . && cat "$BOOT" >pids/boot && write_environment; } ||
		fail "cannot write to RUN_DIR: $RUN_DIR"
	for log in worker.log access.log error.log ${DATABASE:+database.log}; do
		[ ! -s "$log" ] || mv "$log" "$log.old"
		{ rm -f "$log" && (umask 027 && : >"$log"); } 2>/dev/null ||
			fail "RUN_DIR is not writable: $RUN_DIR"
	done
	stage_program
	write_options options
	wrong=$(check_options options) || undo "$wrong"
	copy_program
	{ copy_page && make_folders && { [ -z "${RUN_PID-}" ] || make_control; }; } || fail "cannot write to $RUN_DIR"
}

# undo MESSAGE [LOG PATTERN]: a failed start. Why a process ended is told by the log it wrote to, which is
# complete when all have ended.
undo() {
	trap '' INT TERM HUP
	hurry=yes
	stop_system
	words=${2:+$(last_words "$2" "$3")}
	fail "$1${words:-${2:+$RUN_DIR/$2 does not say why; is the disk full?}}"
}

last_words() {
	grep -av -e ' level=info ' -e event=worker-ended -e event=start-delayed "$1" 2>/dev/null |
		grep -a "$2" | tail -n 1 |
		sed -e 's/^[0-9/]* [0-9:]* //' -e 's/^\(nginx: \)\{0,1\}\[[a-z]*\] [0-9#: ]*//' \
			-e 's/^[0-9-]* [0-9:.]* [A-Z]* \[[0-9]*\] //' -e 's|/proc/[0-9]*/cwd|the database|'
}

# Waits until the database serves. What it does first may take long; so it gets its time anew with each line of
# its log.
await_database() {
	begun=$(date +%s) deadline=0 lines=0 told=
	until [ -e "$folder/ready" ]; do
		alive database || undo 'the database did not start: ' database.log 'error: \|could not \|FATAL\|PANIC'
		now=$(date +%s) had=$lines lines=$(wc -l <database.log)
		[ "$lines" = "$had" ] && [ "$deadline" != 0 ] || deadline=$((now + START_TIMEOUT))
		[ "$now" -le "$deadline" ] || undo "no database within $START_TIMEOUT s: see $RUN_DIR/database.log"
		[ $((now - begun)) -lt 2 ] || [ -n "$told" ] || { say "waiting for the database" && told=yes; }
		sleep 0.02
	done
}

# Workers that have started so far, however often.
workers_started() {
	awk '$5 == "event=started" && !seen[$3]++ { n++ } END { print n + 0 }' worker.log
}

# Waits until all workers have started. There may be hundreds on few cores, or on a busy machine: the
# time they get begins anew with each that has started.
await_workers() {
	wanted=$(pools | awk '{ n += $3 } END { print n }')
	most=-1
	while count=$(workers_started) && [ "$count" -lt "$wanted" ]; do
		if [ "$count" -gt "$most" ]; then
			most=$count
			deadline=$(($(date +%s) + START_TIMEOUT))
		fi
		check_alive
		[ "$(date +%s)" -le "$deadline" ] ||
			undo "$count of $wanted workers started, and no other within $START_TIMEOUT s: see $RUN_DIR/worker.log"
		sleep 0.02
	done
}

# Waits until every pool answers through nginx, whatever it is that it says: a service need not have a "/".
await_answers() {
	deadline=$(($(date +%s) + START_TIMEOUT))
	for path in $(units | awk '$8 != "none" { print $8 }' | uniq); do
		until [ -n "$(curl -s -o /dev/null -w '%header{x-lanes-worker}' --noproxy '*' --max-time 2 \
			"http://127.0.0.1:$PORT$path")" ]; do
			check_alive
			[ "$(date +%s)" -lt "$deadline" ] ||
				undo "no answer at http://localhost:$PORT$path within $START_TIMEOUT s: see $RUN_DIR/worker.log and error.log"
			sleep 0.02
		done
	done
	check_alive
}

# A system whose database is away, or has no tables, serves; what needs those is a 503. A worker that hears
# nothing gives up after five seconds.
tell_of_database() {
	deadline=$(($(date +%s) + 7))
	while answer=$(curl -s --noproxy '*' --max-time 2 "http://127.0.0.1:$PORT/readyz"); do
		case $answer in
		*'has not answered yet)') [ "$(date +%s)" -lt "$deadline" ] || break ;;
		*) break ;;
		esac
		sleep 0.02
	done
	case $answer in
	*'(tables are missing '*) echo "$NAME: tables are missing in the database: $(typed migrate) makes them" ;;
	*'(the database '*) echo "$NAME: the database does not answer, and what needs it is a 503: see $RUN_DIR/worker.log" ;;
	esac >&2
}

check_alive() {
	alive nginx || undo 'nginx did not start: ' error.log emerg
	for unit in $(units | awk '{ print $1 }'); do
		alive "$unit" || undo "worker $unit did not start: " worker.log .
	done
}

check_settings
check_programs
check_fastapi
check_run_dir
check_user
check_environment
check_urls
find_postgres
[ ! -d "$RUN_DIR" ] || [ -z "$(processes)" ] ||
	fail "already running in $RUN_DIR: $(typed status), $(typed stop), or another RUN_DIR and PORT"
check_port
raise_files_limit
prepare_run_dir
# A system in the foreground belongs to this process (run.sh).
[ -z "${RUN_PID-}" ] || echo "$RUN_PID" >pids/run.pid
SOCKETS=$WORKERS
write_settings
write_servers
write_nginx_conf nginx.conf
if [ -n "$DATABASE" ]; then
	start_database
	await_database
	words=$(run_program "$NAME" --migrate 2>&1) || undo "the tables cannot be made: $words"
fi
while read -r unit; do
	# shellcheck disable=SC2086 # a line of words
	start_unit $unit
done <<EOF
$(units)
EOF
start_nginx
await_workers
await_answers
[ -z "$DATABASE$DATABASE_URL" ] || tell_of_database
say "http://localhost:$PORT${TLS_LISTEN:+, TLS on $TLS_LISTEN} ($(pools | awk '$3 { printf "%s%d %s", s, $3, $1; s = ", " }'); logs in $RUN_DIR)"
