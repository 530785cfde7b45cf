# shellcheck shell=sh
# What a system is told: variables, of make or the environment, and the lines of the file that CONFIG names,
# "NAME = VALUE". There, names in capital letters are those variables, which win over it; the others are
# options of the program (--config), which gets them in RUN_DIR/options. Sourced by common.sh.

# What such a line may say; the last one counts.
VARIABLES='PORT LISTEN ADMIN_FROM WORKERS PREFORK_WORKERS CPU_WORKERS JOB_WORKERS THREADS CPU_THREADS CLIENT_CONNS SERVER_NAMES BODY_KB LOG_MB RUN_USER STOP_TIMEOUT START_TIMEOUT TLS_LISTEN TLS_CERTIFICATE TLS_KEY DATABASE DATABASE_URL MAIL_URL FASTAPI PROGRAM ENVIRONMENT'
# Of these a running system takes on what restart.sh reads anew.
REREAD='THREADS CPU_THREADS CLIENT_CONNS SERVER_NAMES BODY_KB TLS_LISTEN TLS_CERTIFICATE TLS_KEY STOP_TIMEOUT'
# Options that are a variable of the system's, in pairs.
SAME='threads=THREADS cpu-threads=CPU_THREADS start-timeout=START_TIMEOUT database=DATABASE_URL mail=MAIL_URL'
# … and those that differ from pool to pool: a system gives them to its workers itself.
OWN='engine processes listen listen-mode listen-owner listen-group log pool mount slot scoreboard routes front control ready-pools spool nice'

# The variables that were given: these win.
given_variables() {
	for name in $VARIABLES; do
		eval "[ -z \"\${$name:-}\" ] || printf '%s ' $name"
	done
}

# What each line says: its number, name, and value.
config_lines() {
	awk '{
		number = NR
		sub(/(^|[ \t])#.*/, "")
		at = index($0, "=")
		name = at ? substr($0, 1, at - 1) : $0
		value = at ? substr($0, at + 1) : ""
		gsub(/^[ \t\r]+|[ \t\r]+$/, "", name)
		gsub(/^[ \t\r]+|[ \t\r]+$/, "", value)
		if (name != "")
			print number, name, value
	}' "$CONFIG"
}

# The file as the program is to read it, each line where it was: without what is not the program's.
config_options() {
	awk -v same=" $SAME " '{
		name = $0
		sub(/[=#].*/, "", name)
		gsub(/[ \t\r]/, "", name)
		print (name ~ /^[A-Z][A-Z0-9_]*$/ && name !~ /^(LANES|FCGI)_/) || index(same, " " name "=") ? "" : $0
	}' "$CONFIG"
}

# as_of_config FILE: what the program says of options in that file, as if CONFIG were it.
as_of_config() {
	CONFIG=$CONFIG awk -v file="$1:" '
		at = index($0, file) { $0 = "x: " ENVIRON["CONFIG"] substr($0, at + length(file) - 1) }
		{ sub(/^[^ ]*: /, ""); print }'
}

# read_config NAMES: those variables get what CONFIG says, unless they are among GIVEN. $later are those of the
# others that have another value by now; $from_NAME is where a value comes from. Says each error, and is false.
read_config() {
	# shellcheck disable=SC2034 # of restart.sh
	later='' wrong=''
	[ -n "$CONFIG" ] || return 0
	# shellcheck disable=SC2015 # true it is then
	[ -f "$CONFIG" ] && [ -r "$CONFIG" ] || {
		echo "$NAME: CONFIG=$CONFIG: there is no such file, or it cannot be read" >&2
		return 1
	}
	while read -r line name value; do
		case " $OWN " in
		*" $name "*)
			config_wrong "$name differs from pool to pool: the system says it itself"
			continue
			;;
		esac
		case " $SAME " in
		*" $name="*) name=${SAME#*"$name="} name=${name%% *} ;;
		esac
		case $name in
		LANES_* | *[!A-Z0-9_]*) continue ;; # the program says what is wrong with those
		esac
		case $name in
		PROGRAM) value=$(absolute "$value") ;;
		esac
		case " $VARIABLES " in
		*" $name "*) ;;
		*)
			config_wrong "no variable of a CONFIG is called $name"
			continue
			;;
		esac
		case " $GIVEN / $1 " in
		*" $name "*/*) ;;
		*/*" $name "*) eval "$name=\$value from_$name=\"\$CONFIG:\$line: \"" ;;
		*) eval "[ \"\${$name:-}\" = \"\$value\" ] || later=\"\$later \$name\"" ;;
		esac
	done <<-EOF
		$(config_lines)
	EOF
	[ -z "$wrong" ]
}

