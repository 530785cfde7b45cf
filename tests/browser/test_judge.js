// The judge: what disturbs a round, and what does not.

import assert from 'node:assert/strict';

import {mute, test, withPage} from './suite.js';

// What the judge says of a round of one request of 1.5 s in which the feed told this; `change` edits
// the answer.
async function judged(page, spans, {change = {}, message = {}} = {}) {
	return page.evaluate(async ({others, changed, more}) => {
		const {disturbances} = await import('/lanes/exercises/judge.js');
		const {feed, history} = window.lanes;
		history.clear();
		const t = 1e6;
		const worker = (name, pool, engine = 'loop') => ({name, pool, engine, pid: 1, in_flight: 0, loop: {held: null, request: null}, pools: {blocking: {limit: 40, busy: []}}});
		const workers = [worker('exercise-1', 'exercise'), worker('loop-1', 'loop')];
		feed.accept({t: t - 100, workers, spans: [], lost: 0});
		feed.accept({t: t + 2000, workers, lost: 0, spans: [{w: 'exercise-1', k: 'await', s: t, d: 1500, r: 7, p: '/async/await-one', c: 200},
			...others.map((span) => ({w: 'exercise-1', r: 8, p: '/x', c: 200, ...span, s: t + span.s}))], ...more});
		const answer = {worker: 'exercise-1', serial: 7, pool: 'exercise', sent: t, ended: t + 1500, path: '/async/await-one',
			timing: {await: 1500}, takes: {await: 1500}, request: history.find('exercise-1', 7), ...changed};
		return disturbances({answers: [answer], from: t, to: answer.ended, wall: 1500}, history);
	}, {others: spans, changed: change, more: message});
}

test('the judge: nothing but the round\'s own', () => withPage({}, async (page) => {
	await mute(page);
	assert.deepEqual(await judged(page, []), []);
	assert.deepEqual(await judged(page, [{k: 'loop', s: 100, d: 900, w: 'loop-1'}]), [], 'another pool');
	assert.deepEqual(await judged(page, [{k: 'loop', s: -900, d: 800}]), [], 'before it began');
	assert.deepEqual(await judged(page, [{k: 'pool', s: 100, d: 30, r: 0, p: ''}]), [], 'what the worker does for itself');
}));

test('the judge: others on the same worker', () => withPage({}, async (page) => {
	await mute(page);
	assert.match((await judged(page, [{k: 'loop', s: 100, d: 900}])).join(), /^Request 8 of exercise-1 \(\/x\) held the loop for 900 ms/);
	assert.match((await judged(page, [{k: 'await', s: 100, d: 900}])).join(), /^Request 8 of exercise-1 \(\/x\) was there, too/);
	const buckets = [{w: 'exercise-1', from: 1e6 + 100, to: 1e6 + 200, answers: 300, busy: 0.5, in_flight: 9, p50: 1, p99: 3}];
	assert.match((await judged(page, [], {message: {buckets}})).join(), /exercise-1 answered 299 other requests/);
}));

test('the judge: waits that the round does not explain, and a slow machine', () => withPage({}, async (page) => {
	await mute(page);
	const said = async (change) => (await judged(page, [], {change})).join();
	assert.match(await said({timing: {await: 1500, queue: 400}}), /waited 400 ms to be picked up, longer than this round explains/);
	assert.match(await said({timing: {await: 1500, ready: 400}}), /was ready to go on for 400 ms/);
	assert.match(await said({timing: {await: 1500, 'pool-queue': 400}}), /waited 400 ms for a thread/);
	assert.match(await said({timing: {await: 2400}}), /was to await for 1\.50 s, and it took 2\.40 s: the machine is slow/);
	assert.match(await said({timing: {await: 1500, loop: 400}}), /was to run on the loop for 0 ms, and it took 400 ms/);
	assert.match(await said({ended: 1e6 + 1900}), /was on its way for 400 ms: the machine is slow/);
}));

test('the judge: a feed that did not tell', () => withPage({}, async (page) => {
	await mute(page);
	assert.match((await judged(page, [], {change: {ended: 1e6 + 9000}})).join(), /The live feed was away/);
	assert.match((await judged(page, [], {message: {unrecorded: [{w: 'exercise-1', from: 1e6 + 100, to: 1e6 + 300}]}})).join(), /Not all that exercise-1 did was recorded/);
	assert.deepEqual(await judged(page, [], {message: {unrecorded: [{w: 'loop-1', from: 1e6 + 100, to: 1e6 + 300}]}}), []);
}));

test('the judge: what is said of two sums follows from what was measured', () => withPage({}, async (page) => {
	const said = (sync, async) => page.evaluate(async (tries) => (await import('/lanes/guide/demonstrations.js')).sameSum(tries.map((all) => ({tries: all, took: Math.min(...all)}))), [sync, async]);
	assert.deepEqual(await said([350, 360, 355], [352, 349, 380]), {holds: true, sentence: 'The same sum took a blocking process 350 ms, and a thread behind an await 349 ms: awaiting computes nothing faster.'});
	const faster = await said([503, 510, 505], [346, 350, 351]);
	assert.equal(faster.holds, false);
	assert.match(faster.sentence, /503 ms, and a thread behind an await 346 ms: that was faster/);
	const busy = await said([503, 346, 450], [346, 350, 351]);
	assert.equal(busy.holds, null);
	assert.match(busy.sentence, /503 ms and 351 ms\. Others used this machine meanwhile/);
}));

test('the judge: what is said of threads follows from what was measured', () => withPage({}, async (page) => {
	const said = (theirs, ours, {quiet = true, threads = 2} = {}) => page.evaluate(async ([a, b, isQuiet, most]) => {
		const of = (gain) => ({turns: 1000, together: 1000 / gain, quiet: isQuiet});
		return (await import('/lanes/exercises/fastapi.js')).toldOf(of(a), of(b), most).join(' ');
	}, [theirs, ours, quiet, threads]);
	assert.match(await said(1, 1.9), /four sums took 1\.00 s one after the other and 1\.00 s at once, each on a thread, 1\.00 times as fast\. .* 1\.90 times as fast\. .* those of Python one at a time: that is the GIL\.$/);
	assert.match(await said(1.5, 1.9), /Both had threads that computed at the same time: no GIL was to be seen\.$/);
	for (const gain of [0.98, 1.13])
		assert.match(await said(1, gain), /Not even the threads of C had a second core, so these figures say nothing of the GIL/);
	assert.match(await said(1.5, 1.9, {quiet: false}), /Others used this machine meanwhile, so these figures say nothing of threads: run it again\.$/);
	assert.match(await said(1, 1, {threads: 1}), /one thread for computing, as this machine has one core/);
}));
