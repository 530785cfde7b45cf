#!/usr/bin/python3
"""database_clients.py ask|listen URL N: so many clients of /cases at a time, until TERM; then what became of
their requests, as a line "over {…}". Before that, such a line ten times a second, and "at" which of them.

ask: each asks for one order after another, and looks at what comes: order K is {"id":K,"item":"item K",…}.
listen: each listens to /cases/events, and looks whether any is missing.
"""

import asyncio
import json
import random
import signal
import sys
import time
from urllib.parse import urlsplit

what, url, count = sys.argv[1], urlsplit(sys.argv[2]), int(sys.argv[3])
counts = {"right": 0, "wrong": 0, "refused": 0, "late": 0, "other": 0, "failed": 0, "listening": 0, "longest": 0.0, "at": 0.0}


async def connected(target):
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(f"GET {url.path}{target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    return reader, writer, int(head.split()[1]), head.lower()


async def ask():
    number = random.randrange(1, 1001)
    begun = time.monotonic()
    reader, writer, status, head = await connected(f"/cases/orders/{number}")
    length = int(head.partition("content-length: ")[2].split()[0])
    body = json.loads(await reader.readexactly(length))
    writer.close()
    counts["longest"] = max(counts["longest"], time.monotonic() - begun)
    if status == 200:
        right = body["id"] == number and body["item"] == f"item {number}"
        counts["right" if right else "wrong"] += 1
    else:
        counts[{503: "refused", 504: "late"}.get(status, "other")] += 1


async def keep_asking():
    while True:
        try:
            await ask()
        except (OSError, asyncio.IncompleteReadError):
            counts["failed"] += 1
        await asyncio.sleep(0.01)


async def listen():
    try:
        # The writer is kept: newer Pythons close what nobody has.
        reader, writer, status, _ = await connected("/cases/events")
        counts["refused" if status != 200 else "listening"] += 1
        last = None
        while True:
            line = (await reader.readline()).decode()
            if not line:
                raise ConnectionError
            if not line.startswith("data: "):
                continue
            number = json.loads(line[6:])["id"]
            counts["right" if last in (None, number - 1) else "wrong"] += 1
            last = number
    except (OSError, asyncio.IncompleteReadError):
        counts["failed"] += 1


async def main():
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    tasks = [asyncio.ensure_future(keep_asking() if what == "ask" else listen()) for _ in range(count)]
    while not over.is_set():
        try:
            await asyncio.wait_for(over.wait(), 0.1)
        except asyncio.TimeoutError:
            pass
        counts["at"] = time.monotonic()
        print(json.dumps(counts), flush=True)
    for task in tasks:
        task.cancel()
    print("over", json.dumps(counts), flush=True)


asyncio.run(main())
