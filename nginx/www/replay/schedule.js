// What one loop did with its requests, as a schedule: who ran when, and what each did in between. The same whether
// it was recorded or comes from the model (model.js). No document here.
//
// A schedule is {worker, from, to, threads, tasks, decisions, branch}. A task is {request, label, arrives, ends,
// parts}: parts as the history has them, {kind, start, end}, one after the other. A decision is {at, end, task}: the
// loop takes that one, and nobody else until the end. branch: the number of the first decision of the model;
// Infinity: all of it was recorded.

import {count} from '../format.js';

const MOST_TASKS = 24;
const LEAST = 0.5; // milliseconds between two runs of a request that are two, and that parts are at the same time
const STANDS = new Set(['queue', 'ready']);

export const labelOf = ({serial, path}) => `${serial} ${path.split('/').at(-1) || 'no route'}`;

// Waits and runs in turn. What a request does beside something else (several threads) counts as awaiting it all.
function inTurn(parts) {
	const all = [];
	for (const part of parts) {
		const last = all.at(-1);
		if (last && part.start < last.end - LEAST && part.kind !== 'loop' && last.kind !== 'loop') {
			last.kind = 'await';
			last.end = Math.max(last.end, part.end);
		} else if (last?.kind === 'loop' && part.kind === 'loop' && part.start - last.end < LEAST)
			last.end = part.end;
		else
			all.push({kind: part.kind, start: part.start, end: part.end, ...(part.kind === 'pool' && {thread: part.thread ?? 0})});
	}
	return all;
}

export function decisionsOf(tasks) {
	return tasks.flatMap((task) => task.parts.filter(({kind}) => kind === 'loop').map(({start, end}) => ({at: start, end, task})))
		.sort((one, other) => one.at - other.at);
}

// Of these requests of a worker those that are over; null: there is none that ran on its loop.
export function recorded(history, worker, requests) {
	const tasks = requests.filter((request) => request.over)
		.map((request) => ({request, label: labelOf(request), parts: inTurn(history.parts(request))}))
		.filter(({parts}) => parts.some(({kind}) => kind === 'loop'))
		.map((task) => ({...task, arrives: task.parts[0].start, ends: task.parts.at(-1).end}))
		.sort((one, other) => one.arrives - other.arrives);
	if (!tasks.length || worker.prefork)
		return null;
	const kept = tasks.slice(-MOST_TASKS);
	return {worker: worker.name, tasks: kept, decisions: decisionsOf(kept), from: kept[0].arrives, to: Math.max(...kept.map(({ends}) => ends)),
		threads: worker.state.pools?.blocking?.limit ?? Infinity, branch: Infinity,
		left: kept.length < tasks.length ? `${count(tasks.length - kept.length, 'earlier request')} left out.` : ''};
}

// What a task does at a moment: its part; null: it has not come yet, or is over. At the end of one part it does the next.
export function partAt({parts}, moment) {
	return parts.find(({start, end}) => start <= moment && moment < end) ?? null;
}

// At the moment of a decision: {ready: [{task, since}] in the order in which they came, with the one that is taken;
// away: [{task, part}]; over, coming: tasks}.
export function stateAt(schedule, {at, task: taken}) {
	const state = {ready: [], away: [], over: [], coming: []};
	for (const task of schedule.tasks) {
		const part = partAt(task, at);
		const before = task.parts.findLast(({start}) => start < at);
		if (task === taken)
			state.ready.push({task, since: STANDS.has(before?.kind) ? before.start : at});
		else if (part && STANDS.has(part.kind))
			state.ready.push({task, since: part.start});
		else if (part && part.kind !== 'loop')
			state.away.push({task, part});
		else if (task.ends <= at)
			state.over.push(task);
		else if (task.arrives > at)
			state.coming.push(task);
	}
	state.ready.sort((one, other) => one.since - other.since);
	return state;
}

// How long it stood in line: for the loop, and to be picked up.
export function stood({parts}, until = Infinity) {
	return parts.filter(({kind}) => STANDS.has(kind)).reduce((sum, {start, end}) => sum + Math.max(Math.min(end, until) - start, 0), 0);
}
