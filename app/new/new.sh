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
	options | pids | postgres | setpriv | setsid | sh | sleep | spawn-fcgi | spool | temp | tests | www)
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

# renamed: what is called lanes, in units and in scripts of the package, is the service's; what only the
# demonstration has is left out.
renamed() {
	sed -E -e 's/ --(files|outside) [^ ]*//g' -e '/^# mail = /d' -e 's/\blanes-outside\.service ?//' \
		-e "s/ 'lanes-outside\.\*'//" -e 's/ lanes-cpu@1\.service( lanes-prefork\.service)?//' \
		-e 's/, one cpu worker and two prefork$/;/' -e 's/^# ones; /# /' -e "s/\b[Ll]anes\b/$name/g" "$1"
}

# units FROM TO: files and folders of files, with their names.
units() {
	find "$1" -type f ! -name 'lanes-outside.*' ! -name README.md | while read -r file; do
		to=$2/$(echo "${file#"$1"/}" | sed "s/\blanes\b/$name/g")
		mkdir -p "$(dirname "$to")" && renamed "$file" >"$to" || exit
		# Who asks nginx for nothing, need not know its port.
		grep -qF '{PORT}' "$to" || sed -i '/^Environment=PORT=/,/^EnvironmentFile=/d' "$to"
	done
}

# In spawn/debian of the project are its own files, and those of Lanes that are the same but for names. Debian's
# names have no underscore.
packaging() {
	package=$(echo "$name" | tr _ -)
	rm -rf "$new/spawn/debian" "$new/spawn/systemd" && units spawn/systemd "$new/spawn/systemd" &&
		renamed spawn/systemd.sh >"$new/spawn/systemd.sh" && cp -R app/new/template/spawn "$new" || return
	debian=$new/spawn/debian
	for file in postinst prerm postrm logrotate; do
		renamed "spawn/debian/lanes.$file" >"$debian/$file" || return
	done
	renamed spawn/debian/lanes.conf >"$debian/@NAME@.conf" && renamed spawn/debian/nginx.env >"$debian/nginx.env" &&
		mkdir "$debian/source" && cp spawn/debian/source/format "$debian/source" || return
	for file in "$debian"/*; do
		[ ! -f "$file" ] || sed -i -e "s/@NAME@/$name/g" -e "s/@PACKAGE@/$package/g" "$file" || return
	done
	mv "$debian/@NAME@.1" "$debian/$name.1" && mv "$debian/@NAME@.conf" "$debian/$name.conf"
}

# What Lanes' documents say of nginx and spawn is of Lanes: the project has a README.md of its own. So are
# handlers that the page shows.
cp -R app/new/template/. nginx spawn "$new" && mv "$new/gitignore" "$new/.gitignore" &&
	rm -rf "$new"/*/README.md "$new"/spawn/*/README.md "$new/nginx/fronts" "$new/nginx/www/handlers" \
		"$new"/spawn/Containerfile* "$new/spawn/image.sh" "$new/spawn/container.sh" "$new/spawn/kubernetes" && packaging &&
	fill Makefile && fill README.md && fill app/main.c && fill spawn/project.sh && chmod 755 "$new" || exit 1
if [ "$parent" = "$place" ]; then
	mv -- "$new"/.[!.]* "$new"/* "$place" && rmdir -- "$new"
else
	mv -T -- "$new" "$place"
fi || exit 1
trap - EXIT
echo "$place is a project, and its program $name. In it: make run, make test, make help."
