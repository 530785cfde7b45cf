/* The heavy work of /cases/renders: a part of the Mandelbrot set, as a PNG. */
#ifndef LANES_MANDELBROT_H
#define LANES_MANDELBROT_H

#include "cases.h"

struct drawing {
	const struct picture *picture;
	struct buffer png;
	int error; /* 0; -ENOMEM, or -ECANCELED if nobody waits any more */
};

/* Fills the struct drawing; on a thread. */
void draw(void *drawing);

#endif
