/* The program. */
#include <lanes.h>

/* The demonstration. Without this line, app/demonstration.[ch], app/guide and app/cases, the
 * program shows systems of others. */
#include "demonstration.h"

#ifndef APPLICATION
#define APPLICATION NULL
#endif

int main(int argc, char **argv)
{
	return lanes_main(argc, argv, APPLICATION);
}
