#!/bin/sh
# readme_first_screen.sh RUN_DIR PORT TRIES: what the README's first screen tells a reader to type once
# the system runs, so many times. Shows a try whose headers are not what it promises, and fails.
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

# try NAME PART MILLISECONDS
try() {
	timeout 60 sh -c "$(block "$1")
wait" >"$out" 2>&1
	if ! took "$2" "$3" || ! grep -q '^X-Lanes-Worker: loop-[12]' "$out"; then
		echo "$1, not $3 ms of $2:"
		cat "$out"
		exit 1
	fi
}

tries=0
while [ "$tries" -lt "$3" ]; do
	tries=$((tries + 1))
	try first await 500
	try held queue 500
	grep -q 'loop-1 .* HELD .* /async/bad-blocking' "$out" || {
		cat "$out"
		exit 1
	}
done
