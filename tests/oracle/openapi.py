#!/usr/bin/python3
"""openapi.py record|check|compare NAME: what FastAPI 0.92 tells of the applications here, in
openapi.json. "record" writes it anew, "check" compares with the original (77: another version is
here), "compare" takes ours from stdin and prints what is different.

It is normalized: references are followed, but to what a 422 is; an object or enum has no title, as C has no name for what
FastAPI names it after, nor has a list of enums (which pydantic gives none); and of enums it is left
out that they are "An enumeration.".
"""

import json
import sys
from pathlib import Path

FILE = Path(__file__).with_name("openapi.json")


def normalized(value, whole):
    if isinstance(value, list):
        return [normalized(item, whole) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value and not value["$ref"].endswith("ValidationError"):
        return normalized(whole["components"]["schemas"][value["$ref"].rsplit("/")[-1]], whole)
    if "allOf" in value:
        (one,) = value["allOf"]
        value = {**normalized(one, whole), **{k: v for k, v in value.items() if k != "allOf"}}
    out = {k: normalized(v, whole) for k, v in value.items()}
    if out.get("type") == "object" or "enum" in out.get("items", out):
        out.pop("title", None)
    if out.get("description") == "An enumeration.":
        del out["description"]
    return out


def document(whole):
    schemas = whole["components"]["schemas"]
    kept = {name: schemas[name] for name in schemas if name.endswith("ValidationError")}
    return normalized({**whole, "components": kept}, whole)


def originals():
    import fastapi
    import pydantic

    version = f"FastAPI {fastapi.__version__}, pydantic {pydantic.VERSION}"
    if sys.argv[1] == "check" and version != json.loads(FILE.read_text())["original"]:
        sys.exit(77)
    try:
        import app
        import orders
    except RuntimeError:  # python-multipart is missing
        sys.exit(77)
    return {"original": version, "guide": document(app.app.openapi()), "orders": document(orders.app.openapi())}


def differences(ours, recorded, at=""):
    if isinstance(ours, dict) and isinstance(recorded, dict):
        for key in {**recorded, **ours}:
            yield from differences(ours.get(key), recorded.get(key), f"{at} {key}")
    elif isinstance(ours, list) and isinstance(recorded, list) and len(ours) == len(recorded):
        for i, pair in enumerate(zip(ours, recorded)):
            yield from differences(*pair, f"{at} {i}")
    elif ours != recorded:
        yield f"   {at}\n      recorded {json.dumps(recorded)}\n      ours     {json.dumps(ours)}"


if sys.argv[1] == "record":
    FILE.write_text(json.dumps(originals(), indent=1) + "\n")
elif sys.argv[1] == "check":
    sys.exit(originals() != json.loads(FILE.read_text()))
else:
    found = list(differences(document(json.load(sys.stdin)), json.loads(FILE.read_text())[sys.argv[2]]))
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))
