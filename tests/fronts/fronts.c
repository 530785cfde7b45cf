/* The table of fronts, and how one is started. */
#include "fronts.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "base/buffer.h"
#include "scoreboard/scoreboard.h"
#include "supervisors.h"

#define APACHE(conf)   STRINGS("/usr/sbin/apache2", "-D", "FOREGROUND", "-f", "{}/" conf)
#define LIGHTTPD(conf) STRINGS("/usr/sbin/lighttpd", "-D", "-f", "{}/" conf)

/* lighttpd takes several slashes for one, and a control character for "_"; and says to nobody when
 * a request came. */
#define LIGHTTPD_DIFFERS                                                                           \
	.differs =                                                                                 \
		STRINGS("* //*", "* /%2[Ff]*", "* /sync//*", "*%0[Aa]*", "GET /{%2F*", "queue"),   \
	.but = "`//` and `%0A`"

const struct front fronts[] = {
	{
		.name = "nginx as Debian ships it",
		DEBIAN_NGINX,
	},
	{
		.name = "nginx with everything",
		.file = "everything-nginx.conf",
		.command = NGINX("everything-nginx.conf"),
		.tls = true,
	},
	{
		.name = "Apache, ProxyPass, unix",
		.file = "proxypass-apache.conf",
		.command = APACHE("proxypass-apache.conf"),
		.hears_late = true,
		.moves_nothing = true,
		.long_query = 414,
	},
	{
		.name = "Apache, ProxyPass, TCP",
		.file = "proxypass-apache.conf",
		.command = APACHE("proxypass-apache.conf"),
		.tcp = true,
		.hears_late = true,
		.moves_nothing = true,
		.long_query = 414,
	},
	{
		.name = "Apache, SetHandler, unix",
		.file = "sethandler-apache.conf",
		.command = APACHE("sethandler-apache.conf"),
		.workers = ONE_SOCKET,
		.hears_late = true,
		.moves_nothing = true,
		.long_query = 414,
	},
	{
		.name = "Apache, SetHandler, TCP",
		.file = "sethandler-apache.conf",
		.command = APACHE("sethandler-apache.conf"),
		.workers = ONE_SOCKET,
		.tcp = true,
		.hears_late = true,
		.moves_nothing = true,
		.long_query = 414,
	},
	{
		.name = "lighttpd, socket",
		.file = "socket-lighttpd.conf",
		.command = LIGHTTPD("socket-lighttpd.conf"),
		LIGHTTPD_DIFFERS,
		.moves_nothing = true,
		.hears_late = true,
	},
	{
		.name = "lighttpd, bin-path",
		.file = "bin-path-lighttpd.conf",
		.command = LIGHTTPD("bin-path-lighttpd.conf"),
		LIGHTTPD_DIFFERS,
		.moves_nothing = true,
		.workers = OWN_WORKERS,
		.hears_late = true,
	},
	{
		.name = "Caddy",
		.file = "Caddyfile",
		.command = STRINGS("/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config",
				   "{}/Caddyfile"),
		.hears_late = true,
	},
	{
		.name = "h2o",
		.file = "h2o.conf",
		.command = STRINGS("/usr/bin/h2o", "-c", "{}/h2o.conf"),
		.differs = STRINGS("queue"), /* it says to nobody when a request came */
		.workers = ONE_SOCKET,
		.hears_late = true,
		.moves_nothing = true,
	},
	{
		.name = "HAProxy",
		.file = "haproxy.cfg",
		.command = STRINGS("/usr/sbin/haproxy", "-db", "-f", "{}/haproxy.cfg"),
		.hears_late = true,
		.chunked = 400,
	},
};
const size_t front_count = COUNT(fronts);

const char *const mounts[MOUNTS] = {"", "/app"};

struct system stage;

/* ---- what runs ---- */

enum { UNITS = 4, ARGUMENTS = 40, STARTS = 5 };

/* The sockets of a mount: its first and its second, as the configurations name them. */
static const char *const units[UNITS] = {"worker-1", "worker-2", "app-1", "app-2"};

static const struct front *running; /* or NULL */
static bool runs_once;
static const struct front *hopeless; /* the last one that did not start */
static pid_t front_pid;
static pid_t unit_pids[UNITS];
static uint16_t unit_ports[UNITS];
static uint16_t ports[2]; /* of HTTP, and of HTTPS */
static struct scoreboard board;
static bool board_is_open;
static int outside = -1;
static uint16_t outside_port;

/* Who runs all of it: not root, who is refused by some, and gives up what it is by itself in
 * others. */
