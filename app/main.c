/* The program. */
#include <lanes.h>

/* The demonstration. Without this line, and app/guide, the program shows systems of others. */
#include "guide/endpoints.h"

#ifndef APPLICATION
#define APPLICATION NULL
#endif

int main(int argc, char **argv)
{
	return lanes_main(argc, argv, APPLICATION);
}