config_wrong() {
	echo "$NAME: $CONFIG:$line: $1" >&2
	wrong=yes
}

# origin NAME: before a message about a variable: the file's line, if its value comes from there.
origin() {
	eval "printf %s \"\${from_$1:-}\""
}

# file_of PATH: absolute, if there is one.
file_of() {
	[ -z "$1" ] || absolute "$1"
}

# What nobody has said. Those of the project, too (project.sh).
set_defaults() {
	PORT=${PORT:-8080}
	LISTEN=${LISTEN:-127.0.0.1} # an address where nginx listens, besides loopback; 0.0.0.0: everywhere
	ADMIN_FROM=${ADMIN_FROM:-}   # who may ask for /status, /metrics …, besides this machine: addresses, networks
	WORKERS=${WORKERS:-$cores}
	THREADS=${THREADS:-40}
	CPU_THREADS=${CPU_THREADS:-$cores}
	CLIENT_CONNS=${CLIENT_CONNS:-} # requests in flight from one address; empty: a part of what nginx can have
	SERVER_NAMES=${SERVER_NAMES:-} # besides localhost, blanks between them
	TLS_LISTEN=${TLS_LISTEN:-}     # where it speaks TLS besides: 8443, of loopback; or 0.0.0.0:443
	TLS_CERTIFICATE=$(file_of "${TLS_CERTIFICATE:-}") # with those between it and who is trusted
	TLS_KEY=$(file_of "${TLS_KEY:-}")
	LOG_MB=${LOG_MB:-64}           # a log's size, from which on it becomes .old
	RUN_USER=${RUN_USER:-www-data}     # what root's nginx and workers become
	STOP_TIMEOUT=${STOP_TIMEOUT:-10}   # seconds that requests in flight get at a stop
	START_TIMEOUT=${START_TIMEOUT:-15} # seconds until the next worker has to have started, or the URL to answer
	DATABASE=${DATABASE:-}         # private, kept: a PostgreSQL of the system's own; kept: its files stay after a stop
	DATABASE_URL=${DATABASE_URL:-${LANES_DATABASE:-}} # or whose it is
	MAIL_URL=${MAIL_URL:-${LANES_MAIL:-}}             # smtp://…, smtps://…
	FASTAPI=${FASTAPI:-}         # 1: the guide's own application beside it, as long as make run runs
	ENVIRONMENT=${ENVIRONMENT:-} # names of variables, besides LANES_*, that workers are to have; blanks between them
}

# Reads CONFIG for a system that runs, whose settings are there: of REREAD what it says now.
reread_config() {
	[ -n "$DATABASE" ] || DATABASE_URL=$(cat pids/environment/LANES_DATABASE 2>/dev/null)
	MAIL_URL=$(cat pids/environment/LANES_MAIL 2>/dev/null)
	for name in $REREAD; do
		case " $GIVEN " in
		*" $name "*) ;;
		*) eval "$name=" ;;
		esac
	done
	read_config "$REREAD" || return
	set_defaults
	# shellcheck source=spawn/project.sh
	BODY_KB=$(. "$PROJECT/spawn/project.sh" && echo "$BODY_KB")
}

# number NAME VALUE LEAST MOST
number() {
	case $2 in
	'' | *[!0-9]* | 0?* | ???????*) ;;
	*) [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ] || return 0 ;;
	esac
	fail "$(origin "$1")$1=$2: a whole number from $3 to $4 is wanted"
}

