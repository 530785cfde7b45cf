# shellcheck shell=sh
# The parts of a system: its settings, its workers, nginx and their files. For the scripts that
# start a system or change a running one; the working directory is RUN_DIR when these are called.

NGINX_CONF=$PROJECT/nginx/lanes.conf.in
[ -z "${PRELOAD-}" ] || PRELOAD=$(absolute "$PRELOAD")

# What the system was started with, for those who change it later.
write_settings() {
	for name in $SETTINGS; do
		eval "printf '%s\n' \"$name=\$$name\""
	done >pids/settings.new && mv pids/settings.new pids/settings
}

# What its processes have in their environment, in a file each, which only the caller may read: it may be a
# secret. As it was when this process began; a script has changed some. False if it cannot be written.
write_environment() {
	mkdir -m 700 pids/environment || return
	for name in $(sed -zn 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' "/proc/$$/environ" | tr '\0' '\n'); do
		case $name in
		LANES_CONFIG) continue ;; # it is RUN_DIR's: options
		LANG | LC_* | TZ | LANES_* | *SAN_OPTIONS) ;;
		*)
			case " $ENVIRONMENT " in
			*" $name "*) ;;
			*) continue ;;
			esac
			;;
		esac
		(umask 077 && sed -zn "s/^$name=//p" "/proc/$$/environ" >"pids/environment/$name") || return
	done
	# The system's own is found by way of whoever looks for it, who works in RUN_DIR: also a user who may not
	# enter the folders above it, and however long its name is.
	[ -z "$DATABASE" ] || DATABASE_URL="postgresql://lanes@/lanes?host=/proc/self/cwd/$(database_folder)"
	tell LANES_DATABASE "$DATABASE_URL" && tell LANES_MAIL "$MAIL_URL" || return
	# The demonstration calls its own pool, and has files to read: those of the page.
	case " $POOLS " in
	*' outside '*)
		tell LANES_OUTSIDE "${LANES_OUTSIDE:-http://127.0.0.1:$PORT/outside}" &&
			tell LANES_FILES "${LANES_FILES:-www}"
		;;
	esac
}

# tell NAME VALUE: in the environment of its processes, if there is one.
tell() {
	[ -z "$2" ] || (umask 077 && printf %s "$2" >"pids/environment/$1")
}

# The copy, where nobody starts it yet.
stage_program() {
	# shellcheck disable=SC2153 # project.sh has it
	if ! why=$(mkdir -p new 2>&1 && install -m 755 "$PROGRAM" "new/$NAME" 2>&1); then
		rm -rf new
		fail "cannot copy $PROGRAM to $RUN_DIR: ${why##*: }"
	fi
}

# A copy: building again must not change a running system, and a user without access to the
# project must be able to execute it. PRELOAD, which loop workers load then, is make dev's.
copy_program() {
	[ -e "new/$NAME" ] || stage_program
	{ mv "new/$NAME" "$NAME" && rmdir new; } || fail "cannot write to $RUN_DIR"
	[ -z "${PRELOAD-}" ] || { cp "$PRELOAD" preload.new && mv preload.new preload.so; } ||
		fail "cannot copy $PRELOAD to $RUN_DIR"
}

