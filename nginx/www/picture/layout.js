// Where everything goes: a stretch of history as groups of lanes. Pure: no canvas, no document.
// Rows are in pixels from the top, times stay times.
//
// A worker is a group. Its first lane is the heartbeat, then what its loop does, then one row for
// each request, in which its parts follow each other, then one lane for each thread that had work.
// A worker that did nothing in that stretch is its heartbeat only. Under load the loop's lane is as
// high as the loop was busy, and a line of text says what else was measured.

import {withAwaited} from '../feed/awaited.js';
import {HOLD, SLOW} from '../feed/kinds.js';
import {byPool, carriesLoad} from '../feed/pools.js';
import {visitorOf, visitors} from '../feed/visitors.js';
import {duration, percent} from '../format.js';

export const HEIGHT = {axis: 22, beat: 20, loop: 24, measured: 36, facts: 16, request: 15, thread: 15, gap: 12};
const MOST_ROWS = 12; // requests, and threads, that are drawn for each worker
const OLD = 1500; // milliseconds after which what was measured is no longer so
const LETTERS = 14; // of a visitor's name
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
		if (request.over && request.end < from)
			continue;
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

// What was measured of a worker in the last second before a time, or when it was measured last; null
// if it was not. A process that has one request at a time is busy while that waits, too: occupied.
export function facts(worker, to) {
	const {list} = worker.measured;
	const last = list.findLast((stretch) => stretch.from < to);
	if (!last)
		return null;
	const second = worker.measured.within(last.to - 1000, last.to);
	const time = second.reduce((sum, stretch) => sum + stretch.to - stretch.from, 0);
	const sum = (name) => second.reduce((total, stretch) => total + stretch[name], 0);
	const busy = second.reduce((total, stretch) => total + stretch.busy * (stretch.to - stretch.from), 0) / time;
	const most = (name) => second.reduce((high, stretch) => (stretch[name] > high || Number.isNaN(high) ? stretch[name] : high), NaN);
	return {busy, occupied: worker.prefork, old: to - last.to > OLD, inFlight: last.inFlight, rate: sum('answers') / time * 1000, p50: most('p50'), p99: most('p99')};
}

// The same in words.
export function factsParts({old, busy, occupied, inFlight, rate, p50, p99}) {
	const times = Number.isFinite(p50) ? [`p50 ≤ ${duration(p50)}`, `p99 ≤ ${duration(p99)}`] : [];
	return [`${old ? 'before: ' : ''}${percent(busy)} ${occupied ? 'occupied' : 'busy'}`, `${inFlight} in flight`, `${Math.round(rate)} requests/s`, ...times];
}

// The connections to its database, as the worker has them now.
export function databaseText({state, limit, busy, waiting}) {
	if (state === 'no-tables')
		return 'has not the tables that are needed: make migrate makes them';
	if (state !== 'up')
		return state === 'down' ? 'not there: requests that need it are refused' : 'connecting';
	return `${busy} of ${limit} ${limit === 1 ? 'connection' : 'connections'} in use${waiting ? `, ${waiting} wait for one` : ''}`;
}

// Of a process that has one request at a time: when it was taken, waiting or not.
function taken(requests) {
	return requests.map(({parts}) => parts.filter((part) => part.kind !== 'queue'))
		.filter((parts) => parts.length)
		.map((parts) => ({start: parts[0].start, end: parts.at(-1).end}));
}

