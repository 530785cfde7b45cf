# The handlers of the guide, as its FastAPI application has them. The page shows each beside ours.

@app.get("/sync/noawait")
def sync_noawait(seconds: float = 1.5):
    time.sleep(seconds)
    return {"mode": "sync", ...}


@app.get("/async/await-one")
async def async_await_one(seconds: float = 1.5):
    await asyncio.sleep(seconds)
    return {"mode": "async", ...}


@app.get("/async/await-many")
async def async_await_many(seconds: list[float] = [1.0, 1.5, 0.5]):
    details = await asyncio.gather(
        *(async_io_task(s) for s in seconds))
    return {"mode": "async_concurrent", "details": details}


@app.get("/async/wrap-blocking")
async def async_wrap_blocking(seconds: float = 1.5):
    detail = await run_in_threadpool(blocking_io_task, seconds)
    return {"mode": "async_wrapped_blocking", "detail": detail}


@app.get("/async/bad-blocking")
async def async_bad_blocking(seconds: float = 1.5):
    time.sleep(seconds)  # BAD: blocks the event loop
    return {"mode": "async_bad", ...}


@app.get("/async/cpu-bound")
async def async_cpu_bound(n: int = 100_000):
    return {"sum_sq": await run_in_threadpool(cpu_bound_task, n)}