# The page, with the handlers that it shows: copied for the same reasons.
copy_page() {
	rm -rf www.new && cp -R "$PROJECT"/nginx/www www.new && chmod -R u=rwX,go=rX www.new &&
		mkdir -p www.new/handlers || return
	set -- "$PROJECT"/app/guide/*.c "$PROJECT"/app/cases/*.c
	for file in cases cases_orders cases_renders; do
		[ ! -e "$PROJECT/tests/oracle/$file.py" ] || set -- "$@" "$PROJECT/tests/oracle/$file.py"
	done
	[ ! -e "$1" ] || install -m 644 "$@" www.new/handlers || return
	rm -rf www && mv www.new www
}

# The workers make the scoreboard themselves, in a directory of their own, as they do with long bodies:
# these are theirs, where RUN_DIR stays with who started the system.
make_folders() {
	mkdir -p board spool && chmod 700 spool || return
	[ "$(id -u)" != 0 ] || chown "$RUN_USER:$(id -gn "$RUN_USER")" board spool
}

# What control.sh and the admin worker have between them. The password is for its owner: somebody who can read it
# may change the number of workers.
make_control() {
	mkdir -m 711 control && mkfifo -m 660 control/pipe && (umask 027 && : >control/outcome) &&
		(umask 077 && od -An -N 8 -tx8 /dev/urandom | tr -d ' ' >control/password) || return
	[ "$(id -u)" != 0 ] || chgrp "$(id -gn "$RUN_USER")" control/pipe control/outcome
}

# write_options FILE: what its workers read (--config), which may be secret: CONFIG's lines, without those that are
# not the program's, and what this system says. In a file of their own, so that one that is being edited, or is
# wrong, meets no worker that has to be started again.
write_options() {
	lines=$([ -z "$CONFIG" ] || config_options && printf 'threads = %s\ncpu-threads = %s' "$THREADS" "$CPU_THREADS")
	# Where it does not say it: as long as nginx waits for an answer, so that a restart loses none.
	echo "$lines" | grep -q '^[[:space:]]*drain-timeout[[:space:]]*=' || lines=$(printf '%s\ndrain-timeout = 120' "$lines")
	rm -f "$1"
	(umask 077 && printf '%s\n' "$lines" >"$1") 2>/dev/null || fail "cannot write to $RUN_DIR"
	[ "$(id -u)" != 0 ] || { chgrp "$(id -gn "$RUN_USER")" "$1" && chmod 640 "$1"; }
}

# check_options FILE: whether the program that is staged finds no error in them; or says each of them.
check_options() {
	words=$(run_program "new/$NAME" --config "$1" --check-config 2>&1) && return
	printf '%s\n' "$words" | as_of_config "$1"
	return 1
}

# nginx needs two descriptors for a request in flight, a worker one. 32768 is enough for 10,000
# requests however unevenly nginx's workers share them; only root can go above the hard limit.
raise_files_limit() {
	files=32768
	# shellcheck disable=SC3045 # dash and bash both have it
	hard=$(ulimit -Hn)
	if [ "$hard" != unlimited ] && [ "$hard" -lt "$files" ]; then
		# shellcheck disable=SC3045
		(ulimit -n "$files") 2>/dev/null || files=$hard
	fi
	# shellcheck disable=SC3045
	ulimit -n "$files" 2>/dev/null || ulimit -Sn "$files"
	[ "$files" -ge 4096 ] ||
		say "only $files open files are allowed: about $((files / 2)) requests at once"
}

# logs.sh has to be there before anybody who writes into its pipe: they would wait for it.
start_logs() {
	! alive logs || return 0
	[ -p log.pipe ] || mkfifo -m 600 log.pipe || fail "cannot write to $RUN_DIR"
	daemon logs /dev/null "$PROJECT/spawn/logs.sh" $((LOG_MB * 1000000))
}

# What root starts workers with: whose their sockets are, and the command that gives up root, with all that
# root could have (spawn-fcgi would leave the bounding set).
give_up_root() {
	owner='' drop=''
	[ "$(id -u)" = 0 ] || return 0
	group=$(id -gn "$RUN_USER")
	owner="-U $RUN_USER -G $group"
	drop="$(command -v setpriv) --reuid $RUN_USER --regid $group --init-groups --bounding-set -all"
}

# For each worker as many connections as it may have, and one that listens; for whoever looks, ten. Scaling has
# some room.
database_connections() {
	pools | awk -v given="${LANES_DATABASE_CONNECTIONS-}" '
		$1 ~ /^(outside|admin|health)$/ { next }
		{ n += $3 * (1 + (given ~ /^[0-9]+$/ ? given : $2 == "prefork" ? 1 : 8)) }
		END { n += 10; print (n > 100 ? n : 100) }'
}

# A listener on the port, on loopback or on all addresses, as the kernel lists them.
check_port() {
	hex=$(printf %04X "$PORT")
	if cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { print $2 }' |
		grep -qxE "(00000000|0100007F|0{32}|0{24}01000000):$hex"; then
		fail "port $PORT is in use; choose another, for example PORT=8081"
	fi
}

# Where PostgreSQL is: the newest, or that of the cluster that was kept.
find_postgres() {
	[ -n "$DATABASE" ] || return 0
	kept=$RUN_DIR/database-kept/data version='*'
	if [ "$DATABASE" = kept ] && [ -e "$kept" ]; then
		user=$RUN_USER
		[ "$(id -u)" = 0 ] || user=$(id -un)
		[ "$(stat -c %U "$kept")" = "$user" ] ||
			fail "the database in $RUN_DIR belongs to $(stat -c %U "$kept"), and not to $user"
		read -r version <"$kept/PG_VERSION" || fail "there is no database in $kept"
	fi
	# shellcheck disable=SC2012,SC2086 # a pattern, and plain names
	POSTGRES=$(ls -d /usr/lib/postgresql/$version/bin/initdb 2>/dev/null | sort -V | tail -n 1)
	[ -n "$POSTGRES" ] ||
		{ POSTGRES=$(command -v initdb) && { [ "$version" = '*' ] || initdb --version | grep -q " ${version}[.]"; }; } ||
		fail "PostgreSQL$([ "$version" = '*' ] || echo " $version") is missing: $PROJECT/spawn/deps.sh database"
	POSTGRES=$(dirname "$(realpath "$POSTGRES")")
}

# start_database: as RUN_USER, whose cluster it is.
start_database() {
	folder=$(database_folder)
	give_up_root
	if ! { [ -d "$folder" ] || mkdir -m 700 "$folder"; } || ! install -m 755 "$PROJECT/spawn/database.sh" database.sh; then
		undo "cannot write to $RUN_DIR"
	fi
	[ -z "$owner" ] || chown "$RUN_USER:$group" "$folder"
	room=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1024) }')
	[ -e "$folder/data" ] || [ "${room:-64}" -ge 64 ] ||
		undo "no space left: a new database takes 64 MB, and $RUN_DIR has room for $room MB"
	rm -f "$folder/ready"
	# shellcheck disable=SC2086 # words
	daemon database database.log $drop ./database.sh "$folder" "$POSTGRES" "$(database_connections)"
}

has_database() {
	[ -e pids/environment/LANES_DATABASE ] || fail "there is no database: $(typed run) DATABASE=private brings one"
}

# run_program PATH OPTION...: as a command, with a worker's user, environment and folder.
run_program() (
	give_up_root
	clean_environment
	program=$1
	shift
	# shellcheck disable=SC2086 # words
	exec bash -c "$CLOSED" bash $drop "./$program" "$@"
)

# start_unit: spawn-fcgi opens the socket, if there is one, and becomes the master, which starts the workers
# and starts them again when they die: always, but where the first never starts. A worker whose master was
# killed drains and ends, too.
start_unit() {
	unit=$1 pool=$2 engine=$3 slot=$4 processes=$5 socket=$6 nice=$7 path=$8
	shift 8
	start_logs
	give_up_root
	preload=
	[ "$engine" != loop ] || [ ! -e preload.so ] || preload="$(command -v env) LD_PRELOAD=./preload.so"
	# shellcheck disable=SC2086 # words
	[ "$socket" = none ] || set -- spawn-fcgi -n -s "$socket" -M 0660 -b 4096 $owner --
	# shellcheck disable=SC2086 # words
	set -- "$@" $drop $preload "./$NAME" --processes "$processes" --start-timeout "$START_TIMEOUT" \
		--engine "$engine" --pool "$pool" --config options \
		--scoreboard board/scoreboard --ready-pools "$(ready_pools)"
	case $pool in
	admin)
		set -- "$@" --routes admin --front "127.0.0.1:$PORT"
		[ ! -p control/pipe ] || set -- "$@" --control control
		;;
	health) set -- "$@" --routes health ;;
	outside) set -- "$@" --routes outside --spool spool ;;
	jobs) set -- "$@" --drain-timeout "$STOP_TIMEOUT" ;; # then it gives back what it has
	*) set -- "$@" --spool spool ;;
	esac
	case $path in
	/?*/) set -- "$@" --mount "${path%/}" ;;
	esac
	[ "$slot" = 0 ] || set -- "$@" --slot "$slot"
	[ "$nice" = 0 ] || set -- "$@" --nice "$nice"
	daemon "$unit" log.pipe "$@"
}

