# shellcheck shell=sh
# For scripts that count what a worker does: starts one, loads and ends it. Sourced, after which the
# working directory is the project's.
set -eu
CDPATH='' cd "$(dirname "$0")/../.."
build=$(dirname "${PROGRAM:-build/lanes}")
newline='
'

work=$(mktemp -d)
worker=
cleanup() {
	[ -z "$worker" ] || kill -KILL "$worker" 2>/dev/null || :
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

# start_worker COMMAND...: starts it with a socket, and waits until it says that it has started.
start_worker() {
	rm -f "$work/said"
	mkfifo "$work/said"
	"$@" --listen "$work/s" --slot 1 2>"$work/said" >&2 &
	worker=$!
	exec 3<"$work/said" 4<&3 # 4 stays open: there is somebody to talk to
	heard event=started
}

# load_worker REQUESTS OPTION...: loads it with as many as loadgen's options make, and ends it; all
# must have been answered.
load_worker() {
	requests=$1
	shift
	"$build/loadgen" "$@" "$work/s" >"$work/load" || :
	kill -TERM "$worker"
	wait "$worker" || :
	worker=
	grep -q "\"answers\":$requests,\"errors\":0" "$work/load" || {
		echo "not answered: $* $(cat "$work/load")" >&2
		exit 1
	}
}
