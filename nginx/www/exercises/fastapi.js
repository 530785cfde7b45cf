// The guide's own application, in Python, beside ours (make run FASTAPI=1): what four requests that compute gain from
// having a thread each, there, where the GIL lets one of them compute at a time, and here.

import {duration, list} from '../format.js';
import {failures, LOOP, total} from './exercises.js';

const TIMES = 4;
const FASTAPI = {path: '/fastapi/async/cpu-bound?n=2000000', pool: 'fastapi'}; // over a tenth of a second of Python
const NOISE = 1.4; // times as long: somebody else had the cores
const LANES = {path: '/cases/derive?rounds=500000', pool: LOOP};

// One after the other, and at once, the better of two tries: {turns, together: milliseconds; quiet: whether one was like
// another}, or {failed: a sentence}.
async function measured(lab, request) {
	const [turns, together] = [[], []];
	for (let i = 0; i < 2 * TIMES; i++) {
		turns.push(...await lab.sender.send([request]));
		if (turns.length % TIMES === 0)
			together.push(await lab.sender.send([{...request, times: TIMES}]));
	}
	const [failed] = failures([{answers: [...turns, ...together.flat()]}]);
	const times = turns.map(total);
	const sum = (from) => times.slice(from, from + TIMES).reduce((all, ms) => all + ms, 0);
	const wall = (answers) => Math.max(...answers.map(({ended}) => ended)) - Math.min(...answers.map(({sent}) => sent));
	return {failed, turns: Math.min(sum(0), sum(TIMES)), together: Math.min(...together.map(wall)), quiet: Math.max(...times) < NOISE * Math.min(...times)};
}

// Sentences; none: it is not there.
export async function besideFastapi(lab) {
	const there = await fetch('/fastapi/', {cache: 'no-store'}).catch(() => ({}));
	if (!there.ok)
		return [];
	const theirs = await measured(lab, FASTAPI);
	const ours = await measured(lab, LANES);
	if (theirs.failed || ours.failed)
		return [`What FastAPI does could not be measured. ${theirs.failed ?? ours.failed}`];
	const noise = theirs.quiet && ours.quiet ? [] : ['Others used this machine meanwhile, so these two figures say little: run it again.'];
	const threads = lab.workers(LOOP)[0]?.state.pools?.cpu?.limit;
	const gain = ({turns, together}) => (turns / together).toFixed(2);
	const times = ({turns, together}) => list([`${duration(turns)} one after the other`, `${duration(together)} at once, each on a thread`]);
	return [`The guide's FastAPI, in Python: four sums took ${times(theirs)}, ${gain(theirs)} times as fast. The GIL lets one thread compute at a time.`,
		`Here four keys took ${times(ours)}, ${gain(ours)} times as fast: ${threads === 1 ? 'there is one thread for computing, as this machine has one core' : `${threads} threads compute at the same time, one for each core`}.`, ...noise];
}
