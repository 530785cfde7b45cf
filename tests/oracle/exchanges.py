#!/usr/bin/python3
"""exchanges.py record|check|generate|covers: what the application of orders.py answers, in orders.txt.

The file has answers (status, body), below each the requests that get it, each a method and the raw
target, and below that its headers and, after "=", its body; {text*n} is the text n times, and %XX in
a body a byte. "record" writes all answers anew, "check" compares, "generate" adds the requests that
follow from the application's schema: every value of the pools below for every parameter and member.
A new request may stand below any answer. The status is 77 where that version, with python-multipart,
is not installed.

"covers" takes our /openapi.json from stdin, and prints what follows from that and is not in the file.
"""

import asyncio
import json
import re
import sys
from pathlib import Path
from urllib.parse import quote, unquote, unquote_to_bytes

FILE = Path(__file__).with_name("orders.txt")
if sys.argv[1] == "covers":
    document = json.load(sys.stdin)
else:
    import fastapi
    import pydantic

    VERSION = f"original: FastAPI {fastapi.__version__}, pydantic {pydantic.VERSION}"
    if sys.argv[1] == "check" and VERSION not in FILE.read_text():
        sys.exit(77)
    try:
        from orders import app
    except RuntimeError:  # python-multipart is missing
        sys.exit(77)
    document = app.openapi()


def expand(text):
    return re.sub(r"\{([^*{}]+)\*(\d+)\}", lambda m: m[1] * int(m[2]), text)


async def ask(lines):
    method, target = expand(lines[0]).split(" ", 1)
    path, _, query = target.partition("?")
    headers = [l.split(": ", 1) for l in map(expand, lines[1:]) if not l.startswith("=")]
    body = unquote_to_bytes(b"".join(expand(l)[2:].encode() for l in lines[1:] if l.startswith("=")))
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": query.encode(),
        "headers": [(n.lower().encode(), unquote_to_bytes(v)) for n, v in headers],
    }
    answer = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        answer.append(message)

    try:
        await app(scope, receive, send)
    except Exception:
        pass  # after a 500
    return f"{answer[0]['status']} {answer[1]['body'].decode()}"


def read():
    """The groups, each a name and a list of (answer, request)."""
    groups = []
    answer = None
    for line in FILE.read_text().split("\n"):
        if line.startswith("["):
            groups.append((line, []))
        elif line.startswith("\t\t"):
            groups[-1][1][-1][1].append(line[2:])
        elif line.startswith("\t"):
            groups[-1][1].append((answer, [line[1:]]))
        elif groups and line:
            answer = line
    return groups


def write(groups):
    head = FILE.read_text().split("original:")[0]
    out = [head + VERSION]
    for name, exchanges in groups:
        out += ["", name]
        last = None
        for answer, request in exchanges:
            if answer != last:
                out.append(answer)
            last = answer
            out.append("\t" + "\n\t\t".join(request))
    FILE.write_text("\n".join(out) + "\n")


def record():
    write([(n, [(asyncio.run(ask(r)), r) for _, r in x]) for n, x in read()])


def check():
    for _, exchanges in read():
        for answer, request in exchanges:
            now = asyncio.run(ask(request))
            # Only with Debian's security updates does starlette limit a form's fields.
            if now != answer and not re.search("Too many fields|Field exceeded", answer):
                sys.exit(f"{request}\n  recorded {answer}\n  now      {now}")


# --- what follows from the schema ---

TEXTS = {
    "integer": ["0", "-1", "1", "+7", " 7 ", "1_0", "007", "1.0", "1.5", "1e3", "", "x", "0x1", "true", "٣", "1 0"],
    "number": ["0", "-0.5", "0.5", "1e2", ".5", "5.", " 2 ", "1_0.5", "nan", "inf", "-inf", "", "x", "1,5", "0x1"],
    "boolean": ["1", "0", "true", "TRUE", "False", "on", "oFF", "y", "n", "t", "f", "yes", "no", "2", "", "tru", " 1"],
    "string": ["", "a", "ab", "abc", "éé", "日本語", "a b", "A", "abcdefghijklmnopqrstuvwxyz", "a\n", "%"],
    "uuid": ["12345678-1234-5678-1234-567812345678", "{12345678123456781234567812345678}",
        "urn:uuid:12345678-1234-5678-1234-56781234ABCD", "12345678-1234-5678-1234-56781234567",
        "g2345678-1234-5678-1234-567812345678", ""],
    "date-time": ["2026-11-28T13:00:00", "2026-11-28 13:00", "2026-11-28T13:00:00.5Z",
        "2026-11-28T13:00:00.1234567+01:30", "2024-02-29T1:2:3-0530", "2023-02-29T00:00", "2026-11-28T24:00",
        "2026-11-28T13:00:00+24:00", "2026-11-28", "0", "1700000000", "1700000000123", "-1.5", "nan", "inf",
        "x", ""],
}  # fmt: skip
TEXTS["enum"] = ["small", "large", "extra large", "Small", "", "huge"]
JSON = ["0", "1", "-1", "-0", "1.0", "1.9", "1e2", "true", "false", "null", '""', '"1"', '"x"', '"abcdef"', "[]", "{}",
        '[1]', '{"a":1}', "NaN", "Infinity", "-Infinity", "1700000000.25", '"small"', '"A@b.de"', '"é"',
        '"2026-11-28T13:00:00Z"', '"12345678-1234-5678-1234-567812345678"']  # fmt: skip