# What has to serve, or the system is not ready.
ready_pools() {
	pools | awk '$1 !~ /^(exercise.*|outside|jobs|admin|health)$/ && $3 > 0 { printf "%s%s", comma, $1; comma = "," }'
}

# The lines that name a pool's sockets in its nginx upstream, in a file of their own. A socket that
# several processes share is named twice: a request whose process died is then sent once more.
write_servers() {
	rm -f ./*.servers
	units | while read -r _ pool _ _ processes socket _; do
		[ "$pool" != jobs ] || continue
		echo "server unix:$socket max_fails=0;" >>"$pool.servers"
		[ "$processes" = 1 ] ||
			echo "server unix:$socket max_fails=0;" >>"$pool.servers"
	done
}

# What nginx's TLS is made of: which of its blocks hold, where it listens, and what its certificate is now.
prepare_tls() {
	listen='' sum='' http2='' resolver=''
	[ -n "$TLS_LISTEN" ] || return 0
	holds="$holds tls"
	case $TLS_LISTEN in
	*:*) listen=$TLS_LISTEN ;;
	*) listen=127.0.0.1:$TLS_LISTEN ;;
	esac
	sum=$(sha256sum <"$TLS_CERTIFICATE" | cut -c 1-16)
	# 1.22.1 as 1022001
	version=$(nginx -v 2>&1 | sed 's|.*/\([0-9.]*\).*|\1|' | awk -F. '{ print $1 * 1000000 + $2 * 1000 + $3 }')
	if [ "$version" -ge 1025001 ]; then holds="$holds http2"; else http2=' http2'; fi
	if [ "$version" -ge 1023002 ]; then holds="$holds tickets"; else holds="$holds no-tickets"; fi
	resolver=$(awk '$1 == "nameserver" { print $2 ~ /:/ ? "[" $2 "]" : $2; exit }' /etc/resolv.conf 2>/dev/null)
	resolver=${resolver:-127.0.0.1}
	[ -z "$(openssl x509 -in "$TLS_CERTIFICATE" -noout -ocsp_uri 2>/dev/null)" ] || holds="$holds ocsp"
}

