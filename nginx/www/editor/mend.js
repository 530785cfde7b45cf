// The exercise: mend a handler that blocks the loop, break it again, and meet the compiler. What to write, and how it
// is known that it was done: from what was measured, and from what the compiler said. No document here.

import {failures, LOOP} from '../exercises/exercises.js';
import {request} from '../exercises/guide.js';
import {duration} from '../format.js';

export const FILE = 'async_bad_blocking.c';
export const PLACE = `app/guide/${FILE}`;
const PATH = '/async/bad-blocking';
const BLOCK = 1.5; // seconds
const LONG = 250; // milliseconds on the loop that are no accident

// A request to the handler, and a bystander.
export const round = (lab) => lab.round('The handler as it is', [
	{path: `${PATH}?seconds=${BLOCK}`, pool: LOOP}, {...request('/async/await-one', 0, LOOP), delay: 300}]);

// {held: milliseconds that the handler had the loop; waited: that the bystander stood; sentence}
export function measured({answers}) {
	const failed = failures([{answers}]);
	if (failed.length)
		return {held: NaN, waited: NaN, sentence: `That did not work: ${failed[0]}`};
	const [handler, bystander] = answers;
	const [held, waited] = [handler.timing.loop ?? 0, bystander.timing.queue ?? 0];
	return {held, waited, sentence: held > LONG
		? `It held the loop for ${duration(held)}, and the bystander stood for ${duration(waited)}.`
		: `It had the loop for ${duration(held)} only, and the bystander stood for ${duration(waited)}.`};
}

// saved: what make dev says; result: what was measured of what is served now, or null.
export const STEPS = [
	{
		id: 'see', text: 'See it block: run it.',
		done: (saved, result) => result?.held > LONG,
	}, {
		id: 'mend', text: `Mend it: open ${PLACE} in your editor, await the sleep in place of blocking_io_task(), and save. When the lanes run it, run it again.`,
		code: ['\tASYNC_BEGIN(req);', '\tAWAIT(req, sleep_for(req, wait->seconds));', '\treply_detail(req, "async_bad", "blocked event loop for ", wait->seconds, "s");', '\tASYNC_END(req);'],
		done: (saved, result) => result?.held <= LONG,
	}, {
		id: 'break', text: 'Break it again: put the call back where the AWAIT is, save, and run it. ASYNC_BEGIN alone makes nothing asynchronous.',
		code: ['\tblocking_io_task(wait->seconds);'],
		done: (saved, result) => result?.held > LONG,
	}, {
		id: 'local', text: 'Put a local across an AWAIT: the function returns there, and is called anew, so what a local held is gone. Save, and read what the compiler says.',
		code: ['\tdouble slept;', '', '\tASYNC_BEGIN(req);', '\tslept = wait->seconds;', '\tAWAIT(req, sleep_for(req, slept));', '\treply_detail(req, "async_bad", "blocked event loop for ", slept, "s");', '\tASYNC_END(req);'],
		done: ({state, words}) => state === 'fails' && /uninitialized/.test(words),
	}, {
		id: 'whole', text: 'Make it whole: what has to survive an AWAIT is in the input, or in a FRAME. Take the local out again, save, and run it.',
		done: (saved, result) => result?.held <= LONG,
	},
];

// When all of it was done. figures: how long the loop was held, in milliseconds, by what was run at each step.
export function whole([first, mended, broken, last], {sentence}) {
	return `${sentence} So it had the loop for ${duration(first)} at first, mended for ${duration(mended)}, broken for ${duration(broken)}; the compiler refused it; and it is whole again, with ${duration(last)}.`;
}
