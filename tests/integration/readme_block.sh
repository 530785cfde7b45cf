#!/bin/sh
# readme_block.sh NAME: the fenced block of README.md below "<!-- example: NAME -->".
set -eu
awk -v mark="<!-- example: $1 -->" '
	$0 == mark { wanted = 1; next }
	wanted && /^```/ { if (inside) exit; inside = 1; next }
	inside { print; found = 1 }
	END { if (!found) { print "README.md: no example: " mark >"/dev/stderr"; exit 1 } }' README.md
