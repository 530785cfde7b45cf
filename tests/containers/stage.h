/*
 * Where containers run: a podman of the tests' own (tests/containers/prepare), with the image
 * built, a whole system in one container, and the pod of spawn/kubernetes. One of the two runs at a
 * time. Main thread.
 */
#ifndef TESTS_CONTAINERS_STAGE_H
#define TESTS_CONTAINERS_STAGE_H

#include <stdbool.h>
#include <sys/types.h>

#include "../support/system.h"

struct place {
	const char *name;
	const char *container;	/* in which the workers are */
	bool (*start)(void);	/* until it is ready; false after a message */
	bool (*is_there)(void); /* whether it runs */
};

extern const struct place whole_system;
extern const struct place pod;

/* Where requests go, and where /status and the like are asked for. */
extern struct system front;
extern struct system inside;

/* Whether containers can be run here; if not, the running test is not judged. The first time it
 * builds the image. */
bool stage_possible(void);

/* Makes sure that this place runs, and that the other does not. */
bool stage_on(const struct place *place);

/* Ends all there is. */
void stage_off(void);

/* Starts a container as its users are told to, with further options, and its port published at
 * front's; inside is the same. It need not be ready. The image is Lanes', or another. */
bool stage_run(const char *name, const char *const *options);
bool stage_run_image(const char *image, const char *name, const char *const *options);

/* podman with these arguments; what it said lives until the next call. */
const struct outcome *podman(const char *const *arguments);

/* The same: whether its status is 0. */
bool podman_does(const char *const *arguments);
#define PODMAN(...) podman_does(STRINGS(__VA_ARGS__))

/* What a command of the shell says in a container, with its errors. Lives until the next call. */
const char *in_container(const char *name, const char *command);

/* A field of podman's, such as "{{.State.ExitCode}}", without its line's end. */
const char *inspected(const char *name, const char *format);

#endif
