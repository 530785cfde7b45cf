"""The guide's FastAPI application, with Lanes' parameters: the reference for every answer. What it
says on FastAPI 0.92 with pydantic 1 is recorded in exchanges.txt; it runs on later ones, too, which
word errors in another way. Without parameters it does what the original does; the OpenAPI pages are
off: what they would be made of is in openapi.json (openapi.py). Run by tests/integration as

    /usr/bin/python3 -m uvicorn --app-dir tests/oracle app:app --port N
"""

import asyncio
import time
from typing import List

from fastapi import FastAPI, Query
from fastapi.concurrency import run_in_threadpool
from pydantic import confloat

try:
    import cases
except ImportError:  # what those stand on is not installed
    cases = None
try:
    import cases_orders
    import cases_renders
except ImportError:
    cases_orders = cases_renders = None

app = FastAPI(title="Lanes", version="0.1.0", docs_url=None, redoc_url=None, openapi_url=None)

Seconds = confloat(ge=0, le=60)


def blocking_io_task(seconds: float) -> str:
    time.sleep(seconds)
    return f"blocking_io_task({seconds}s) done"


async def async_io_task(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return f"async_io_task({seconds}s) done"


def cpu_bound_task(n: int) -> int:
    return sum(i * i for i in range(n))


@app.get("/")
def root():
    return {
        "sync": "/sync/noawait",
        "async_one": "/async/await-one",
        "async_many": "/async/await-many",
        "wrap_blocking": "/async/wrap-blocking",
        "bad_blocking": "/async/bad-blocking",
        "cpu_bound": "/async/cpu-bound",
    }


@app.get("/sync/noawait")
def sync_noawait(seconds: float = Query(1.5, ge=0, le=60)):
    return {"mode": "sync", "detail": blocking_io_task(seconds)}


@app.get("/async/await-one")
async def async_await_one(seconds: float = Query(1.5, ge=0, le=60)):
    return {"mode": "async", "detail": await async_io_task(seconds)}


@app.get("/async/await-many")
async def async_await_many(seconds: List[Seconds] = Query([1.0, 1.5, 0.5], max_items=1000)):
    details = await asyncio.gather(*(async_io_task(s) for s in seconds))
    return {"mode": "async_concurrent", "details": details}


@app.get("/async/wrap-blocking")
async def async_wrap_blocking(seconds: float = Query(1.5, ge=0, le=60)):
    return {
        "mode": "async_wrapped_blocking",
        "detail": await run_in_threadpool(blocking_io_task, seconds),
    }


@app.get("/async/bad-blocking")
async def async_bad_blocking(seconds: float = Query(1.5, ge=0, le=60)):
    time.sleep(seconds)
    return {"mode": "async_bad", "detail": f"blocked event loop for {seconds}s"}


@app.get("/async/cpu-bound")
async def async_cpu_bound(n: int = Query(100_000, ge=0, le=1_000_000_000)):
    return {"sum_sq": await run_in_threadpool(cpu_bound_task, n)}


if cases:
    app.include_router(cases.router)
if cases_orders:
    app.include_router(cases_orders.router)
    app.include_router(cases_renders.router)
    for error, answer in cases_orders.failures.items():
        app.add_exception_handler(error, answer)
