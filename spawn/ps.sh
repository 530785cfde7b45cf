#!/bin/sh
# Shows which request of the running system awaits what, at which line of the source.
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"

check_owner looking
[ -n "$(processes)" ] || fail "nothing is running in $RUN_DIR"
[ ! -e "$RUN_DIR/board/scoreboard" ] || [ -r "$RUN_DIR/board/scoreboard" ] ||
	fail "the scoreboard is for $(stat -c %U "$RUN_DIR/board") to read; /status?text shows the same"
exec "$RUN_DIR/$NAME" --ps --scoreboard "$RUN_DIR/board/scoreboard"