# What LISTEN is to the template.
# shellcheck disable=SC2153 # of settings.sh
listens() {
	case $LISTEN in
	127.* | ::1 | localhost) echo loopback ;;
	0.0.0.0 | ::) echo any ;;
	*) echo loopback address ;;
	esac
}

# The template's blocks between "#if NAME..." and "#end" stay when all of the NAMEs hold: root, ipv6, what LISTEN is, a pool;
# cases: the demonstration. write_nginx_conf FILE.
write_nginx_conf() {
	holds=$(units | awk '{ print $2; if ($2 == "outside") print "cases" }' | sort -u)
	holds="$holds $(listens)"
	[ ! -e "$PROJECT/nginx/www/handlers/cases.py" ] || holds="$holds cases" # installed
	[ -z "$FASTAPI" ] || holds="$holds fastapi"
	[ "$(id -u)" != 0 ] || holds="$holds root"
	! grep -qs '^0\{31\}1 ' /proc/self/net/if_inet6 || holds="$holds ipv6"
	cpus=$(nproc)
	processes=$((cpus < 4 ? cpus : 4)) connections=$((files - 64))
	most=$((processes * connections / 3))
	prepare_tls
	awk -v holds=" $(echo "$holds" | tr '\n' ' ') " -v folder="${NGINX_CONF%/*}" '
		function emit(file,  line, word, n, i, skip) {
			while ((getline line <file) > 0) {
				n = split(line, word, " ")
				if (word[1] == "#if")
					for (i = 2; i <= n; i++)
						skip += !index(holds, " " word[i] " ")
				else if (word[1] == "#end")
					skip = 0
				else if (!skip && word[1] == "#include")
					emit(folder "/" word[2])
				else if (!skip)
					print line
			}
			close(file)
		}
		BEGIN { emit(ARGV[1]) }' "$NGINX_CONF" |
		sed -e "s/@PORT@/$PORT/g" -e "s/@FILES@/$files/g" -e "s/@USER@/$RUN_USER/g" \
			-e "s/@GROUP@/$(id -gn "$RUN_USER" 2>/dev/null)/g" -e "s/@CONNECTIONS@/$connections/g" \
			-e "s/@PROCESSES@/$processes/g" -e "s/@SERVER_NAMES@/$SERVER_NAMES/g" \
			-e "s/@LISTEN@/$(case $LISTEN in *:*) echo "[$LISTEN]" ;; *) echo "$LISTEN" ;; esac)/g" \
			-e "s|@ADMIN_FROM@|$(for from in $ADMIN_FROM; do printf ' allow %s;' "$from"; done)|g" \
			-e "s/@BODY@/$([ "$BODY_KB" = 0 ] && echo 1 || echo "${BODY_KB}k")/g" \
			-e "s|@TLS_CERTIFICATE@|$TLS_CERTIFICATE|g" -e "s|@TLS_KEY@|$TLS_KEY|g" -e "s/@TLS_SUM@/$sum/g" \
			-e "s/@TLS_LISTEN@/$listen/g" -e "s/@HTTP2@/$http2/g" -e "s/@RESOLVER@/$resolver/g" \
			-e "s/@CLIENT_CONNS@/${CLIENT_CONNS:-$((most < 65535 ? most : 65535))}/g" >"$1"
}

