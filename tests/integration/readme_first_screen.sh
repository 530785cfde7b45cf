#!/bin/sh
# readme_first_screen.sh RUN_DIR PORT TRIES: what the README's first screen tells a reader to type once
# the system runs, so many times. Shows a try whose headers are not what it promises, and fails: with
# status 2 if what was to be seen while the loop was held came too late for it.
set -u
export RUN_DIR="$1" PORT="$2"
out=$RUN_DIR/first-screen.log

# block NAME: the README's commands, for this system.
block() {
	tests/integration/readme_block.sh "$1" | grep -v -e '^git' -e '^make run' |
		sed "s/localhost:8080/127.0.0.1:$PORT/"
}

# took PART MILLISECONDS: the answer's Server-Timing says at least so much of the part.
took() {
	awk -v part="$1" -v least="$2" '
		/^Server-Timing: / && match($0, part ";dur=[0-9.]*") {
			split(substr($0, RSTART, RLENGTH), pair, "=")
			enough = pair[2] >= least
		}
		END { exit !enough }' "$out"
}

# not WHAT STATUS
not() {
	echo "not $1:"
	cat "$out"
	exit "$2"
}

# try NAME: false if it takes for ever.
try() {
	timeout 60 sh -c "$(block "$1")
wait" >"$out" 2>&1
	[ $? != 124 ] || return 1
	grep -q '^X-Lanes-Worker: loop-[12]' "$out" || not "answered by a worker" 1
}

tries=0
while [ "$tries" -lt "$3" ]; do
	tries=$((tries + 1))
	try first || not "answered" 2
	took await 500 || not "500 ms of await" 1
	try held || not "seen to be held" 2
	grep -q 'loop-1 .* HELD .* /async/bad-blocking' "$out" || not "held by bad-blocking" 1
	took queue 500 || not "500 ms of queue" 2
done
