// The exercises: what to predict, what to send, and what the measurement says. No document here.
//
// rounds(lab) has the requests sent and resolves to the rounds; judge(rounds, lab) says {right: the id
// of the option that the measurement agrees with, verdict, sentences}. They are for the pools "exercise"
// (one loop) and "exercise-prefork" (two processes), so that the story is the same on every system.

import {capital, named, routeOf} from '../feed/kinds.js';
import {count, duration, list} from '../format.js';
import {request} from './guide.js';

const BLOCK = 2; // seconds
const MANY = 6; // requests, more than there are processes
export const WAITED = 250; // milliseconds: more is not an accident
export const LOOP = 'exercise';
export const PROCESSES = 'exercise-prefork';
export const POOLS = [LOOP, PROCESSES];

export const total = (answer) => answer.ended - answer.sent;
export const called = (answer) => capital(named(answer));
export const waited = (answer) => answer.timing.queue ?? 0;
export const onLoop = (answer) => answer.timing.loop ?? 0;

// Command lines, in which each answer is followed by its time. In a URL, "[1-6]" is six of them.
const TIMES = "-w '  %{time_total} s\\n'";
export const alone = (url) => `curl -s ${TIMES} 'ORIGIN${url}'`;
export const together = (...urls) => `curl -Z --no-progress-meter --parallel-immediate ${TIMES} ${urls.map((url) => `'ORIGIN${url}'`).join(' ')}`;
export const later = (first, second) => `${alone(first)} & sleep 0.3; ${alone(second)}; wait`;

// What did not work, as sentences; fine: the statuses that are no failure.
export function failures(rounds, fine = [200]) {
	return rounds.flatMap((round) => round.answers)
		.filter((answer) => answer.error || !fine.includes(answer.status))
		.map((answer) => `${answer.url} failed: ${answer.error || answer.status}${/"detail":"(.+)"/.test(answer.body) ? `, ${/"detail":"(.+)"/.exec(answer.body)[1]}` : ''}.`);
}

// "Request 7 of exercise-1 (/async/await-one) waited 1.98 s to be picked up, because request 3 of …
// held the loop for 2.00 s."
function blame(answer, history) {
	const culprits = answer.request ? history.holdsOf(answer.request).flatMap((hold) => hold.culprits) : [];
	const who = culprits.map((part) => `${named(part.request)} (${routeOf(part.request)}) held the loop for ${duration(part.end - part.start)}`);
	return `${called(answer)} (${answer.path}) waited ${duration(waited(answer))} to be picked up${who.length ? `, because ${list(who)}` : ''}.`;
}

const block = (lab, path, name) => lab.round(name, [{...request(path, BLOCK, LOOP), role: 'blocker'},
	{...request('/async/await-one', 0, LOOP), delay: 300, role: 'bystander'}]);

