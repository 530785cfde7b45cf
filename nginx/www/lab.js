// A round of requests and what became of them: sends, waits until the feed has told the whole
// story, and brings answers and history together.

import {requestOf} from './client.js';
import {layout} from './layout.js';

const TOLD = 2500; // milliseconds that the feed gets to tell of the last answer
const MARGIN = 0.03; // of a picture's length, on both sides

const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Lab {
	constructor(client, history, clock, feed) {
		Object.assign(this, {client, history, clock, feed});
	}

	// The living workers of a pool.
	workers(pool) {
		return [...this.history.workers.values()]
			.filter((worker) => worker.pool === pool && this.history.now - worker.seen < 2000);
	}

	// requests: [{path, pool, delay, role}]; delay in milliseconds since the round's begin.
	// Resolves to {name, answers, wall, from, to, usage}; an answer has `from` and `to`, `request`,
	// which is null if the feed did not tell, and `role`.
	async round(name, requests) {
		const usage = new Usage(this, requests[0].pool ?? 'loop');
		const begin = performance.now();
		const answers = await Promise.all(requests.map(async ({path, pool, delay = 0, role = ''}) => {
			if (delay)
				await after(delay);
			return {...await this.client.send(path, pool), role, request: null};
		}));
		usage.stop();
		await this.#told(answers);
		for (const answer of answers)
			times(answer, this.clock);
		const wall = Math.max(...answers.map((answer) => answer.to)) - Math.min(...answers.map((answer) => answer.from));
		return {name, answers, wall, usage: usage.most, from: this.clock.at(begin),
			to: Math.max(...answers.map((answer) => answer.to))};
	}

	// The picture of a round: its requests only, on the workers that had them.
	picture(round) {
		const requests = new Set(round.answers.map((answer) => answer.request).filter(Boolean));
		const names = new Set([...requests].map((request) => request.worker));
		const from = Math.min(round.from, ...[...requests].map((request) => request.start));
		const margin = (round.to - from) * MARGIN;
		return layout(this.history, from - margin, round.to + margin, {only: requests, workers: names, origin: from});
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

	async #told(answers) {
		const deadline = performance.now() + TOLD;
		const taken = new Set();
		for (;;) {
			for (const answer of answers.filter((a) => !a.request && a.worker)) {
				answer.request = requestOf(this.history, this.clock, answer, taken);
				if (answer.request)
					taken.add(answer.request);
			}
			if (answers.every((answer) => answer.request || !answer.worker) || performance.now() > deadline)
				return;
			await after(50);
		}
	}
}

// When it began and ended, on the server's clock: as the server saw it, if it told. A browser that is
// busy drawing sends and hears late, and that is not what is measured here.
function times(answer, clock) {
	answer.from = answer.request?.start ?? clock.at(answer.sent);
	answer.to = answer.request?.end ?? clock.at(answer.ended);
}

// What a pool used while a round lasted: the most that the feed saw.
class Usage {
	most = {processes: 0, threads: 0, memory: 0};
	#sample = () => {
		const workers = this.lab.workers(this.pool);
		const sum = (name) => workers.reduce((total, worker) => total + (worker.state[name] ?? NaN), 0);
		this.most = {processes: Math.max(this.most.processes, workers.length),
			     threads: Math.max(this.most.threads, sum('process_threads')),
			     memory: Math.max(this.most.memory, sum('memory'))};
	};

	constructor(lab, pool) {
		Object.assign(this, {lab, pool});
		this.#sample();
		lab.feed.addEventListener('message', this.#sample);
	}

	stop() {
		this.lab.feed.removeEventListener('message', this.#sample);
	}
}
