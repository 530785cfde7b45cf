#!/bin/sh
# lanes.1.sh PROGRAM PREFIX: the manual page lanes(1). What the options are, --help of the program says.
set -eu
help=$("$1" --help)

# Text as troff takes it: backslashes, hyphens, and what would be a request at a line's beginning.
escaped() {
	sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^[.']/\\\\\&&/"
}

# "  --name VALUE   text" becomes a paragraph with a tag.
options() {
	echo "$help" | sed -n 's/^  \(--[^ ]*\( [A-Z]*\)\{0,1\}\)  *\(.*\)/\1\n\3/p' | escaped |
		awk 'NR % 2 { print ".TP"; $1 = "\\fB" $1 "\\fR"; if (NF > 1) $2 = "\\fI" $2 "\\fR" } { print }'
}

cat <<EOF
.\\" Made by app/install/lanes.1.sh.
.TH LANES 1 "$(date -u -d "@${SOURCE_DATE_EPOCH:-$(stat -c %Y "$1")}" +%F)" "$("$1" --version)" "Lanes"
.SH NAME
lanes \\- a FastCGI worker behind nginx
.SH SYNOPSIS
.B lanes
.RI [ options ]
.br
.B $2/share/lanes/spawn/run.sh
.SH DESCRIPTION
.B lanes
serves the requests of an application: of the demonstration, or of a service that stands on
.BR lanes (3),
which has the same options.
Its listening socket is descriptor 0, as
.BR spawn\\-fcgi (1)
gives it, or
.B \\-\\-listen
opens one.
.PP
The scripts in
.I $2/share/lanes/spawn
run a whole system of it: nginx in front, and pools of workers, each kept alive by a master
.RB ( \\-\\-processes ).
.TP
.B run.sh
starts one in the foreground; Ctrl\\-C stops it.
.TP
.BR start.sh ", " stop.sh
start one in the background, and stop it, when requests in flight are answered.
.TP
.BR status.sh ", " top.sh ", " ps.sh
show what runs.
.TP
.B scale.sh
changes the number of loop workers to
.BR WORKERS .
.TP
.B restart.sh
replaces every worker, one after the other.
.TP
.B deps.sh run
installs the Debian packages that are needed.
.SH OPTIONS
Each option is also
.BI LANES_ NAME
in the environment: LANES_HEADER_TIMEOUT=5 is \\-\\-header\\-timeout 5.
The defaults are in brackets.
$(options)
.SH ENVIRONMENT
Of the scripts; paths are below the directory in which they are called.
.TP
.BR PROGRAM " [$2/bin/lanes]"
what the workers run; they, and messages, are called like it.
.TP
.BR RUN_DIR " [run]"
sockets, logs, pids and generated configuration of the system; two systems have two.
.TP
.BR PORT " [8080]"
of nginx.
.TP
.BR WORKERS ", " PREFORK_WORKERS ", " CPU_WORKERS
processes of each pool.
.TP
.BR THREADS ", " CPU_THREADS
of each worker.
.TP
.BR BODY_KB " [1024; of the demonstration 0]"
the longest body of a request; 0: none has one.
.SH SIGNALS
$(echo "$help" | sed -n '/^Signals: /,$ { s/^Signals: //; p; }' | escaped)
.SH FILES
.TP
.I $2/share/lanes/nginx
the template of nginx's configuration, and the page.
.TP
.IR RUN_DIR /worker.log ,\\  RUN_DIR /error.log ,\\  RUN_DIR /access.log
what workers and nginx log.
.SH EXAMPLES
.EX
PORT=8081 RUN_DIR=/srv/orders PROGRAM=build/orders \\e
    $2/share/lanes/spawn/run.sh
.EE
.SH SEE ALSO
.BR lanes\\-new (1),
.BR lanes (3),
.BR nginx (8),
.BR spawn\\-fcgi (1)
EOF
