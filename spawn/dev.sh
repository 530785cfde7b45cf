#!/bin/sh
# Serves in the foreground, as run.sh does, and looks at the source while it does: when a file is saved,
# builds, and replaces the workers. What does not build is shown, and the last that did goes on serving.
# Calls that hold the loop are named (blocking.c), as are the worker's warnings and errors.
# Few, where nobody says: they are replaced often.
export WORKERS="${WORKERS:-1}" PREFORK_WORKERS="${PREFORK_WORKERS:-0}" CPU_WORKERS="${CPU_WORKERS:-0}"
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"

DEV=build/dev
export RUN_DIR PROGRAM="$DEV/$NAME" PRELOAD="$DEV/blocking.so"

build() {
	touch "$DEV/stamp" && make --no-print-directory dev-build
}

saved() {
	[ -n "$(find Makefile app nginx spawn -type f -newer "$DEV/stamp" ! -name '.*' ! -name '*~' -print -quit)" ]
}

await_saved() {
	until saved; do
		sleep 0.3
		[ $# = 0 ] || runs "$1" || exit
	done
}

# follow PID: as long as that runs.
follow() {
	while await_saved "$1"; do
		if build; then
			spawn/restart.sh >/dev/null && say "serves what was saved"
		else
			say "serves the last that could be built"
		fi
	done
}

# show PID: what the workers complain of, as long as that runs.
show() {
	tail -n 0 -s 0.2 -F --pid="$1" "$RUN_DIR/worker.log" 2>/dev/null | sed -un \
		-e 's/.* event=blocking-call .*at=\([^ ]*\) call=\([^ ]*\) in="\{0,1\}\([^"]*\)"\{0,1\} use="\(.*\)"$/\1: \2() holds the loop, in \3: use \4/p;t' \
		-e '/ level=\(warning\|error\) /p'
}

mkdir -p "$DEV" || exit
until build; do
	say "waits until a file is saved"
	await_saved
done
follow $$ &
show $$ &
exec spawn/run.sh
