// A round of requests and what became of them: has them sent, waits until the feed has told the whole
// story, and brings answers and history together.
//
// Events: "begin" and "end" of a round (detail: {pools}); "replay": one is to be shown step by step (detail: {round}).

import {byPool, isReachable} from '../feed/pools.js';
import {layout} from '../picture/layout.js';
import {textScale} from '../picture/paint.js';
import {disturbances} from './judge.js';

const TOLD = 2500; // milliseconds that the feed gets to tell of the last answer
const QUEUED = 20_000; // milliseconds that a job gets to be done
const A_PICTURE = {width: 640, height: 480, zoom: 200, x: -0.745, y: 0.11};
const MARGIN = 0.03; // of a picture's length, on both sides

const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Lab extends EventTarget {
	classroom = null; // who predicts what

	constructor(sender, history, feed) {
		super();
		Object.assign(this, {sender, history, feed});
	}

	// The living workers of a pool.
	workers(pool) {
		return [...this.history.workers.values()]
			.filter((worker) => worker.pool === pool && this.history.now - worker.seen < 2000);
	}

	// The names of the pools that requests can be sent to: of processes that have one request at a time, of
	// loops, or both.
	pools(prefork = null) {
		const workers = [...this.history.workers.values()].filter((worker) => prefork === null || worker.prefork === prefork);
		return [...new Set(workers.map(({pool}) => pool))].filter(isReachable).sort(byPool);
	}

	// requests: as Sender.send takes them, with `takes` (the milliseconds of each kind that a request
	// asks for) and `role`; inTurn: each is sent when the one before is answered. Resolves to {name, answers, wall, from, to, usage, disturbed}; an answer has
	// `request`, which is null if the feed did not tell. Times are the server's.
	async round(name, requests, {inTurn = false} = {}) {
		const pools = new Set(requests.map(({pool}) => pool));
		const usage = new Usage(this, pools);
		this.#say('begin', pools);
		const sent = [];
		for (const part of inTurn ? requests.map((request) => [request]) : [requests])
			sent.push(...await this.sender.send(part));
		const answers = sent.map((answer) => ({...answer, request: null, mark: this.sender.mark}));
		usage.stop();
		const came = answers.filter((answer) => answer.worker);
		const from = Math.min(...came.map((answer) => answer.sent));
		const to = Math.max(...came.map((answer) => answer.ended));
		await this.#told(came, to);
		this.#say('end', pools);
		const round = {name, answers, from, to, wall: to - from, usage: {...usage.most, threads: threadsOf(usage.most, came)}};
		return {...round, disturbed: disturbances(round, this.history)};
	}

	// A round of one request whose work is queued, and its result once it is there: `later` is {status, after: milliseconds,
	// by: who did it, url}, `also` the requests that are part of the story.
	async queued() {
		const round = await this.round('Asked for, and done', [{path: '/cases/renders', pool: 'loop', body: () => A_PICTURE}]);
		const [asked] = round.answers;
		if (asked.status !== 202)
			return round;
		const url = `/cases/renders/${JSON.parse(asked.body).id}`;
		for (const deadline = performance.now() + QUEUED; performance.now() < deadline; await after(100)) {
			const {status, headers} = await fetch(url, {cache: 'no-store'});
			if (status === 200 && !/^image/.test(headers.get('Content-Type')))
				continue;
			const ended = this.sender.clock.now();
			await this.#told([], ended);
			const also = [...this.history.requests.values()].filter((request) => request.start >= asked.sent && this.history.workers.get(request.worker)?.pool === 'jobs');
			return {...round, also, to: ended, wall: ended - round.from, later: {status, after: ended - asked.sent, by: also[0]?.worker, url}};
		}
		return round;
	}

	// Listens to the feed for so many messages.
	async listen(messages) {
		const begin = performance.now();
		for (let heard = 0; heard < messages; heard++)
			await new Promise((resolve) => this.feed.addEventListener('message', resolve, {once: true}));
		return {messages, seconds: (performance.now() - begin) / 1000, state: [...this.history.workers.values()].find(({pool}) => pool === 'admin')?.state};
	}

	// The picture of a round: its requests only, on the workers that had them. length: of the time that
	// it shows, if it is to have the scale of another.
	picture(round, length = round.to - round.from) {
		const requests = new Set([...round.answers.map((answer) => answer.request).filter(Boolean), ...round.also ?? []]);
		const names = new Set([...round.answers.map((answer) => answer.worker).filter(Boolean), ...(round.also ?? []).map(({worker}) => worker)]);
		const margin = length * MARGIN;
		return layout(this.history, round.from - margin, round.from + length + margin, {only: requests, workers: names, origin: round.from, until: round.to, meant: round.meant, scale: textScale()});
	}

	// The longest that a loop which answered did not beat, in milliseconds.
	silence(round) {
		const names = new Set(round.answers.map((answer) => answer.worker));
		let longest = 0;
		for (const name of names)
			for (const hold of this.history.workers.get(name)?.holds ?? [])
				if (hold.end > round.from && hold.start < round.to)
					longest = Math.max(longest, hold.end - hold.start);
		return longest;
	}

	// Whether a round can be shown step by step: one loop had all of it.
	isReplayable({answers}) {
		const worker = this.history.workers.get(answers[0]?.worker);
		return Boolean(worker && !worker.prefork && answers.every((answer) => answer.worker === worker.name && answer.request?.over));
	}

	replay(round) {
		this.dispatchEvent(new CustomEvent('replay', {detail: {round}}));
	}

	async #told(answers, to) {
		const deadline = performance.now() + TOLD;
		for (;;) {
			for (const answer of answers)
				answer.request = this.history.find(answer.worker, answer.serial) ?? null;
			const known = (answer) => answer.request?.over || this.history.workers.get(answer.worker)?.summarized(answer.sent, this.history.now);
			if ((answers.every(known) && this.history.now > to) || performance.now() > deadline)
				return;
			await after(50);
		}
	}

	#say(type, pools) {
		this.dispatchEvent(new CustomEvent(type, {detail: {pools}}));
	}
}

// What pools used while a round lasted: the most that the feed saw. Threads are those at work, and the
// one of the loop or process itself.
class Usage {
	most = {processes: 0, threads: 0, memory: 0};
	#sample = () => {
		const workers = [...this.pools].flatMap((pool) => this.lab.workers(pool));
		const sum = (value) => workers.reduce((total, worker) => total + (value(worker.state) ?? NaN), 0);
		this.most = {processes: Math.max(this.most.processes, workers.length),
			     threads: Math.max(this.most.threads, sum(threads)),
			     memory: Math.max(this.most.memory, sum(({memory}) => memory))};
	};

	constructor(lab, pools) {
		Object.assign(this, {lab, pools});
		this.#sample();
		lab.feed.addEventListener('message', this.#sample);
	}

	stop() {
		this.lab.feed.removeEventListener('message', this.#sample);
	}
}

// The threads at work at the same time that the feed saw or that were told of; NaN: there were some, and
// nobody saw how many.
function threadsOf(most, answers) {
	const spans = answers.flatMap(({request}) => request?.spans ?? []).filter(({kind}) => kind === 'pool');
	const told = Math.max(0, ...spans.map(({start}) => spans.filter((other) => other.start <= start && other.end > start).length));
	const seen = Math.max(most.threads, most.processes + told);
	return seen === most.processes && answers.some(({timing}) => timing.pool > 0) ? NaN : seen;
}

function threads({pools = {}}) {
	return Object.values(pools).reduce((sum, {running = 0}) => sum + running, 1);
}
