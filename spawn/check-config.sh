#!/bin/sh
# Says what is wrong with the settings: of CONFIG, with its lines, and of the environment, and starts nothing.
# Status: 0 nothing, 2 something.
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"

wrong=${bad:-}
fail() {
	echo "$NAME: $*" >&2
	wrong=yes
}

check_settings
check_environment
check_urls
check_user
if [ ! -x "$PROGRAM" ]; then
	fail "$PROGRAM is missing: build it first"
else
	folder=$(mktemp -d) || exit
	trap 'rm -rf "$folder"' EXIT
	[ -z "$CONFIG" ] || config_options >"$folder/options"
	words=$("$PROGRAM" ${CONFIG:+--config} ${CONFIG:+"$folder/options"} --check-config 2>&1 >/dev/null) ||
		fail "$(printf '%s\n' "$words" | as_of_config "$folder/options")"
fi
[ -z "$wrong" ] || exit 2
say "${CONFIG:-settings}: no errors"
