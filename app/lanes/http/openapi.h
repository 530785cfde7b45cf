/* What an application answers, as OpenAPI 3.0.2 has it: made of its routes and their fields, as
 * FastAPI 0.92 makes it of signatures. */
#ifndef LANES_HTTP_OPENAPI_H
#define LANES_HTTP_OPENAPI_H

#include "base/buffer.h"
#include "http/router.h"

/* Appends the document. prefix is where the application is mounted; empty: at the root. */
void openapi_write(struct buffer *out, const struct routes *routes, struct slice prefix);

/* The handler of GET /openapi.json. */
void openapi_answer(struct request *req);

#endif
