/*
 * Records on the wire. All numbers are big-endian; reserved bytes are sent as zero and ignored
 * when received.
 */
#include "fcgi/record.h"

#include <string.h>

/*
 * Every record (section 3.3); content and padding follow:
 *
 *     0         1         2         3         4         5         6         7
 *     +---------+---------+---------+---------+---------+---------+---------+---------+
 *     | version |  type   |    request id     |  content length   | padding | reserved|
 *     +---------+---------+---------+---------+---------+---------+---------+---------+
 */
void fcgi_header_decode(struct fcgi_header *header, const void *from)
{
	const unsigned char *byte = from;

	*header = (struct fcgi_header){.version = byte[0],
				       .type = byte[1],
				       .request_id = (uint16_t)(byte[2] << 8 | byte[3]),
				       .content_length = (uint16_t)(byte[4] << 8 | byte[5]),
				       .padding_length = byte[6]};
}

void fcgi_header_encode(const struct fcgi_header *header, void *to)
{
	fcgi_put_number(to, (uint64_t)header->version << 56 | (uint64_t)header->type << 48 |
				    (uint64_t)header->request_id << 32 |
				    (uint64_t)header->content_length << 16 |
				    (uint64_t)header->padding_length << 8);
}

/*
 * FCGI_BEGIN_REQUEST (section 5.1):
 *
 *     0         1         2         3                                               7
 *     +---------+---------+---------+---------+---------+---------+---------+---------+
 *     |       role        |  flags  |                   reserved                      |
 *     +---------+---------+---------+---------+---------+---------+---------+---------+
 */
struct fcgi_begin fcgi_begin_decode(const void *from)
{
	const unsigned char *byte = from;

	return (struct fcgi_begin){.role = (uint16_t)(byte[0] << 8 | byte[1]), .flags = byte[2]};
}

/*
 * FCGI_END_REQUEST (section 5.5):
 *
 *     0         1         2         3         4         5                             7
 *     +---------+---------+---------+---------+---------+---------+---------+---------+
 *     |          application status           | protocol|          reserved           |
 *     +---------+---------+---------+---------+---------+---------+---------+---------+
 */
void fcgi_end_encode(uint32_t app_status, enum fcgi_protocol_status status, void *to)
{
	unsigned char *byte = to;

	memset(byte, 0, FCGI_BODY_SIZE);
	byte[0] = (unsigned char)(app_status >> 24);
	byte[1] = (unsigned char)(app_status >> 16);
	byte[2] = (unsigned char)(app_status >> 8);
	byte[3] = (unsigned char)app_status;
	byte[4] = (unsigned char)status;
}

/* FCGI_UNKNOWN_TYPE (section 4.2): the type, then seven reserved bytes. */
void fcgi_unknown_type_encode(uint8_t type, void *to)
{
	unsigned char *byte = to;

	memset(byte, 0, FCGI_BODY_SIZE);
	byte[0] = type;
}
