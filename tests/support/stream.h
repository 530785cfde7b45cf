/*
 * FastCGI's records, for tests: builds streams of them, as a web server does, and takes apart what
 * comes back, record by record or as text. No I/O. It knows the protocol by itself and shares
 * nothing with app/lanes/fcgi but the names of the constants, so a mistake there is not made here
 * again.
 */
#ifndef TESTS_SUPPORT_STREAM_H
#define TESTS_SUPPORT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

/* ---- one record: nothing of this takes memory ---- */

enum { RECORD_HEADER = 8 };

struct record {
	uint8_t version, type, padding;
	uint16_t id;
	struct slice content;
};

/* Writes the header of a record. */
void record_header(unsigned char header[RECORD_HEADER], uint8_t type, uint16_t id, size_t content,
		   uint8_t padding);

/* Reads what bytes begin with: false if that is no whole header. The content follows it, and may
 * not be there yet. */
bool record_read(struct record *record, const void *bytes, size_t n);

/* Header, content and padding. */
size_t record_size(const struct record *record);

/* Takes a record off the front of a run; false if there is no whole one of version 1. */
bool record_take(struct record *record, struct slice *run);

/* ---- streams of them ---- */

struct stream {
	struct buffer bytes;
	uint32_t seed; /* 0: no padding; else each record gets random padding of 0 to 255 bytes */
};

/* One record of any kind. n is at most 65,535. */
void stream_record(struct stream *s, uint8_t type, uint16_t id, const void *content, size_t n);
void stream_begin(struct stream *s, uint16_t id, uint16_t role, uint8_t flags);

/* Content of the PARAMS or STDIN stream in records of at most 65,535 bytes, not ended. */
void stream_params(struct stream *s, uint16_t id, struct slice content);
void stream_stdin(struct stream *s, uint16_t id, struct slice content);
void stream_params_end(struct stream *s, uint16_t id);
void stream_stdin_end(struct stream *s, uint16_t id);

/* FCGI_GET_VALUES for names separated by spaces. */
void stream_get_values(struct stream *s, const char *names);

/* A whole request as nginx sends it: BEGIN, PARAMS, their end, the end of STDIN. pairs is
 * "NAME=value&NAME=value". */
void stream_request(struct stream *s, uint16_t id, uint8_t flags, const char *pairs);
/* The same, of pairs as they are sent. */
void stream_asked(struct stream *s, uint16_t id, uint8_t flags, struct slice pairs);

/* Appends what a script says: commands separated by ", ", words by one space.
 *
 *     begin ID [keep] [authorizer|filter]    request ID [keep] PAIRS   abort ID
 *     params ID PAIRS    params-end ID       stdin ID TEXT             stdin-end ID
 *     get NAME NAME…                         record TYPE ID TEXT
 *
 * TEXT is sent as it is, except that *N stands for N bytes 'x'. Where PAIRS has no '=' it is TEXT.
 * A command that is not understood ends the program. */
void stream_script(struct stream *s, const char *script);

/* Takes the next command off the front of a script; false if there is none. */
enum { COMMAND_SIZE = 512 };
bool script_next(const char **script, char command[COMMAND_SIZE]);

void stream_free(struct stream *s);

/* Appends one pair to out, the lengths as short as they can be. */
void pair_append(struct buffer *out, struct slice name, struct slice value);
/* Appends the pairs of "NAME=value&NAME=value". */
void pairs_append(struct buffer *out, const char *pairs);

/* Appends to out what a run of records says, one a line: "STDOUT 1 hello", "STDOUT 1 end",
 * "END 1 0 COMPLETE", "VALUES FCGI_MPXS_CONNS=1", "UNKNOWN 12"; "BROKEN" for what is no record. */
void records_as_text(struct slice records, struct buffer *out);

#endif
