// What has happened, as far back as it is kept: workers, their tracks and heartbeats, and requests
// put together from the spans of the feed. Bounded in time and in number, whatever arrives.
//
// A worker's request is known by its serial, which starts again when the process is replaced; a
// replaced process is a new generation of the worker. Under load the feed tells of each worker what
// was measured, in stretches of time, and of requests only the long ones. What nobody recorded is
// known to be unknown.

import {lasting} from './awaited.js';
import {AWAITED, HOLD, KINDS, SLOW} from './kinds.js';
import {carriesLoad, learn} from './pools.js';
import {markOf} from './visitors.js';
import {number, Worker} from './worker.js';

const KEEP = 120_000; // milliseconds
const REPEATED = 10_000; // milliseconds that the first message of a connection reaches back
const SILENT = 4000; // between two messages: something was missed
const MOST_REQUESTS = 6000;
const MOST_SPANS = 30_000;
const LEAST_WAIT = 1; // milliseconds that are worth telling
const LEAST_GAP = 0.5; // milliseconds between two spans of a request
const MOST_WORKERS = 256; // names of workers long gone make room

const lastEnd = (spans, start) => spans.reduce((end, span) => Math.max(end, span.end), start);

// Whether what a request did after this time may have been too short to be told of.
function endIsUntold(worker, since) {
	return worker.summarized(since, since + SLOW);
}

function filled(parts) {
	const all = [];
	let end = parts[0]?.start;
	for (const part of parts) {
		if (part.start - end > LEAST_GAP)
			all.push({kind: 'ready', start: end, end: part.start});
		all.push(part);
		end = Math.max(end, part.end);
	}
	return all;
}

export class History {
	workers = new Map();
	requests = new Map(); // in the order in which they were first heard of
	now = 0; // of the last message
	lost = 0; // spans that the server had to overwrite before they were sent
	awaited = new Set(); // kinds of AWAITED that there were
	pooled = new Map(); // path → names of the pools of threads that its handler goes through
	#spans = 0;
	#known = -Infinity; // spans that ended before this came over the last connection

	apply(message) {
		if (message.t < this.now - KEEP)
			this.clear(); // another machine, or it was started anew
		else if (message.t <= this.now && !message.first)
			return; // a repetition
		const before = this.now;
		this.now = message.t;
		this.lost += number(message.lost);
		for (const state of message.workers ?? [])
			this.#seen(state);
		this.#missed(message, before);
		this.#known = message.first && before ? before : -Infinity;
		const things = new Map((message.things ?? []).map((thing) => [`${thing?.w} ${thing?.n}`, String(thing?.name ?? '')]));
		for (const span of message.spans ?? [])
			this.#span(span, things);
		this.#known = -Infinity;
		for (const state of message.workers ?? [])
			this.#alive(state);
		this.#end(message.workers ?? []);
		this.#drop();
	}

	clear() {
		this.workers.clear();
		this.requests.clear();
		this.awaited.clear();
		this.#spans = 0;
		this.now = 0;
	}

	// A worker's request by its number, if it has been told of.
	find(name, serial) {
		const worker = this.workers.get(name);
		return worker && this.requests.get(`${name}/${worker.generation}/${serial}`);
	}

	// The requests that these workers had meanwhile.
	at(workers, from, to) {
		return [...this.requests.values()].filter((request) => workers.has(request.worker) && request.start < to &&
			(request.over ? request.end : this.now) > from);
	}

	// What a request is doing now, as a span that has no end yet; null if it is over.
	open(request) {
		const worker = this.workers.get(request.worker);
		if (request.over || !worker || worker.generation !== request.generation)
			return null;
		if (request.run?.end === this.now)
			return {...request.run, start: Math.max(request.run.start, lastEnd(request.spans, 0))};
		if (request.job?.seen === this.now)
			return {...request.job.span, end: this.now};
		const start = lastEnd(request.job ? [...request.spans, request.job.span] : request.spans, request.start);
		if (endIsUntold(worker, start))
			return null;
		const done = request.job && !request.spans.some((span) => span.kind === 'pool');
		const queued = !request.job && !worker.prefork && this.#mayQueue(worker, request.path);
		return {kind: done ? 'ready' : queued ? 'pool-queue' : 'await', start, end: this.now};
	}

	goesThrough(path, pool) {
		this.pooled.set(path, (this.pooled.get(path) ?? new Set()).add(pool));
	}

