#!/bin/sh
# Replaces every worker of the running system by a fresh one, of the program as it is built now: the one
# that was started, or PROGRAM. One after the other: its master starts a successor on the same socket, and
# when that accepts, the worker drains. What CONFIG says is read anew, or another CONFIG. nginx is told only if
# its configuration is another by now. All is looked at first: what is wrong changes nothing.
given=${PROGRAM:-} config_given=${CONFIG:-${LANES_CONFIG:-}}
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=spawn/system.sh
. "$PWD/spawn/system.sh"

check_settings
wanted=$PROGRAM config_wanted=$CONFIG
lock
running_settings
cd "$RUN_DIR" || exit
[ -z "$given" ] || PROGRAM=$wanted
[ -z "$config_given" ] || CONFIG=$config_wanted

# same_as_before MESSAGE: nothing is changed.
same_as_before() {
	rm -rf new options.new nginx.conf.new
	fail "$1"
}

# changed_options: the names of those that are not as they were.
changed_options() {
	diff options options.new 2>/dev/null | sed -n 's/^[<>][ \t]*\([a-z][a-z0-9-]*\)[ \t]*=.*/\1/p' | sort -u | tr '\n' ' ' | sed 's/ $//'
}

# --- before anything is touched ---

reread_config || same_as_before "the system is as before"
(check_settings) || same_as_before "the system is as before"
stage_program
write_options options.new
wrong=$(check_options options.new) || same_as_before "$wrong"
files=$(sed -n 's/^worker_rlimit_nofile \([0-9]*\);$/\1/p' nginx.conf)
write_nginx_conf nginx.conf.new 2>/dev/null || same_as_before "cannot write to $RUN_DIR"
wrong=$(nginx -t -q -p . -c nginx.conf.new 2>&1) ||
	same_as_before "$(echo "$wrong" | sed 's/^\([0-9/]* [0-9:]*\|nginx:\) \[[a-z]*\] [0-9#: ]*//; q')"
lines=$(diff nginx.conf nginx.conf.new | grep '^[<>]')
names=$(changed_options)

# --- workers ---

copy_program
copy_page || fail "cannot copy the page to $RUN_DIR"
[ -z "$DATABASE" ] || run_program "$NAME" --migrate || same_as_before "the workers are not replaced"
cp -p options options.old 2>/dev/null
mv options.new options || fail "cannot write to $RUN_DIR"
write_settings
start_logs

had=$(units | while read -r unit _; do workers_of "$unit"; done)
units | while read -r unit _ _ _ processes _; do
	since=$(moment)
	alive "$unit" || fail "$unit is dead: $(typed stop), $(typed start)"
	kill -s HUP "$pid"
	hears "$unit" "$since" 'replaced|replace-failed' $((processes * START_TIMEOUT + 5)) ||
		fail "$unit has no successor: see $RUN_DIR/worker.log"
	[ "$heard" = replaced ] || fail "$unit has no successor, and serves on as it was: see $RUN_DIR/worker.log"
	say "$unit replaced"
done || {
	# Whoever is started from now on is as those were that serve.
	[ ! -e options.old ] || mv options.old options
	rm -f nginx.conf.new
	exit 1
}
rm -f options.old

# --- nginx ---

if [ -z "$lines" ]; then
	rm -f nginx.conf.new
	say "nginx.conf: unchanged"
else
	mv nginx.conf nginx.conf.old && mv nginx.conf.new nginx.conf
	reload_nginx || {
		mv nginx.conf.old nginx.conf
		fail "nginx does not take its new configuration, and serves as before: see $RUN_DIR/error.log"
	}
	rm -f nginx.conf.old
	say "nginx.conf: read anew by nginx$newline$lines"
fi
[ -z "$CONFIG" ] || say "$CONFIG: ${names:+other options: }${names:-options unchanged}"
for name in $later; do
	case $name in
	WORKERS | JOB_WORKERS) say "$CONFIG says another $name: $(typed scale) changes that" ;;
	*) say "$CONFIG says another $name: it counts from the next $(typed stop), $(typed start) on" ;;
	esac
done

# Those before serve what comes on connections that nginx keeps, until it has ended them.
for worker in $had; do
	await_end "$worker"
done
