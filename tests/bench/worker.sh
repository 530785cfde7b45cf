# shellcheck shell=sh
# For scripts that count what a worker does: starts one, loads and ends it. Sourced, after which the
# working directory is the project's.
set -eu
CDPATH='' cd "$(dirname "$0")/../.."
build=$(dirname "${PROGRAM:-build/lanes}")
newline='
'

work=$(mktemp -d)
workers=
cleanup() {
	# shellcheck disable=SC2086 # several
	[ -z "$workers" ] || kill -KILL $workers 2>/dev/null || :
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# heard WORD: reads descriptor 3 up to a line with that word. If it ends before, so does the script,
# with what was read.
heard() {
	before=
	while read -r line <&3; do
		case $line in
		*"$1"*) return 0 ;;
		esac
		before=$before$line$newline
	done
	printf %s "$before" >&2
	exit 1
}

# start WORD COMMAND...: starts one, and waits until it says the word. It is $worker, and one of
# $workers.
start() {
	word=$1
	shift
	rm -f "$work/said"
	mkfifo "$work/said"
	"$@" 2>"$work/said" >&2 &
	worker=$!
	workers="$workers $worker"
	exec 3<"$work/said"
	heard "$word"
	cat <&3 >/dev/null & # there is somebody to talk to
}

# start_worker COMMAND...: starts it with a socket, and waits until it says that it has started.
start_worker() {
	start event=started "$@" --listen "$work/s" --slot 1
}

# end_workers: ends all, and waits for them; they must have ended well.
end_workers() {
	# shellcheck disable=SC2086 # several
	kill -TERM $workers
	for worker in $workers; do
		wait "$worker"
	done
	workers=
}

# load_worker REQUESTS OPTION...: loads it with as many as loadgen's options make, and ends it; all
# must have been answered.
load_worker() {
	requests=$1
	shift
	"$build/loadgen" "$@" "$work/s" >"$work/load" || :
	end_workers
	grep -q "\"answers\":$requests,\"errors\":0" "$work/load" || {
		echo "not answered: $* $(cat "$work/load")" >&2
		exit 1
	}
}