function group(history, worker, from, to, known, {wrap = twoLines, only, origin, until = to, meant = false}) {
	const blocksIn = [Math.max(from, origin ?? from), Math.min(to, until)]; // neither those before nor after
	const requests = requestsOf(history, known, from, to);
	if (only && requests.length > MOST_ROWS) // who took longest is among those that are drawn
		requests.unshift(requests.splice(requests.indexOf(requests.reduce((a, b) => (b.to > a.to ? b : a))), 1)[0]);
	for (const part of requests.flatMap(({parts}) => parts).filter((p) => p.open))
		part.end = Math.max(part.start, to);
	// What no track has yet: it lasts, or the loop has not come to write it down.
	const open = requests.flatMap(({request, parts}) =>
		parts.filter((part) => part.open || part === request.job?.span).map((part) => ({...part, request, count: 1, busy: part.end - part.start})));
	const holds = worker.holds.filter((hold) => hold.end >= from && hold.start <= to);
	const silent = worker.prefork ? taken(requests) : holds;
	const lanes = [{kind: 'beat', label: worker.name, height: HEIGHT.beat, silent,
			beats: worker.heartbeat.within(from, to)
				.filter((t) => !silent.some((hold) => t > hold.start && t < hold.end))}];
	// A process that has one request at a time is taken while that request waits, too.
	const loop = worker.prefork
		? requests.flatMap(({request, parts}) => parts.filter((part) => part.kind !== 'queue')
			.map((part) => ({...part, request, count: 1, busy: part.end - part.start, taken: !isHold(part) && part.kind !== 'loop'})))
		: blocksOf(worker.loop, ...blocksIn, open.find((part) => part.kind === 'loop'));
	const threads = new Map([...worker.threads].map(([name, track]) => [name, track.within(...blocksIn)]));
	for (const part of open.filter((p) => p.kind === 'pool' && p.thread !== undefined))
		threads.set(`${part.pool} ${part.thread}`, blocksOf(worker.threads.get(`${part.pool} ${part.thread}`), ...blocksIn, part));
	const busy = [...threads].filter(([, blocks]) => blocks.length)
		.sort(([a], [b]) => a.localeCompare(b, 'en', {numeric: true}));
	const measured = worker.measured.within(from, to);
	const unrecorded = worker.unrecorded.within(from, to);

	if (loop.length || requests.length || busy.length || measured.length || unrecorded.length) {
		lanes.push({kind: 'loop', label: worker.prefork ? 'process' : 'loop', occupied: worker.prefork, height: measured.length ? HEIGHT.measured : HEIGHT.loop,
			    measured, blocks: measured.length ? loop.filter((block) => isHold(block) || (block.taken && block.end - block.start >= SLOW) || !isMeasured(block, measured)) : loop});
		if (measured.length) {
			const values = facts(worker, to);
			const lines = wrap(factsParts(values));
			lanes.push({kind: 'facts', label: '', height: HEIGHT.facts * lines.length, facts: values, lines});
		}
		// Under load only those that took long are all told.
		const {rows, left} = pack(measured.length ? requests.filter((each) => each.to - each.from >= SLOW) : requests, MOST_ROWS);
		rows.forEach((row, index) => {
			const all = row.requests.map(({request, parts}) => ({request, parts: withAwaited(parts, history.waits(request), to, Boolean(only))}));
			// Of a few there is room for what each awaits at the same time.
			const tracks = only ? Math.max(...all.flatMap(({parts}) => parts.map((part) => part.tracks ?? 1))) : 1;
			lanes.push({kind: 'request', height: HEIGHT.request * tracks, parts: all, label: index ? '' : measured.length ? 'slow ones' : 'requests'});
		});
		if (left)
			lanes.push({kind: 'more', height: HEIGHT.request, label: '', text: `and ${left} more requests in this picture`});
		if (worker.state?.database && !only)
			lanes.push({kind: 'more', height: HEIGHT.request, label: 'database', text: databaseText(worker.state.database)});
		for (const [name, blocks] of busy.slice(0, MOST_ROWS))
			lanes.push({kind: 'thread', height: HEIGHT.thread, blocks,
				    label: name.replace(/^blocking/, 'thread').replace(/^cpu/, 'cpu thread')});
		if (busy.length > MOST_ROWS)
			lanes.push({kind: 'more', height: HEIGHT.request, label: '', text: `and ${busy.length - MOST_ROWS} more threads`});
	}
	return {worker, holds, unrecorded, lanes, meant: meant && worker.prefork};
}

// Whether what was measured tells of a block.
function isMeasured({start, end}, stretches) {
	const middle = (start + end) / 2;
	return stretches.some(({from, to}) => middle >= from && middle < to);
}

