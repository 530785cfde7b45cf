"""The guide's real-world examples (app/cases) in FastAPI: the page and app/cases/README.md show each
beside the C, and tests compare what both answer. app.py has them."""

import asyncio
import hashlib
import io
import json
import os
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from pathlib import Path
from typing import List
from urllib.parse import unquote, urlsplit

import httpx
from fastapi import APIRouter, BackgroundTasks, Header, HTTPException, Query, Request, Response
from fastapi import Path as InPath
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel, Field, constr, validator
from pydantic.error_wrappers import ErrorWrapper

router = APIRouter(prefix="/cases")

FILES = Path(os.environ.get("LANES_FILES", "/nonexistent"))
DIGEST_LIMIT = 1 << 30
OUTSIDE = os.environ.get("LANES_OUTSIDE")  # URL of suppliers and gateway
MAIL = os.environ.get("LANES_MAIL")
RETRY = {"Retry-After": "1"}


def whole_body(media_type):
    schema = {"type": "string", "format": "binary"}
    return {"requestBody": {"content": {media_type: {"schema": schema}}}}


class Digest(BaseModel):
    name: str
    bytes: int
    sha256: str


def is_below(name):
    """Whether that is a file of the folder or of one below it, and no link leads there."""
    names = name.split("/")
    steps = [os.path.join(FILES, *names[: n + 1]) for n in range(len(names))]
    return not {"", ".", ".."} & set(names) and not any(map(os.path.islink, steps)) and os.path.isfile(steps[-1])


def digest_file(name):
    path = FILES / name
    if not is_below(name):
        raise HTTPException(404, f"{name} is not there")
    if path.stat().st_size > DIGEST_LIMIT:
        raise HTTPException(413, f"{name} has more than {DIGEST_LIMIT} bytes")
    content = path.read_bytes()
    return {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@router.get("/digest/{name}", response_model=Digest)
def digest(name: str = InPath(min_length=1, max_length=255)):
    return digest_file(name)


@router.get("/digests", response_model=List[Digest])
async def digests(names: List[constr(min_length=1, max_length=255)] = Query(alias="name", min_items=1, max_items=16)):
    return await asyncio.gather(*(run_in_threadpool(digest_file, name) for name in names))


class Stats(BaseModel):
    objects: int
    arrays: int
    keys: int
    strings: int
    integers: int
    floats: int
    booleans: int
    nulls: int
    depth: int


KINDS = {dict: "objects", list: "arrays", str: "strings", int: "integers", float: "floats", bool: "booleans",
         type(None): "nulls"}  # fmt: skip


def count(value, stats, depth=0):
    stats[KINDS[type(value)]] += 1
    if isinstance(value, (dict, list)):
        depth += 1
        stats["keys"] += len(value) if isinstance(value, dict) else 0
        for item in value.values() if isinstance(value, dict) else value:
            count(item, stats, depth)
    stats["depth"] = max(stats["depth"], depth)


def count_json(body):
    stats = dict.fromkeys(Stats.__fields__, 0)
    try:
        count(json.loads(body), stats)
    except json.JSONDecodeError as error:
        raise RequestValidationError([ErrorWrapper(error, ("body", error.pos))], body=error.doc)
    except (ValueError, RecursionError):
        raise HTTPException(400, "There was an error parsing the body")
    return stats


@router.post("/json-stats", response_model=Stats, openapi_extra=whole_body("application/json"))
async def json_stats(request: Request):
    return await run_in_threadpool(count_json, await request.body())


IMAGE_PIXELS = 50_000_000
Image.MAX_IMAGE_PIXELS = None  # this limit is ours


AN_IMAGE = {200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}}


