/* What the program serves: the guide's endpoints, and its real-world examples below /cases/. */
#ifndef LANES_DEMONSTRATION_H
#define LANES_DEMONSTRATION_H

#include <lanes.h>

/* Both as one application, made once. NULL after a message: memory is out. */
const struct application *demonstration(void);

#define APPLICATION demonstration()

#endif