GOOD = {"integer": "1", "number": "0.25", "boolean": "true", "string": "abcd", "uuid": TEXTS["uuid"][0],
        "date-time": TEXTS["date-time"][0], "enum": "small", "array": "2"}  # fmt: skip


def resolve(schema):
    if "allOf" in schema:
        schema = schema["allOf"][0]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/")[-1]]
    return schema


def kind(schema):
    schema = resolve(schema)
    return "enum" if "enum" in schema else schema.get("format", schema.get("type"))


def texts(schema):
    schema = resolve(schema)
    if kind(schema) == "array":
        return [""] + texts(schema["items"])[:6]
    found = list(TEXTS[kind(schema)])
    for bound in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        if bound in schema:
            number = int if kind(schema) == "integer" else float
            found += [str(number(schema[bound]) + d) for d in (-1, 0, 1)]
    for bound in ("minLength", "maxLength"):
        if bound in schema:
            found += ["a" * (schema[bound] + d) for d in (-1, 0, 1)]
    return found


def request(method, path, operation, name, text):
    """All that is required, and the text as the parameter of that name; None leaves it out."""
    query, headers, cookies = [], [], []
    for parameter in operation.get("parameters", []):
        value = GOOD[kind(parameter["schema"])]
        if parameter["name"] == name:
            value = text
        elif not parameter.get("required"):
            continue
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", quote(value, safe=""))
        elif value is None:
            continue
        elif parameter["in"] == "query":
            query.append(f"{parameter['name']}={quote(value, safe='')}")
        elif parameter["in"] == "header":
            headers.append(f"{parameter['name']}: {quote(value.encode('latin-1', 'replace'), safe=' :{}')}")
        else:
            cookies.append(f"{parameter['name']}={quote(value.encode('latin-1', 'replace'), safe=' :{}')}")
    if cookies:
        headers.append("Cookie: " + "; ".join(cookies))
    return [f"{method.upper()} {path}" + ("?" + "&".join(query) if query else "")] + headers


def good_json(schema, name=None, value=None):
    """All that is required in an object, and the value as the member of that name."""
    schema = resolve(schema)
    if kind(schema) == "array":
        return f"[{good_json(schema['items'])}]"
    if kind(schema) == "object":
        wanted = [n for n in schema["properties"] if n in schema.get("required", []) or n == name]
        return "{" + ",".join(f'"{n}":{value if n == name else good_json(schema["properties"][n])}' for n in wanted) + "}"
    text = "ABc@d.de" if "pattern" in schema else GOOD[kind(schema)]
    return text if kind(schema) in ("integer", "number", "boolean") else f'"{text}"'


def generated():
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody", {}).get("content", {})
            tail = []
            if "application/json" in body:
                schema = body["application/json"]["schema"]
                tail = ["Content-Type: application/json", "= " + good_json(schema)]
                for name in resolve(schema)["properties"]:
                    for value in JSON:
                        good = good_json(schema, name, value)
                        yield request(method, path, operation, None, None) + tail[:1] + ["= " + good.replace("%", "%25")]
            for media, content in body.items():
                if media == "application/x-www-form-urlencoded":
                    properties = resolve(content["schema"])["properties"]
                    head = [f"{method.upper()} {path}", f"Content-Type: {media}"]
                    for name, schema in properties.items():
                        for text in texts(schema):
                            good = {"name": "Ann", "age": "30", name: text}
                            yield head + ["= " + "&".join(f"{n}={quote(t)}" for n, t in good.items()).replace("%", "%25")]
            for parameter in operation.get("parameters", []):
                for text in texts(parameter["schema"]) + ([] if parameter["in"] == "path" else [None]):
                    if text == "" and parameter["in"] == "path":
                        continue
                    yield request(method, path, operation, parameter["name"], text) + tail


def generate():
    groups = [g for g in read() if g[0] != "[generated]"]
    known = {tuple(r) for _, x in groups for _, r in x}
    fresh = dict.fromkeys(tuple(r) for r in generated() if tuple(r) not in known)
    write(groups + [("[generated]", [(None, list(r)) for r in fresh])])
    record()


def covers():
    known = {tuple(r) for _, x in read() for _, r in x}
    missing = [r for r in generated() if tuple(r) not in known]
    sys.exit("\n".join("\t" + "\n\t\t".join(r) for r in missing) or 0)


if __name__ == "__main__":
    {"record": record, "check": check, "generate": generate, "covers": covers}[sys.argv[1]]()
