#include "engine/peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	V4_AT = 96, /* bits of an IPv6 address before the IPv4 one that is mapped */
	BITS = 128,
};

struct network {
	struct in6_addr address; /* IPv4 as v4-mapped */
	unsigned bits;		 /* that all addresses of the network share */
};

struct allowed_peers {
	size_t count;
	struct network list[];
};

static struct in6_addr mapped(const struct in_addr *v4)
{
	struct in6_addr v6 = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	memcpy(&v6.s6_addr[12], v4, sizeof(*v4));
	return v6;
}

static struct in6_addr address_of(const struct sockaddr_storage *peer)
{
	if (peer->ss_family == AF_INET)
		return mapped(&((const struct sockaddr_in *)peer)->sin_addr);
	return ((const struct sockaddr_in6 *)peer)->sin6_addr;
}

bool address_is_loopback(const struct sockaddr_storage *address)
{
	struct in6_addr v6 = address_of(address);

	return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

/* "8", of an address that has so many bits; NULL: all of them. */
static int parse_bits(const char *text, unsigned most, unsigned *bits)
{
	size_t digits;

	*bits = most;
	if (!text)
		return 0;
	digits = strspn(text, "0123456789");
	if (!digits || digits > 3 || text[digits])
		return -EINVAL;
	*bits = (unsigned)atoi(text);
	return *bits <= most ? 0 : -EINVAL;
}

static int parse_network(char *text, struct network *network)
{
	char *slash = strchr(text, '/');
	const char *bits = slash ? slash + 1 : NULL;
	struct in_addr v4;
	int err;

	if (slash)
		*slash = '\0';
	if (inet_pton(AF_INET, text, &v4) == 1) {
		network->address = mapped(&v4);
		err = parse_bits(bits, BITS - V4_AT, &network->bits);
		network->bits += V4_AT;
		return err;
	}
	err = parse_bits(bits, BITS, &network->bits);
	return inet_pton(AF_INET6, text, &network->address) == 1 ? err : -EINVAL;
}

int peers_parse(const char *list, struct allowed_peers **allowed, struct slice *wrong)
{
	size_t most = 1;
	char one[INET6_ADDRSTRLEN + 4];

	for (const char *c = list; *c; c++)
		most += *c == ',';
	*allowed = calloc(1, sizeof(**allowed) + most * sizeof((*allowed)->list[0]));
	if (!*allowed)
		return -ENOMEM;
	for (const char *at = list; at;) {
		size_t len;

		at += strspn(at, " ");
		len = strcspn(at, ",");
		*wrong = (struct slice){at, len};
		if (len >= sizeof(one))
			return -EINVAL;
		memcpy(one, at, len);
		one[len] = '\0';
		if (parse_network(one, &(*allowed)->list[(*allowed)->count++]))
			return -EINVAL;
		at = at[len] ? at + len + 1 : NULL;
	}
	return 0;
}

static bool has(const struct network *network, const struct in6_addr *address)
{
	const unsigned char *a = network->address.s6_addr;
	const unsigned char *b = address->s6_addr;
	unsigned bytes = network->bits / 8;
	unsigned rest = network->bits % 8;

	if (IN6_IS_ADDR_V4MAPPED(address) && network->bits < V4_AT)
		return false;
	return !memcmp(a, b, bytes) && (!rest || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0);
}

bool peers_allow(const struct allowed_peers *allowed, const struct sockaddr_storage *peer)
{
	struct in6_addr address = address_of(peer);

	for (size_t i = 0; i < allowed->count; i++)
		if (has(&allowed->list[i], &address))
			return true;
	return false;
}

const char *peer_name(int fd, char text[PEER_SIZE])
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);
	struct ucred who = {0};
	socklen_t size = sizeof(who);
	char host[INET6_ADDRSTRLEN];
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&peer;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&peer;

	snprintf(text, PEER_SIZE, "unknown");
	if (getpeername(fd, (struct sockaddr *)&peer, &len))
		return text;
	if (peer.ss_family == AF_INET && inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host)))
		snprintf(text, PEER_SIZE, "%s:%d", host, ntohs(v4->sin_port));
	else if (peer.ss_family == AF_INET6 &&
		 inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host)))
		snprintf(text, PEER_SIZE, "[%s]:%d", host, ntohs(v6->sin6_port));
	else if (peer.ss_family == AF_UNIX && !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size))
		snprintf(text, PEER_SIZE, "unix pid=%d uid=%u", (int)who.pid, (unsigned)who.uid);
	return text;
}
