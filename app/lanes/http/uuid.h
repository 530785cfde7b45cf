/* UUIDs as Python's uuid.UUID(text) reads them and str() prints them. Pure functions, any thread.
 */
#ifndef LANES_HTTP_UUID_H
#define LANES_HTTP_UUID_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
	UUID_TEXT_LEN = 36,
};

struct uuid {
	uint8_t bytes[16];
};

/* 32 hexadecimal digits; "-", braces, "urn:" and "uuid:" among them are ignored. (To Python, they
 * are 32 characters that int(text, 16) takes.) Returns 0, or -EINVAL, also for more than 256 bytes.
 */
int uuid_read(struct slice text, struct uuid *value);

/* "12345678-1234-5678-1234-567812345678", without a NUL. */
void uuid_text(const struct uuid *value, char out[UUID_TEXT_LEN]);

#endif
