#!/usr/bin/python3
"""thumbnails.py URL PID: sends an 8 MB JPEG 100 times at the same time to /cases/thumbnail there, and
prints how long that took, and the most memory that the process had meanwhile."""

import http.client
import io
import sys
import threading
import time
from urllib.parse import urlsplit

from PIL import Image

CLIENTS = 100
url, pid = urlsplit(sys.argv[1]), sys.argv[2]


def picture():
    """About 8 MB: a camera's 12 million pixels, with some noise."""
    image = Image.merge("RGB", [Image.effect_noise((4000, 3000), 60 + 10 * i) for i in range(3)])
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


body = picture()
statuses = []
ready = threading.Barrier(CLIENTS + 1)


def ask():
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=600)
    ready.wait()
    connection.request("POST", url.path + "/cases/thumbnail?width=200", body)
    answer = connection.getresponse()
    answer.read()
    statuses.append(answer.status)


threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
for thread in threads:
    thread.start()
with open(f"/proc/{pid}/clear_refs", "w") as out:
    out.write("5")
ready.wait()
begun = time.time()
for thread in threads:
    thread.join()
seconds = time.time() - begun
peak = next(line.split()[1] for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM"))
print(f"{len(body) / 1e6:.1f} MB: {statuses.count(200)} of {CLIENTS} in {seconds:.2f} s, {CLIENTS / seconds:.1f}/s, {int(peak) / 1024:.0f} MB")
