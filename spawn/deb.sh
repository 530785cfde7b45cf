#!/bin/sh
# deb.sh VERSION: builds this project's Debian packages, as spawn/debian says, into build/deb (DEB_DIR). They
# are made of a copy of what git has here, or of all that is here but for what was built, and dated like the
# last commit: built again, anywhere, they are the same byte for byte.
set -eu
CDPATH='' cd "$(dirname "$0")/.." || exit 1
version=${1:?the version of the packages}
name=$(sed -n 's/^Source: //p' spawn/debian/control)
out=$(realpath -m -- "${DEB_DIR:-build/deb}")
tree=$out/$name-$version

fail() {
	echo "make deb: $*" >&2
	exit 1
}

case $version in
[!0-9]* | *[!A-Za-z0-9.+~]*) fail "VERSION=$version: digits, letters, and .+~ are wanted, a digit first" ;;
esac
umask 022
{ rm -rf "$out" && mkdir -p "$tree"; } || fail "cannot write to $out"

# Those of this folder, wherever the repository begins; what was removed since is not there to be copied.
if [ -n "$(git ls-files 2>/dev/null)" ]; then
	git ls-files -z --cached --others --exclude-standard
	date=$(git log -1 --format=%ct)
else
	find . \( -path ./build -o -path ./run -o -path ./.git \) -prune -o -type f -print0
	date=$(stat -c %Y spawn/debian/control)
fi >"$out/files"
tar -c --null --files-from="$out/files" --ignore-failed-read --no-recursion 2>/dev/null | tar -x -C "$tree"
rm "$out/files"
cp -R "$tree/spawn/debian" "$tree/debian"
cat >"$tree/debian/changelog" <<END
$name ($version) unstable; urgency=medium

  * As of $(git log -1 --format='commit %h' 2>/dev/null || echo now).

 -- $(sed -n 's/^Maintainer: //p' spawn/debian/control)  $(date -u -R -d "@$date")
END

# What make was told is of this build, not of that one. Where the library is a tree (LANES), no package
# of it has to be installed.
unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS CPPFLAGS LDFLAGS CC BUILD SANITIZER PREFIX LIBDIR DESTDIR PROGRAM RUN_DIR
cd "$tree"
dpkg-buildpackage -us -uc ${LANES:+-d} >"$out/build.log" 2>&1 || {
	tail -n 30 "$out/build.log" >&2
	fail "no packages: see $out/build.log"
}
ls "$out"/*.deb
