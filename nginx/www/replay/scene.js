// One decision of a schedule: the picture up to its end, and what there is to say of it. No document here.

import {capital, KINDS, routeOf} from '../feed/kinds.js';
import {count, duration} from '../format.js';
import {HEIGHT, isHold, placed} from '../picture/layout.js';
import {stateAt, stood} from './schedule.js';

const ROW = 20; // pixels
const WORTH = 1; // milliseconds that are worth telling
const MARGIN = 0.02; // of the picture's length, on both sides

export const nameOf = ({request}) => `request ${request.serial} ${routeOf(request)}`;

const clipped = (parts, until) => parts.filter(({start}) => start < until).map((part) => ({...part, end: Math.min(part.end, until), open: part.end > until}));

function caption(parts) {
	const longest = parts.reduce((most, part) => (!most || part.end - part.start > most.end - most.start ? part : most), null);
	if (!longest || longest.end - longest.start < WORTH)
		return [''];
	const words = {queue: 'stands', ready: 'stands', loop: isHold(longest) ? 'holds the loop' : 'on the loop', pool: 'on a thread', 'pool-queue': 'waits for a thread'};
	const word = words[longest.kind] ?? 'awaits';
	return [`${word} ${duration(longest.end - longest.start)}`, word];
}

// Until the end of what was decided; length: of all of it, so that pictures that are compared have one scale.
export function pictureOf(schedule, {end, task: taken}, {scale, to = schedule.to}) {
	const block = (task, part) => ({...part, request: task.request, count: 1, busy: part.end - part.start});
	const shown = schedule.tasks.map((task) => ({task, parts: clipped(task.parts, end)}));
	const of = (wanted) => shown.flatMap(({task, parts}) => parts.filter(({kind}) => kind === wanted).map((part) => block(task, part))).sort((a, b) => a.start - b.start);
	const threads = Map.groupBy(of('pool'), ({thread}) => thread);
	const label = (task) => `${task === taken ? '▶ ' : ''}${task.label}`;
	const lanes = [{kind: 'title', label: schedule.worker, height: HEIGHT.request},
		{kind: 'loop', label: 'its loop', height: HEIGHT.loop, measured: [], blocks: of('loop')},
		...shown.map(({task, parts}) => ({kind: 'request', label: label(task), height: ROW, caption: caption(parts),
			parts: parts.length ? [{request: task.request, parts}] : []})),
		...[...threads].sort(([a], [b]) => a - b).map(([thread, blocks]) => ({kind: 'thread', label: `thread ${thread}`, height: HEIGHT.thread, blocks}))];
	const margin = (to - schedule.from) * MARGIN + 1;
	const group = {worker: {name: schedule.worker, prefork: false, seen: Infinity}, unrecorded: [], lanes,
		holds: of('loop').filter(isHold)};
	return {...placed([group], {from: schedule.from - margin, to: to + margin, origin: schedule.from, scale}),
		labels: schedule.tasks.map((task) => `  ▶ ${task.label}`)};
}

const since = (schedule, moment) => duration(Math.max(moment - schedule.from, 0));

// "The loop takes request 7 /async/bad-blocking: it runs for 2.00 s, and nobody else does. Then it is over."
export function told(schedule, k) {
	const {at, end, task} = schedule.decisions[k];
	const before = schedule.decisions.slice(0, k).reduce((latest, each) => Math.max(latest, each.end), schedule.from);
	const idle = at - before > WORTH && k ? `The loop had nothing to do for ${duration(at - before)}. ` : '';
	// A thread may have begun before the loop gives the task up.
	const next = task.parts.find((part) => part.kind !== 'loop' && part.end > end);
	const then = !next ? 'then it is over' : next.kind === 'ready' ? 'then it is ready to go on' : next.kind.startsWith('pool') ? 'then a thread has it' : 'then it awaits';
	return `${idle}At ${since(schedule, at)} the loop takes ${nameOf(task)}: it runs for ${duration(end - at)}${isHold({kind: 'loop', start: at, end}) ? ', and nobody else does' : ''}; ${then}.`;
}

// What each does at that moment: {ready: [{task, text, isTaken}], away: [text], others}.
export function sceneOf(schedule, k) {
	const decision = schedule.decisions[k];
	const {ready, away, over, coming} = stateAt(schedule, decision);
	return {
		ready: ready.map(({task, since: begin}) => ({task, isTaken: task === decision.task,
			text: `${task.label} (${decision.at - begin < WORTH ? 'just come' : `stands for ${duration(decision.at - begin)}`})`})),
		away: away.map(({task, part}) => `${task.label}: ${KINDS[part.kind].name}, until ${since(schedule, part.end)}`),
		others: `${count(over.length, 'request')} over, ${coming.length} yet to come.`,
	};
}

// What another order does to each: [{task, name, before, after, done, doneBefore}], and in a sentence.
export function compared(original, schedule) {
	const rows = original.tasks.map((task, i) => {
		const other = schedule.tasks[i];
		return {task, name: capital(nameOf(task)), before: stood(task), after: stood(other), doneBefore: task.ends - original.from, done: other.ends - original.from};
	});
	const [before, after] = ['before', 'after'].map((which) => rows.reduce((sum, row) => sum + row[which], 0));
	const changes = rows.map((row) => ({...row, gain: row.before - row.after})).filter(({gain}) => Math.abs(gain) >= WORTH);
	if (!changes.length)
		return {rows, before, after, sentence: 'In the model, this order changes nothing for anybody.'};
	const most = changes.reduce((a, b) => (b.gain > a.gain ? b : a));
	const least = changes.reduce((a, b) => (b.gain < a.gain ? b : a));
	const said = [most.gain > 0 && `${most.name} stands for ${duration(most.after)} instead of ${duration(most.before)}`,
		least.gain < 0 && `${least.name.replace(/^R/, 'r')} for ${duration(least.after)} instead of ${duration(least.before)}`].filter(Boolean);
	return {rows, before, after, sentence: `${capital(said.join(', '))}. Together they stand for ${duration(after)}; recorded were ${duration(before)}.`};
}