// Requests of this page that no worker has picked up yet: who will is not known.
function limbo(waiting, to) {
	return {worker: null, holds: [], unrecorded: [], lanes: [
		{kind: 'title', label: 'in line', height: HEIGHT.request},
		...waiting.map((request) => ({kind: 'request', label: '', height: HEIGHT.request, parts: [
			{request, parts: [{kind: 'queue', start: request.start, end: to, open: true}]}]})),
	]};
}

// A row for each of a class, with all that they have sent, whoever had it: of that it is known when it was answered.
function classGroup(history, from, to) {
	const known = requestsOf(history, [...history.requests.values()].filter(visitorOf), from, to);
	return {worker: null, visitors: true, holds: [], unrecorded: [], lanes: [{kind: 'title', label: 'visitors', height: HEIGHT.request},
		...[...visitors].map(([mark, {name}]) => ({kind: 'request', height: HEIGHT.request, label: name.length > LETTERS ? `${name.slice(0, LETTERS - 1)}…` : name,
			parts: known.filter(({request}) => request.mark === mark)}))]};
}

// What is left for a worker then: its loop, and requests of which it is not known whose they are.
function withoutVisitors(lanes) {
	return lanes.map((lane) => (lane.kind === 'request' ? {...lane, parts: lane.parts.filter(({request}) => !visitorOf(request))} : lane))
		.filter(({kind, parts}) => kind !== 'thread' && kind !== 'more' && parts?.length !== 0);
}

// Whether a worker has a place in the picture: not when it is gone and did nothing there.
function isShown(history, worker, from, to, known) {
	return worker.seen >= history.now || worker.measured.within(from, to).length > 0 ||
		known.some((request) => request.start <= to && (request.over ? request.end : history.now) >= from);
}

// Where nobody says how wide the picture is, it may be that of a phone.
const twoLines = (parts) => [parts.slice(0, 3), parts.slice(3)].filter(({length}) => length).map((line) => line.join(' · '));

// options: {waiting: requests of this page that nobody has picked up; pools: a Set of names, without it all that
// carry load; only: a Set of requests; workers: a Set of names; origin: the time that the axis calls 0 (without
// it, that is `to`); until: when the last of `only` was over; meant: processes are to be
// occupied, that is no mistake; byVisitor: with a row for each of a class; edge: what it calls `to`; scale: how large text is, 1 for 16 pixels; wrap: parts of a
// text as lines that fit}.
export function layout(history, from, to, options = {}) {
	const known = new Map([...history.workers.keys()].map((name) => [name, []]));
	for (const request of options.only ?? history.requests.values())
		known.get(request.worker)?.push(request);
	const workers = [...history.workers.values()]
		.filter((worker) => (options.workers ? options.workers.has(worker.name)
			: (options.pools ? options.pools.has(worker.pool) : carriesLoad(worker.pool)) &&
			  isShown(history, worker, from, to, known.get(worker.name))))
		.sort((a, b) => byPool(a.pool, b.pool) || a.name.localeCompare(b.name, 'en', {numeric: true}));
	const waiting = options.waiting?.filter((request) => request.start < to) ?? [];
	const groups = workers.map((worker) => group(history, worker, from, to, known.get(worker.name), options));
	if (options.byVisitor) {
		groups.forEach((each) => (each.lanes = withoutVisitors(each.lanes)));
		groups.unshift(classGroup(history, from, to));
		options = {...options, labels: groups[0].lanes.map(({label}) => label)};
	}
	if (waiting.length)
		groups.unshift(limbo(waiting, to));
	return placed(groups, {from, to, ...options});
}

// A picture of groups, one below the other; options as layout() has them.
export function placed(groups, {from, to, origin = null, edge = '', scale = 1, labels}) {
	let top = HEIGHT.axis * scale;
	for (const g of groups) {
		g.top = top;
		for (const lane of g.lanes) {
			lane.height *= scale;
			lane.top = top;
			top += lane.height;
		}
		g.bottom = top;
		top += HEIGHT.gap * scale;
	}
	return {from, to, origin, edge, groups, scale, labels, height: Math.max(top, (HEIGHT.axis + 20) * scale)};
}

export function isHold(block) {
	return block.kind === 'loop' && !(block.count > 1) && block.end - block.start >= HOLD;
}
