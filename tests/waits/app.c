/* The application that waits in every way, as a program: for tests/conformance. */
#include <lanes.h>

#include "../support/waits.h"

int main(int argc, char **argv)
{
	const struct application application = {.routes = waits};

	return lanes_main(argc, argv, &application);
}
