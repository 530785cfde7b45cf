/* A slow cable, where the kernel has no netem: link A B MILLISECONDS PERCENT. What comes out of
 * interface A goes into B that much later, and the other way; so many of the frames are lost. Until
 * it is killed. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A frame may be one of 64 KB that the card would cut, or lack a checksum that it would compute:
 * the header says so, and goes with it. */
enum { FRAME = 65536 + 128, QUEUE = 4096 };

struct frame {
	double due;
	size_t len;
	char *bytes; /* its own */
};

/* All are delayed alike, so they are due in the order in which they came. */
struct direction {
	int from, to;
	struct frame queue[QUEUE];
	size_t head, count;
};

static double delay, loss;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int open_interface(const char *name)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET,
				      .sll_protocol = htons(ETH_P_ALL),
				      .sll_ifindex = (int)if_nametoindex(name)};
	struct packet_mreq all = {.mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
	const int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		perror(name);
		exit(1);
	}
	return fd;
}

static void take(struct direction *d)
{
	static char bytes[FRAME];
	ssize_t len;

	while ((len = recv(d->from, bytes, sizeof(bytes), 0)) > 0) {
		struct frame *f = &d->queue[(d->head + d->count) % QUEUE];

		if (d->count == QUEUE || drand48() < loss || !(f->bytes = malloc((size_t)len)))
			continue;
		*f = (struct frame){now() + delay, (size_t)len, f->bytes};
		memcpy(f->bytes, bytes, (size_t)len);
		d->count++;
	}
}

/* Sends those that are due. Milliseconds until the next one is, or most. */
static int give(struct direction *d, int most)
{
	while (d->count) {
		struct frame *f = &d->queue[d->head];
		double left = f->due - now();

		if (left > 0)
			return (int)(left * 1e3) + 1 < most ? (int)(left * 1e3) + 1 : most;
		if (send(d->to, f->bytes, f->len, 0) < 0)
			perror("send");
		free(f->bytes);
		d->head = (d->head + 1) % QUEUE;
		d->count--;
	}
	return most;
}

int main(int argc, char **argv)
{
	static struct direction there, back;

	if (argc != 5)
		return 2;
	delay = atof(argv[3]) / 1e3;
	loss = atof(argv[4]) / 100;
	there.from = back.to = open_interface(argv[1]);
	there.to = back.from = open_interface(argv[2]);
	for (;;) {
		struct pollfd fds[2] = {{.fd = there.from, .events = POLLIN},
					{.fd = back.from, .events = POLLIN}};

		poll(fds, 2, give(&there, give(&back, 1000)));
		take(&there);
		take(&back);
	}
}
