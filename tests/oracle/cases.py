"""The guide's real-world examples (app/cases) in FastAPI: the page and app/cases/README.md show each
beside the C, and tests compare what both answer. app.py has them."""

import asyncio
import hashlib
import os
from pathlib import Path
from typing import List

from fastapi import APIRouter, HTTPException, Query
from fastapi import Path as InPath
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, constr

router = APIRouter(prefix="/cases")

FILES = Path(os.environ.get("LANES_FILES", "/nonexistent"))
DIGEST_LIMIT = 1 << 30


class Digest(BaseModel):
    name: str
    bytes: int
    sha256: str


def digest_file(name):
    path = FILES / name
    if path.is_symlink() or not path.is_file() or "/" in name:
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
