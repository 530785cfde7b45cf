# shellcheck shell=sh disable=SC2034
# What is this project's own: the name of its program, and what its system has where nobody says. A
# project that make new has made has another such file, and the other scripts as they are here.

# Of the program in build, of its processes, and of who speaks in messages.
NAME=lanes
# The pools that are started; common.sh has the table of those that there are.
POOLS='loop prefork cpu exercise exercise-prefork admin health'
PREFORK_WORKERS=${PREFORK_WORKERS:-$WORKERS}
CPU_WORKERS=${CPU_WORKERS:-1}
BODY_KB=${BODY_KB:-0} # the longest body of a request; 0: none has one
