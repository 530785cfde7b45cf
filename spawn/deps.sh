#!/bin/sh
# deps.sh run|database|dev|service|cluster|test|monitoring|fronts|container|fuzz|check|browser|bench|deb|test-deb|fresh:
# makes sure that the Debian packages needed for that are there.
#
# As root, or with a sudo that asks for no password, missing ones are installed; otherwise the line
# to type is printed. Silent and quick when nothing is missing.
#
# Nothing of the machine changes but its packages: dpkg runs their scripts with the stand-ins of
# no-services first in PATH. A service that comes with one (nginx, haproxy) is neither started nor
# enabled for the next boot, PostgreSQL makes no cluster, and what runs is not touched.
set -eu
here=$(CDPATH='' cd "$(dirname "$0")" && pwd -P)

run='gcc libc6-dev make pkg-config libuv1-dev libjson-c-dev libfcgi-dev libseccomp-dev
	libcurl4-openssl-dev libpq-dev libunwind-dev libdw-dev nginx spawn-fcgi curl'
# The demonstration's cases: digests and images.
[ ! -d "$here/../app/guide" ] || run="$run libssl-dev libjpeg-dev libpng-dev"
# A database of a system's own (DATABASE). Who has PostgreSQL, of whichever version, keeps that.
database=
[ -n "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null || command -v initdb)" ] || database=postgresql
case ${DATABASE-} in
private | kept) run="$run $database" ;;
esac
[ -z "${FASTAPI-}" ] || run="$run python3-fastapi uvicorn"
service="$run libcunit1-dev"
cluster="$run $database haproxy keepalived socat iproute2 util-linux"
test="$service python3-fastapi python3-multipart uvicorn haproxy
	python3-prometheus-client openssl python3-httpx python3-pil python3-aiosmtpd $database python3-asyncpg
	python3-psycopg2"
fronts="$test apache2-bin lighttpd caddy h2o multiwatch runit s6 supervisor procps systemd iproute2"
monitoring="$test prometheus"
fuzz="$run clang libclang-rt-dev"
container="$test podman runc catatonit debootstrap python3-kubernetes"
check="$test $fuzz mandoc clang-format clang-tidy cppcheck gcovr shellcheck valgrind"
bench="$run wrk haproxy php-fpm python3-fastapi uvicorn python3-uvloop python3-httptools valgrind strace
	postgresql php-pgsql python3-asyncpg python3-httpx python3-pil golang-go golang-github-jackc-pgx-v4-dev"
# Who has npm from elsewhere keeps it: the packages would not fit together.
browser="$run chromium-headless-shell python3-fastapi uvicorn $database"
command -v npm >/dev/null || browser="$browser nodejs npm"
deb="$run debhelper dpkg-dev"
test_deb="$deb libcunit1-dev lintian systemd init-system-helpers logrotate man-db $database"
fresh='git debootstrap slirp4netns iproute2'
case ${1-} in
run) wanted=$run ;;
database) wanted="$run $database" ;;
dev) wanted=$run ;;
service) wanted=$service ;;
cluster) wanted=$cluster ;;
test) wanted=$test ;;
monitoring) wanted=$monitoring ;;
fronts) wanted=$fronts ;;
container) wanted=$container ;;
fuzz) wanted=$fuzz ;;
check) wanted=$check ;;
browser) wanted=$browser ;;
bench) wanted=$bench ;;
deb) wanted=$deb ;;
test-deb) wanted=$test_deb ;;
fresh) wanted=$fresh ;;
*)
	echo "usage: spawn/deps.sh run|database|dev|service|cluster|test|monitoring|fronts|container|fuzz|check|browser|bench|deb|test-deb|fresh" >&2
	exit 2
	;;
esac

# Another distribution: the compiler and the scripts name what they miss.
command -v dpkg-query >/dev/null || exit 0

# shellcheck disable=SC2086 # a list of words
present=" $(dpkg-query -W -f='${db:Status-Status}=${Package} ' $wanted 2>/dev/null || :)"
missing=
for package in $wanted; do
	case $present in
	*" installed=$package "*) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

path="$here/no-services:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
install() {
	# shellcheck disable=SC2086
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Path="$path" \
		-o Dpkg::Use-Pty=0 install -y --no-install-recommends $missing
}

if [ "$(id -u)" = 0 ]; then
	sudo=
elif sudo -n true 2>/dev/null; then
	sudo='sudo -n'
else
	echo "missing packages:$missing" >&2
	echo "install them (services that come with them are not enabled):" >&2
	echo "  sudo apt-get update && sudo apt-get -o DPkg::Path='$path' install --no-install-recommends$missing" >&2
	exit 1
fi
echo "installing missing packages:$missing" >&2
# The lists may be empty or old: fetch them only if they do not do.
# shellcheck disable=SC2086
if ! apt-get -qq --simulate install --no-install-recommends $missing >/dev/null 2>&1; then
	$sudo apt-get -qq update
	install
else
	install || { $sudo apt-get -qq update && install; }
fi >&2 || {
	echo "could not install:$missing" >&2
	exit 1
}
