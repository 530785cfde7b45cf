#!/usr/bin/env python3
"""simulate.py: a cluster on paper, from 3 hosts to 100 and a million requests in flight: what becomes the limit first,
and, by simulated requests, what becomes of them when a host is unplugged. What a request takes was measured:
README.md says how. The same numbers each time."""
import heapq
import random

EACH = 10_000  # requests in flight at a host
WORKERS = 2    # of a host, and one for jobs
MEAN = 10      # seconds that a request is in flight
POSTS = 0.1    # of them

# What one request in flight takes.
FRONT_BYTES = 69_000        # in HAProxy, of whose buffers each has one of 64 KB
FRONT_BYTES_SMALL = 21_600  # … of 16 KB, with max-reqs 4
WORKER_BYTES = 1_250
FRONT_FILES = 1.064         # a client's connection, and a sixteenth of a worker's
FRONT_CPU = 9.4e-6          # seconds for each request
CHECK_CPU = 400e-6          # … and for each check: all that it takes without requests
DATABASE = 9                # connections of a worker: 8, and one that listens
READS = 21_700              # rows by key that one PostgreSQL reads in a second
INSERTS = 2_400             # … and writes to a disk


def number(n):
    return f'{n:,.0f}' if n >= 10 else f'{n:.2g}'


# (what, how much of it that many hosts take, how much there is, where it is said)
def resources(fronts):
    share = lambda h: h * EACH / fronts
    rate = lambda h: h * EACH / MEAN
    workers = lambda h: h * WORKERS
    return [
        ('connections of PostgreSQL', lambda h: (workers(h) + h) * DATABASE, 97, 'max_connections = 100'),
        ('HAProxy: requests', share, 4_000, 'maxconn of haproxy.cfg'),
        ('a worker: requests', lambda h: h * EACH / workers(h), 512, 'maxconn of its server line'),
        ('HAProxy: descriptors', lambda h: share(h) * FRONT_FILES, 524_288, 'systemd\'s hard LimitNOFILE'),
        ('HAProxy: conntrack', lambda h: share(h) * FRONT_FILES, 262_144, 'nf_conntrack_max, with a firewall'),
        ('HAProxy: GB of memory', lambda h: share(h) * FRONT_BYTES / 1e9, 32, 'half of a machine of 64 GB'),
        ('… with buffers of 16 KB', lambda h: share(h) * FRONT_BYTES_SMALL / 1e9, 32, 'the same'),
        ('HAProxy: cores', lambda h: rate(h) / fronts * FRONT_CPU + (workers(h) * 5 + h * 2) * CHECK_CPU, 8, ''),
        ('inserts a second', lambda h: rate(h) * POSTS, INSERTS, 'one PostgreSQL, if each POST has one'),
        ('reads a second', lambda h: rate(h) * (1 - POSTS), READS, 'one PostgreSQL, if each GET has one'),
        ('ports to one worker', lambda h: share(h) / 16 / workers(h), 28_232, 'ip_local_port_range'),
        ('a worker: MB of memory', lambda h: h * EACH / workers(h) * WORKER_BYTES / 1e6, 256, '--memory-limit'),
        ('a worker: requests', lambda h: h * EACH / workers(h), 131_072, '--max-reqs'),
    ]


def limits(fronts):
    rows = []
    for what, takes, there, why in resources(fronts):
        reached = next((h for h in range(1, 1001) if takes(h) > there), None)
        rows.append((reached or 9999, what, takes(3), takes(100), there, why))
    print(f'{EACH:,} requests in flight at a host, each {MEAN} s, {WORKERS} workers and one for jobs; {fronts} fronts\n')
    print(f'{"":26} {"3 hosts":>9} {"100 hosts":>9} {"there is":>9}  too many hosts')
    for reached, what, few, many, there, why in sorted(rows, key=lambda row: row[0]):
        print(f'{what:26} {number(few):>9} {number(many):>9} {number(there):>9}  '
              f'{"never" if reached == 9999 else reached:<5} {why}'.rstrip())


class Cluster:
    """A front that gives each request to the host that has the fewest, as leastconn does."""

    def __init__(self, hosts, scale):
        self.random = random.Random(17)
        self.counts = [0] * hosts
        self.up = list(range(hosts))
        self.order = [(0, h) for h in range(hosts)]  # a heap, of which what is not true any more is skipped
        self.events = []
        self.serial = 0
        self.scale = scale
        self.dead = None
        self.held = []  # what the dead host has
        self.moved = self.told = self.peak = 0
        self.longest = 0

    def at(self, time, what, *words):
        self.serial += 1
        heapq.heappush(self.events, (time, self.serial, what, words))

    def change(self, host, by):
        self.counts[host] += by
        heapq.heappush(self.order, (self.counts[host], host))

    def least(self):
        while True:
            count, host = self.order[0]
            if count == self.counts[host] and host in self.up:
                return host
            heapq.heappop(self.order)

    def begin(self, now, since):
        host = self.least()
        self.change(host, 1)
        if host == self.dead:
            self.held.append((now, since))
        self.at(now + self.random.expovariate(1 / MEAN), 'end', host, since, now)

    def end(self, now, host, since, begun):
        if host == self.dead:
            return  # nobody hears of it
        self.change(host, -1)

    # Its connections are found to be dead, each by what it has sent in vain, or by keepalive; the others in the row
    # of the first send go on to it until it counts as down.
    def unplug(self, now, host):
        self.dead = host
        self.before = max(self.counts)
        left = self.counts[host]
        for _ in range(left):
            busy = self.random.random() < 0.9
            self.at(now + (1.2 + self.random.random() * 0.4 if busy else 2 + self.random.random()), 'lost', now)
        self.at(now + 0.4 + 0.4 * self.random.random(), 'down', host)

    def down(self, now, host):
        self.up = [h for h in self.up if h != host]
        for begun, since in self.held:
            self.at(max(now, begun + 1.2 + self.random.random() * 0.4), 'lost', since)

    def lost(self, now, since):
        if self.random.random() < POSTS:
            self.told += 1
            return
        self.moved += 1
        self.longest = max(self.longest, now - since)
        self.begin(now, since)

    def arrive(self, now):
        self.begin(now, now)
        self.at(now + self.random.expovariate(len(self.counts) * EACH / self.scale / MEAN), 'arrive')

    def run(self):
        for _ in range(len(self.counts) * EACH // self.scale):
            self.begin(0, 0)
        self.at(0, 'arrive')
        self.at(2, 'unplug', 0)
        while self.events[0][0] < 8:
            now, _, what, words = heapq.heappop(self.events)
            getattr(self, what)(now, *words)
            if self.dead is not None and what == 'lost':
                self.peak = max(self.peak, max(self.counts[h] for h in self.up))


def unplugged():
    print('\na host is unplugged         GETs moved  POSTs told  longest more  the others have')
    for hosts in 3, 10, 30, 100:
        scale = hosts // 3  # one stands for so many
        one = Cluster(hosts, scale)
        one.run()
        print(f'{hosts:3} hosts, {hosts * EACH:9,} in flight {one.moved * scale:8,} {one.told * scale:11,} '
              f'{one.longest:11.1f} s   {one.peak / one.before:8.2f} times as many')


limits(2)
unplugged()
