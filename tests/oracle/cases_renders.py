"""Heavy work that is queued (app/cases/renders.c), and several ways to wait at once (combined.c) in FastAPI
with asyncpg and httpx. The queue is the library's, whose worker does the work. app.py has both."""

import asyncio
import json
from typing import Optional

import httpx
from cases import OUTSIDE, RETRY
from cases_orders import database
from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

router = APIRouter(prefix="/cases")

ENQUEUE = "SELECT id FROM lanes_job_enqueue('render', $1::text::json, $2)"
AN_ITEM = {"width": 64, "height": 64, "iterations": 200, "x": -0.5, "y": 0, "zoom": 1}
LIST_SECONDS = 2


class Picture(BaseModel):
    width: int = Field(320, ge=16, le=1024)
    height: int = Field(240, ge=16, le=1024)
    iterations: int = Field(200, ge=1, le=2000)
    x: float = Field(-0.5, ge=-2, le=2)
    y: float = Field(0, ge=-2, le=2)
    zoom: float = Field(1, ge=1, le=10**12)


class Render(BaseModel):
    id: int


A_PICTURE = {200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}}


@router.post("/renders", response_model=Render, status_code=202)
async def post_render(picture: Picture, response: Response, db=Depends(database),
                      idempotency_key: Optional[str] = Header(None, min_length=1, max_length=64, regex="^[A-Za-z0-9_-]+$")):  # fmt: skip
    id = await db.fetchval(ENQUEUE, picture.json(), idempotency_key)
    response.headers["Location"] = f"/cases/renders/{id}"
    return {"id": id}


@router.get("/renders/{id}", response_class=Response, responses=A_PICTURE)
async def get_render(id: int = Path(ge=1), db=Depends(database)):
    job = await db.fetchrow("SELECT id, state, attempts, error, result FROM lanes_jobs WHERE id = $1 AND kind = 'render'", id)
    if not job:
        raise HTTPException(404, f"there is no render {id}")
    if job["state"] == "done":
        return Response(job["result"], media_type="image/png")
    told = {name: job[name] for name in ("id", "state", "attempts", "error")}
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return Response(text, media_type="application/json", headers=RETRY if job["state"] in ("waiting", "running") else None)


class Combined(BaseModel):
    item: str
    price: int
    listed: int
    render: int


def listed(item):
    """A library that can only block."""
    return httpx.get(f"{OUTSIDE}/suppliers/2/price", params={"item": item}, timeout=LIST_SECONDS)


@router.get("/combined", response_model=Combined)
async def combined(item: str = Query(min_length=1, max_length=64), db=Depends(database)):
    if not OUTSIDE:
        raise HTTPException(503, "there is no supplier: --outside URL brings one", RETRY)
    try:
        async with httpx.AsyncClient(timeout=LIST_SECONDS) as client:
            answer, listing, render = await asyncio.gather(
                client.get(f"{OUTSIDE}/suppliers/1/price", params={"item": item}),
                run_in_threadpool(listed, item),
                db.fetchval(ENQUEUE, json.dumps(AN_ITEM), None),
            )
    except httpx.ConnectError:
        raise HTTPException(503, headers=RETRY)
    except httpx.TimeoutException:
        raise HTTPException(504)
    if answer.status_code != 200 or listing.status_code != 200:
        raise HTTPException(502)
    return {"item": item, "price": answer.json()["price"], "listed": listing.json()["price"], "render": render}
