#!/usr/bin/python3
"""orders_exchanges.py URL [missing]: a few hundred good and bad requests for orders, asked of ours at that URL and of
FastAPI (cases_orders.py), which have the same database (LANES_DATABASE), and what both answer. missing: a few
of a database that is away, or has no tables. Exit status 77: another FastAPI than that of the record is here.
"""

import asyncio
import http.client
import json
import random
import re
import sys
from urllib.parse import quote, unquote, urlsplit

JSON = {"Content-Type": "application/json"}
MEMBERS = ["null", "1", "0", "1000", "1001", "-1", "1.0", "1.5", "1e2", "true", "false", '""', '"x"', '"7"', '" 7 "', '"7.0"', "[]", "{}",
           '"%s"' % ("x" * 64), '"%s"' % ("x" * 65), '"%s"' % ("ü" * 64), '"a\\nb"', '"\\u00e9"', '"\\ud83d\\ude00"', "9223372036854775807",
           '"\'; DROP TABLE orders; --"', '"$1"', '"\\\\"', '"\\""', '"%"', '"NULL"', '"\\u007f"']  # fmt: skip
NUMBERS = ["", "0", "1", "2", "20", "100", "101", "-1", "+1", "x", "1.5", "1.0", "1e2", " 5", "5 ", "05", "0x5", "1_0", "null", "٣", "99999", "1000000", "1000001"]


def requests():
    """(method, target, headers, body)"""
    for value in MEMBERS:
        yield "POST", "/cases/orders", JSON, b'{"item":%s,"quantity":2}' % value.encode()
        yield "POST", "/cases/orders", JSON, b'{"item":"tea","quantity":%s}' % value.encode()
    for body in (b"", b"null", b"[]", b"{}", b"1", b'"x"', b'{"item":"tea"}', b'{"quantity":1}', b'{"item":"tea","quantity":1,"id":7}',
                 b'{"item":"tea","quantity":', b'{"item":"\xff","quantity":1}', b'{"item":"a\\u0000b","quantity":1}', b'{"item":"","quantity":0}',
                 b'{"item":"a","item":"b","quantity":1}', b' {"item" : "tea" , "quantity" : 3 } '):  # fmt: skip
        yield "POST", "/cases/orders", JSON, body
    yield "POST", "/cases/orders", {"Content-Type": "text/plain"}, b'{"item":"tea","quantity":1}'
    yield "POST", "/cases/orders", {}, b'{"item":"tea","quantity":1}'
    for limit in map(quote, NUMBERS):
        yield "GET", f"/cases/orders?limit={limit}", {}, b""
        yield "GET", f"/cases/orders?offset={limit}", {}, b""
        yield "GET", f"/cases/orders/{limit}", {}, b""
    made = random.Random(7)
    for _ in range(100):
        yield "GET", f"/cases/orders?limit={made.randrange(-2, 105)}&offset={made.randrange(-2, 60)}", {}, b""
        yield "GET", f"/cases/orders/{made.randrange(-2, 80)}", {}, b""
    for target in ("/cases/orders/", "/cases/orders/1/", "/cases/orders/1/x", "/cases/orders?limit=5&limit=6", "/cases/orders?x=1&limit=2",
                   "/cases/orders?limit=0&offset=-1", "/cases/orders/9223372036854775807"):  # fmt: skip
        yield "GET", target, {}, b""
    for method in ("PUT", "DELETE", "PATCH"):
        yield method, "/cases/orders/1", {}, b""
    for place in ("", "x", "1", "1-", "-1", "1-1-1", "9" * 19 + "-1", "1.0-1"):
        yield "GET", "/cases/events", {"Last-Event-ID": place}, b""
    yield "POST", "/cases/events", {}, b""
    for driver in ("", "/blocking", "/bad"):
        for seconds in ("0", "0.0", "-0.0", "0.01", "1e-3", "1e-05", "1E-2", " .01 ", "-1", "10.1", "nan", "inf", "x", ""):
            yield "GET", f"/cases/slow-query{driver}?seconds={quote(seconds)}", {}, b""
        yield "GET", f"/cases/slow-query{driver}", {}, b""
        yield "POST", f"/cases/slow-query{driver}", {}, b""


