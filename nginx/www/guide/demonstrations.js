// What runs a sentence of the guide: the requests, and the figure that proves it. No document here.
//
// rounds(lab) has the requests sent and resolves to the rounds; told(rounds, lab) says {holds: whether the figure agrees,
// sentence}. needs: what a system may be without. handlers: of the listing; python and files: where they are, if that is
// not the guide.

import {failures, LOOP, PROCESSES} from '../exercises/exercises.js';
import {request} from '../exercises/guide.js';
import {capital, named, routeOf} from '../feed/kinds.js';
import {count, duration, list} from '../format.js';

const BLOCK = 1; // seconds
const HEAVY = 600_000_000; // squares to add: a third of a second of a core
const WAITED = 250; // milliseconds: more is not an accident
const CASES = '/lanes/handlers/cases.py';
const ORDERS = '/lanes/handlers/cases_orders.py';
const RENDERS = '/lanes/handlers/cases_renders.py';

const GIL = 'C has no GIL: its threads may compute at the same time, one on each core. Threads of Python have to take turns. How much that is, here, exercise 7 measures, after make run FASTAPI=1.';
const ALIKE = 1.25; // times as long: no difference

const total = (answer) => answer.ended - answer.sent;
const waited = (answer) => answer.timing.queue ?? 0;
const sumOf = (answers, kind) => answers.reduce((sum, {timing}) => sum + (timing[kind] ?? 0), 0);
const byRole = (round, role) => round.answers.find((answer) => answer.role === role);
const computes = (pool, times = 1) => ({path: `/async/cpu-bound?n=${HEAVY}`, pool, times});
const bystander = {...request('/async/await-one', 0, LOOP), delay: 200, role: 'bystander'};
const beside = (...requests) => async (lab) => [await lab.round('With a bystander', [...requests, bystander])];
const once = (name, ...requests) => async (lab) => [await lab.round(name, requests)];

// Whether the bystander waited, and because of whom.
function stood([round], lab) {
	const answer = byRole(round, 'bystander');
	const culprits = answer.request ? lab.history.holdsOf(answer.request).flatMap((hold) => hold.culprits) : [];
	const who = list(culprits.map(({request: one, start, end}) => `${named(one)} (${routeOf(one)}) held the loop for ${duration(end - start)}`));
	return {holds: waited(answer) > WAITED, sentence: `The bystander, who asked for nothing, waited ${duration(waited(answer))}${who && `, because ${who}`}.`};
}

// What the others did meanwhile, where it did not wait.
const free = (kind, what) => ([round]) => {
	const others = round.answers.filter(({role}) => role !== 'bystander');
	const answer = byRole(round, 'bystander');
	return {holds: waited(answer) < WAITED, sentence: `${count(others.length, 'request')} ${what} for ${duration(Math.max(...others.map(({timing}) => timing[kind] ?? 0)))}, and the bystander waited ${duration(waited(answer))}: the loop was busy for ${duration(sumOf(round.answers, 'loop'))} in all.`};
};

// As long as the longest of what it waited for at the same time.
const longestOf = (kind, what) => ([{answers: [answer]}]) => {
	const waits = answer.request?.awaited.filter((wait) => wait.kind === kind).map(({start, end}) => end - start) ?? [];
	const sum = waits.reduce((all, ms) => all + ms, 0) || (answer.timing[kind] ?? 0);
	return {holds: waits.length < 2 || total(answer) < sum, sentence: `${capital(named(answer))} took ${duration(total(answer))}. ${waits.length > 1 ? `Its ${waits.length} ${what} took ${list(waits.map((ms) => duration(ms)))}, ${duration(sum)} one after the other` : `It waited ${duration(sum)} for ${what}`}, and the loop was busy for ${duration(answer.timing.loop)}.`};
};

// The better of so many tries of each, in turn, with what all have measured: round.tries, in milliseconds. One that failed
// is shown.
async function bestOf(lab, tries, ...each) {
	const rounds = each.map(() => []);
	for (let i = 0; i < tries; i++)
		for (const [at, [name, request, kind]] of each.entries()) {
			const round = await lab.round(name, [request]);
			rounds[at].push({...round, took: round.answers[0].timing[kind] ?? -1});
		}
	return rounds.map((all) => ({...all.reduce((best, one) => (one.took < best.took ? one : best)), tries: all.map(({took}) => took)}));
}

// The best was no accident: another was like it.
const steady = ({tries}) => tries.toSorted((a, b) => a - b)[1] < ALIKE * Math.min(...tries);
const BUSY = 'Others used this machine meanwhile, so that says nothing: run it again.';

