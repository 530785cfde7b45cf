// When to use which, as questions: each answer leads to the next one, and the last to what to write, where it is shown,
// and a button that runs it.

import {el, replace} from '../dom.js';

// {asks, answers: [[text, next]]}, or {write, guide, c, runs}.
export const DECISION = {
	start: {asks: 'What does the handler spend its time on?', answers: [['Waiting: network, files, a database', 'waits'], ['Computing', 'computes'], ['Both', 'both']]},
	waits: {asks: 'Can the library be awaited?', answers: [['Yes', 'awaitable'], ['No, it blocks', 'blocks']]},
	awaitable: {asks: 'For how many things does it wait?', answers: [['One after the other', 'await'], ['Several at the same time', 'gather'], ['Messages that come now and then', 'messages']]},
	blocks: {asks: 'Does the handler do anything else that is awaited?', answers: [['No, it only calls that', 'def'], ['Yes, it is async def', 'wrap'], ['It makes several such calls', 'threads']]},
	computes: {asks: 'For how long?', answers: [['A moment', 'little'], ['Long, and the client waits for it', 'heavy'], ['Long, and the client may come back for it', 'later']]},
	both: {asks: 'May the parts be done at the same time?', answers: [['Yes', 'combine'], ['No, one needs the other', 'waits']]},
	await: {write: 'async def and await', c: 'ASYNC and AWAIT', endpoint: '/async/await-one, /cases/slow-query', runs: ['awaits', 'slow-query']},
	gather: {write: 'async def and asyncio.gather', c: 'ASYNC and gather', endpoint: '/async/await-many, /cases/quotes', runs: ['gather', 'quotes']},
	messages: {write: 'async def that awaits each message', c: 'ASYNC and stream_write, pg_listen', endpoint: '/cases/events', runs: ['feed']},
	def: {write: 'def: FastAPI runs it in a threadpool', c: 'SYNC', endpoint: '/sync/noawait, /cases/payments, /cases/digest', runs: ['def', 'payment', 'digest']},
	wrap: {write: 'await run_in_threadpool(…)', c: 'AWAIT(req, run_in_threadpool(…))', endpoint: '/async/wrap-blocking, /cases/mail', runs: ['wrap', 'mail']},
	threads: {write: 'asyncio.gather of run_in_threadpool(…)', c: 'gather_add_thread', endpoint: '/cases/digests', runs: ['digests']},
	little: {write: 'await run_in_threadpool(…), or def', c: 'run_in_cpu_pool', endpoint: '/async/cpu-bound', runs: ['cpu-thread']},
	heavy: {write: 'a pool of processes', c: 'the pool “cpu”', endpoint: '/cpu-pool/async/cpu-bound, /cases/thumbnail', runs: ['cpu-pool', 'thumbnail', 'json']},
	later: {write: 'a queue: 202 now, a worker service does it', c: 'job_enqueue, and the pool “jobs”', endpoint: '/cases/renders', runs: ['render']},
	combine: {write: 'async def that gathers a call, a thread and a job', c: 'gather_add_fetch, gather_add_thread, gather_add_job', endpoint: '/cases/combined', runs: ['combined']},
};

// runner(lab, ids): buttons that run demonstrations (panel.js).
export function decision(lab, runner) {
	const trail = el('ol', {class: 'trail'});
	const now = el('div', {class: 'question'});
	const element = el('div', {class: 'decision', role: 'group', 'aria-label': 'When to use which'}, trail, now);
	let taken = []; // [[question's id, answer], …]

	function show(id, focus = true) {
		const {asks, answers, write, c, endpoint, runs} = DECISION[id];
		replace(trail, taken.map(([from, answer], i) => el('li', {}, `${DECISION[from].asks} `,
			el('button', {type: 'button', 'aria-label': `${answer}: ask again`, onclick: () => {
				taken = taken.slice(0, i);
				show(from);
			}}, answer))));
		replace(now, asks ? [el('p', {class: 'asks', tabindex: '-1'}, asks),
			el('div', {class: 'actions'}, answers.map(([text, next]) => el('button', {type: 'button', data: {answer: next}, onclick: () => {
				taken = [...taken, [id, text]];
				show(next);
			}}, text)))]
			: [el('p', {class: 'asks', tabindex: '-1', data: {write: id}}, 'Write ', el('strong', {}, write), `. Here, in C: ${c}. It is shown by ${endpoint}.`),
				runner(lab, runs).element]);
		if (focus)
			now.querySelector('.asks').focus({preventScroll: true});
	}

	show('start', false);
	return {element};
}
