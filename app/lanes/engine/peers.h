/*
 * Who is at the other end of a connection, and who of them may be (FastCGI specification 3.2).
 */
#ifndef LANES_ENGINE_PEERS_H
#define LANES_ENGINE_PEERS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/slice.h"

struct allowed_peers;

/* Reads a list of IP addresses and networks: "192.0.2.7, 10.0.0.0/8, fe80::/10". It is the
 * caller's, to be freed. An IPv6 network has no IPv4 addresses, unless it says so (::ffff:0:0/96).
 * Returns 0, -ENOMEM or, with the entry that is neither, -EINVAL. */
int peers_parse(const char *list, struct allowed_peers **allowed, struct slice *wrong);

/* Whether that IP address is in the list; an IPv4 address may be written as an IPv6 one. */
bool peers_allow(const struct allowed_peers *allowed, const struct sockaddr_storage *peer);

bool address_is_loopback(const struct sockaddr_storage *address);

enum { PEER_SIZE = 72 };

/* Writes who has connected: "192.0.2.7:4711", "[fe80::1]:4711", "unix pid=17 uid=33" (who called
 * connect(2); 0 for a process that we cannot see), or "unknown". Returns text. */
const char *peer_name(int fd, char text[PEER_SIZE]);

#endif
