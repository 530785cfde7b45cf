#!/bin/sh
# Shows what runs in RUN_DIR. Status: 0 all of it, 1 not all of it, 3 nothing.
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"

check_owner looking
list=$(processes)
if [ -z "$list" ]; then
	say "nothing is running in $RUN_DIR"
	exit 3
fi
[ -O "$RUN_DIR" ] || say "another user's system: $(stat -c %U "$RUN_DIR")'s"
read_settings
answer=$(curl -s -o /dev/null -w '%{http_code}' --noproxy '*' --max-time 5 \
	"http://127.0.0.1:$PORT/") || answer='no answer'
echo "http://localhost:$PORT/: $answer (RUN_DIR $RUN_DIR)"
status=0
[ "$answer" = 200 ] || status=1
for file in "$RUN_DIR"/pids/*.pid; do
	[ -e "$file" ] || continue
	name=$(basename "$file" .pid)
	[ "$name" != run ] || continue
	read -r pid _ <"$file"
	children=$(echo "$list" | awk -v parent="$pid" '$3 == parent { printf " %s", $1 }')
	if ! alive "$name"; then
		children=' dead'
		status=1
	fi
	if [ -z "$children" ] && [ "$name" != logs ]; then
		children=' none: see worker.log'
		status=1
	fi
	printf '%-16s %8s  processes:%s\n' "$name" "$pid" "$children"
done
exit $status
