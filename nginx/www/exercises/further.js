// Exercises beyond the guide's: where threads end, what gather saves, where to compute, and what is done later.

import {count, duration, list} from '../format.js';
import {alone, called, later, LOOP, onLoop, together, total, WAITED, waited} from './exercises.js';
import {request} from './guide.js';

const CASES = '/lanes/handlers/cases.py';
const RENDERS = '/lanes/handlers/cases_renders.py';
const SLEEPS = [0.4, 0.6, 0.2]; // seconds
const ROUNDS = 2_000_000; // of deriving a key: a good half second of a core

const longest = (answers, kind) => answers.reduce((a, b) => ((a.timing[kind] ?? 0) > (b.timing[kind] ?? 0) ? a : b));
const many = `/async/await-many?${SLEEPS.map((s) => `seconds=${s}`).join('&')}`;
const limitOf = (lab) => lab.workers(LOOP)[0]?.state.pools?.blocking?.limit ?? 40;

export const FURTHER = [
	{
		id: 'threads',
		title: 'Forty threads, and one more',
		task: 'A worker has 40 threads for what blocks (THREADS). 41 requests come at once, each of which blocks for 0.5 s (/sync/noawait). Then 41 that await 0.5 s (/async/await-one).',
		question: 'When is the last of them answered?',
		options: [
			['same', 'After 0.5 s both times: there is another thread when it is needed'],
			['turn', 'Blocking: after 1.0 s, one waits for a thread. Awaiting: after 0.5 s'],
			['both', 'After 1.0 s both times: 40 is the limit of a worker'],
		],
		handlers: ['sync_noawait', 'async_await_one'],
		commands: [together('/exercise/sync/noawait?seconds=0.5&_=[1-41]'), together('/exercise/async/await-one?seconds=0.5&_=[1-41]')],
		async rounds(lab) {
			const times = limitOf(lab) + 1;
			const blocking = await lab.round('Blocking', [{...request('/sync/noawait', 0.5, LOOP), times}]);
			return [blocking, await lab.round('Awaiting', [{...request('/async/await-one', 0.5, LOOP), times}])];
		},
		judge([blocking, awaiting], lab) {
			const last = longest(blocking.answers, 'pool-queue');
			const late = last.timing['pool-queue'] > WAITED;
			const right = late ? (awaiting.wall > 900 ? 'both' : 'turn') : 'same';
			const waiting = blocking.answers.filter(({timing}) => timing['pool-queue'] > WAITED).length;
			return {right,
				verdict: late ? 'A thread is held while it waits, and threads have an end. Awaiting has none.' : 'There was a thread for each.',
				sentences: [
					late ? `${called(last)} waited ${duration(last.timing['pool-queue'])} for one of the ${limitOf(lab)} threads, each of which was held for ${duration(longest(blocking.answers, 'pool').timing.pool)}.` : `All ${blocking.answers.length} had a thread.`,
					`${count(waiting, 'request')} of ${blocking.answers.length} waited. Blocking, all were answered after ${duration(blocking.wall)}; awaiting, after ${duration(awaiting.wall)}, on no thread at all.`,
				]};
		},
	},
	{
		id: 'order',
		title: 'One after the other, or gathered',
		task: `Three sleeps of ${list(SLEEPS.map((s) => `${s} s`))}: first each begun when the one before is over, then gathered (/async/await-many). At last three calls of other services, gathered (/cases/quotes): each has a bar of its own.`,
		question: 'How long do the sleeps take?',
		options: [
			['same', '1.2 s both times: there is one loop'],
			['third', 'One after the other 1.2 s, gathered 0.4 s: a third'],
			['longest', 'One after the other 1.2 s, gathered 0.6 s: the longest'],
		],
		handlers: ['async_await_many', 'quotes'],
		python: ['/lanes/guide.py', CASES],
		commands: [together(`/exercise${many}`), alone('/exercise/cases/quotes?item=tea')],
		async rounds(lab) {
			const turns = await lab.round('One after the other', SLEEPS.map((s) => request('/async/await-one', s, LOOP)), {inTurn: true});
			const gathered = await lab.round('Gathered', [{path: many, pool: LOOP, takes: {await: Math.max(...SLEEPS) * 1000}}]);
			return [turns, gathered, await lab.round('Calls, gathered', [{path: '/cases/quotes?item=tea', pool: LOOP}])];
		},
		judge([turns, {answers: [gathered]}, {answers: [quotes]}]) {
			const [before, after] = [turns.answers.reduce((sum, answer) => sum + total(answer), 0), total(gathered)];
			const right = after > 0.8 * before ? 'same' : after > 500 ? 'longest' : 'third';
			const calls = quotes.request?.awaited.filter(({kind}) => kind === 'fetch').map(({start, end}) => end - start) ?? [];
			return {right,
				verdict: right === 'longest' ? 'As long as the longest, in place of all of them.' : 'Look at who waited for what.',
				sentences: [
					`One after the other the sleeps took ${duration(before)}. Gathered, ${called(gathered)[0].toLowerCase()}${called(gathered).slice(1)} began all three at once, and took ${duration(after)}.`,
					...(calls.length > 1 ? [`${called(quotes)} called ${calls.length} services at the same time: ${list(calls.map((ms) => duration(ms)))}, together ${duration(calls.reduce((sum, ms) => sum + ms, 0))}. It took ${duration(total(quotes))}.`] : []),
				]};
		},
	},
	{
		id: 'cpu',
		title: 'Where to compute',
		task: 'A key is derived from a password, which takes a core for half a second and more; 0.15 s later a bystander asks the loop for nothing. The key is derived on the loop (/cases/derive/bad), on a thread (/cases/derive), and in another process (the pool “cpu”).',
		question: 'Where does the bystander wait?',
		options: [
			['same', 'On the loop and beside the thread: they are one process'],
			['loop', 'On the loop only'],
			['none', 'Nowhere: all three handlers are async'],
		],
		handlers: ['derive_bad', 'derive'],
		files: ['derive', 'derive'],
		python: CASES,
		note: 'Python’s GIL is to let one thread compute at a time; C has none. Whether that shows on this machine is measured here, by this exercise, when the guide’s own application is beside it: “make run FASTAPI=1”. “make contrast” shows processes and loops beside each other.',
		commands: [later(`/exercise/cases/derive/bad?rounds=${ROUNDS}`, '/exercise/async/await-one?seconds=0'), later(`/exercise/cases/derive?rounds=${ROUNDS}`, '/exercise/async/await-one?seconds=0'),
			   later(`/cpu-pool/cases/derive?rounds=${ROUNDS}`, '/exercise/async/await-one?seconds=0')],
		async rounds(lab) {
			const beside = (name, path, pool) => lab.round(name, [{path: `${path}?rounds=${ROUNDS}`, pool, role: 'computes'}, {...request('/async/await-one', 0, LOOP), delay: 150, role: 'bystander'}]);
			const rounds = [await beside('On the loop', '/cases/derive/bad', LOOP), await beside('On a thread', '/cases/derive', LOOP)];
			if (lab.workers('cpu').length)
				rounds.push(await beside('In another process', '/cases/derive', 'cpu'));
			rounds[0].fastapi = await (await import('./fastapi.js')).besideFastapi(lab); // few have it
			return rounds;
		},
		judge(rounds) {
			const waits = rounds.map((round) => waited(round.answers.find(({role}) => role === 'bystander')));
			const working = rounds.map((round) => round.answers.find(({role}) => role === 'computes')).map((answer) => Math.max(answer.timing.pool ?? 0, onLoop(answer)));
			const [onIt, beside] = waits;
			const long = Math.min(WAITED, working[0] / 4);
			const right = onIt > long ? (beside > long ? 'same' : 'loop') : 'none';
			return {right,
				verdict: right === 'loop' ? 'Async computes nothing faster: somebody else has to compute, a thread or a process.' : 'Not as usual: look at who had the loop.',
				sentences: [
					`The bystander waited ${list(rounds.map(({name}, i) => `${duration(waits[i])} while the key was derived ${name[0].toLowerCase()}${name.slice(1)}`))}.`,
					`Deriving took ${list(working.map((ms) => duration(ms)))}: the same work, wherever it is done.`,
					...rounds[0].fastapi,
				]};
		},
	},
	{
		id: 'combine',
		title: 'Several ways to wait, at once',
		needs: 'database',
		task: '/cases/combined calls another service, has a thread block on a library, and puts a job into the queue in the database: in one gather.',
		question: 'How long does the request take?',
		options: [
			['sum', 'As long as all three together'],
			['job', 'As long as the job takes'],
			['longest', 'As long as the longest of the three'],
		],
		handlers: ['combined'],
		python: [RENDERS],
		commands: [alone('/exercise/cases/combined?item=tea')],
		rounds: async (lab) => [await lab.round('A call, a thread, a job', [{path: '/cases/combined?item=tea', pool: LOOP}])],
		judge([{answers: [answer]}]) {
			const parts = ['fetch', 'pool', 'db'].map((kind) => answer.timing[kind] ?? 0);
			const sum = parts.reduce((all, ms) => all + ms, 0);
			const right = total(answer) < (Math.max(...parts) + sum) / 2 ? 'longest' : 'sum';
			return {right, verdict: right === 'longest' ? 'As long as the longest: each waits in its own way, at the same time.' : 'They did not wait at the same time.',
				sentences: [
					`${called(answer)} took ${duration(total(answer))}: the call ${duration(parts[0])}, the thread ${duration(parts[1])}, the queue ${duration(parts[2])}, which is ${duration(sum)} together.`,
					`The loop was busy with it for ${duration(onLoop(answer))}. What the job draws, nobody waited for.`,
				]};
		},
	},
	{
		id: 'queue',
		title: 'Now, or later',
		needs: 'database',
		task: 'POST /cases/renders asks for a picture that takes long to draw. The work is put into a queue, in the database; a worker of the pool “jobs” takes it from there.',
		question: 'What does the client get, and when?',
		options: [
			['later', '202 at once; the picture, when it comes again'],
			['waits', 'The picture, when it is drawn'],
			['never', '503: it takes too long'],
		],
		handlers: ['post_render'],
		files: ['renders'],
		python: [RENDERS],
		fine: [202],
		commands: ["curl -si -d '{\"width\":640,\"height\":480,\"zoom\":200,\"x\":-0.745,\"y\":0.11}' -H 'Content-Type: application/json' ORIGIN/cases/renders"],
		rounds: async (lab) => [await lab.queued()],
		judge([{answers: [asked], later}]) {
			return {right: 'later', verdict: 'The answer is a promise: 202, and where to come for it.',
				sentences: [
					`${called(asked)} was answered with 202 after ${duration(total(asked))}. ${later ? `${later.by ?? 'Another process'} drew the picture, which was there ${duration(later.after)} after it was asked for.` : 'Nobody has drawn the picture yet: are there workers for jobs (JOB_WORKERS)?'}`,
					`The loop of ${asked.worker} was busy with it for ${duration(onLoop(asked))}: it served everybody else meanwhile.`,
				]};
		},
	},
];
