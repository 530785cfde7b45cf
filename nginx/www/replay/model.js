// A model of one loop: whom it takes runs until it gives the loop back; threads work beside it. The requests are
// those that were recorded, and each run, wait and job takes what it took then; only the order is another.
// No document here.

import {decisionsOf} from './schedule.js';

const FOR_LOOP = new Set(['queue', 'ready']);
const IN_LINE = new Set([...FOR_LOOP, 'pool-queue']); // what the order makes of it

class Model {
	#events = []; // {at, then}: what comes, in no order
	#ready = []; // {task, kind, since}: for the loop, in their order
	#line = []; // {task, since, ms}: for a thread
	#free; // numbers of threads

	constructor(tasks, threads) {
		this.tasks = tasks.map((task) => ({...task, before: task, parts: [], rest: []}));
		this.#free = new Set(Array.from({length: Math.min(threads, tasks.length)}, (_, i) => i));
	}

	// Takes a task as it was before: what is over stays, what lasts goes on.
	resume(task, now) {
		const {parts, arrives} = task.before;
		const lasts = parts.find(({kind, start, end}) => kind !== 'loop' && start <= now && end > now);
		task.parts = parts.filter(({end}) => end <= now);
		task.rest = parts.filter((part) => part.end > now && part !== lasts && !IN_LINE.has(part.kind)).map(({kind, start, end}) => ({kind, ms: end - start}));
		if (arrives > now)
			this.#events.push({at: arrives, then: (at) => this.#next(task, at, 'queue')});
		else if (lasts?.kind === 'pool')
			this.#work(task, lasts.start, lasts.end, lasts.thread);
		else if (lasts?.kind === 'pool-queue' && task.rest[0]?.kind === 'pool')
			this.#line.push({task, since: lasts.start, ms: task.rest.shift().ms});
		else if (lasts && !IN_LINE.has(lasts.kind))
			this.#away(task, lasts.kind, lasts.start, lasts.end);
		else {
			const stands = lasts ?? (FOR_LOOP.has(task.parts.at(-1)?.kind) ? task.parts.pop() : null); // who was taken had stood until now
			this.#next(task, now, stands?.kind, stands?.start);
		}
	}

	// first: whom the loop takes then, whoever came before.
	run(now, first) {
		this.#ready.sort((one, other) => one.since - other.since);
		this.#hire(now);
		let chosen = this.#ready.find(({task}) => task.before === first);
		while (this.#ready.length || this.#events.length) {
			if (!this.#ready.length)
				now = Math.max(now, Math.min(...this.#events.map(({at}) => at)));
			this.#pass(now);
			const {task, kind, since} = this.#takeOut(this.#ready, chosen ?? this.#ready[0]) ?? {};
			chosen = null;
			if (!task)
				continue;
			const {ms} = task.rest.shift();
			this.#did(task, kind, since, now);
			this.#did(task, 'loop', now, now + ms);
			now += ms;
			this.#pass(now);
			this.#next(task, now);
		}
		for (const task of this.tasks)
			task.ends = task.parts.at(-1).end;
	}

	#takeOut(list, item) {
		return item && list.splice(list.indexOf(item), 1)[0];
	}

	#did(task, kind, start, end, more) {
		if (end > start || kind === 'loop')
			task.parts.push({kind, start, end, ...more});
	}

	#away(task, kind, start, end) {
		this.#did(task, kind, start, end);
		this.#events.push({at: end, then: (at) => this.#next(task, at)});
	}

	#work(task, start, end, wanted) {
		const thread = this.#free.has(wanted) ? wanted : this.#free.values().next().value;
		this.#free.delete(thread);
		this.#did(task, 'pool', start, end, {thread});
		this.#events.push({at: end, then: (at) => {
			this.#free.add(thread);
			this.#next(task, at);
			this.#hire(at);
		}});
	}

	// Those in line get the threads that are free.
	#hire(now) {
		while (this.#free.size && this.#line.length) {
			const {task, since, ms} = this.#line.shift();
			this.#did(task, 'pool-queue', since, now);
			this.#work(task, now, now + ms);
		}
	}

	// What a task does from now on.
	#next(task, now, kind = 'ready', since = now) {
		const step = task.rest[0];
		if (step?.kind === 'loop')
			this.#ready.push({task, kind, since});
		else if (step) {
			task.rest.shift();
			if (step.kind === 'pool') {
				this.#line.push({task, since: now, ms: step.ms});
				this.#hire(now);
			} else
				this.#away(task, step.kind, now, now + step.ms);
		}
	}

	// All that happens until then, in its order.
	#pass(until) {
		for (;;) {
			const due = this.#events.filter(({at}) => at <= until);
			if (!due.length)
				return;
			const event = due.reduce((first, each) => (each.at < first.at ? each : first));
			this.#takeOut(this.#events, event).then(event.at);
		}
	}
}

// The schedule as it would go on if at decision number k the loop took that task.
export function branch(schedule, k, chosen) {
	const {at} = schedule.decisions[k];
	const model = new Model(schedule.tasks, schedule.threads);
	for (const task of model.tasks)
		model.resume(task, at);
	model.run(at, chosen);
	const {tasks} = model;
	return {...schedule, tasks, decisions: decisionsOf(tasks), to: Math.max(...tasks.map(({ends}) => ends)), branch: Math.min(schedule.branch, k)};
}
