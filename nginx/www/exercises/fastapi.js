// The guide's own application, in Python, beside ours (make run FASTAPI=1): what four requests that compute gain from
// having a thread each, there, where the GIL lets one of them compute at a time, and here.

import {duration, list} from '../format.js';
import {failures, LOOP, total} from './exercises.js';

const TIMES = 4;
const FASTAPI = {path: '/fastapi/async/cpu-bound?n=2000000', pool: 'fastapi'}; // over a tenth of a second of Python
const NOISE = 1.4; // times as long: somebody else had the cores
const GAINS = 1.3; // times as fast: more than one computed at a time
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
	return toldOf(theirs, ours, lab.workers(LOOP)[0]?.state.pools?.cpu?.limit);
}

// What two measurements say, as sentences; threads: that may compute here.
export function toldOf(theirs, ours, threads) {
	const gain = ({turns, together}) => turns / together;
	const times = (one) => `${list([`${duration(one.turns)} one after the other`, `${duration(one.together)} at once, each on a thread`])}, ${gain(one).toFixed(2)} times as fast`;
	return [`The guide's FastAPI, in Python: four sums took ${times(theirs)}.`, `Here four keys took ${times(ours)}.`, causeOf(gain(theirs), gain(ours), theirs.quiet && ours.quiet, threads)];
}

// Without a second core nobody's threads gain anything, whatever the reason.
function causeOf(theirs, ours, isQuiet, threads) {
	if (!isQuiet)
		return 'Others used this machine meanwhile, so these figures say nothing of threads: run it again.';
	if (threads === 1)
		return 'There is one thread for computing, as this machine has one core: threads can gain nothing on it.';
	if (ours < GAINS)
		return 'Not even the threads of C had a second core, so these figures say nothing of the GIL: others use this machine. Run it again when they do not.';
	return theirs < GAINS ? 'On the same cores, the threads of C computed at the same time, and those of Python one at a time: that is the GIL.'
		: 'Both had threads that computed at the same time: no GIL was to be seen.';
}
