"""The cases as FastAPI has them, with asyncpg, httpx and Pillow."""
import asyncio
import os
from io import BytesIO

import asyncpg
import httpx
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from PIL import Image
from pydantic import BaseModel

CONNECTIONS = int(os.environ["CONNECTIONS"])
OUTSIDE = os.environ["OUTSIDE"]
app = FastAPI()


class Order(BaseModel):
    item: str
    quantity: int


@app.on_event("startup")
async def start():
    app.pool = await asyncpg.create_pool(
        os.environ["DATABASE"], min_size=CONNECTIONS, max_size=CONNECTIONS)
    app.http = httpx.AsyncClient(
        timeout=10, limits=httpx.Limits(max_connections=None, max_keepalive_connections=None))


@app.get("/cases/orders/{id}")
async def read_order(id: int):
    row = await app.pool.fetchrow("SELECT id, item, quantity FROM orders WHERE id = $1", id)
    if row is None:
        raise HTTPException(404)
    return dict(row)


@app.get("/cases/orders")
async def list_orders(limit: int = 20, offset: int = 0):
    rows = await app.pool.fetch(
        "SELECT id, item, quantity FROM orders ORDER BY id LIMIT $1 OFFSET $2", limit, offset)
    return [dict(row) for row in rows]


@app.post("/cases/orders", status_code=201)
async def create_order(order: Order, response: Response):
    id = await app.pool.fetchval(
        "INSERT INTO orders (item, quantity) VALUES ($1, $2) RETURNING id",
        order.item, order.quantity)
    response.headers["Location"] = f"/cases/orders/{id}"
    return {"id": id, **order.dict()}


@app.get("/cases/slow-query")
async def slow_query(seconds: float):
    await app.pool.execute("SELECT pg_sleep($1)", seconds)
    return {"driver": "async", "seconds": seconds}


async def price(supplier: int, item: str):
    answer = await app.http.get(f"{OUTSIDE}/suppliers/{supplier}/price", params={"item": item})
    answer.raise_for_status()
    return {"supplier": supplier, "price": answer.json()["price"]}


@app.get("/cases/quotes")
async def quotes(item: str, within: float = 0.5):
    calls = {n: asyncio.create_task(price(n, item)) for n in (1, 2, 3)}
    done, late = await asyncio.wait(calls.values(), timeout=within)
    for call in late:
        call.cancel()
    return {
        "item": item,
        "quotes": [call.result() for call in calls.values()
                   if call in done and not call.exception()],
        "late": [n for n, call in calls.items() if call in late],
        "failed": [n for n, call in calls.items() if call in done and call.exception()],
    }


def shrunk(image: bytes, width: int):
    out = BytesIO()
    with Image.open(BytesIO(image)) as picture:
        picture.thumbnail((width, width))
        picture.save(out, "JPEG")
    return out.getvalue()


@app.post("/cases/thumbnail")
async def thumbnail(request: Request, width: int = 256):
    image = await run_in_threadpool(shrunk, await request.body(), width)
    return Response(image, media_type="image/jpeg")