// What a sum takes alone says whether two at once had a core each.
function parallel([alone, both]) {
	const [one, two] = [alone.took, both.wall];
	const says = `A sum alone took a process ${duration(one)}. Two processes were done with one each after ${duration(two)}`;
	if (!steady(alone))
		return {holds: null, sentence: `${says}. But alone it took ${list(alone.tries.map((ms) => duration(ms)))}. ${BUSY}`};
	return two < one * 1.5 ? {holds: true, sentence: `${says}: at the same time, on two cores.`}
		: {holds: null, sentence: `${says}: there was no second core for them, as this machine has one, or others used it.`};
}

// Exported for tests.
export function sameSum([sync, async]) {
	const says = `The same sum took a blocking process ${duration(sync.took)}, and a thread behind an await ${duration(async.took)}`;
	if (!steady(sync) || !steady(async))
		return {holds: null, sentence: `${says}, at best; in other tries ${list([sync, async].map(({tries}) => duration(Math.max(...tries))))}. ${BUSY}`};
	return async.took * ALIKE > sync.took ? {holds: true, sentence: `${says}: awaiting computes nothing faster.`}
		: {holds: false, sentence: `${says}: that was faster, though both compute the same on one core.`};
}

export const DEMONSTRATIONS = {
	'awaits': {title: 'Twenty requests await, on one loop', handlers: ['async_await_one'],
		rounds: once('Twenty at once', {...request('/async/await-one', 0.5, LOOP), times: 20}),
		told: ([round]) => ({holds: round.wall < 1000, sentence: `${count(round.answers.length, 'request')} awaited 0.50 s each, and all were answered after ${duration(round.wall)}. The one loop was busy with them for ${duration(sumOf(round.answers, 'loop'))}.`})},
	'def': {title: 'A def handler blocks a thread, not the loop', handlers: ['sync_noawait'],
		rounds: beside({...request('/sync/noawait', BLOCK, LOOP), times: 5}), told: free('pool', 'blocked threads')},
	'bad': {title: 'A blocking call on the loop', handlers: ['async_bad_blocking'], rounds: beside(request('/async/bad-blocking', BLOCK, LOOP)), told: stood},
	'mixed': {title: 'time.sleep where an await belongs', handlers: ['async_bad_blocking'],
		rounds: beside(request('/async/bad-blocking', BLOCK, LOOP), {...request('/async/await-one', 0.4, LOOP), delay: 100}), told: stood},
	'sleep': {title: 'The same wait, awaited', handlers: ['async_await_one'], rounds: beside(request('/async/await-one', BLOCK, LOOP)), told: free('await', 'awaited')},
	'wrap': {title: 'The same call, on a thread', handlers: ['async_wrap_blocking'], rounds: beside(request('/async/wrap-blocking', BLOCK, LOOP)), told: free('pool', 'blocked a thread')},
	'gather': {title: 'Three sleeps, gathered', handlers: ['async_await_many'],
		rounds: once('1.0, 1.5 and 0.5 s', {path: '/async/await-many?seconds=1.0&seconds=1.5&seconds=0.5', pool: LOOP, takes: {await: 1500}}),
		told: ([{answers: [answer]}]) => ({holds: total(answer) < 2250, sentence: `${capital(named(answer))} took ${duration(total(answer))}: the longest is 1.50 s, and one after the other they would take 3.00 s.`})},
	'stops': {title: 'Four blocking calls, two processes', handlers: ['sync_noawait'],
		rounds: once('Four at once', {...request('/sync/noawait', 0.5, PROCESSES, true), times: 4}),
		told: ([round]) => ({holds: round.wall > 900, sentence: `Each of two processes stands still for 0.50 s with each request: four took ${duration(round.wall)}, and the last waited ${duration(Math.max(...round.answers.map(waited)))} until one was free.`})},
	'processes': {title: 'Six that await: two processes, and one loop', handlers: ['async_await_one'],
		rounds: async (lab) => [await lab.round('Processes', [{...request('/async/await-one', 0.5, PROCESSES), times: 6}]), await lab.round('Loop', [{...request('/async/await-one', 0.5, LOOP), times: 6}])],
		told: ([processes, loop]) => ({holds: loop.wall < processes.wall, sentence: `Two processes took ${duration(processes.wall)} for six waits of 0.50 s, one loop ${duration(loop.wall)}.`})},
	'mix': {title: 'def and async def beside each other', handlers: ['sync_noawait', 'async_await_one', 'async_wrap_blocking'],
		rounds: once('Three patterns at once', ...['/sync/noawait', '/async/await-one', '/async/wrap-blocking'].map((path) => request(path, 0.5, LOOP))),
		told: ([round]) => ({holds: round.wall < 1000, sentence: `On one worker a def, an await and a wrapped call of 0.50 s each were all answered after ${duration(round.wall)}.`})},
	'cpu-loop': {title: 'Computing on the loop', handlers: ['derive_bad'], files: ['derive'], python: CASES, rounds: beside({path: '/cases/derive/bad?rounds=2000000', pool: LOOP}), told: stood},
	'cpu-thread': {title: 'Computing on a thread', handlers: ['async_cpu_bound'], note: GIL, rounds: beside(computes(LOOP)), told: free('pool', 'computed on a thread')},
	'cpu-pool': {title: 'Computing in another process', handlers: ['async_cpu_bound'],
		rounds: async (lab) => [await lab.round('With a bystander', [{...computes('cpu')}, {...bystander, delay: 100}])], told: free('pool', 'computed in a process of the pool “cpu”')},
	'cpu-processes': {title: 'Two processes compute', handlers: ['async_cpu_bound'], note: GIL,
		rounds: async (lab) => [...await bestOf(lab, 2, ['One alone', computes(PROCESSES), 'loop']), await lab.round('Two at once', [computes(PROCESSES, 2)])].map((round) => ({...round, meant: true})), told: parallel},
	'cpu-async': {title: 'The same sum, sync and async', handlers: ['async_cpu_bound'],
		rounds: (lab) => bestOf(lab, 3, ['A sync process', computes(PROCESSES), 'loop'], ['An async handler', computes(LOOP), 'pool']), told: sameSum},
	'quotes': {title: 'Three calls of other services, gathered', handlers: ['quotes'], python: CASES,
		rounds: once('Three suppliers', {path: '/cases/quotes?item=tea', pool: LOOP}), told: longestOf('fetch', 'calls')},
	'feed': {title: 'A handler that awaits messages', handlers: ['order_events'], python: ORDERS,
		rounds: async (lab) => [await lab.listen(5)],
		told: ([{messages, seconds, state}]) => ({holds: messages > 1, sentence: `This page is fed by server-sent events: ${messages} messages came in ${seconds.toFixed(1)} s, and ${state?.name ?? 'the admin worker'}, which sends them to all who listen, has one loop${Number.isFinite(state?.loop?.longest_1s) ? `, which was never busy for longer than ${duration(state.loop.longest_1s * 1000)} in the last second` : ''}.`})},
	'slow-query': {title: 'Four queries, awaited', needs: 'database', handlers: ['slow_query'], python: ORDERS,
		rounds: beside({...request('/cases/slow-query', 0.5, LOOP), times: 4}), told: free('db', 'were in the database')},
	'slow-blocking': {title: 'Four queries, by a driver that blocks threads', needs: 'database', handlers: ['slow_query_blocking'], files: ['slow_query'], python: ORDERS,
		rounds: beside({...request('/cases/slow-query/blocking', 0.5, LOOP), times: 4, takes: null}), told: free('pool', 'blocked threads')},
	'slow-bad': {title: 'A query by a driver that blocks the loop', needs: 'database', handlers: ['slow_query_bad'], files: ['slow_query'], python: ORDERS,
		rounds: beside({...request('/cases/slow-query/bad', BLOCK, LOOP), takes: null}), told: stood},
	'payment': {title: 'A payment, by a client that blocks', handlers: ['payments'], python: CASES,
		rounds: once('A payment', {path: '/cases/payments', pool: 'loop', body: () => ({order: 'page', amount: 950}), headers: () => ({'Idempotency-Key': `page-${Date.now()}`})}),
		told: ([{answers: [answer]}]) => ({holds: answer.timing.pool > 0, sentence: `The gateway took ${duration(answer.timing.pool)}, on a thread of ${answer.worker}; its loop was busy with it for ${duration(answer.timing.loop)}.`})},
	'digest': {title: 'One file read, and a little computed', handlers: ['digest'], python: CASES,
		rounds: once('One file', {path: '/cases/digest/style.css', pool: LOOP}),
		told: ([{answers: [answer]}]) => ({holds: answer.timing.pool > 0, sentence: `${capital(named(answer))} read the file and computed its SHA-256 on a thread, for ${duration(answer.timing.pool)}; the loop was busy for ${duration(answer.timing.loop)}.`})},
	'digests': {title: 'Several files, on several threads', handlers: ['digests'], python: CASES,
		rounds: once('Four files', {path: '/cases/digests?name=style.css&name=app.js&name=guide.py&name=dom.js', pool: LOOP}),
		told([{answers: [answer]}]) {
			const threads = new Set(answer.request?.spans.filter(({kind}) => kind === 'pool').map(({thread}) => thread));
			return {holds: answer.timing.pool > 0, sentence: `${capital(named(answer))} read four files on ${count(threads.size, 'thread')}, in ${duration(total(answer))}.`};
		}},
	'mail': {title: 'Mail, by a client that blocks', needs: 'mail', handlers: ['mail'], python: CASES,
		rounds: once('One letter', {path: '/cases/mail', pool: 'loop', body: () => ({to: 'reader@localhost', subject: 'Lanes', text: 'From the page.'})}),
		told: ([{answers: [answer]}]) => ({holds: answer.timing.pool > 0, sentence: `The mail server took ${duration(answer.timing.pool)}, on a thread; the loop was busy for ${duration(answer.timing.loop)}.`})},
	'json': {title: 'Large JSON, counted in another process', handlers: ['json_stats'], python: CASES,
		rounds: once('Half a megabyte', {path: '/cases/json-stats', pool: 'cpu', body: () => Array.from({length: 10_000}, (_, i) => ({id: i, name: `number ${i}`, values: [i, i / 2]}))}),
		told: ([{answers: [answer]}]) => ({holds: answer.timing.pool > 0, sentence: `${answer.worker}, of the pool of processes for heavy work, counted what is in the JSON for ${duration(answer.timing.pool)}, on a thread; no loop of the pool “loop” was asked.`})},
	'thumbnail': {title: 'An image, made smaller in another process', handlers: ['thumbnail'], python: CASES,
		rounds: once('One image', {path: '/cases/thumbnail?width=64', pool: 'cpu', type: 'image/png', body: () => drawn(1200, 900)}),
		told: ([{answers: [answer]}]) => ({holds: answer.timing.pool > 0, sentence: `${answer.worker} decoded and shrank the image for ${duration(answer.timing.pool)}, on a thread of its own process.`})},
	'render': {title: 'Heavy work, queued: 202, and later', needs: 'database', handlers: ['post_render'], files: ['renders'], python: RENDERS,
		rounds: async (lab) => [await lab.queued()],
		told: ([{answers: [asked], later}]) => ({holds: asked.status === 202 && later?.status === 200,
			sentence: `The answer, 202, was there after ${duration(total(asked))}. Another process (${later?.by ?? 'of the pool “jobs”'}) drew the picture meanwhile, and it could be fetched ${duration(later?.after)} after it was asked for.`})},
	'combined': {title: 'A call, a thread and a job, gathered', needs: 'database', handlers: ['combined'], python: RENDERS,
		rounds: once('All three', {path: '/cases/combined?item=tea', pool: LOOP}),
		told([{answers: [{timing, ...answer}]}]) {
			const parts = [['fetch', 'another service'], ['pool', 'a library that blocks a thread'], ['db', 'the queue, in the database']].map(([kind, what]) => `${duration(timing[kind] ?? 0)} for ${what}`);
			const sum = (timing.fetch ?? 0) + (timing.pool ?? 0) + (timing.db ?? 0);
			return {holds: total(answer) < sum, sentence: `It waited ${list(parts)}, together ${duration(sum)}, and took ${duration(total(answer))}; the loop was busy for ${duration(timing.loop)}.`};
		}},
};

// What it says of them, or why it can say nothing: {holds: true, false or null, sentence}.
export function toldBy(demonstration, rounds, lab) {
	const failed = failures(rounds.filter(({answers}) => answers), [200, 201, 202]);
	if (failed.length)
		return {holds: null, sentence: `That did not work. ${failed[0]}`};
	const disturbed = rounds.flatMap((round) => round.disturbed ?? []);
	if (disturbed.length)
		return {holds: null, sentence: `Disturbed, so run it again: ${disturbed[0]}`};
	return demonstration.told(rounds, lab);
}

// A PNG of that size, as a Blob.
async function drawn(width, height) {
	const canvas = new OffscreenCanvas(width, height);
	const context = canvas.getContext('2d');
	for (let i = 0; i < 400; i++) {
		context.fillStyle = `hsl(${i * 7} 80% 50%)`;
		context.fillRect((i * 61) % width, (i * 89) % height, 90, 60);
	}
	return canvas.convertToBlob({type: 'image/png'});
}
