"""Orders in PostgreSQL, the news of them, and a slow query (app/cases/order_rows.c, order_events.c,
slow_query.c) in FastAPI with asyncpg, and psycopg2, which blocks: cases.py is about the cases that need no database. app.py has both."""

import asyncio
import json
import os
from typing import List, Optional

import asyncpg
import psycopg2
from fastapi import APIRouter, BackgroundTasks, Depends, Header, HTTPException, Path, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field, validator

router = APIRouter(prefix="/cases")

DATABASE = os.environ.get("LANES_DATABASE")
HEARTBEAT, LOOK, AT_ONCE = 15, 1, 100
pools = {}  # one for each loop


async def database():
    if not DATABASE:
        raise HTTPException(503, "no database: make run DATABASE=private brings one", {"Retry-After": "1"})
    loop = asyncio.get_running_loop()
    if loop not in pools or (pools[loop].done() and pools[loop].exception()):
        pools[loop] = asyncio.ensure_future(asyncpg.create_pool(DATABASE, min_size=1, max_size=8))
    return await pools[loop]


async def is_away(request, error):
    return JSONResponse({"detail": "the database does not answer"}, 503, {"Retry-After": "1"})


async def has_no_tables(request, error):
    return JSONResponse({"detail": "tables are missing in the database: make migrate makes them"}, 503, {"Retry-After": "1"})


failures = {OSError: is_away, asyncpg.PostgresConnectionError: is_away, psycopg2.OperationalError: is_away,
            asyncpg.UndefinedTableError: has_no_tables, asyncpg.UndefinedFunctionError: has_no_tables}  # fmt: skip


class NewOrder(BaseModel):
    item: str = Field(min_length=1, max_length=64)
    quantity: int = Field(ge=1, le=1000)

    @validator("item")
    def can_be_kept(cls, item):
        if "\0" in item:
            raise ValueError("a NUL character cannot be kept")
        return item


class Order(BaseModel):
    id: int
    item: str
    quantity: int


async def tell(db):
    await db.execute("NOTIFY orders")


@router.post("/orders", response_model=Order, status_code=201)
async def post_order(order: NewOrder, response: Response, later: BackgroundTasks, db=Depends(database)):
    row = await db.fetchrow("INSERT INTO orders (item, quantity) VALUES ($1, $2) RETURNING id, item, quantity", order.item, order.quantity)
    response.headers["Location"] = f"/cases/orders/{row['id']}"
    later.add_task(tell, db)
    return dict(row)


@router.get("/orders/{id}", response_model=Order)
async def get_order(id: int = Path(ge=1), db=Depends(database)):
    row = await db.fetchrow("SELECT id, item, quantity FROM orders WHERE id = $1", id)
    if not row:
        raise HTTPException(404, f"there is no order {id}")
    return dict(row)


@router.get("/orders", response_model=List[Order])
async def get_orders(limit: int = Query(20, ge=1, le=100), offset: int = Query(0, ge=0, le=1000000), db=Depends(database)):
    rows = await db.fetch("SELECT id, item, quantity FROM orders ORDER BY id LIMIT $1 OFFSET $2", limit, offset)
    return [dict(row) for row in rows]


async def follow(db, place):
    news = asyncio.Event()

    def on_news(*_):
        news.set()

    async with db.acquire() as connection:
        await connection.add_listener("orders", on_news)
        since = 0
        try:
            while True:
                rows = await db.fetch(
                    "SELECT id, item, quantity, change::text AS made FROM orders WHERE (change, id) > ($1::text::xid8, $2)"
                    " AND change < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY change, id LIMIT $3", *place, AT_ONCE)  # fmt: skip
                for row in rows:
                    place = row["made"], row["id"]
                    order = json.dumps({name: row[name] for name in Order.__fields__}, ensure_ascii=False, separators=(",", ":"))
                    yield f"id: {row['made']}-{row['id']}\nevent: order\ndata: {order}\n\n"
                since = 0 if rows else since
                if len(rows) == AT_ONCE:
                    continue
                try:
                    await asyncio.wait_for(news.wait(), LOOK)
                except asyncio.TimeoutError:
                    since += LOOK
                news.clear()
                if since >= HEARTBEAT:
                    since = 0
                    yield ":\n\n"
        finally:
            await connection.remove_listener("orders", on_news)


class Events(StreamingResponse):
    media_type = "text/event-stream"


@router.get("/events", response_class=Events)
async def order_events(last_event_id: Optional[str] = Header(None, regex="^[0-9]{1,18}-[0-9]{1,18}$"), db=Depends(database)):
    now = int(await db.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text"))
    change, _, id = (last_event_id or f"{now}-0").partition("-")
    place = (str(int(change)), int(id)) if int(change) < now else (str(now), 0)  # not of another database
    return Events(follow(db, place))


class SlowQuery(BaseModel):
    driver: str
    seconds: float


Slow = Query(0.5, ge=0, le=10)


def ask_and_block(seconds):
    if not DATABASE:
        raise HTTPException(503, "no database: make run DATABASE=private brings one", {"Retry-After": "1"})
    connection = psycopg2.connect(DATABASE)
    try:
        connection.cursor().execute("SELECT pg_sleep(%s)", [seconds])
    finally:
        connection.close()


@router.get("/slow-query", response_model=SlowQuery)
async def slow_query(seconds: float = Slow, db=Depends(database)):
    await db.fetchval("SELECT pg_sleep($1)", seconds)
    return {"driver": "async", "seconds": seconds}


@router.get("/slow-query/blocking", response_model=SlowQuery)
def slow_query_blocking(seconds: float = Slow):
    ask_and_block(seconds)
    return {"driver": "blocking", "seconds": seconds}


@router.get("/slow-query/bad", response_model=SlowQuery)
async def slow_query_bad(seconds: float = Slow):
    ask_and_block(seconds)
    return {"driver": "bad", "seconds": seconds}
