// The guide's sentences, in its order, and for each what runs it here (demonstrations.js) or where it is done.
//
// {title, says: [{text, runs: [ids]} | {text, does: [[word, tab]]} | {heading, text?} | {code}]}. Text is the guide's, with
// its `code`, **bold** and [links](…).

const EXERCISES = [['Do it', 'exercises']];

export const SECTIONS = [
	{id: 'tldr', title: 'TL;DR', says: [
		{text: 'Use `async def` when calling libraries you must `await` (non-blocking I/O).', runs: ['awaits']},
		{text: 'Use `def` for blocking libraries (e.g., drivers without async). FastAPI runs them in a threadpool.', runs: ['def']},
		{text: 'For CPU-bound work, prefer processes; threads can help responsiveness but are limited by the GIL.', runs: ['cpu-processes', 'cpu-thread']},
		{text: 'Never call `time.sleep()` inside `async def` — use `await asyncio.sleep()` instead.', runs: ['bad', 'sleep']},
	]},
	{id: 'model', title: 'Mental Model', says: [
		{text: '**Synchronous (blocking)**: The current thread waits until the operation completes. Examples: `time.sleep()`, blocking DB/HTTP clients.', runs: ['stops', 'slow-blocking']},
		{text: '**Asynchronous (non-blocking)**: The function yields control with `await`, letting the event loop serve other requests while waiting.', runs: ['sleep']},
		{text: '**Multithreading**: Multiple OS threads can run blocking tasks so the event loop stays responsive.', runs: ['def']},
		{text: '**Multiprocessing**: Multiple processes for CPU-bound work to utilize multiple cores and bypass the GIL.', runs: ['cpu-processes']},
	]},
	{id: 'endpoints', title: 'Endpoints Summary', says: [
		{text: '`/sync/noawait`: Sync endpoint using blocking I/O. FastAPI runs it in a threadpool.', runs: ['def']},
		{text: '`/async/await-one`: Pure async approach with `await asyncio.sleep` (non-blocking).', runs: ['sleep']},
		{text: '`/async/await-many`: Concurrent `await` with `asyncio.gather` (runs concurrently; total time ~ max(duration)).', runs: ['gather']},
		{text: '`/async/wrap-blocking`: Wrap blocking work using a threadpool (`run_in_threadpool`).', runs: ['wrap']},
		{text: '`/async/bad-blocking`: Anti-pattern: `time.sleep()` inside `async def` blocks the event loop.', runs: ['bad']},
		{text: '`/async/cpu-bound`: CPU task offloaded to a threadpool (for heavy CPU consider a process pool).', runs: ['cpu-thread', 'cpu-pool']},
	]},
	{id: 'changes', title: 'Sync vs Async: What Changes?', says: [
		{heading: 'Sync (`def`)'},
		{text: 'Blocking operations stop the current worker until completion.', runs: ['stops']},
		{text: 'In FastAPI, sync path functions run in a threadpool automatically.', runs: ['def']},
		{text: 'Simpler when dealing with non-async libraries.', runs: ['slow-blocking', 'digest']},
		{heading: 'Async (`async def`)'},
		{text: 'Use `await` for I/O-bound waits; frees the event loop to handle more requests.', runs: ['awaits']},
		{text: 'Enables concurrency with tools like `asyncio.gather`.', runs: ['gather']},
		{text: 'Don’t call blocking functions directly — wrap them in a threadpool.', runs: ['bad', 'wrap']},
	]},
	{id: 'patterns', title: 'Comparing Patterns', says: [
		{heading: 'Blocking I/O (bad in async)', runs: ['bad'],
			code: 'import time\n\nasync def handler():\n    time.sleep(2)  # BAD: blocks event loop\n    return {"ok": True}'},
		{heading: 'Non-blocking I/O (good)', runs: ['sleep'],
			code: 'import asyncio\n\nasync def handler():\n    await asyncio.sleep(2)  # GOOD: yields control\n    return {"ok": True}'},
		{heading: 'Wrapping blocking code (good)', runs: ['wrap'],
			code: 'from fastapi.concurrency import run_in_threadpool\n\nasync def handler():\n    result = await run_in_threadpool(blocking_call, 2)\n    return {"result": result}'},
		{heading: 'Run many I/O tasks concurrently', runs: ['gather', 'quotes'],
			code: 'results = await asyncio.gather(\n    async_io_task(1.0),\n    async_io_task(1.5),\n    async_io_task(0.5),\n)'},
	]},
	{id: 'def', title: 'When to use `def` vs `async def`', says: [
		{heading: 'Use `async def` if:'},
		{text: 'You will `await` I/O (HTTP calls, DB calls with async drivers, `asyncio.sleep`).', runs: ['quotes', 'slow-query', 'sleep']},
		{text: 'You need concurrency across multiple I/O tasks (`asyncio.gather`).', runs: ['gather']},
		{heading: 'Use `def` if:'},
		{text: 'You are calling blocking libraries without async support.', runs: ['slow-blocking', 'def']},
		{text: 'Note: FastAPI automatically runs sync path functions in a threadpool.', runs: ['def']},
	]},
	{id: 'which', title: 'When to use async, sync, and multithreading (real-world examples)', says: [
		{heading: '**Use async (`async def`) when your work is I/O-bound and awaitable**:'},
		{text: 'Example: Calling external REST APIs using an async client (e.g., httpx/async) and combining many requests with `asyncio.gather`.', runs: ['quotes']},
		{text: 'Example: Handling WebSockets or server-sent events where the handler awaits incoming messages.', runs: ['feed']},
		{text: 'Example: Using async database drivers (e.g., asyncpg, SQLAlchemy 2.0 async engine) to execute queries without blocking the loop.', runs: ['slow-query']},
		{text: 'Why: Requests can proceed concurrently while awaiting network/disk operations, increasing throughput and lowering latency.', runs: ['awaits', 'processes']},
		{heading: '**Use sync (`def`) when you must call blocking libraries and you don’t need fine-grained concurrency inside the handler**:'},
		{text: 'Example: Using a blocking SDK (legacy payment gateway, non-async ORM/driver) where you cannot `await`.', runs: ['payment', 'slow-blocking']},
		{text: 'Example: Light CPU work plus a single blocking I/O call (e.g., read a file, call a blocking HTTP client) where simplicity matters.', runs: ['digest']},
		{text: 'Why: FastAPI runs sync path functions in a threadpool so the event loop stays responsive; code remains straightforward.', runs: ['def']},
		{heading: '**Use multithreading to offload blocking segments from async handlers**:'},
		{text: 'Example: In `async def`, wrap a blocking email/S3 client call using `await run_in_threadpool(send_email, ...)` so other requests aren’t stalled.', runs: ['mail', 'wrap']},
		{text: 'Example: Reading multiple large files or calling multiple blocking SDKs in parallel by scheduling several threadpool tasks.', runs: ['digests']},
		{text: 'Why: Threads prevent blocking the event loop when you cannot switch to async libraries.', runs: ['slow-bad', 'slow-blocking']},
		{heading: '**Use multiprocessing for heavy CPU-bound work**:'},
		{text: 'Example: Image/video processing, PDF rendering, large JSON/XML parsing, ML inference on CPU.', runs: ['json', 'thumbnail']},
		{text: 'Why: Processes bypass the GIL and can utilize multiple cores; queue heavy tasks to a process pool or a separate worker service.', runs: ['cpu-processes', 'cpu-pool', 'render']},
	]},
	{id: 'bound', title: 'I/O-bound vs CPU-bound', says: [
		{text: '**I/O-bound**: Waiting on network/file/database. Prefer `async def` + `await` to maximize concurrency.', runs: ['awaits', 'slow-query']},
		{text: '**CPU-bound**: Heavy computation. Consider process pools or task queues; threads can help but are limited by the GIL. For small CPU tasks, offload to a threadpool to keep the loop responsive.', runs: ['cpu-pool', 'render', 'cpu-thread']},
	]},
	{id: 'versus', title: 'Threading vs Async vs Processing', says: [
		{text: '**Async** excels at I/O concurrency with low overhead.', runs: ['awaits']},
		{text: '**Threading** is useful when you must use blocking APIs or have light CPU work; it keeps the event loop unblocked.', runs: ['wrap', 'cpu-loop', 'cpu-thread']},
		{text: '**Processing** is best for heavy CPU work to gain real parallelism.', runs: ['cpu-processes']},
		{text: 'Combine approaches: `async def` handlers that offload blocking segments to a threadpool and heavy CPU to a process pool.', runs: ['combined']},
	]},
	{id: 'pitfalls', title: 'Common Pitfalls', says: [
		{text: 'Calling blocking functions inside `async def` without offloading.', runs: ['bad', 'wrap'], words: ['Break it', 'Mend it']},
		{text: 'Mixing `time.sleep` and `await` incorrectly.', runs: ['mixed', 'sleep'], words: ['Break it', 'Mend it']},
		{text: 'Assuming `async` makes CPU work faster — it doesn’t; use processes for real parallelism.', runs: ['cpu-loop', 'cpu-async', 'cpu-processes'], words: ['Break it', 'Compare it', 'Mend it']},
	]},
	{id: 'practice', title: 'Practical Exercises', says: [
		{text: 'Hit `/async/await-one` and `/sync/noawait` simultaneously. Observe responsiveness.', does: EXERCISES, exercise: 'together'},
		{text: 'Hit `/async/await-many` and confirm total time ~ max(task durations).', does: EXERCISES, exercise: 'gather'},
		{text: 'Compare `/async/wrap-blocking` vs `/async/bad-blocking` under concurrent load.', does: EXERCISES, exercise: 'blocking'},
	]},
	{id: 'design', title: 'Design Guidelines (from FastAPI docs)', says: [
		{text: 'If you call libraries with `await`, declare path operations with `async def`.', runs: ['quotes', 'awaits']},
		{text: 'If you call blocking libraries, declare with `def` so FastAPI uses a threadpool.', runs: ['def']},
		{text: 'You can mix `def` and `async def` as needed; choose per endpoint’s needs.', runs: ['mix']},
	]},
	{id: 'about', title: 'Async, Sync, Threading, and Concurrency in FastAPI', says: [
		{text: 'This guide explains the differences between synchronous code, asynchronous code, multithreading, and multiprocessing in the context of FastAPI. It pairs with `async_vs_sync_demo.py` containing runnable examples.', does: [['See it', 'start']]},
		{text: 'Reference: FastAPI docs on concurrency and async/await: [fastapi.tiangolo.com/async](https://fastapi.tiangolo.com/async/)', link: true},
		{heading: 'Project Files'},
		{text: '`async_vs_sync_demo.py`: Endpoints showcasing sync vs async, concurrency, and safe wrapping of blocking code.', does: [['Their forms', 'docs'], ['Send to them', 'try']]},
		{heading: 'How to Run', code: 'uvicorn async_programming.async_vs_sync_demo:app --reload', runs: ['run']},
		{heading: 'Further Reading'},
		{text: 'FastAPI: Concurrency and async / await — [fastapi.tiangolo.com/async](https://fastapi.tiangolo.com/async/)', link: true},
		{text: 'This folder provides a practical, minimal setup to understand how concurrency and async/await affect FastAPI performance and scalability.', does: [['Measure it', 'contrast']]},
	]},
];