static const struct passwd *user(void)
{
	static const struct passwd *found;

	if (!found && getuid() == 0)
		found = getpwnam("www-data");
	return found;
}

static const char *user_name(void)
{
	const struct passwd *found = user() ? user() : getpwuid(getuid());

	return found ? found->pw_name : "nobody";
}

const char *stage_file(const char *name)
{
	return textf("%s/%s", stage.run_dir, name);
}

static bool give(const char *path)
{
	const struct passwd *to = user();

	return !to || !chown(path, to->pw_uid, to->pw_gid);
}

bool stage_folder(const char *name)
{
	const char *path = stage_file(name);

	return mkdir(path, 0700) == 0 && give(path);
}

/* Starts a command as that user, who is told when this process ends. Servers end what they started
 * themselves when they are. */
pid_t stage_start(const char *const *arguments, const char *log)
{
	const char *where = textf("LANES_OUTSIDE=http://127.0.0.1:%d", outside_port);
	const char *all[ARGUMENTS] = {"setpriv"};
	int count = 1;

	if (user()) {
		all[count++] = textf("--reuid=%d", (int)user()->pw_uid);
		all[count++] = textf("--regid=%d", (int)user()->pw_gid);
		all[count++] = "--clear-groups";
	}
	all[count++] = "--pdeathsig=TERM";
	all[count++] = "--";
	while (*arguments && count < ARGUMENTS - 1)
		all[count++] = *arguments++;
	return process_start(all,
			     STRINGS(textf("HOME=%s", stage.run_dir), where,
				     textf("LANES_SCOREBOARD=%s", stage_file("board/scoreboard")),
				     "LANES_PAYMENT_TIMEOUT=60",
				     textf("LANES_ONCE=%s", stage_file("executed")),
				     runs_once ? textf("LANES_DRAIN_IDLE=%d", DRAIN_IDLE) : NULL),
			     stage_file(log));
}

