#!/bin/sh
# Makes a project in DIR, for a service of one's own: what template holds, with copies of nginx and spawn.
# Its program is called NAME; as DIR, where nobody says. All of it, or nothing, is there at the end.
set -u
CDPATH='' cd "$(dirname "$0")/../.." || exit 1

refuse() {
	echo "make new: $*" >&2
	exit 1
}

DIR=${DIR:-}
[ -n "$DIR" ] || refuse "where to? make new DIR=../orders, and NAME=… if it is not to be called so"
place=$(realpath -m -- "$DIR")
lanes=$(pwd -P)
case $place/ in
"$lanes"/build/*) ;; # where tests make some
"$lanes"/*) refuse "DIR=$DIR is inside Lanes; name a folder outside" ;;
esac
name=${NAME:-$(basename -- "$place" | tr 'A-Z ' 'a-z-')}
other=
[ -n "${NAME:-}" ] || other="; give NAME="
# As a process it has 15 characters, and in build and RUN_DIR other things have names.
case $name in
[!a-z]* | *[!a-z0-9_-]* | ????????????????*)
	refuse "the program cannot be called $name: a small letter, and then up to 14 small letters, digits, - and _ are wanted$other"
	;;
app | bash | board | database | database-kept | dev | env | flags | initdb | library | new | nginx | \
	pids | postgres | setpriv | setsid | sh | sleep | spawn-fcgi | spool | temp | tests | www)
	refuse "the program cannot be called $name, as something else is$other"
	;;
esac
[ ! -e "$place" ] && [ ! -L "$place" ] || { [ -d "$place" ] && [ -z "$(ls -A -- "$place")" ]; } ||
	refuse "DIR=$DIR holds something; name a new or empty folder"

case $lanes in
*"'"*) refuse "a Makefile cannot name $lanes" ;;
esac

# Where somebody else may replace what is being written, root could be made to write anywhere.
parent=$(dirname -- "$place")
at=$place
while [ "$(id -u)" = 0 ]; do
	[ ! -e "$at" ] || [ -n "$(find "$at" -maxdepth 0 \( -uid 0 -o -uid "$(stat -c %u .)" \) \( -perm -1000 -o ! -perm -002 \))" ] ||
		refuse "$at belongs to another user, or anybody may write there: make it as that user, or elsewhere"
	[ "$at" != / ] || break
	at=$(dirname -- "$at")
done
# A folder that is there stays the same one: somebody may be in it.
if [ -d "$place" ]; then parent=$place; fi
{ mkdir -p -- "$parent" && new=$(mktemp -d "$parent/.$name.XXXXXX"); } 2>/dev/null ||
	refuse "cannot make a folder in $parent"
trap 'rm -rf -- "$new"' EXIT
trap 'exit 1' INT TERM HUP

# fill FILE: puts the names into it. In a Makefile, $ and # mean something.
fill() {
	LANES=$(printf %s "$lanes" | sed 's/\$/$$/g; s/#/\\#/g') awk -v name="$name" '
		$0 == "LANES  ?= @LANES@" { $0 = "LANES  ?= " ENVIRON["LANES"] }
		{ gsub(/@NAME@/, name); print }' "app/new/template/$1" >"$new/$1"
}

# What Lanes' documents say of nginx and spawn is of Lanes: the project has a README.md of its own. So are its
# packages, and handlers that the page shows.
cp -R app/new/template/. nginx spawn "$new" && mv "$new/gitignore" "$new/.gitignore" &&
	rm -rf "$new"/*/README.md "$new/nginx/fronts" "$new/nginx/www/handlers" "$new/spawn/debian" &&
	cp -R app/new/template/spawn "$new" &&
	fill Makefile && fill README.md && fill app/main.c && fill spawn/project.sh && chmod 755 "$new" || exit 1
if [ "$parent" = "$place" ]; then
	mv -- "$new"/.[!.]* "$new"/* "$place" && rmdir -- "$new"
else
	mv -T -- "$new" "$place"
fi || exit 1
trap - EXIT
echo "$place is a project, and its program $name. In it: make run, make test, make help."
