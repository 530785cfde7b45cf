# shellcheck shell=sh disable=SC2034
# What is this project's own: the name of its program, and what its system has where nobody says. A
# project that make new has made has another such file, and the other scripts as they are here.

# Of its processes, of a file in RUN_DIR, and of who speaks in messages: what the program is called, as far as
# that can be one. 15 characters are what a process has.
NAME=${PROGRAM:-lanes}
NAME=$(printf %.15s "${NAME##*/}")
case $NAME in
'' | -* | *[!A-Za-z0-9_-]*) NAME=service ;;
esac
# The pools that are started; common.sh has the table of those that there are. BODY_KB: the longest body of a
# request; 0: none has one.
case $NAME in
lanes) # the demonstration
	POOLS='loop prefork cpu exercise exercise-prefork outside jobs admin health'
	PREFORK_WORKERS=${PREFORK_WORKERS:-$WORKERS}
	CPU_WORKERS=${CPU_WORKERS:-1}
	JOB_WORKERS=${JOB_WORKERS:-$([ -z "$DATABASE$DATABASE_URL" ] && echo 0 || echo 1)} # of /cases/renders
	BODY_KB=${BODY_KB:-0} # of the guide; nginx lets what the cases take through to them
	;;
*) # a service
	POOLS='loop prefork cpu jobs admin health'
	PREFORK_WORKERS=${PREFORK_WORKERS:-0}
	CPU_WORKERS=${CPU_WORKERS:-0}
	JOB_WORKERS=${JOB_WORKERS:-0}
	BODY_KB=${BODY_KB:-1024}
	;;
esac
