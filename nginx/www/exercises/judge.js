// Was a round disturbed? What it measured teaches something only if nothing but its own requests was
// there, and if the machine gave them the time they asked for. No document here.

import {capital, named, routeOf} from '../feed/kinds.js';
import {count, duration} from '../format.js';

const LATE = 250; // milliseconds: more is not an accident
const SHOWN = 4;
const WORDS = {loop: 'run on the loop', await: 'await', pool: 'run on a thread', db: 'ask the database'};

// What disturbed a round, as sentences; none: nothing did.
export function disturbances(round, history) {
	const pools = new Set(round.answers.map((answer) => answer.pool));
	const workers = new Map([...history.workers].filter(([, worker]) => pools.has(worker.pool) && worker.seen >= round.from));
	const said = [...unseen(round, history, workers), ...strangers(round, history, workers),
		...round.answers.flatMap((answer) => [...waited(answer, round, workers), ...slow(answer)])];
	return said.length > SHOWN ? [...said.slice(0, SHOWN), `And ${said.length - SHOWN} more.`] : said;
}

function unseen(round, history, workers) {
	if (history.now < round.to)
		return ['The live feed was away, so nobody knows what else happened.'];
	return [...workers.values()].filter((worker) => worker.unrecorded.within(round.from, round.to).length)
		.map((worker) => `Not all that ${worker.name} did was recorded.`);
}

// Requests that are not this round's, on the workers that it asked. 0 is what a worker does for itself: it connects.
function strangers(round, history, workers) {
	const own = new Set(round.answers.map((answer) => `${answer.worker} ${answer.serial}`));
	const others = history.at(workers, round.from, round.to).filter((request) => request.serial && !own.has(`${request.worker} ${request.serial}`));
	const said = others.map((request) => {
		const hold = workers.get(request.worker).holds.flatMap(({parts}) => parts).find((each) => each.request === request && each.end > round.from && each.start < round.to);
		return `${capital(named(request))} (${routeOf(request)}) ${hold ? `held the loop for ${duration(hold.end - hold.start)}` : 'was there, too'}.`;
	});
	for (const worker of workers.values()) {
		const answered = worker.measured.within(round.from, round.to)
			.filter(({from, to}) => from >= round.from && to <= round.to).reduce((sum, {answers}) => sum + answers, 0);
		const ours = round.answers.filter((answer) => answer.worker === worker.name).length;
		if (answered > ours)
			said.push(`${worker.name} answered ${count(answered - ours, 'other request')}.`);
	}
	return said;
}

// Waits longer than the round's own requests explain.
function waited(answer, round, workers) {
	const worker = workers.get(answer.worker);
	if (!worker)
		return [];
	const siblings = round.answers.filter((other) => other !== answer && other.request &&
		(worker.prefork ? other.pool === answer.pool : other.worker === answer.worker));
	const servers = worker.prefork ? [...workers.values()].filter(({pool}) => pool === answer.pool).length : 1;
	// For how long others of the round had the loop, or all the processes.
	const explained = (from, to) => siblings.flatMap(({request}) => request.spans)
		.filter(({kind}) => (worker.prefork ? kind !== 'queue' : kind === 'loop'))
		.reduce((sum, {start, end}) => sum + Math.max(0, Math.min(end, to) - Math.max(start, from)), 0) / servers;
	const said = [];
	const {queue = 0, ready = 0, 'pool-queue': line = 0} = answer.timing;
	if (queue - explained(answer.sent, answer.sent + queue + LATE) > LATE)
		said.push(`${capital(named(answer))} waited ${duration(queue)} to be picked up, longer than this round explains.`);
	if (ready - explained(answer.sent, answer.ended) > LATE)
		said.push(`${capital(named(answer))} was ready to go on for ${duration(ready)}, longer than this round explains.`);
	const threads = worker.state.pools?.blocking?.limit ?? Infinity;
	if (line > LATE && siblings.filter((other) => other.timing.pool > 0).length < threads)
		said.push(`${capital(named(answer))} waited ${duration(line)} for a thread, though this round did not use them all.`);
	return said;
}

// What took much longer than was asked for.
function slow(answer) {
	const {takes, timing, request} = answer;
	const said = Object.keys(takes ? WORDS : {}).filter((kind) => (timing[kind] ?? 0) - (takes[kind] ?? 0) > LATE)
		.map((kind) => `${capital(named(answer))} was to ${WORDS[kind]} for ${duration(takes[kind] ?? 0)}, and it took ${duration(timing[kind])}: the machine is slow.`);
	if (request && Math.max(request.start - answer.sent, answer.ended - request.end) > LATE)
		said.push(`${capital(named(answer))} was on its way for ${duration(Math.max(request.start - answer.sent, 0) + Math.max(answer.ended - request.end, 0))}: the machine is slow.`);
	return said;
}
