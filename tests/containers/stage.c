#include "stage.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"

struct system front;
struct system inside;

/* ---- podman ---- */

/* Its images, containers and settings; made by prepare. Podman runs there: conmon leaves a file
 * where it was when a container has reached its limit of memory. */
static char folder[PATH_MAX];

const struct outcome *podman(const char *const *arguments)
{
	static struct outcome outcome;
	const char *words[48] = {"env", "-C", folder, "podman"};

	for (int i = 0; arguments[i] && i < 43; i++)
		words[i + 4] = arguments[i];
	run(&outcome, words, NULL, -1);
	return &outcome;
}

bool podman_does(const char *const *arguments)
{
	return podman(arguments)->status == 0;
}

const char *in_container(const char *name, const char *command)
{
	return podman(STRINGS("exec", name, "sh", "-c", textf("{ %s; } 2>&1", command)))->out;
}

const char *inspected(const char *name, const char *format)
{
	struct outcome *outcome =
		(struct outcome *)podman(STRINGS("inspect", "--format", format, name));

	outcome->out[strcspn(outcome->out, "\n")] = '\0';
	return outcome->out;
}

/* ---- the stage ---- */

/* A Debian is fetched, and Lanes is built with all that optimizes it. */
enum { MOST = 3600, NOT_HERE = 3 };

static int build_image(const char *log)
{
	pid_t pid = process_start(STRINGS("tests/containers/prepare", folder), NULL, log);
	int status = -1;

	if (pid <= 0 || !WITHIN(MOST, process_ended(pid)))
		return -1;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool prepare(void)
{
	const char *log = textf("%s/log", directory_make());
	int status;

	if ((mkdir(built("podman"), 0777) && errno != EEXIST) ||
	    !realpath(built("podman"), folder)) {
		perror(built("podman"));
		return false;
	}
	setenv("CONTAINERS_CONF", textf("%s/containers.conf", folder), 1);
	setenv("CONTAINERS_STORAGE_CONF", textf("%s/storage.conf", folder), 1);
	if (access("/run/systemd/system", F_OK))
		setenv("DISABLE_HC_SYSTEMD", "true", 1); /* it asks for health by timers of its */
	printf("    building the image …\n");
	fflush(stdout);
	status = build_image(log);
	if (status)
		printf("    %s\n", file_text(log));
	if (status == NOT_HERE)
		not_judged("no container can be had here: %s", file_text(log));
	else
		CU_ASSERT_EQUAL_FATAL(status, 0);
	stage_off(); /* what was left */
	return status == 0;
}

bool stage_possible(void)
{
	static const char *const programs[] = {"podman", "debootstrap"};
	static enum { UNKNOWN, POSSIBLE, NOT } known;

	if (known == POSSIBLE)
		return true;
	if (geteuid() != 0) {
		not_judged("only root can install a Debian, and run containers of it");
		return false;
	}
	for (size_t i = 0; i < COUNT(programs); i++)
		if (!accepts(textf("command -v %s >/dev/null", programs[i]), "")) {
			not_judged("%s is not here", programs[i]);
			return false;
		}
	if (known == NOT)
		not_judged("there is no image");
	else
		known = NOT, known = prepare() ? POSSIBLE : NOT;
	return known == POSSIBLE;
}

void stage_off(void)
{
	PODMAN("pod", "rm", "-f", "-t", "0", "-a");
	PODMAN("rm", "-f", "-t", "0", "-a");
	PODMAN("volume", "rm", "-f", "-a");
}

bool stage_on(const struct place *place)
{
	if (!stage_possible())
		return false;
	if (place->is_there())
		return true;
	stage_off();
	CU_ASSERT_FATAL(place->start());
	return true;
}

static void publish(void)
{
	system_at(&front, port_free(), "");
	system_at(&inside, port_free(), "");
}

bool stage_run(const char *name, const char *const *options)
{
	return stage_run_image("lanes", name, options);
}

bool stage_run_image(const char *image, const char *name, const char *const *options)
{
	const char *words[32] = {"run",
				 "-d",
				 "--name",
				 name,
				 "--read-only",
				 "--cap-drop=all",
				 "--security-opt=no-new-privileges",
				 "-p"};
	int count = 8;

	publish();
	inside = front;
	words[count++] = textf("127.0.0.1:%u:8080", (unsigned)front.port);
	for (int i = 0; options[i] && count < 29; i++)
		words[count++] = options[i];
	words[count++] = textf("localhost/%s", image);
	if (podman_does(words))
		return true;
	printf("    %s\n", podman(STRINGS("logs", name))->errors);
	return false;
}

static bool is_ready(const char *name)
{
	if (WITHIN(SLOW_START, get(&inside, "/readyz")->status == 200 ||
				       !strcmp(inspected(name, "{{.State.Running}}"), "false")) &&
	    get(&inside, "/readyz")->status == 200)
		return true;
	printf("    %s\n", podman(STRINGS("logs", name))->errors);
	return false;
}

/* ---- a whole system ---- */

static bool runs(const char *name)
{
	return !strcmp(inspected(name, "{{.State.Running}}"), "true");
}

static bool system_there(void)
{
	return runs(whole_system.container);
}

static bool start_system(void)
{
	const char *name = whole_system.container;

	return stage_run(name, STRINGS("-e", "WORKERS=2", "-e", "ADMIN_FROM=0.0.0.0/0")) &&
	       is_ready(name);
}

const struct place whole_system = {"a whole system", "whole", start_system, system_there};

/* ---- the pod ---- */

static bool pod_there(void)
{
	return runs(pod.container);
}

static bool start_pod(void)
{
	struct outcome outcome;
	const char *path = textf("%s/pod.yaml", built("podman"));

	publish();
	if (!succeeds(&outcome,
		      STRINGS("tests/containers/manifests", "play",
			      textf("%u", (unsigned)front.port),
			      textf("%u", (unsigned)inside.port)),
		      NULL) ||
	    !file_write(path, outcome.out))
		return false;
	if (!podman_does(STRINGS("kube", "play", "pod.yaml"))) {
		printf("    podman kube play %s does not do\n", path);
		return false;
	}
	return is_ready(pod.container);
}

const struct place pod = {"a pod", "lanes-pod-0-workers", start_pod, pod_there};