def missing():
    """Good ones: of others FastAPI says so only when it has its database."""
    yield "POST", "/cases/orders", JSON, b'{"item":"tea","quantity":2}'
    yield "POST", "/cases/renders", JSON, b"{}"
    for target in ("orders", "orders/1", "renders/1", "slow-query?seconds=0", "slow-query/blocking?seconds=0"):
        yield "GET", "/cases/" + target, {}, b""


class Ours:
    def __init__(self, url):
        self.url = urlsplit(url)

    def ask(self, method, target, headers, body):
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=60)
        connection.request(method, self.url.path + target, body or None, headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def follow(self, place, count):
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=60)
        connection.request("GET", self.url.path + "/cases/events", None, {"Last-Event-ID": place})
        answer = connection.getresponse()
        assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/event-stream")
        events = b""
        while events.count(b"\n\n") < count:
            events += answer.read1()
        connection.close()
        return events


class Theirs:
    def __init__(self):
        from app import app

        self.app = app
        self.loop = asyncio.new_event_loop()

    def scope(self, method, target, headers):
        path, _, query = target.partition("?")
        return {"type": "http", "method": method, "path": unquote(path), "raw_path": path.encode(), "root_path": "", "scheme": "http",
                "query_string": query.encode(), "headers": [(n.lower().encode(), v.encode()) for n, v in headers.items()]}  # fmt: skip

    def ask(self, method, target, headers, body):
        answer = []

        async def receive():
            return {"type": "http.request", "body": body}

        async def send(message):
            answer.append(message)

        self.loop.run_until_complete(self.app(self.scope(method, target, headers), receive, send))
        head = {n.decode(): v.decode() for n, v in answer[0]["headers"]}
        return answer[0]["status"], head, b"".join(part.get("body", b"") for part in answer[1:])

    def follow(self, place, count):
        events = bytearray()
        enough = asyncio.Event()

        async def receive():
            await enough.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            events.extend(message.get("body", b""))
            if events.count(b"\n\n") >= count:
                enough.set()

        self.loop.run_until_complete(self.app(self.scope("GET", "/cases/events", {"Last-Event-ID": place}), receive, send))
        return bytes(events)


def path_of(location):
    return "/cases/" + location.partition("/cases/")[2]


def told(answer):
    """What is compared of an answer; an order that was made has another number."""
    status, headers, body = answer
    text = body.decode()
    head = {name: headers.get(name) for name in ("content-type", "allow", "retry-after")}
    location = headers.get("location") and path_of(headers["location"])
    if status == 201:
        number = str(json.loads(text)["id"])
        assert location == "/cases/orders/" + number, location
        text, location = re.sub('"id":%s' % number, '"id":N', text), "N"
    return status, head, location, text


def both():
    """Whom to ask, if the recorded one is here."""
    import fastapi
    import pydantic

    if (fastapi.__version__, pydantic.VERSION) != ("0.92.0", "1.10.4"):
        sys.exit(77)
    return Ours(sys.argv[1]), Theirs()


def compare(ours, theirs, requests, told):
    """How many there are, and how many were answered in another way."""
    asked = wrong = 0
    for request in requests:
        answers = [told(whom.ask(*request)) for whom in (ours, theirs)]
        asked += 1
        if answers[0] != answers[1]:
            wrong += 1
            print(*request, "\n  ours:  ", answers[0], "\n  theirs:", answers[1])
    return asked, wrong


def main():
    ours, theirs = both()
    if sys.argv[2:]:
        asked, wrong = compare(ours, theirs, missing(), told)
        print(f"{asked} requests, {wrong} answered in another way")
        sys.exit(wrong > 0)
    asked, wrong = compare(ours, theirs, requests(), told)
    # What either of them made, both have, and tell in the same order.
    count = len(json.loads(ours.ask("GET", "/cases/orders?limit=100", {}, b"")[2]))
    events = [whom.follow("0-0", count).split(b"\n\n")[:count] for whom in (ours, theirs)]
    for pair in zip(*events):
        if pair[0] != pair[1]:
            wrong += 1
            print("event:\n  ours:  ", pair[0], "\n  theirs:", pair[1])
    print(f"{asked} requests and {count} events, {wrong} answered in another way")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
