// A worker as the feed tells of it: what it says of itself, the tracks of its loop and threads, and when
// its loop was held.

import {Heartbeat} from './heartbeat.js';
import {Hold, withHold} from './hold.js';
import {FULL, HOLD} from './kinds.js';
import {poolOf} from './pools.js';
import {Stretches} from './stretches.js';
import {Track} from './track.js';

const FORGOTTEN = 1000; // milliseconds between two requests that were forgotten: others were, too
const MOST_HOLDS = 50; // of each worker
const NEAR = 20; // milliseconds between what two clocks say of one moment
const LONG = 1000; // milliseconds that a loop is busy without a pause when it is held by many

export const number = (value) => (Number.isFinite(value) ? value : 0);

export class Worker {
	generation = 0;
	state = {};
	seen = 0;
	loop = new Track();
	threads = new Map(); // "blocking 3" → Track
	heartbeat = new Heartbeat();
	measured = new Stretches(); // {from, to, busy, inFlight, answers, p50, p99}: times in milliseconds
	unrecorded = new Stretches(); // its requests there are not known
	#forgotten = -Infinity;
	free = -Infinity; // when its loop was last seen with nothing to do
	heldSince = null; // since when its loop has had no time for anybody else; null: it has
	#fullSince = null; // since when its loop was never idle between two messages
	holds = []; // the last one may still grow
	#seen = []; // what the doctor saw on its stack while it was held: {at: when, by: as state.loop.held_by}

	constructor(name) {
		this.name = name;
	}

	get pool() {
		return String(this.state.pool ?? poolOf(this.name));
	}

	get prefork() {
		return this.state.engine === 'prefork';
	}

	// Whether a process that has one request at a time has one.
	get occupied() {
		return this.prefork && (this.state.in_flight > 0 || Boolean(this.state.loop?.request));
	}

	get stopped() {
		return this.state.stopped === true;
	}

	// Whether its loop was not seen idle since the message before.
	get isFull() {
		return this.#fullSince !== null;
	}

	// Takes what it says at this time.
	tell(state, now) {
		const isSame = this.state.pid === state.pid;
		if (this.state.pid !== undefined && !isSame)
			this.generation++;
		const busy = (state.loop?.busy - this.state.loop?.busy) * 1000 / (now - this.seen);
		this.#fullSince = isSame && busy >= FULL ? this.#fullSince ?? this.seen : null;
		this.state = state;
		this.seen = now;
		this.heldSince = this.prefork ? null : this.#heldSince();
		if (state.loop?.held_by?.at)
			this.#see(state.loop.held_by, now - number(state.loop.held_by.ago) * 1000);
	}

	// It is told again in each message, for a while.
	#see(by, at) {
		this.#seen = [...this.#seen.filter((one) => Math.abs(one.at - at) > NEAR), {at, by}].slice(-MOST_HOLDS);
	}

	// What was seen of a hold, each place once.
	seenIn({start, end}) {
		const found = this.#seen.filter(({at}) => at > start - NEAR && at < end + NEAR).map(({by}) => by);
		return [...new Map(found.map((by) => [`${by.at} ${by.from}`, by])).values()];
	}

	// One turn holds the loop, or many that leave no time between them. Who is seen idle is free.
	#heldSince() {
		const turn = this.state.loop?.held * 1000;
		const since = turn >= HOLD ? [this.seen - turn] : [];
		if (this.isFull && (this.heldSince !== null || this.seen - this.#fullSince >= LONG))
			since.push(this.#fullSince, this.heldSince ?? Infinity);
		return since.length ? Math.min(...since) : null;
	}

	// Stretches do not overlap; of one that begins in the last, the rest is taken.
	measure(bucket) {
		const from = Math.max(number(bucket.from), this.measured.list.at(-1)?.to ?? -Infinity);
		const part = (bucket.to - from) / (bucket.to - bucket.from);
		if (part > 0)
			this.measured.add({from, to: bucket.to, busy: Math.min(number(bucket.busy), 1), answers: number(bucket.answers) * part,
				inFlight: number(bucket.in_flight), p50: bucket.p50 ?? NaN, p99: bucket.p99 ?? NaN});
	}

	// Requests are forgotten in their order: from the last one to this, not all are known any more.
	forget(request) {
		this.unrecorded.cover(Math.max(this.#forgotten, request.start - FORGOTTEN), request.end);
		this.#forgotten = Math.max(this.#forgotten, request.end);
	}

	// Whether short requests were not recorded one by one meanwhile.
	summarized(from, to) {
		return this.measured.within(from, to).length > 0 || this.unrecorded.within(from, to).length > 0;
	}

	// How many requests it answered meanwhile that were counted and not told one by one.
	answered(from, to) {
		return this.measured.within(from, to).reduce((sum, stretch) => sum +
			stretch.answers * (Math.min(to, stretch.to) - Math.max(from, stretch.from)) / (stretch.to - stretch.from), 0);
	}

	thread(pool, index) {
		const name = `${pool} ${index}`;
		if (!this.threads.has(name))
			this.threads.set(name, new Track());
		return this.threads.get(name);
	}

	// The loop was held: by a request, or, if that is null, in a turn in which many may have run.
	hold(start, end, request = null) {
		this.holds = withHold(this.holds, start, end, request).slice(-MOST_HOLDS);
		const last = this.holds.at(-1);
		if (last.parts.length > MOST_HOLDS)
			this.holds.splice(-1, 1, new Hold(last.parts.slice(-MOST_HOLDS)));
	}

	// A request ran on the loop. A turn that was seen to hold it goes on with the next run that touches it.
	ran(start, end, request) {
		const last = this.holds.at(-1);
		if (end - start >= HOLD)
			this.hold(start, end, request);
		else if (last?.isTurn && last.touches(start, end) && end > last.end)
			this.hold(last.start, end);
	}
}