# shellcheck disable=SC2031 # what is read in a subshell is only compared
check_settings() {
	number PORT "$PORT" 1 65535
	echo "$LISTEN" | grep -qxE '([0-9]{1,3}[.]){3}[0-9]{1,3}|localhost|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*' ||
		fail "$(origin LISTEN)LISTEN=$LISTEN: an address is wanted, or 0.0.0.0, all of this machine's"
	case $ADMIN_FROM in
	*[!0-9A-Fa-f.:/\ ]*) fail "$(origin ADMIN_FROM)ADMIN_FROM=$ADMIN_FROM: addresses and networks are wanted, blanks between them" ;;
	esac
	number WORKERS "$WORKERS" 1 "$MOST"
	number SOCKETS "$SOCKETS" 1 "$MOST"
	number PREFORK_WORKERS "$PREFORK_WORKERS" 0 "$MOST"
	number CPU_WORKERS "$CPU_WORKERS" 0 "$MOST"
	number JOB_WORKERS "$JOB_WORKERS" 0 "$MOST"
	number THREADS "$THREADS" 1 1024
	number CPU_THREADS "$CPU_THREADS" 1 "$MOST"
	[ -z "$CLIENT_CONNS" ] || number CLIENT_CONNS "$CLIENT_CONNS" 1 65535
	case $SERVER_NAMES in
	*[!A-Za-z0-9.*_\ -]*) fail "$(origin SERVER_NAMES)SERVER_NAMES=$SERVER_NAMES: names of hosts are wanted, blanks between them" ;;
	esac
	number BODY_KB "$BODY_KB" 0 999999
	check_tls
	number LOG_MB "$LOG_MB" 1 999999
	case $DATABASE in
	'' | private | kept) ;;
	*) fail "$(origin DATABASE)DATABASE=$DATABASE: private or kept is wanted" ;;
	esac
	case $FASTAPI in
	'' | 1) ;;
	*) fail "$(origin FASTAPI)FASTAPI=$FASTAPI: 1 is wanted, or nothing" ;;
	esac
	case $ENVIRONMENT in
	*[!A-Za-z0-9_\ ]*) fail "$(origin ENVIRONMENT)ENVIRONMENT=$ENVIRONMENT: names of variables are wanted, blanks between them" ;;
	esac
	number STOP_TIMEOUT "$STOP_TIMEOUT" 0 3600
	number START_TIMEOUT "$START_TIMEOUT" 1 3600
	case $RUN_USER in
	'' | -* | *[!A-Za-z0-9_.-]*) fail "$(origin RUN_USER)RUN_USER=$RUN_USER: no name of a user" ;;
	esac
}

check_tls() {
	[ -z "$TLS_LISTEN" ] || echo "$TLS_LISTEN" |
		grep -qxE '(([0-9]{1,3}[.]){3}[0-9]{1,3}:|\[[0-9A-Fa-f:.]+\]:)?[0-9]{1,5}' ||
		fail "$(origin TLS_LISTEN)TLS_LISTEN=$TLS_LISTEN: a port is wanted, or ADDRESS:PORT"
	[ -z "$TLS_LISTEN" ] || number TLS_LISTEN "${TLS_LISTEN##*:}" 1 65535
	for name in ${TLS_LISTEN:+TLS_CERTIFICATE TLS_KEY}; do
		eval "value=\$$name"
		case $value in
		'') fail "TLS_LISTEN=$TLS_LISTEN: $name is wanted, too" ;;
		*[!A-Za-z0-9._/+~@-]*) fail "$(origin "$name")$name=$value: letters, digits and ._/+~@- are wanted" ;;
		esac
		[ -r "$value" ] || fail "$(origin "$name")$name=$value: there is no such file, or it cannot be read"
	done
}

# What is named has to be there: a worker without it might serve, and be wrong.
check_environment() {
	for name in $ENVIRONMENT; do
		printenv "$name" >/dev/null || fail "$(origin ENVIRONMENT)ENVIRONMENT names $name, which is not set"
	done
}

# URLs may hold passwords, which are for nobody's terminal.
# shellcheck disable=SC2031
check_urls() {
	case $DATABASE_URL in
	'' | postgres://?* | postgresql://?* | *=*) ;;
	*) fail "$(origin DATABASE_URL)DATABASE_URL: postgresql://USER:PASSWORD@HOST/NAME is wanted" ;;
	esac
	case $MAIL_URL in
	'' | smtp://?* | smtps://?*) ;;
	*) fail "$(origin MAIL_URL)MAIL_URL: smtp://HOST or smtps://HOST is wanted" ;;
	esac
	[ "$JOB_WORKERS" = 0 ] || [ -n "$DATABASE$DATABASE_URL" ] ||
		fail "$(origin JOB_WORKERS)JOB_WORKERS=$JOB_WORKERS: they want a database; DATABASE=private brings one"
	[ -z "$DATABASE" ] || [ -z "$DATABASE_URL" ] ||
		fail "$(origin DATABASE)DATABASE=$DATABASE, and DATABASE_URL is set: one of them is wanted"
}

check_user() {
	[ "$(id -u)" = 0 ] || return 0
	if ! id -u "$RUN_USER" >/dev/null 2>&1; then
		fail "$(origin RUN_USER)RUN_USER=$RUN_USER: no such user"
	elif [ "$(id -u "$RUN_USER")" = 0 ]; then
		fail "$(origin RUN_USER)RUN_USER=$RUN_USER: the system gives up root"
	fi
}