export const EXERCISES = [
	{
		id: 'together',
		title: 'Sync and async at the same moment',
		task: '/async/await-one and /sync/noawait are sent together. Each takes 1.5 s. They go to the same worker, which has one event loop.',
		question: 'When has the second of the two been answered?',
		options: [
			['turns', 'After 3 s: they take turns'],
			['together', 'After 1.5 s: neither keeps the other waiting'],
			['sync', 'The sync one stops the loop, so the async one is late'],
		],
		handlers: ['sync_noawait', 'async_await_one'],
		commands: [together('/exercise/async/await-one', '/exercise/sync/noawait')],
		rounds: async (lab) => [await lab.round('Both at once', [request('/sync/noawait', 1.5, LOOP), request('/async/await-one', 1.5, LOOP)])],
		judge([round]) {
			const [sync, one] = round.answers;
			const right = round.wall < 2250 ? 'together' : total(one) > 2250 && total(sync) < 2250 ? 'sync' : 'turns';
			return {right,
				verdict: right === 'together' ? 'They ran at the same time.' : 'They did not run at the same time.',
				sentences: [
					`One loop had both: that of ${one.worker}. It answered both ${duration(round.wall)} after they were sent, though their sleeps add up to ${duration(sync.timing.pool + one.timing.await)}.`,
					`${called(sync)} slept on a thread of the pool (${duration(sync.timing.pool)}), as FastAPI runs “def”. ${called(one)} slept nowhere: it awaited for ${duration(one.timing.await)}.`,
					`The loop was busy with the two for ${duration(onLoop(sync) + onLoop(one))}; the rest of the time it was free for others.`,
				]};
		},
	},
	{
		id: 'gather',
		title: 'Many waits in one request',
		task: '/async/await-many awaits three sleeps of 1.0 s, 1.5 s and 0.5 s with gather.',
		question: 'How long does the request take?',
		options: [
			['min', '0.5 s: the shortest'],
			['sum', '3.0 s: the sum'],
			['max', '1.5 s: the longest'],
		],
		handlers: ['async_await_many'],
		commands: [alone('/exercise/async/await-many?seconds=1.0&seconds=1.5&seconds=0.5')],
		rounds: async (lab) => [await lab.round('One request, three sleeps',
			[{path: '/async/await-many?seconds=1.0&seconds=1.5&seconds=0.5', pool: LOOP, takes: {await: 1500}}])],
		judge([round]) {
			const [answer] = round.answers;
			const took = total(answer);
			const right = took > 2250 ? 'sum' : took > 1000 ? 'max' : 'min';
			return {right,
				verdict: right === 'max' ? 'As long as the longest sleep.' : `Not what gather promises: ${duration(took)}.`,
				sentences: [
					`${called(answer)} took ${duration(took)}. Its sleeps add up to 3.00 s, and the longest is 1.50 s: they ran side by side.`,
					`Nobody worked meanwhile. It awaited for ${duration(answer.timing.await)} and used the loop for ${duration(onLoop(answer))}.`,
				]};
		},
	},
	{
		id: 'blocking',
		title: 'Blocking the loop, or a thread',
		task: `A call that blocks for ${BLOCK} s; 0.3 s later, on the same worker, a bystander that asks for nothing (await-one with 0 s). First with /async/bad-blocking, then with /async/wrap-blocking.`,
		question: 'How long does the bystander wait?',
		options: [
			['both', `Nearly ${BLOCK} s both times: a blocking call blocks`],
			['neither', 'Not at all: both handlers are async'],
			['bad', `With bad-blocking nearly ${BLOCK} s, with wrap-blocking not at all`],
		],
		handlers: ['async_bad_blocking', 'async_wrap_blocking'],
		commands: [later(`/exercise/async/bad-blocking?seconds=${BLOCK}`, '/exercise/async/await-one?seconds=0'),
			   later(`/exercise/async/wrap-blocking?seconds=${BLOCK}`, '/exercise/async/await-one?seconds=0')],
		async rounds(lab) {
			const bad = await block(lab, '/async/bad-blocking', 'bad-blocking');
			return [bad, await block(lab, '/async/wrap-blocking', 'wrap-blocking')];
		},
		judge(rounds, lab) {
			const [bad, wrap] = rounds.map((round) => round.answers.find((answer) => answer.role === 'bystander'));
			const long = (answer) => waited(answer) > WAITED;
			const right = long(bad) ? (long(wrap) ? 'both' : 'bad') : long(wrap) ? 'both' : 'neither';
			const verdicts = {
				bad: 'A blocking call on the loop stops everybody. On a thread it stops nobody.',
				both: 'The bystander waited both times: look who held the loop.',
				neither: 'The bystander found a free loop both times.',
			};
			const beat = (round) => {
				const silence = lab.silence(round);
				return silence ? `${round.name}: the heartbeat stopped for ${duration(silence)}.` : `${round.name}: the heart went on beating.`;
			};
			return {right, verdict: verdicts[right],
				sentences: [`bad-blocking: ${blame(bad, lab.history)}`, `wrap-blocking: ${blame(wrap, lab.history)}`,
					    ...rounds.map(beat)]};
		},
	},
	{
		id: 'processes',
		title: 'One request per process',
		task: `${MANY} requests that await 0.5 s, first at two processes that have one request at a time (prefork), then at one process with a loop.`,
		question: 'Which is done first?',
		options: [
			['loop', 'The loop: it awaits them all at once'],
			['prefork', 'Prefork: processes run truly in parallel'],
			['same', 'Both take 0.5 s: the handler is the same'],
		],
		handlers: ['async_await_one'],
		note: 'What else a process per request means: a client that keeps its connection open and says nothing occupies a whole process. “make exercises” shows that trap on an nginx of its own.',
		commands: [together(`/exercise/prefork/async/await-one?seconds=0.5&_=[1-${MANY}]`),
			   together(`/exercise/async/await-one?seconds=0.5&_=[1-${MANY}]`)],
		async rounds(lab) {
			const burst = (name, pool) => lab.round(name, [{...request('/async/await-one', 0.5, pool), times: MANY}]);
			const prefork = await burst('prefork', PROCESSES);
			return [prefork, await burst('loop', LOOP)];
		},
		judge([prefork, loop]) {
			const ratio = prefork.wall / loop.wall;
			const right = ratio > 1.3 ? 'loop' : ratio < 0.77 ? 'prefork' : 'same';
			const processes = prefork.usage.processes;
			const last = prefork.answers.reduce((a, b) => (waited(a) > waited(b) ? a : b));
			const verdicts = {
				loop: 'Waiting needs no process. Whoever gives each waiting request one runs out of them.',
				same: `There was a process for each request. With more requests than ${processes} processes that ends.`,
				prefork: 'The processes were faster here: look what the loop was busy with.',
			};
			return {right, verdict: verdicts[right],
				sentences: [
					`Prefork: ${count(prefork.answers.length, 'request')} in ${duration(prefork.wall)}, on ${count(processes, 'process', 'processes')}. Loop: ${duration(loop.wall)}.`,
					waited(last) > 100 ? `${called(last)} waited ${duration(waited(last))} until one of them was free.` : 'None had to wait for a process.',
				]};
		},
	},
];

export function judged(exercise, rounds, lab) {
	const failed = failures(rounds, exercise.fine);
	if (failed.length)
		return {right: null, verdict: 'That did not work.', sentences: failed};
	const disturbed = rounds.flatMap((round) => round.disturbed.map((what) => (rounds.length > 1 ? `${round.name}: ${what}` : what)));
	if (disturbed.length)
		return {right: null, disturbed: true, verdict: 'Disturbed: run it again.', sentences: disturbed};
	return exercise.judge(rounds, lab);
}
