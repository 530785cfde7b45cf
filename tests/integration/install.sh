#!/bin/sh
# install.sh STEP DIRECTORY [PORT]: the steps of test_install.c. The first has "make install" put everything
# into DIRECTORY/usr, and the others use nothing but that. It starts from what is built already, in a copy:
# what has other flags is built anew there.
set -eu
step=$1 directory=$2
here=$PWD
built=$(dirname "${PROGRAM:-build/lanes}")
prefix=$directory/usr
unset PROGRAM BODY_KB RUN_DIR MAKEFLAGS MAKELEVEL CFLAGS CC SANITIZER DESTDIR PREFIX LIBDIR

# Fails if there is something on stdin, and shows it.
none() {
	! grep .
}

flags() {
	PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags --libs lanes
}

make_here() {
	make --no-print-directory BUILD="$directory/build" OBJ="$directory/build" "$@"
}

install_all() {
	mkdir -p "$directory/build"
	cp -a "$built/app" "$built/inside.a" "$built/liblanes.a" "$built/exports" "$built/lanes" "$built/flags" \
		"$directory/build"
	(umask 077 && make_here PREFIX="$prefix" install)
	chmod 755 "$directory"
	# All is there for others to read, and nothing to write.
	find "$prefix" ! -perm -444 -o -perm /022 | none
}

# As a package is made: into a folder that stands for "/".
package() {
	root="$directory/a root"
	make_here PREFIX=/usr DESTDIR="$root" install
	libdir=usr/lib/$(gcc -print-multiarch)
	grep -qx "libdir=/$libdir" "$root/$libdir/pkgconfig/lanes.pc"
	[ -s "$root/$libdir/liblanes.a" ]
	[ -x "$root/usr/bin/lanes" ]
	grep -rIF "$directory" "$root" | none
	make_here PREFIX=/usr DESTDIR="$root" uninstall
	find "$root" -type f | none
}