static void end(pid_t *pid, int number)
{
	if (*pid > 0) {
		kill(*pid, number);
		if (!EVENTUALLY(process_ended(*pid)))
			kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

/* ---- configurations ---- */

struct change {
	const char *from, *to;
};

/* Appends the text with each change made; the first that fits counts. */
static void change(struct buffer *out, const char *text, const struct change *changes)
{
	while (*text) {
		const struct change *one = changes;

		while (one->from && strncmp(text, one->from, strlen(one->from)))
			one++;
		if (one->from)
			buffer_append_text(out, one->to);
		else
			buffer_append(out, text, 1);
		text += one->from ? strlen(one->from) : 1;
	}
}

/* What stands in the configurations, and what is here instead. */
static int list_changes(struct change *changes)
{
	const struct change always[] = {
		{"/run/nginx.pid", stage_file("nginx.pid")},
		{"/var/log/nginx", stage.run_dir},
		{"/etc/nginx/sites-enabled/*", stage_file(running->file)},
		{"/etc/nginx/conf.d/*.conf", stage_file("folders.conf")},
		{"/usr/local/bin/lanes", stage_file("lanes")},
		{"/var/log/lanes", stage.run_dir},
		{"/var/cache/lanes", stage_file("cache")},
		{"/etc/lanes", stage.run_dir},
		{"8080", textf("%d", ports[0])},
		{"8443", textf("%d", ports[1])},
	};
	int count = COUNT(always);

	memcpy(changes, always, sizeof(always));
	for (int i = 0; running->tcp && i < UNITS; i++)
		changes[count++] = (struct change){
			textf("unix:/run/lanes/%s.sock|fcgi://%s", units[i], units[i]),
			textf("fcgi://127.0.0.1:%d", unit_ports[i]),
		};
	changes[count++] = (struct change){"/run/lanes", stage.run_dir};
	return count;
}

/* The same for supervisors. Folders that are theirs are below the stage's. */
static int list_changes_supervised(struct change *changes, int worker)
{
	static const char *const folders[] = {"/etc/sv/", "/etc/service/", "/etc/s6/",
					      "/run/service", "/etc/supervisor/"};
	const struct supervisor *supervisor = running->supervisor;
	int count = 0;

	for (size_t i = 0; i < COUNT(folders); i++)
		changes[count++] = (struct change){folders[i], stage_file(folders[i] + 1)};
	changes[count++] = (struct change){"/var/run", stage.run_dir};
	changes[count++] = (struct change){"/var/log/supervisor", stage.run_dir};
	changes[count++] = (struct change){"www-data", user_name()};
	if (!supervisor->master) {
		changes[count++] = (struct change){" --processes 2", ""};
		changes[count++] = (struct change){"numprocs=1", "numprocs=2"};
	}
	changes[count++] = (struct change){"worker-1", textf("worker-%d", worker)};
	return count;
}

const char *stage_text(const char *text, int worker)
{
	static struct buffer out;
	struct change changes[48] = {0};
	int count = list_changes(changes);

	if (running->supervisor)
		list_changes_supervised(changes + count, worker);
	buffer_free(&out);
	out = (struct buffer){0};
	change(&out, text, changes);
	buffer_append(&out, "", 1);
	return out.data;
}

bool stage_write(const char *text, int worker, const char *name)
{
	return *text && file_write(stage_file(name), stage_text(text, worker));
}

static bool configure(const char *from, const char *name)
{
	return stage_write(file_text(from), 1, name);
}

/* nginx's folders are /var/lib/nginx's otherwise, which are not ours. */
static bool write_folders(void)
{
	const char *cache = stage_file("cache");

	return file_write(stage_file("folders.conf"),
			  textf("client_body_temp_path %s/body; fastcgi_temp_path %s/fastcgi;\n"
				"proxy_temp_path %s/proxy; uwsgi_temp_path %s/uwsgi;\n"
				"scgi_temp_path %s/scgi;\n",
				cache, cache, cache, cache, cache));
}

static bool write_secrets(void)
{
	struct outcome outcome;

	return succeeds(&outcome,
			STRINGS("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
				"ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
				"/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
				"-keyout", stage_file("key.pem"), "-out",
				stage_file("certificate.pem")),
			NULL) &&
	       chmod(stage_file("key.pem"), 0600) == 0 && give(stage_file("key.pem")) &&
	       file_write(stage_file("passwords"), "lanes:{PLAIN}secret\n");
}

/* ---- starting ---- */

/* As spawn/start.sh does it: spawn-fcgi opens the socket and becomes a master, which starts the
 * workers, and starts them again. */
static void start_unit(int i)
{
	const char *pool = i < UNITS / 2 ? "loop" : "app";
	const char *arguments[ARGUMENTS] = {"spawn-fcgi", "-n", "-b", "4096"};
	int count = 4;

	if (running->tcp) {
		arguments[count++] = "-a";
		arguments[count++] = "127.0.0.1";
		arguments[count++] = "-p";
		arguments[count++] = textf("%d", unit_ports[i]);
	} else {
		arguments[count++] = "-s";
		arguments[count++] = stage_file(textf("%s.sock", units[i]));
	}
	for (const char *const *words = STRINGS(
		     "--", stage_file("lanes"), "--processes",
		     running->workers == ONE_SOCKET ? "2" : "1", "--pool", pool, "--scoreboard",
		     stage_file("board/scoreboard"), "--spool", stage_file("spool"));
	     *words; words++)
		arguments[count++] = *words;
	if (i >= UNITS / 2) {
		arguments[count++] = "--mount";
		arguments[count++] = mounts[1];
	}
	unit_pids[i] = stage_start(arguments, "worker.log");
}

static bool is_there(pid_t pid, const char *mount)
{
	snprintf(stage.mount, sizeof(stage.mount), "%s", mount);
	return WITHIN(PATIENCE / 3, get(&stage, "/")->status == 200 || process_ended(pid)) &&
	       !process_ended(pid);
}

static bool workers_are_there(size_t wanted)
{
	const char *log = stage_file("worker.log");

	return WITHIN(SLOW_START, file_lines(log, "event=started") >= wanted);
}

static bool start_front(void)
{
	const char *arguments[ARGUMENTS] = {0};

	for (int i = 0; running->command[i]; i++) {
		const char *word = running->command[i];
		const char *place = strstr(word, "{}");

		arguments[i] = place ? stage_file(place + 3) : word;
	}
	front_pid = stage_start(arguments, "front.log");
	return is_there(front_pid, mounts[0]) &&
	       (running->supervisor || is_there(front_pid, mounts[1]));
}

static bool prepare(void)
{
	struct outcome outcome;

	system_at(&stage, port_free(), directory_make_for_all());
	if (outside < 0)
		outside = tcp_listen(&outside_port);
	for (int i = 0; i < UNITS; i++)
		unit_ports[i] = port_free();
	ports[0] = stage.port;
	ports[1] = port_free();
	if (running->tls)
		snprintf(stage.url, sizeof(stage.url), "https://lanes:secret@127.0.0.1:%d",
			 ports[1]);
	return chmod(stage.run_dir, 0755) == 0 && give(stage.run_dir) && stage_folder("cache") &&
	       stage_folder("empty") && stage_folder("board") && stage_folder("spool") &&
	       file_write(stage_file("executed"), "") && give(stage_file("executed")) &&
	       succeeds(&outcome,
			STRINGS("install", "-m", "755", runs_once ? built("once-app") : program(),
				stage_file("lanes")),
			NULL) &&
	       (!running->tls || write_secrets()) && write_folders() &&
	       configure(textf("nginx/fronts/%s", running->file), running->file) &&
	       (!running->base || configure(running->base, strrchr(running->base, '/') + 1));
}

static bool start_all(void)
{
	bool started = prepare();

	for (int i = 0; started && i < UNITS; i++)
		if (running->workers == TWO_SOCKETS ||
		    (running->workers == ONE_SOCKET && i % 2 == 0))
			start_unit(i);
	if (started && running->supervisor)
		started = supervisor_start(running->supervisor);
	else if (started && running->workers != OWN_WORKERS)
		started = workers_are_there(UNITS);
	started = started && start_front();
	board_is_open =
		started && scoreboard_open_to_read(&board, stage_file("board/scoreboard")) == 0;
	return board_is_open;
}

bool stage_on(const struct front *front, const char *mount, bool once)
{
	bool started = running == front && runs_once == once;

	for (int i = 0; !started && hopeless != front && i < STARTS; i++) {
		bool taken;

		stage_off();
		running = front;
		runs_once = once;
		started = start_all();
		if (started)
			break;
		taken = file_has(stage_file("front.log"), "in use") ||
			file_has(stage_file("worker.log"), "in use");
		printf("    %s does not start, / is %d:\n%s", front->name, get(&stage, "/")->status,
		       file_text(stage_file("front.log")));
		printf("%s", file_text(stage_file("error.log")));
		printf("%s", file_text(stage_file("worker.log")));
		if (front->supervisor)
			printf("%s", file_text(stage_file("supervisor.log")));
		stage_off();
		if (!taken)
			hopeless = front;
	}
	snprintf(stage.mount, sizeof(stage.mount), "%s", mount);
	return started;
}

void stage_off(void)
{
	if (!running)
		return;
	if (board_is_open)
		scoreboard_close(&board);
	board_is_open = false;
	end(&front_pid, SIGTERM);
	for (int i = 0; i < UNITS; i++)
		end(&unit_pids[i], SIGTERM);
	if (running->supervisor)
		supervisor_end();
	directory_remove(stage.run_dir);
	running = NULL;
}

bool stage_possible(const struct front *front)
{
	const char *needed = front->command[0];

	if (access(needed, X_OK) == 0 && front->supervisor)
		needed = front->supervisor->program;
	if (access(needed, X_OK) == 0)
		return true;
	not_judged("%s is not here", needed);
	return false;
}

/* ---- the workers ---- */

/* The process of a slot, if it is a worker of the mount; or 0. */
static pid_t at_mount(unsigned slot)
{
	const char *pool = *stage.mount ? "app" : "loop";

	return strcmp(board.slots[slot].pool, pool) ? 0 : scoreboard_holder(&board, slot);
}

struct sums stage_sums(void)
{
	unsigned count = scoreboard_slots(&board);
	struct sums sums = {0};

	for (unsigned i = 0; i < count; i++) {
		const struct board_slot *slot = &board.slots[i];

		if (!at_mount(i))
			continue;
		sums.in_flight += board_get(&slot->in_flight);
		sums.aborted += board_get(&slot->aborted);
		for (size_t class = 0; class < COUNT(slot->classes); class ++)
			sums.answered += board_get(&slot->classes[class]);
	}
	return sums;
}

int stage_workers(pid_t *pids, int max)
{
	unsigned count = scoreboard_slots(&board);
	int found = 0;

	for (unsigned i = 0; i < count && found < max; i++)
		if (at_mount(i) && !board_get(&board.slots[i].draining))
			pids[found++] = at_mount(i);
	return found;
}

pid_t stage_busy(void)
{
	unsigned count = scoreboard_slots(&board);

	for (unsigned i = 0; i < count; i++)
		if (at_mount(i) && board_get(&board.slots[i].in_flight))
			return at_mount(i);
	return 0;
}

int stage_outside(void)
{
	return outside;
}

void stage_replace(int which)
{
	int first = *stage.mount ? UNITS / 2 : 0;
	struct outcome outcome;

	if (running->workers == TWO_SOCKETS)
		kill(unit_pids[first + which], SIGHUP);
	else if (running->workers == ONE_SOCKET)
		kill(unit_pids[first], SIGHUP);
	else
		CU_ASSERT(succeeds(&outcome,
				   STRINGS("pkill", "-HUP", "-P", textf("%d", (int)front_pid)),
				   NULL));
}
