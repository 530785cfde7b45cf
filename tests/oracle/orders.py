"""A FastAPI application with inputs of every kind, which it answers as it has read them: the reference
for Lanes' fields. tests/support/orders.c is the same in C. Floats come as text, so that NaN can come at
all. What it says on FastAPI 0.92 with pydantic 1 is recorded in orders.txt (see exchanges.py)."""

from datetime import datetime
from enum import Enum
from typing import List, Optional
from uuid import UUID

from fastapi import Cookie, FastAPI, File, Form, Header, Path, Query, UploadFile
from pydantic import BaseModel, Field, conint, constr

app = FastAPI(title="Orders", version="1.0", docs_url=None, redoc_url=None)

WORD = "^[a-z]+( [a-z]+)*$"


class Size(str, Enum):
    small = "small"
    large = "large"
    huge = "extra large"


def echo(value):
    if isinstance(value, BaseModel):
        return {name: echo(getattr(value, name)) for name in value.__fields__}
    if isinstance(value, dict):
        return {name: echo(item) for name, item in value.items()}
    if isinstance(value, list):
        return [echo(item) for item in value]
    if hasattr(value, "filename"):
        return [value.filename, value.content_type, value.file.read().decode()]
    if isinstance(value, (float, datetime, UUID)):
        return value.isoformat() if isinstance(value, datetime) else str(value)
    return value


@app.get("/items/{item}")
def items(item: int = Path(ge=1, le=1000000), q: Optional[str] = Query(None, min_length=3, max_length=5)):
    return echo(locals())


@app.get("/search")
def search(
    q: str = Query(min_length=2, max_length=20, regex=WORD),
    limit: int = Query(10, ge=1, le=100),
    offset: int = Query(0, ge=0, lt=1000),
    price: Optional[float] = Query(None, gt=0, lt=1000.5),
    exact: bool = False,
    size: Size = Size.small,
    tags: List[constr(min_length=2, max_length=4)] = Query([], alias="tag", max_items=3),
):
    return echo(locals())


@app.get("/numbers")
def numbers(
    above: Optional[int] = Query(None, gt=-5),
    below: Optional[int] = Query(None, lt=5),
    over: Optional[float] = Query(None, gt=0.5),
    under: Optional[float] = Query(None, le=0.25),
    any: Optional[float] = None,
):
    return echo(locals())


@app.get("/lists")
def lists(
    ints: List[conint(ge=0, lt=10)] = Query(min_items=1, max_items=4),
    floats: Optional[List[float]] = Query(None, min_items=2),
    bools: List[bool] = Query([]),
    sizes: List[Size] = Query([]),
    ids: List[UUID] = Query([]),
    times: List[datetime] = Query([]),
):
    return echo(locals())


@app.get("/orders/{order}/at/{at}")
def order_at(order: UUID, at: datetime, size: Optional[Size] = None):
    return echo(locals())


@app.get("/when")
def when(at: datetime, until: Optional[datetime] = None):
    return echo(locals())


@app.get("/who/{name}")
def who(name: str = Path(min_length=2, max_length=8), nick: str = Query("none", regex="^[^ ]*$")):
    return echo(locals())


@app.get("/headers")
def headers(
    x_token: str = Header(min_length=4, max_length=16),
    x_count: int = Header(0, ge=0, le=9),
    x_flag: Optional[bool] = Header(None),
    trace: Optional[UUID] = Header(None, alias="x-trace-id"),
    user_agent: str = Header("none"),
    content_type: Optional[str] = Header(None),
):
    return echo(locals())


@app.get("/cookies")
def cookies(
    session: str = Cookie(min_length=2),
    visits: int = Cookie(0, ge=0),
    since: Optional[datetime] = Cookie(None),
):
    return echo(locals())


class Order(BaseModel):
    item: str = Field(min_length=1, max_length=12)
    quantity: int = Field(ge=1, le=1000)
    price: float = Field(1.5, gt=0)
    gift: bool = False
    size: Size = Size.small
    note: Optional[str] = Field(None, max_length=5)
    at: Optional[datetime] = None
    id: Optional[UUID] = None


@app.post("/orders")
def orders(order: Order):
    return echo(order)


class Values(BaseModel):
    i: Optional[int] = None
    f: Optional[float] = None
    b: Optional[bool] = None
    s: Optional[str] = None
    e: Optional[Size] = None
    t: Optional[datetime] = None
    u: Optional[UUID] = None
    l: Optional[List[int]] = None
    plain: int = 7


@app.post("/values")
def values(values: Values):
    return echo(values)


class Address(BaseModel):
    street: str = Field(min_length=1)
    number: int = Field(gt=0)


class Customer(BaseModel):
    name: str = Field(regex="[A-Z]")
    mail: str = Field("none", regex=r"^[^@ ]+@[^@ ]+\.[a-z]{2,3}$")
    address: Optional[Address] = None


class Line(BaseModel):
    item: str
    quantity: conint(ge=1) = 1
    sizes: List[Size] = []


class Cart(BaseModel):
    customer: Customer
    lines: List[Line] = Field(min_items=1, max_items=3)
    tags: List[constr(max_length=3)] = []
    matrix: Optional[List[List[int]]] = None


@app.post("/carts")
def carts(cart: Cart):
    return echo(cart)


@app.put("/shops/{shop}/carts")
def shop_carts(
    customer: Customer,
    shop: int = Path(ge=1),
    dry: bool = False,
    x_token: str = Header(),
    session: Optional[str] = Cookie(None),
):
    return echo({"shop": shop, "dry": dry, "x_token": x_token, "session": session, **echo(customer)})


@app.post("/form")
def form(
    name: str = Form(min_length=2, max_length=12),
    age: int = Form(ge=0, le=150),
    size: Size = Form(Size.small),
    agree: bool = Form(False),
    tags: List[str] = Form(["none"], max_items=3),
    at: Optional[datetime] = Form(None),
):
    return echo(locals())


@app.post("/pictures")
def pictures(
    title: str = Form(max_length=8),
    stars: int = Form(0),
    picture: UploadFile = File(),
    more: List[UploadFile] = File([]),
    tags: List[str] = Form([]),
):
    return echo(locals())
