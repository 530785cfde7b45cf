#!/usr/bin/python3
"""renders_exchanges.py URL: good and bad requests for renders and combined calls, asked of ours at that URL and of
FastAPI (cases_renders.py), which have the same database (LANES_DATABASE) and suppliers (LANES_OUTSIDE), and
what both answer. Somebody has to do the jobs. The pictures are those that Python draws. Exit status 77: another
FastAPI than that of the record is here.
"""

import io
import json
import re
import sys
import time

from orders_exchanges import JSON, NUMBERS, both, compare, path_of
from urllib.parse import quote

MEMBERS = ["null", "16", "15", "1024", "1025", "1", "0", "-1", "2000", "2001", "1.0", "17.5", "2e1", "-2", "2", "-2.1", "1e12", "1.1e12",
           "1e400", "NaN", "-0.0", "0.1", "true", '"20"', '" 20 "', '"0x20"', '"x"', "[]", "{}", "12345678901234567890"]  # fmt: skip
NAMES = ["width", "height", "iterations", "x", "y", "zoom"]
KEYS = ["", "k", "K-9_", "a b", "ü", "x" * 64, "x" * 65, "a;b"]
ITEMS = ["", "tea", "coffee", "%20", "%00", "%FF", "a%26b%3Dc", "%F0%9F%98%80", "x" * 64, "x" * 65, "%C3%BC" * 64, "%3Fitem%3D1%23"]
SMALL = b'{"width":16,"height":16,"iterations":20}'
# What no worker changes: state, attempts and error.
KEPT = {"dead": (3, "'its worker was silent'"), "cancelled": (0, "NULL"), "waiting": (1, "'500 Internal Server Error'"),
        "running": (1, "NULL")}  # fmt: skip


def requests():
    """(method, target, headers, body)"""
    for name in NAMES:
        for value in MEMBERS:
            yield "POST", "/cases/renders", JSON, b'{"height":16,"%s":%s}' % (name.encode(), value.encode())
    for body in (b"", b"null", b"[]", b"{}", b"1", b'{"width":', b'{"width":16,"width":17}', b'{"wide":16}', SMALL, b' {"x" : 0.25 } '):
        yield "POST", "/cases/renders", JSON, body
    yield "POST", "/cases/renders", {"Content-Type": "text/plain"}, SMALL
    yield "POST", "/cases/renders", {}, SMALL
    for key in KEYS:
        yield "POST", "/cases/renders", {**JSON, "Idempotency-Key": key.encode().decode("latin-1")}, SMALL
    for number in map(quote, NUMBERS):
        if number not in ("1", "2", "5", "05", "%205", "5%20", "20", "100", "101", "+1", "1_0", "%D9%A3"):  # which there may be
            yield "GET", f"/cases/renders/{number}", {}, b""
    for target in ("/cases/renders", "/cases/renders/", "/cases/renders/1/x", "/cases/renders/9223372036854775807", "/cases/combined"):
        yield "GET", target, {}, b""
    for method in ("PUT", "DELETE", "PATCH"):
        yield method, "/cases/renders/1", {}, b""
    for item in ITEMS:
        yield "GET", f"/cases/combined?item={item}", {}, b""
    yield "GET", "/cases/combined?item=a&item=b&x=1", {}, b""
    yield "POST", "/cases/combined?item=tea", {}, b""


def told(answer):
    """What is compared of an answer; a job that was made has another number."""
    status, headers, body = answer
    head = {name: headers.get(name) for name in ("content-type", "allow", "retry-after")}
    location = headers.get("location") and path_of(headers["location"])
    if head["content-type"] == "image/png":
        return status, head, location, body
    text = body.decode()
    if status == 202:
        number = str(json.loads(text)["id"])
        assert location == "/cases/renders/" + number, location
        text, location = re.sub('"id":%s' % number, '"id":N', text), "N"
    return status, head, location, re.sub(r'"render":\d+', '"render":N', text)


def jobs(theirs, sql):
    from cases_orders import database

    async def run():
        return await (await database()).fetch(sql)

    return theirs.loop.run_until_complete(run())


def rows_of(p):
    """The colours of a picture, as mandelbrot.c computes them."""
    step = 4 / p["zoom"] / p["width"]
    for row in range(p["height"]):
        im = p["y"] + (p["height"] / 2 - row) * step
        for column in range(p["width"]):
            re_ = p["x"] + (column - p["width"] / 2) * step
            x = y = 0.0
            n = 0
            while n < p["iterations"] and x * x + y * y <= 4:
                x, y = x * x - y * y + re_, 2 * x * y + im
                n += 1
            if n == p["iterations"]:
                yield 0, 0, 0
            else:
                light = n / p["iterations"]
                yield int(255 * light), int(255 * light * (2 - light)), int(96 + 159 * light)


def is_picture(png, payload):
    from PIL import Image

    image = Image.open(io.BytesIO(png), formats=["PNG"])
    return image.mode == "RGB" and image.size == (payload["width"], payload["height"]) and list(image.getdata()) == list(rows_of(payload))


def main():
    ours, theirs = both()
    asked, wrong = compare(ours, theirs, requests(), told)
    for state, (attempts, error) in KEPT.items():
        jobs(theirs, "INSERT INTO lanes_jobs (kind, payload, state, attempts, error, run_at, lease_until) VALUES "
             f"('render', '{{}}', '{state}', {attempts}, {error}, 'infinity', 'infinity')")  # fmt: skip
    jobs(theirs, "SELECT lanes_job_enqueue('other', '{}')")
    until = time.monotonic() + 60
    while jobs(theirs, "SELECT FROM lanes_jobs WHERE kind = 'render' AND state IN ('waiting', 'running') AND run_at < 'infinity'"):
        assert time.monotonic() < until, "nobody does the jobs"
        time.sleep(0.05)
    rows = jobs(theirs, "SELECT id, state, payload FROM lanes_jobs ORDER BY id")
    more = compare(ours, theirs, [("GET", f"/cases/renders/{row['id']}", {}, b"") for row in rows], told)
    small = [row for row in rows if row["state"] == "done" and json.loads(row["payload"])["width"] * json.loads(row["payload"])["height"] < 6000]
    bad = [row["payload"] for row in small[:40] if not is_picture(ours.ask("GET", f"/cases/renders/{row['id']}", {}, b"")[2], json.loads(row["payload"]))]
    for payload in bad:
        print("not drawn as Python draws it:", payload)
    print(f"{asked + more[0]} requests and {len(small[:40])} pictures, {wrong + more[1] + len(bad)} answered in another way")
    sys.exit(wrong + more[1] + len(bad) > 0 or not small)


if __name__ == "__main__":
    main()
