/*
 * Web servers that speak to the engine, and mistrust it: what they receive must be records, of
 * requests that they have begun and that have not ended. They take no memory that could fail to be
 * there.
 */
#ifndef TESTS_FUZZ_PEER_H
#define TESTS_FUZZ_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../support/stream.h"

enum { PEER_ROOM = 16384, PEER_HEAD = 1024, PEER_IDS = 32, PEER_ALL = 1 << 20 };

/* A run of records, byte by byte. */
struct records {
	unsigned char header[RECORD_HEADER];
	struct record head;		   /* read, once it is there */
	unsigned char body[PEER_HEAD + 1]; /* its first bytes */
	size_t seen;			   /* bytes of the record */
};

struct asked {
	uint16_t id;
	unsigned begun, ended;
	bool stdout_begun;
	bool stdout_ended;
	bool aborted;
	bool sure;	 /* its BEGIN cannot have been ignored */
	size_t content;	 /* bytes of the answer's body … */
	size_t promised; /* … and how many there should be; SIZE_MAX: it does not say */
	bool due;	 /* an end has to come */
};

struct peer {
	int fd;	       /* -1: there is none */
	size_t number; /* of all connections, in the order in which they were made */
	bool hung_up;
	bool wild;	 /* has sent what is no FastCGI: anything may happen to its requests */
	bool crowded;	 /* has begun more ids than it can remember */
	bool ended;	 /* the engine has closed it */
	size_t speed;	 /* bytes sent in a turn */
	size_t appetite; /* bytes read in a turn */
	size_t unsent;
	unsigned char out[PEER_ROOM];
	struct records sent, got;
	struct asked asked[PEER_IDS];
	size_t asked_count;
	bool last;	     /* has begun a request after which the engine closes */
	unsigned management; /* records of id 0 that were not answered */
};

/* Connects; false if the queue is full. */
bool peer_open(struct peer *peer, const struct sockaddr_un *address, socklen_t len, size_t number);
void peer_close(struct peer *peer);

/* To be sent; what does not fit is left out. */
void peer_record(struct peer *peer, uint8_t type, uint16_t id, const void *content, size_t n,
		 uint8_t padding);
void peer_raw(struct peer *peer, const void *bytes, size_t n);

/* Sends and reads as much as it does in a turn. What is sent while the engine drains need not be
 * answered. */
void peer_turn(struct peer *peer, bool drains);

/* The engine has gone: reads to the end. If whole, nothing has been cut off; if answered, whoever
 * was sure of an end has had it. */
void peer_check(struct peer *peer, bool whole, bool answered);

#endif
