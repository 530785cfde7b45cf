#!/bin/sh
# Stands in for Debian's update-rc.d while deps.sh installs packages (it is first in dpkg's PATH
# then): where init is not systemd, a new service is not enabled for the next boot either.
[ "${2-}" != defaults ] || set -- "$1" defaults-disabled
exec /usr/sbin/update-rc.d "$@"
