// What a request awaits that has a name: calls to other services, the database, a connection to it. It may
// await several at the same time.
//
// A wait is {kind, start, end, thing, open}; thing: what it is called, or ''.

import {count, duration, list} from '../format.js';
import {AWAITED} from './kinds.js';

const IDLE = new Set(['await', 'ready']); // kinds that it says better
const LEAST = 0.5; // milliseconds of an await that are worth drawing beside what is awaited
const MOST_TRACKS = 4;
const MOST_TOLD = 4;

// Of a worker's `awaits`, what they say of requests: [{serial, route, wait}].
export function lasting(awaits, now) {
	return (awaits ?? []).filter((each) => each?.kind in AWAITED && Number.isFinite(each.serial)).map(({kind, name, serial, route, for: seconds}) => (
		{serial, route, wait: {kind, start: now - (Number.isFinite(seconds) ? seconds : 0) * 1000, end: now, thing: String(name ?? ''), open: true}}));
}

// Waits of one kind that are at the same time are one piece: {kind, start, end, waits, open}; apart: each is one.
function pieces(waits, apart) {
	if (apart)
		return waits.map((wait) => ({kind: wait.kind, start: wait.start, end: wait.end, waits: [wait], open: wait.open})).sort((a, b) => a.start - b.start);
	const all = [];
	for (const kind of Object.keys(AWAITED)) {
		let last = null;
		for (const wait of waits.filter((each) => each.kind === kind).sort((a, b) => a.start - b.start)) {
			if (!last || wait.start >= last.end) {
				last = {kind, start: wait.start, end: wait.end, waits: [], open: false};
				all.push(last);
			}
			last.waits.push(wait);
			last.end = Math.max(last.end, wait.end);
			last.open ||= wait.open;
		}
	}
	return all.sort((a, b) => a.start - b.start);
}

// What is left of a part outside of these, which are in their order.
function without(part, covers) {
	const left = [];
	let start = part.start;
	for (const cover of covers) {
		if (cover.start - start > LEAST)
			left.push({...part, start, end: Math.min(cover.start, part.end), open: false});
		start = Math.max(start, cover.end);
		if (start >= part.end)
			break;
	}
	if (part.end - start > LEAST)
		left.push({...part, start});
	return left;
}

// Those that are at the same time lie beside each other: track n of so many.
function layTracks(parts) {
	let together = [];
	let ends = [];
	const settle = () => together.forEach((part) => (part.tracks = ends.length));
	for (const part of parts) {
		if (ends.every((end) => part.start >= end)) {
			settle();
			[together, ends] = [[], []];
		}
		let track = ends.findIndex((end) => part.start >= end);
		if (track < 0)
			track = ends.length < MOST_TRACKS ? ends.length : MOST_TRACKS - 1;
		ends[track] = Math.max(ends[track] ?? 0, part.end);
		part.track = track;
		together.push(part);
	}
	settle();
}

// A request's parts as they are drawn: what has a name in the place of awaiting it, beside what threads do for
// the request meanwhile. apart: with a bar for each that is at the same time.
export function withAwaited(parts, waits, to, apart = false) {
	if (!waits.length)
		return parts;
	const named = pieces(waits.map((wait) => (wait.open ? {...wait, end: Math.max(wait.start, to)} : wait)), apart);
	const rest = parts.flatMap((part) => (IDLE.has(part.kind) ? without(part, named) : [{...part}]));
	const beside = [...named, ...rest.filter(({kind}) => kind === 'pool' || kind === 'pool-queue')].sort((a, b) => a.start - b.start);
	layTracks(beside);
	return [...rest.filter(({kind}) => kind === 'await'), ...beside, ...rest.filter((part) => part.kind !== 'await' && !beside.includes(part))];
}

// "db SELECT … 12 ms", "3 × fetch 127.0.0.1:80, the longest 50 ms"
export function toldOf(waits) {
	const groups = new Map();
	for (const {kind, thing, start, end, open} of waits) {
		const name = `${AWAITED[kind].short} ${thing}`.trim();
		const group = groups.get(name) ?? {times: 0, longest: 0, open: false};
		groups.set(name, {times: group.times + 1, longest: Math.max(group.longest, end - start), open: group.open || open});
	}
	const told = [...groups].map(([name, {times, longest, open}]) =>
		`${times > 1 ? `${times} × ` : ''}${name}${times > 1 ? ', the longest' : ''} ${duration(longest)}${open ? ' so far' : ''}`);
	const others = told.length - MOST_TOLD;
	return list(others > 0 ? [...told.slice(0, MOST_TOLD), count(others, 'other')] : told);
}
