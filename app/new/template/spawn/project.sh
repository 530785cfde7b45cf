# shellcheck shell=sh disable=SC2034
# What is this project's own: the name of its program, and what its system has where nobody says.

# Of the program in build, of its processes, and of who speaks in messages.
NAME=@NAME@
# The pools that are started; common.sh has the table of those that there are.
POOLS='loop prefork cpu jobs admin health'
PREFORK_WORKERS=${PREFORK_WORKERS:-0} # processes that serve one request at a time, below /prefork/
CPU_WORKERS=${CPU_WORKERS:-0}         # workers for what computes for long, below /cpu-pool/
JOB_WORKERS=${JOB_WORKERS:-0}         # workers for jobs, which take them from the database
BODY_KB=${BODY_KB:-1024}              # the longest body of a request; 0: none has one