	// Whether one of this path may be in the queue of a pool of threads: somebody is.
	#mayQueue(worker, path) {
		return [...this.pooled.get(path) ?? []].some((pool) => worker.state.pools?.[pool]?.queued !== 0);
	}

	// All spans of a request, in order, with the one that lasts. A thread's span is written by the
	// loop, which may be held, and under load short ones are not told; so what was seen of them stands in
	// for them. In a gap the request could go on, but the loop did not get to it.
	parts(request) {
		if (!request.over)
			return this.#parts(request);
		request.parts ??= this.#parts(request);
		return request.parts;
	}

	#parts(request) {
		const parts = [...request.spans];
		const open = this.open(request);
		if (request.job && !parts.some((part) => part.kind === 'pool')) {
			const before = lastEnd(parts, request.start);
			if (request.job.span.start - before > LEAST_GAP)
				parts.push({kind: 'pool-queue', start: before, end: request.job.span.start});
			if (open?.kind !== 'pool')
				parts.push(request.job.span);
		}
		if (request.run && open?.kind !== 'loop' && !parts.some(({kind, end}) => kind === 'loop' && end > request.run.start))
			parts.push(request.run);
		if (open)
			parts.push({...open, open: true});
		return filled(parts.sort((a, b) => a.start - b.start));
	}

	// Milliseconds of each kind.
	sums(request) {
		const sums = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, 0]));
		for (const part of this.parts(request))
			sums[part.kind] += part.end - part.start;
		return sums;
	}

	// For how long a request waited because of a hold of its worker, in milliseconds: to be picked up,
	// or to go on after what it awaited, on a thread or not, was done.
	kept(request, hold) {
		const {culprits: [one, other]} = hold;
		if (one?.request === request && !other)
			return 0;
		return this.parts(request).filter(({kind}) => kind === 'queue' || kind === 'ready')
			.reduce((sum, wait) => sum + Math.max(0, Math.min(hold.end, wait.end) - Math.max(hold.start, wait.start)), 0);
	}

	// The holds that kept it waiting.
	holdsOf(request) {
		const holds = this.workers.get(request.worker)?.holds ?? [];
		return holds.filter((hold) => this.kept(request, hold) > LEAST_WAIT);
	}

	// Whom a hold kept waiting: [{request, wait}].
	victims(worker, hold) {
		const victims = [];
		for (const request of this.requests.values()) {
			if (request.worker !== worker.name || request.start > hold.end || (request.over && request.end < hold.start))
				continue;
			const wait = this.kept(request, hold);
			if (wait > LEAST_WAIT)
				victims.push({request, wait});
		}
		return victims;
	}

	// The requests that ran while a loop was held, as far as they were told of, in that order.
	ran(worker, hold) {
		const runs = [];
		for (const request of this.requests.values()) {
			const run = request.worker === worker.name && request.start < hold.end &&
				this.parts(request).find(({kind, start, end}) => kind === 'loop' && start < hold.end && end > hold.start);
			if (run)
				runs.push({request, start: run.start});
		}
		return runs.sort((one, other) => one.start - other.start).map(({request}) => request);
	}

	// Whether all who waited for a hold are known: the loop has had time for them since, and they were
	// told of.
	victimsKnown(worker, hold) {
		return Math.max(worker.free, (worker.heartbeat.beats.at(-1) ?? 0) - 1000) > hold.end;
	}

	#worker(name) {
		let worker = this.workers.get(name);
		if (!worker) {
			worker = new Worker(name);
			this.workers.set(name, worker);
		}
		return worker;
	}

	#seen(state) {
		if (typeof state?.name !== 'string')
			return;
		const worker = this.#worker(state.name);
		worker.tell(state, this.now);
		learn(state);
	}

	// What this message says of requests that were not told of one by one, or not at all.
	#missed(message, before) {
		const told = message.first ? message.t - REPEATED : message.t - SILENT;
		const loses = message.lost > 0 && !message.unrecorded;
		for (const worker of this.workers.values())
			if (before && carriesLoad(worker.pool) && (loses || before < told))
				worker.unrecorded.cover(before, loses || !message.first ? message.t : told);
		const since = message.first && before ? before : -Infinity; // what is told again is known better
		for (const {w, from, to} of message.unrecorded ?? [])
			this.workers.get(w)?.unrecorded.cover(Math.max(number(from), since), number(to));
		for (const bucket of message.buckets ?? [])
			this.workers.get(bucket?.w)?.measure(bucket);
	}

	// Live state: what lasts is drawn before its span arrives.
	#alive(state) {
		const worker = this.workers.get(state?.name);
		if (!worker)
			return;
		const loop = state.loop ?? {};
		if (!worker.stopped && !Number.isFinite(loop.held) && worker.heldSince === null)
			worker.free = this.now;
		if (!worker.stopped && (worker.prefork ? !worker.occupied : worker.heldSince === null))
			worker.heartbeat.beat(this.now);
		if (Number.isFinite(loop.request?.serial)) {
			const start = this.now - number(loop.request.for) * 1000;
			const request = this.#request(worker, loop.request.serial, loop.request.route, start);
			request.parts = null;
			request.run = {kind: 'loop', start, end: this.now};
			if (!worker.prefork && this.now - start >= HOLD)
				worker.hold(start, this.now, request);
		}
		if (worker.heldSince !== null)
			worker.hold(worker.heldSince, this.now);
		for (const {serial, route, wait} of lasting(state.awaits, this.now))
			this.#awaiting(this.#request(worker, serial, route, wait.start), wait);
		for (const [pool, threads] of Object.entries(state.pools ?? {}))
			for (const job of threads?.busy?.filter((busy) => Number.isFinite(busy?.serial)) ?? []) {
				const start = this.now - number(job.for) * 1000;
				const request = this.#request(worker, job.serial, job.route, start);
				this.goesThrough(request.path, pool);
				request.parts = null;
				request.job = {seen: this.now, span: {kind: 'pool', pool, thread: number(job.thread), start, end: this.now}};
			}
	}

	#isGone(name) {
		return !(this.workers.get(name)?.seen >= this.now - 1000);
	}

	// Nothing in flight, or no worker: whatever seems to last has ended, and the span that said so was
	// lost, or is not told under load.
	#end(states) {
		const idle = new Set(states.filter((state) => state?.in_flight === 0 && !state.loop?.request).map(({name}) => name));
		for (const request of this.requests.values())
			if (!request.over && this.now - request.heard > 1000 && (idle.has(request.worker) || this.#isGone(request.worker) ||
			    endIsUntold(this.workers.get(request.worker), lastEnd(request.spans, request.start))))
				request.over = true;
	}

	#request(worker, serial, path, start) {
		const key = `${worker.name}/${worker.generation}/${serial}`;
		let request = this.requests.get(key);
		if (!request) {
			request = {key, worker: worker.name, generation: worker.generation, serial, path: '',
				   start, end: start, heard: this.now, status: 0, mark: '', gone: false, over: false, job: null, run: null, spans: [], awaited: [], awaiting: null, parts: null};
			this.requests.set(key, request);
		}
		request.path = path || request.path;
		request.start = Math.min(request.start, start);
		request.heard = this.now;
		return request;
	}

	// things: what those are called that spans have by number.
	#span(raw, things) {
		const start = number(raw?.s);
		const end = start + number(raw?.d);
		if (typeof raw?.w !== 'string' || !Number.isFinite(raw.r) || end <= this.#known)
			return;
		const worker = this.#worker(raw.w);
		const request = this.#request(worker, raw.r, String(raw.p ?? ''), start);
		request.end = Math.max(request.end, end);
		request.mark ||= markOf(raw.trace);
		if (raw.k === 'gone') {
			request.gone = request.over = true;
			return;
		}
		if (raw.k in AWAITED) {
			this.#await(request, {kind: raw.k, start, end, thing: things.get(`${raw.w} ${raw.n}`) ?? '', open: false});
			return;
		}
		if (!(raw.k in KINDS))
			return;
		const span = {kind: raw.k, start, end};
		if (raw.k === 'pool' || raw.k === 'pool-queue')
			span.pool = String(raw.pool ?? 'blocking');
		if (span.pool && request.path)
			this.goesThrough(request.path, span.pool);
		if (raw.k === 'pool') {
			span.thread = number(raw.th);
			worker.thread(span.pool, span.thread).add(span, request);
		}
		if (raw.k === 'loop') {
			worker.loop.add(span, request);
			if (!worker.prefork)
				worker.ran(start, end, request);
		}
		if (raw.c) {
			request.status = raw.c;
			request.over = true;
		}
		request.spans.push(span);
		request.parts = null;
		this.#spans++;
	}

	// What has a name is told as a span when it is over; of what lasts for long, the workers' state tells before.
	#awaiting(request, wait) {
		if (request.awaiting?.seen !== this.now)
			request.awaiting = {seen: this.now, waits: []};
		request.awaiting.waits.push(wait);
		request.parts = null;
		this.awaited.add(wait.kind);
	}

	// All that it has awaited by name, with what it awaits now.
	waits(request) {
		const open = !request.over && request.awaiting?.seen === this.now ? request.awaiting.waits : [];
		return [...request.awaited, ...open];
	}

	#await(request, wait) {
		this.awaited.add(wait.kind);
		request.awaited.push(wait);
		request.parts = null;
		this.#spans++;
	}

	#drop() {
		const before = this.now - KEEP;
		for (const [key, request] of this.requests) {
			if (this.requests.size <= MOST_REQUESTS && this.#spans <= MOST_SPANS && request.heard >= before)
				break;
			if (request.heard >= before)
				this.workers.get(request.worker)?.forget(request);
			this.requests.delete(key);
			this.#spans -= request.spans.length + request.awaited.length;
			request.spans.length = request.awaited.length = 0;
			request.over = true;
		}
		for (const [name, worker] of this.workers) {
			worker.loop.drop(before);
			worker.heartbeat.drop(before);
			worker.measured.drop(before);
			worker.unrecorded.drop(before);
			worker.holds = worker.holds.filter((hold) => hold.end >= before);
			for (const [thread, track] of worker.threads) {
				track.drop(before);
				if (!track.blocks.length)
					worker.threads.delete(thread);
			}
			if (worker.seen < before || this.workers.size > MOST_WORKERS)
				if (worker.seen < this.now)
					this.workers.delete(name);
		}
	}
}
