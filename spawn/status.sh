#!/bin/sh
# Shows what runs in RUN_DIR, and which loops are held. Status: 0 all of it, 1 not all of it, 3 nothing.
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
ask() {
	curl -s --noproxy '*' --max-time 5 "http://127.0.0.1:$PORT$1"
}
held=$(ask '/status?text' | grep -a ' HELD ')
answer=$(ask /readyz) || answer='no answer'
echo "http://localhost:$PORT: $answer"
echo "RUN_DIR $RUN_DIR"
status=0
[ "$answer" = ready ] || status=1
width=${COLUMNS:-80}
case $width in
'' | *[!0-9]* | ?????*) width=80 ;;
esac
[ "$width" -ge 40 ] || width=40
for file in "$RUN_DIR"/pids/*.pid; do
	[ -e "$file" ] || continue
	name=$(basename "$file" .pid)
	[ "$name" != run ] || continue
	read -r pid _ <"$file"
	children=$(echo "$list" | awk -v parent="$pid" '$3 == parent { printf " %s", $1 }')
	if ! alive "$name"; then
		children=' dead'
		status=1
	elif [ "$name" = logs ]; then
		children=' none but this one'
	elif [ -z "$children" ]; then
		[ "$name" = database ] && log=database.log || log=worker.log
		children=" none: see $log"
		status=1
	fi
	printf '%-16s %8s  processes:%s\n' "$name" "$pid" "$children" | fold -s -w "$width"
done
[ -z "$held" ] || echo "$held" | cut -c "1-$width"
exit $status