def shrink(body, width):
    if not body.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        raise HTTPException(415, "the body is neither a JPEG nor a PNG")
    try:
        image = Image.open(io.BytesIO(body), formats=["JPEG", "PNG"])
    except UnidentifiedImageError:
        raise HTTPException(422, "the image cannot be read")
    if image.width * image.height > IMAGE_PIXELS:
        detail = f"the image has {image.width} x {image.height} pixels, more than {IMAGE_PIXELS}"
        raise HTTPException(413, detail)
    if image.format == "JPEG" and image.mode not in ("L", "RGB"):
        raise HTTPException(415, "the image has other colours than RGB")
    format = image.format
    width = min(width, image.width)
    size = (width, max(1, (image.height * width + image.width // 2) // image.width))
    try:
        image.draft(image.mode, (2 * size[0], 2 * size[1]))
        if image.mode in ("P", "1") or "transparency" in image.info:
            image = image.convert("RGBA" if "transparency" in image.info else "RGB" if image.mode == "P" else "L")
        small = image.resize(size, Image.Resampling.BOX)
    except (OSError, SyntaxError):
        raise HTTPException(422, "the image cannot be read")
    out = io.BytesIO()
    small.save(out, format, quality=85)
    return out.getvalue(), format


@router.post(
    "/thumbnail",
    response_class=Response,
    responses=AN_IMAGE,
    openapi_extra=whole_body("application/octet-stream"),
)
async def thumbnail(request: Request, width: int = Query(200, ge=1, le=4096)):
    content, format = await run_in_threadpool(shrink, await request.body(), width)
    return Response(content, media_type=f"image/{format.lower()}")


class Key(BaseModel):
    rounds: int
    key: str


Rounds = Query(100000, ge=1, le=10000000)


def derive_key(rounds):
    key = hashlib.pbkdf2_hmac("sha256", b"correct horse", b"battery staple", rounds)
    return {"rounds": rounds, "key": key.hex()}


@router.get("/derive", response_model=Key)
async def derive(rounds: int = Rounds):
    return await run_in_threadpool(derive_key, rounds)


@router.get("/derive/bad", response_model=Key)
async def derive_bad(rounds: int = Rounds):
    return derive_key(rounds)  # BAD: computes on the event loop


class Quote(BaseModel):
    supplier: int
    price: int


class Quotes(BaseModel):
    item: str
    quotes: List[Quote]
    late: List[int]
    failed: List[int]


async def price(client, supplier, item):
    answer = await client.get(f"{OUTSIDE}/suppliers/{supplier}/price", params={"item": item})
    answer.raise_for_status()
    return Quote(supplier=supplier, price=answer.json()["price"])


@router.get("/quotes", response_model=Quotes)
async def quotes(item: str = Query(min_length=1, max_length=64), within: float = Query(0.5, gt=0, le=10)):
    if not OUTSIDE:
        raise HTTPException(503, "there is no supplier: --outside URL brings one", RETRY)
    async with httpx.AsyncClient() as client:
        calls = {n: asyncio.create_task(price(client, n, item)) for n in (1, 2, 3)}
        done, late = await asyncio.wait(calls.values(), timeout=within)
        for call in late:
            call.cancel()
    return {
        "item": item,
        "quotes": [call.result() for call in calls.values() if call in done and not call.exception()],
        "late": [n for n, call in calls.items() if call in late],
        "failed": [n for n, call in calls.items() if call in done and call.exception()],
    }


PAYMENT_TIMEOUT = 2


class NewPayment(BaseModel):
    order: str = Field(min_length=1, max_length=64)
    amount: int = Field(ge=1, le=100000000)


class Payment(BaseModel):
    payment: str
    order: str
    amount: int


@router.post("/payments", status_code=201, response_model=Payment)
def payments(asked: NewPayment, idempotency_key: str = Header(min_length=1, max_length=64, regex="^[A-Za-z0-9_-]+$")):
    if not OUTSIDE:
        raise HTTPException(503, "there is no payment gateway: --outside URL brings one", RETRY)
    headers = {"Idempotency-Key": idempotency_key}
    try:
        answer = httpx.post(f"{OUTSIDE}/payments", json=asked.dict(), headers=headers, timeout=PAYMENT_TIMEOUT)
    except httpx.ConnectError:
        raise HTTPException(503, headers=RETRY)
    except httpx.TimeoutException:
        raise HTTPException(504)
    except httpx.HTTPError:
        raise HTTPException(502)
    if answer.status_code == 402:
        raise HTTPException(402, "the payment was declined")
    if answer.status_code != 201:
        raise HTTPException(502)
    return {**asked.dict(), "payment": answer.json()["payment"]}


MAIL_TIMEOUT = float(os.environ.get("LANES_MAIL_TIMEOUT", 10))
ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$"


class Mail(BaseModel):
    to: str = Field(max_length=254, regex=ADDRESS)
    subject: str = Field(min_length=1, max_length=200)
    text: str = Field(max_length=50000)

    @validator("to", "subject")
    def one_line(cls, value):
        if any(c < " " or c == "\x7f" for c in value):
            raise ValueError("control characters are not allowed")
        return value


class SentMail(BaseModel):
    to: str
    sent: bool


def send(mail):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "lanes@localhost", mail.to, mail.subject
    message["Date"], message["Message-ID"] = localtime(), make_msgid()
    message.set_content(mail.text)
    url = urlsplit(MAIL)
    try:
        client = smtplib.SMTP_SSL if url.scheme == "smtps" else smtplib.SMTP
        with client(url.hostname, url.port or 0, timeout=MAIL_TIMEOUT) as smtp:
            smtp.ehlo()
            if smtp.has_extn("starttls"):
                smtp.starttls(context=ssl.create_default_context())
            if url.username:
                smtp.login(unquote(url.username), unquote(url.password))
            smtp.send_message(message)
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
        refused = isinstance(error, smtplib.SMTPRecipientsRefused)
        code = error.recipients[mail.to][0] if refused else error.smtp_code
        detail = f"the mail server said {code}"
        raise HTTPException(502, detail) if code >= 500 else HTTPException(503, detail, RETRY)
    except TimeoutError:
        raise HTTPException(504)
    except ssl.SSLError:
        raise HTTPException(502, "there is no TLS with the mail server")
    except OSError:
        raise HTTPException(503, headers=RETRY)


@router.post("/mail", response_model=SentMail)
async def mail(mail: Mail, response: Response, background: BackgroundTasks, later: bool = False):
    if not MAIL:
        raise HTTPException(503, "there is no mail server: make run MAIL_URL=smtp://HOST:PORT brings one", RETRY)
    if later:
        background.add_task(send, mail)
        response.status_code = 202
    else:
        await run_in_threadpool(send, mail)
    return {"to": mail.to, "sent": not later}
