#!/bin/sh
# Serves in the foreground, as run.sh does, and looks at the source while it does: when a file is saved,
# builds, and replaces the workers. What does not build is shown, and the last that did goes on serving.
# Calls that hold the loop are named (blocking.c), as are the worker's warnings and errors.
# Few, where nobody says: they are replaced often.
export WORKERS="${WORKERS:-1}" PREFORK_WORKERS="${PREFORK_WORKERS:-0}" CPU_WORKERS="${CPU_WORKERS:-0}"
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"

# shellcheck source=spawn/system.sh
. "$PWD/spawn/system.sh"

DEV=$PROJECT/build/dev
export RUN_DIR PROGRAM="$DEV/$NAME" PRELOAD="$DEV/blocking.so"

# What may be saved: a line for each file.
listing() {
	find Makefile app nginx spawn -type f ! -name '.*' ! -name '*~' -printf '%T@ %s %p\n' 2>/dev/null | sort
}

await_saved() {
	while [ "$(listing)" = "$seen" ]; do
		sleep 0.3
		[ $# = 0 ] || { runs "$1" && { [ -d "$RUN_DIR/dev" ] || publish serves; }; } || exit
	done
}

# publish STATE [FILE]: for the page: what came of what was saved, which a FILE has the words for, and the guide's
# handlers as they are on disk. A first line, and the words. As long as the page is there, which is the system's.
publish() {
	[ -d "$RUN_DIR/www" ] && { [ -d "$RUN_DIR/dev" ] || mkdir "$RUN_DIR/dev"; } || return 0
	told=$((told + 1))
	{ echo "$1 $told"; [ $# = 1 ] || head -c 8000 "$2"; } >"$RUN_DIR/dev/new" &&
		mv "$RUN_DIR/dev/new" "$RUN_DIR/dev/state" &&
		{ [ ! -d app/guide ] || install -m 644 app/guide/*.c "$RUN_DIR/dev"; }
} 2>/dev/null

# What was linked may hold a file that is gone.
build() {
	seen=$(listing)
	saved=$(printf '%s\n' "$built" "$seen" | sort | uniq -u | cut -d ' ' -f 3- | sort -u)
	rm -f "$PROGRAM" "$DEV"/*.a "$DEV/built"
	publish builds
	{ make --no-print-directory -j"$(nproc)" dev-build SAVED="$(echo "$saved" | grep -x '[A-Za-z0-9._/+-]*\.[ch]' | tr '\n' ' ')" &&
		: >"$DEV/built"; } 2>&1 | tee "$DEV/words"
	[ -e "$DEV/built" ] && built=$seen
}

# What a worker complains of.
complaints() {
	sed -un \
		-e 's/.* event=blocking-call .*at=\([^ ]*\) call=\([^ ]*\) in="\{0,1\}\([^"]*\)"\{0,1\} use="\(.*\)"$/\1: \2() holds the loop, in \3: use \4/p;t' \
		-e 's/.* event=sandbox-ends .*at=\([^ ]*\) call=\([^ ]*\) in="\{0,1\}\([^"]*\)"\{0,1\}$/\1: the sandbox ended the worker for \2(), in \3: do it in prepare, or LANES_SANDBOX=off make dev/p;t' \
		-e '/ level=info \|^Child\[\|^Spawning child/!p'
}

# Whether what was built starts as a worker does, in a folder and on a socket of its own.
trial() (
	rm -rf "$DEV/trial" && mkdir -p "$DEV/trial/pids" && cd "$DEV/trial" && write_environment && make_folders || exit
	copy_program
	write_options options
	give_up_root
	# shellcheck disable=SC2086 # words
	daemon trial log setpriv --pdeathsig TERM timeout "$START_TIMEOUT" $drop env LD_PRELOAD=./preload.so \
		"./$NAME" --config options --listen board/socket --spool spool
	until grep -aqs ' event=started ' log; do
		runs "$!" || {
			wait "$!"
			status=$?
			complaints <log
			say "what was built does not start (status $status)"
			exit 1
		}
		sleep 0.05
	done
	kill -s TERM "$!"
	wait "$!"
	true
)

# follow PID: as long as that runs.
follow() {
	while await_saved "$1"; do
		if ! build; then
			publish fails "$DEV/words"
			say "serves the last that could be built"
		elif ! trial >"$DEV/words" 2>&1; then
			cat "$DEV/words"
			publish starts-not "$DEV/words"
			say "serves the last that starts"
		else
			spawn/restart.sh >/dev/null && publish serves && say "serves what was saved"
		fi
	done
}

# show PID: what the workers complain of, as long as that runs.
show() {
	tail -n 0 -s 0.2 -F --pid="$1" "$RUN_DIR/worker.log" 2>/dev/null | complaints
}

mkdir -p "$DEV" || exit
built=$(listing) told=0
until build && trial; do
	say "waits until a file is saved"
	await_saved
done
follow $$ &
show $$ &
exec spawn/run.sh