start_nginx() {
	daemon nginx error.log nginx -p . -c nginx.conf
}

# Has nginx read its configuration anew, and waits until it has.
reload_nginx() {
	those=$(workers_of nginx)
	deadline=$(($(date +%s) + START_TIMEOUT))
	alive nginx || return
	# shellcheck disable=SC2154 # alive's
	kill -s HUP "$pid"
	until newcomer nginx "$those"; do
		[ "$(date +%s)" -le "$deadline" ] || return
		sleep 0.05
	done
}

# newcomer UNIT WORKERS: whether it has one that is none of those.
newcomer() {
	for worker in $(workers_of "$1"); do
		case " $2" in
		*" $worker "*) ;;
		*) return 0 ;;
		esac
	done
	return 1
}

# The workers of a master.
workers_of() {
	[ ! -e "pids/$1.pid" ] || processes | awk -v parent="$(cut -d ' ' -f 1 "pids/$1.pid")" \
		'$3 == parent { printf "%s ", $1 }'
}

# What a log says of times.
moment() {
	date -u +%Y-%m-%dT%H:%M:%S.%3NZ
}

# hears UNIT MOMENT EVENT SECONDS: waits until the unit's master has logged the event (a pattern), at that moment
# or later, in the log or in one that was renamed; $heard is the event. False if it has not within that time.
hears() {
	read -r master _ <"pids/$1.pid"
	deadline=$(($(date +%s) + $4))
	while
		heard=$(cat worker.log* 2>/dev/null | grep -a " pid=$master event=" |
			awk -v since="time=$2" -v event="^event=($3)\$" '$1 >= since && $5 ~ event { print substr($5, 7); exit }')
		[ -z "$heard" ]
	do
		[ "$(date +%s)" -le "$deadline" ] && alive "$1" || return 1
		sleep 0.02
	done
}
