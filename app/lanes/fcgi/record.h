/*
 * The fixed parts of FastCGI 1.0: constants, the record header and the bodies that have a fixed
 * layout. Pure functions over eight bytes; they check nothing, that is the responder's part.
 * Names and values are those of the FastCGI Specification, section 8.
 */
#ifndef LANES_FCGI_RECORD_H
#define LANES_FCGI_RECORD_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

enum {
	FCGI_VERSION = 1,
	FCGI_HEADER_SIZE = 8,
	FCGI_BODY_SIZE = 8, /* of every body with a fixed layout */
	FCGI_CONTENT_MAX = 65535,
	FCGI_MANAGEMENT_ID = 0, /* marks a management record */
};

enum fcgi_type {
	FCGI_TYPE_BEGIN_REQUEST = 1,
	FCGI_TYPE_ABORT_REQUEST = 2,
	FCGI_TYPE_END_REQUEST = 3,
	FCGI_TYPE_PARAMS = 4,
	FCGI_TYPE_STDIN = 5,
	FCGI_TYPE_STDOUT = 6,
	FCGI_TYPE_STDERR = 7,
	FCGI_TYPE_DATA = 8,
	FCGI_TYPE_GET_VALUES = 9,
	FCGI_TYPE_GET_VALUES_RESULT = 10,
	FCGI_TYPE_UNKNOWN = 11,
};

enum fcgi_role {
	FCGI_ROLE_RESPONDER = 1,
	FCGI_ROLE_AUTHORIZER = 2,
	FCGI_ROLE_FILTER = 3,
};

enum fcgi_begin_flags {
	FCGI_FLAG_KEEP_CONN = 1, /* the web server keeps the connection; we must not close it */
};

enum fcgi_protocol_status {
	FCGI_STATUS_REQUEST_COMPLETE = 0,
	FCGI_STATUS_CANT_MPX_CONN = 1,
	FCGI_STATUS_OVERLOADED = 2,
	FCGI_STATUS_UNKNOWN_ROLE = 3,
};

struct fcgi_header {
	uint8_t version;
	uint8_t type; /* enum fcgi_type, or anything a peer may send */
	uint16_t request_id;
	uint16_t content_length;
	uint8_t padding_length;
};

struct fcgi_begin {
	uint16_t role;
	uint8_t flags;
};

/* from and to are FCGI_HEADER_SIZE bytes, of any alignment. */
void fcgi_header_decode(struct fcgi_header *header, const void *from);
void fcgi_header_encode(const struct fcgi_header *header, void *to);

/* A header as a number, its reserved byte left out: its version and type are in the highest bytes.
 */
#define FCGI_HEADER_OF(type) ((uint64_t)FCGI_VERSION << 56 | (uint64_t)(type) << 48)
#define FCGI_HEADER_ID	     ((uint64_t)0xffff << 32)
#define FCGI_HEADER_LENGTH   ((uint64_t)0xffff << 16)
#define FCGI_HEADER_PADDING  ((uint64_t)0xff << 8)

static inline uint64_t fcgi_header_number(const void *from)
{
	uint64_t header;

	memcpy(&header, from, sizeof(header));
	return be64toh(header) & ~(uint64_t)0xff;
}

/* Writes eight bytes, the highest first; returns what comes behind them. */
static inline void *fcgi_put_number(void *to, uint64_t number)
{
	number = htobe64(number);
	memcpy(to, &number, sizeof(number));
	return (char *)to + sizeof(number);
}

/* The body of FCGI_BEGIN_REQUEST; from is FCGI_BODY_SIZE bytes. */
struct fcgi_begin fcgi_begin_decode(const void *from);

/* The bodies of FCGI_END_REQUEST and FCGI_UNKNOWN_TYPE; to is FCGI_BODY_SIZE bytes. */
void fcgi_end_encode(uint32_t app_status, enum fcgi_protocol_status status, void *to);
void fcgi_unknown_type_encode(uint8_t type, void *to);

#endif
