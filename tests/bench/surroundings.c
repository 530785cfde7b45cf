#include "surroundings.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/postgres.h"
#include "group.h"

/* 23 million pixels, as a camera has them, 8 MB: noise is as hard to decode as a picture can be. */
#define PHOTO                                                                                      \
	"exec /usr/bin/python3 -B -c '\n"                                                          \
	"from PIL import Image\n"                                                                  \
	"size = (5888, 3912)\n"                                                                    \
	"sky = Image.linear_gradient(\"L\").resize(size)\n"                                        \
	"noise = Image.effect_noise(size, 25)\n"                                                   \
	"Image.merge(\"RGB\", (noise, sky, sky)).convert(\"RGB\").save(\"photo.jpg\", "            \
	"quality=90)'"
#define SOME_ORDERS                                                                                \
	"INSERT INTO orders (item, quantity) SELECT 'item ' || n, n % 100 + 1 FROM "               \
	"generate_series(1, 1000) n; ANALYZE orders"

static struct postgres postgres;

static void die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static void run_to_end(const char *name, const char *command)
{
	pid_t group = group_start(name, command);

	while (!group_ended(group, 1000))
		;
	group_end(group);
}

static void make_files(void)
{
	FILE *order = fopen("order.json", "w");

	if (!order || fputs("{\"item\":\"book\",\"quantity\":3}", order) < 0 || fclose(order))
		die("order.json cannot be written");
	fputs("a picture is made\n", stderr);
	run_to_end("photo", PHOTO);
	if (access("photo.jpg", R_OK))
		die("there is no picture; see run/photo.log");
}

/* A commit waits for the disk; all has room in memory. The tables are the demonstration's. */
static void start_database(void)
{
	if (!postgres_open(&postgres, STRINGS("fsync=on", "max_connections=200",
					      "shared_buffers=256MB", "autovacuum=off")))
		die("no database");
	setenv("DATABASE", postgres.url, 1);
	setenv("DATABASE_DSN",
	       textf("pgsql:host=%s;port=%d;dbname=postgres;user=lanes", postgres.directory,
		     postgres.port),
	       1);
	run_to_end("migrate", "exec $BUILD/lanes --migrate --database \"$DATABASE\"");
	surroundings_reset();
}

void surroundings_start(uint16_t port)
{
	setenv("OUTSIDE", textf("http://127.0.0.1:%d", port), 1);
	setenv("OUTSIDE_PORT", textf("%d", port), 1);
	group_start("upstream", "exec $BUILD/upstream $OUTSIDE_PORT");
	atexit(surroundings_end);
	start_database();
	make_files();
}

void surroundings_reset(void)
{
	if (postgres.pid && (!postgres_do(&postgres, "TRUNCATE orders RESTART IDENTITY") ||
			     !postgres_do(&postgres, SOME_ORDERS)))
		die("no orders; see run/migrate.log");
}

void surroundings_end(void)
{
	postgres_close(&postgres);
}
