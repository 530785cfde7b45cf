// Where everything goes: a stretch of history as groups of lanes. Pure: no canvas, no document.
// Rows are in pixels from the top, times stay times.
//
// A worker is a group. Its first lane is the heartbeat, then what its loop does, then one row for
// each request, in which its parts follow each other, then one lane for each thread that had work.
// A worker that did nothing in that stretch is its heartbeat only.

import {HOLD} from './kinds.js';

export const HEIGHT = {axis: 22, beat: 20, loop: 24, request: 15, thread: 15, gap: 12};
const MOST_ROWS = 12; // requests, and threads, that are drawn for each worker
const JITTER = 2; // milliseconds that requests may overlap and still share a row

// Shares rows among requests: each takes the first one that is free at its start.
function pack(requests, most) {
	const rows = [];
	let left = 0;
	for (const request of requests) {
		const row = rows.find((r) => r.until <= request.from + JITTER) ?? (rows.length < most ? {requests: []} : null);
		if (!row) {
			left++;
			continue;
		}
		if (!row.requests.length)
			rows.push(row);
		row.until = request.to;
		row.requests.push(request);
	}
	return {rows, left};
}

function requestsOf(history, requests, from, to) {
	const found = [];
	for (const request of requests) {
		const parts = history.parts(request);
		if (!parts.length)
			continue;
		const end = parts.reduce((latest, part) => Math.max(latest, part.end), -Infinity);
		if (end >= from && parts[0].start <= to)
			found.push({request, parts, from: parts[0].start, to: end});
	}
	return found.sort((a, b) => a.from - b.from);
}

// A track's blocks, with the one that lasts.
function blocksOf(track, from, to, open) {
	const blocks = track ? track.within(from, to) : [];
	return open ? [...blocks, open] : blocks;
}

function group(history, worker, from, to, known) {
	const requests = requestsOf(history, known, from, to);
	for (const part of requests.flatMap(({parts}) => parts).filter((p) => p.open))
		part.end = Math.max(part.start, to);
	// What no track has yet: it lasts, or the loop has not come to write it down.
	const open = requests.flatMap(({request, parts}) =>
		parts.filter((part) => part.open || part === request.job?.span).map((part) => ({...part, request, count: 1, busy: part.end - part.start})));
	const holds = worker.holds.filter((hold) => hold.end >= from && hold.start <= to);
	const lanes = [{kind: 'beat', label: worker.name, height: HEIGHT.beat,
			beats: worker.heartbeat.within(from, to)
				.filter((t) => !holds.some((hold) => t > hold.start && t < hold.end))}];
	// A process that has one request at a time is taken while that request waits, too.
	const loop = worker.prefork
		? requests.flatMap(({request, parts}) => parts.filter((part) => part.kind !== 'queue').map((part) => ({...part, request, count: 1})))
		: blocksOf(worker.loop, from, to, open.find((part) => part.kind === 'loop'));
	const threads = new Map([...worker.threads].map(([name, track]) => [name, track.within(from, to)]));
	for (const part of open.filter((p) => p.kind === 'pool'))
		threads.set(`${part.pool} ${part.thread}`, blocksOf(worker.threads.get(`${part.pool} ${part.thread}`), from, to, part));
	const busy = [...threads].filter(([, blocks]) => blocks.length)
		.sort(([a], [b]) => a.localeCompare(b, 'en', {numeric: true}));

	if (loop.length || requests.length || busy.length) {
		lanes.push({kind: 'loop', label: worker.prefork ? 'process' : 'loop', height: HEIGHT.loop,
			    blocks: loop});
		const {rows, left} = pack(requests, MOST_ROWS);
		rows.forEach((row, index) => lanes.push({
			kind: 'request', height: HEIGHT.request, parts: row.requests,
			label: index ? '' : 'requests',
		}));
		if (left)
			lanes.push({kind: 'more', height: HEIGHT.request, label: '', text: `and ${left} more requests at the same time`});
		for (const [name, blocks] of busy.slice(0, MOST_ROWS))
			lanes.push({kind: 'thread', height: HEIGHT.thread, blocks,
				    label: name.replace(/^blocking/, 'thread').replace(/^cpu/, 'cpu thread')});
		if (busy.length > MOST_ROWS)
			lanes.push({kind: 'more', height: HEIGHT.request, label: '', text: `and ${busy.length - MOST_ROWS} more threads`});
	}
	return {worker, holds, lanes};
}

// Requests of this page that no worker has picked up yet: who will is not known.
function limbo(waiting, to) {
	return {worker: null, holds: [], lanes: [
		{kind: 'title', label: 'in line', height: HEIGHT.request},
		...waiting.map((request) => ({kind: 'request', label: '', height: HEIGHT.request, parts: [
			{request, parts: [{kind: 'queue', start: request.start, end: to, open: true}]}]})),
	]};
}

// options: {waiting: requests of this page that nobody has picked up; pool: a pool's name, '' for all that carry load; only: a Set of requests; workers: a Set of
// names; origin: the time that the axis calls 0 (without it, `to` is now)}.
export function layout(history, from, to, options = {}) {
	const workers = [...history.workers.values()]
		.filter((worker) => (options.workers ? options.workers.has(worker.name)
			: options.pool ? worker.pool === options.pool : carriesLoad(worker.pool)))
		.sort((a, b) => byPool(a.pool, b.pool) || a.name.localeCompare(b.name, 'en', {numeric: true}));
	const groups = [];
	const waiting = options.waiting?.filter((request) => request.start < to) ?? [];
	const known = new Map(workers.map((worker) => [worker.name, []]));
	let top = HEIGHT.axis;
	for (const request of options.only ?? history.requests.values())
		known.get(request.worker)?.push(request);
	for (const worker of workers)
		groups.push(group(history, worker, from, to, known.get(worker.name)));
	if (waiting.length)
		groups.unshift(limbo(waiting, to));
	for (const g of groups) {
		g.top = top;
		for (const lane of g.lanes) {
			lane.top = top;
			top += lane.height;
		}
		g.bottom = top;
		top += HEIGHT.gap;
	}
	return {from, to, origin: options.origin ?? null, groups, height: Math.max(top, HEIGHT.axis + 20)};
}

// Pools in the order in which they matter.
export function byPool(a, b) {
	const at = (pool) => (['loop', 'prefork', 'cpu', 'admin', 'health'].indexOf(pool) + 6) % 6; // others last
	return at(a) - at(b);
}

// The others only watch.
export function carriesLoad(pool) {
	return pool !== 'admin' && pool !== 'health';
}

export function isHold(block) {
	return block.kind === 'loop' && !(block.count > 1) && block.end - block.start >= HOLD;
}