# The names that others see are those that headers declare, and those that were recorded; and none that a
# service may have itself.
exports() {
	library=$prefix/lib/liblanes.a
	nm -g --defined-only "$library" | sed -n 's/.* [A-Z] //p' | sort >"$directory/names"
	diff "$directory/names" "$directory/build/exports"
	grep -v '^#' tests/installed/exports.txt | sed '/^$/d' | sort | diff - "$directory/names"
	# shellcheck disable=SC2046 # words
	printf '%s\n' main root routes application options handler list init start stop prepare ready \
		$(sed -n 's/^[a-z].*[ *]\([a-z_]*\)(.*/\1/p' app/admin/*.[ch] | grep -vx lanes_main) |
		grep -xFf "$directory/names" | none
}

# What app/README.md has typed.
typed() {
	(cd "$here" && tests/documents/block installed) | sed "s|/usr/local|$prefix|"
}

# Whichever compiler, of Debian: with every warning, across files, and without options.
build() {
	cd "$directory"
	for compiler in "gcc -O2 -flto" "gcc -g" "clang -O2"; do
		command -v "${compiler%% *}" >/dev/null || continue
		# shellcheck disable=SC2046,SC2086 # words
		$compiler -Wall -Wextra -Werror "$here/tests/installed/service.c" $(flags) -o service
		./service --help | grep -q '^Usage: service'
	done
	# As app/README.md has it.
	mkdir -p user
	cp "$here/tests/installed/service.c" user/main.c
	cd user
	PKG_CONFIG_PATH=$prefix/lib/pkgconfig sh -ec "$(typed | head -n 1)"
}

# The pages, which name what there is, and which whoever shows them understands.
manual() {
	man1=$prefix/share/man/man1/lanes.1 man3=$prefix/share/man/man3/lanes.3
	for page in "$man1" "$man3"; do
		! command -v groff >/dev/null || groff -man -Tutf8 -ww "$page" 2>&1 >"$directory/page.txt" | none
		! command -v mandoc >/dev/null || mandoc -T lint -W warning "$page"
	done
	# Every option there is, and its text.
	"$prefix/bin/lanes" --help | sed -n 's/^  --\([^ ]*\).*/\1/p' | while read -r option; do
		sed 's/\\-/-/g' "$man1" | grep -q "^.fB--$option.fR" || {
			echo "lanes.1 has no --$option"
			exit 1
		}
	done
	# Declarations and the example are C, and those of lanes.h.
	sed -n '/^\.EX/,/^\.EE/ { /^\./d; s/\\e/\\/g; p; }' "$man3" >"$directory/page.c"
	# shellcheck disable=SC2046 # words
	gcc -Wall -Wextra -Werror "$directory/page.c" $(flags) -o "$directory/example"
	# Functions for services are in it, and no others.
	sed -n '/^# for services/,/^$/ { /^#/d; /./p; }' tests/installed/exports.txt >"$directory/wanted"
	awk '/^\.EX/ { on = 1 } /^\.EE/ { on = 0 } on' "$man3" |
		grep -o '\<[a-z0-9_]*(' | tr -d '(' | sort -u >"$directory/named"
	grep -vxFf "$directory/named" "$directory/wanted" | none
	sed -n '/^# not for services/,$ { /^#/d; /./p; }' tests/installed/exports.txt |
		grep -xFf "$directory/named" | none
}

# systemd takes the units, and finds each service well closed: 1.5 of 10 at most. As copies, where a template has a
# number.
units() {
	cp -R "$prefix/lib/systemd/system" "$directory/units"
	cd "$directory/units"
	for template in *@.service; do
		mv "$template" "${template%.service}1.service"
	done
	grep -rF '@PREFIX@' . | none
	systemd-analyze verify --man=no --recursive-errors=no "$PWD"/*.service "$PWD/lanes.target" 2>&1 | none
	for service in *.service; do
		systemd-analyze security --offline=true --no-pager --threshold=15 "$PWD/$service" >said || {
			tail -n 1 said
			exit 1
		}
	done
	set -- ./*.service
	[ $# = 8 ]
}

# Starts a system of the service by the installed scripts, asks it, and stops it; in the background and in
# the foreground. As the user "$@" makes.
serve() {
	cd "$directory/user"
	export PORT WORKERS=2 PREFORK_WORKERS=1 CPU_WORKERS=0
	scripts=$prefix/share/lanes/spawn
	# shellcheck disable=SC2064 # now: these are this function's
	trap "$* '$scripts/stop.sh'" EXIT
	PROGRAM=../service "$@" "$scripts/start.sh" | grep '^service: http'
	[ -S run/worker-1.sock ]
	# It is told once which of its routes nginx hides.
	hidden='/status /metrics /trace /burst /events /healthz /readyz /docs /lanes /lanes/ /nginx-error'
	grep -c "event=routes-hidden by=nginx paths=\"$hidden\"" run/worker.log | grep -x 1
	for path in $hidden; do
		curl -sI --noproxy '*' "http://127.0.0.1:$PORT$path" | grep -i '^x-lanes-worker: loop' | none
	done
	ask "/own/status?seconds=0.01" "the service's own status: 499500"
	ask "/prefork/" root
	ask "/own/events" events
	ask "/status?text" 'loop-2'
	PROGRAM=../service "$@" "$scripts/start.sh" 2>errors || :
	grep -F "already running in $directory/user/run: $scripts/status.sh, $scripts/stop.sh, or" errors
	grep -x service "/proc/$("$@" "$scripts/status.sh" | sed -n 's/^loop-2 .*: //p')/comm"
	WORKERS=1 "$@" "$scripts/scale.sh"
	"$@" "$scripts/restart.sh"
	ask /own/burst burst --json '{}'
	"$@" "$scripts/stop.sh"
	: >../said
	"$@" sh -c "exec env $(typed | tail -n 1)" >../said &
	until grep -q Ctrl-C ../said; do
		kill -0 $!
		sleep 0.05
	done
	grep '^orders: http' ../said
	ask /own/burst burst --json '{}'
	"$@" "$scripts/stop.sh"
	wait $!
	trap - EXIT
	rm -f errors
	# The logs are left.
	find run -mindepth 1 ! -name '*.log*' | none
	find "$prefix/share/lanes" -newer "$directory/started" | none
}

# ask TARGET TEXT [OPTION...]: with curl.
ask() {
	target=$1 text=$2
	shift 2
	curl -sS --noproxy '*' "$@" "http://127.0.0.1:$PORT$target" | grep -F "$text" >/dev/null || {
		echo "$target does not say $text"
		exit 1
	}
}

case $step in
install) install_all ;;
package) package ;;
exports) exports ;;
build) build ;;
manual) manual ;;
units) units ;;
serve | serve-plain)
	PORT=$3
	touch "$directory/started"
	mkdir -p "$directory/user"
	if [ "$step" = serve ]; then
		serve env
	else
		chown nobody "$directory/user"
		serve setpriv --reuid nobody --regid nogroup --clear-groups
	fi
	rm -rf "$directory/user"
	;;
uninstall)
	make_here PREFIX="$prefix" uninstall
	find "$prefix" -type f | none
	;;
esac
