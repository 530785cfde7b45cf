#!/bin/sh
# Shows what runs in RUN_DIR. Status: 0 all of it, 1 not all of it, 3 nothing.
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"

list=$(processes)
if [ -z "$list" ]; then
	if ! alive nginx; then
		say "nothing is running in $RUN_DIR"
		exit 3
	fi
	say "another user's system: $(stat -c %U "$RUN_DIR")'s"
	list=$(processes any)
fi
# shellcheck source=/dev/null
[ ! -r "$RUN_DIR/pids/settings" ] || . "$RUN_DIR/pids/settings"
answer=$(curl -s -o /dev/null -w '%{http_code}' --noproxy '*' --max-time 5 \
	"http://127.0.0.1:$PORT/") || answer='no answer'
echo "http://localhost:$PORT/: $answer (RUN_DIR $RUN_DIR)"
status=0
[ "$answer" = 200 ] || status=1
for file in "$RUN_DIR"/pids/*.pid; do
	[ -e "$file" ] || continue
	name=$(basename "$file" .pid)
	[ "$name" != run ] || continue
	read -r pid <"$file"
	children=$(echo "$list" | awk -v parent="$pid" '$3 == parent { printf " %s", $1 }')
	if ! alive "$name"; then
		children=' dead'
		status=1
	fi
	printf '%-12s %8s  processes:%s\n' "$name" "$pid" "$children"
done
exit $status
