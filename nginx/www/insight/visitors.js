// A row for each visitor of one loop, below its heartbeat and what it does. No document here.

import {duration} from '../format.js';
import {HEIGHT, layout, placed} from '../picture/layout.js';

const ROW = 24; // pixels
const STANDS = 100; // milliseconds in line that are worth a word

// visitors: [{label, path, sent, request}]: `request` as the history has it, or null: nobody has picked it up.
// now: until when is known; the picture reaches from `from` to `to`.
export function visitorsPicture(history, worker, visitors, {from, to, now, origin, scale}) {
	const known = new Set(visitors.map(({request}) => request).filter(Boolean));
	const [group] = layout(history, from, now, {only: known, workers: new Set([worker])}).groups;
	if (!group)
		return placed([], {from, to, origin, scale});
	const [beat, loop = {kind: 'loop', label: 'loop', height: HEIGHT.loop, measured: [], blocks: []}] = group.lanes.filter(({kind}) => kind === 'beat' || kind === 'loop');
	const until = ({start, end}) => ({start, end: Math.min(end, now), lasts: end >= group.worker.seen}); // what is known of it may be newer
	group.holds = group.holds.map(until);
	group.lanes = [{...beat, silent: beat.silent.map(until), height: HEIGHT.beat}, {...loop, label: 'its loop', height: HEIGHT.loop},
		...visitors.map((visitor) => rowOf(history, visitor, now))];
	return placed([group], {from, to, origin, scale});
}

function rowOf(history, {label, path, sent, request}, now) {
	const parts = request ? history.parts(request) : sent < now ? [{kind: 'queue', start: sent, end: now, open: true}] : [];
	for (const part of parts.filter(({open}) => open))
		part.end = Math.max(part.start, now);
	return {kind: 'request', label, height: ROW, caption: captionOf(parts),
		parts: parts.length ? [{request: request ?? {serial: '', path, worker: '', status: 0}, parts}] : []};
}

// What it does for longest, in a word, and shorter.
function captionOf(parts) {
	const longest = parts.reduce((most, part) => (!most || part.end - part.start > most.end - most.start ? part : most), null);
	if (!longest || longest.end - longest.start < STANDS)
		return null;
	const words = {queue: 'stands', ready: 'stands', loop: 'holds the loop', pool: 'on a thread', 'pool-queue': 'waits for a thread', await: 'moves'};
	const word = words[longest.kind] ?? '';
	return [`${word} ${duration(longest.end - longest.start)}`.trim(), word];
}

// Of a round that is not over, which of the worker's requests is whose: in the order in which they were sent.
export function matched(history, worker, visitors, since) {
	const left = [...history.requests.values()].filter((request) => request.worker === worker && request.start >= since)
		.sort((one, other) => one.start - other.start);
	return visitors.map((visitor) => {
		const at = left.findIndex(({path}) => path === visitor.path);
		return {...visitor, request: at < 0 ? null : left.splice(at, 1)[0]};
	});
}
