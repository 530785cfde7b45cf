// Who awaits what, and what holds a loop: where in the source, and the cure.

import assert from 'node:assert/strict';

import {mute, test, violations, withPage} from './suite.js';

const T = 6e6;
const state = {name: 'loop-1', pool: 'loop', engine: 'loop', pid: 1, in_flight: 2, loop: {held: null, request: null}, pools: {blocking: {limit: 40, queued: 0}}};
const task = {serial: 4, route: '/async/await-one', for: 0.4, kind: 'sleep', name: 'sleep', await: 'sleep_for(req, wait->seconds)', function: 'async_await_one', file: 'app/guide/async_await_one.c', line: 10, own: true};
const held_by = {serial: 5, route: '/async/bad-blocking', function: 'blocking_io_task', at: 'app/guide/tasks.c:13', from: 'app/guide/async_bad_blocking.c:10', call: 'clock_nanosleep', cure: 'AWAIT(req, sleep_for(req, seconds)) sleeps and gives the loop back', ago: 0.2, lasts: true};
const holds = {...state, loop: {held: 0.3, request: {serial: 5, route: '/async/bad-blocking', for: 0.3}, held_by}, tasks: [task, null, {}], tasks_more: 7};

const play = (page, worker) => page.evaluate(({t, workers}) => {
	const {feed, history} = window.lanes;
	history.clear();
	feed.accept({t, workers, spans: []});
}, {t: T, workers: [worker]});

test('tasks: the line says where the loop is held, and the cure', () => withPage({}, async (page) => {
	await mute(page);
	await play(page, holds);
	await page.locator('.holding', {hasText: 'Its code: blocking_io_task() at app/guide/tasks.c:13, in clock_nanosleep(), called at app/guide/async_bad_blocking.c:10. Cure: AWAIT(req, sleep_for('}).waitFor();
}));

// The doctor saw request 5 100 ms after it had begun; 50 ms later the loop was free. That is told for ten seconds.
test('tasks: where a loop was held, and the cure, stay when it is free again', () => withPage({}, async (page) => {
	await mute(page);
	await page.getByText('Loops that were held').click();
	await page.evaluate(({t, free, by}) => {
		const {feed, history} = window.lanes;
		history.clear();
		const told = (ago, more) => ({workers: [{...free, loop: {held: null, request: null, ...ago !== null && {held_by: {...by, lasts: false, ago}}, ...more}}]});
		feed.accept({t, ...told(null), spans: []});
		feed.accept({t: t + 200, ...told(0.08), spans: [{w: 'loop-1', k: 'loop', s: t + 20, d: 150, r: 5, p: '/async/bad-blocking', c: 200}]});
		feed.accept({t: t + 300, ...told(0.18), spans: []});
		for (let i = 1; i < 30; i++) // and then no more
			feed.accept({t: t + 300 + i * 1000, ...told(null), spans: []});
	}, {t: T, free: state, by: held_by});
	const where = 'blocking_io_task() at app/guide/tasks.c:13, in clock_nanosleep(), called at app/guide/async_bad_blocking.c:10';
	await page.locator('.past li', {hasText: `loop-1: request 5 of loop-1 /async/bad-blocking, 150 ms.`}).waitFor();
	assert.equal(await page.locator('.past li code').innerText(), where);
	assert.match(await page.locator('.past li').innerText(), /Cure: AWAIT\(req, sleep_for\(req, seconds\)\) sleeps and gives the loop back$/);
	const line = await page.locator('.holding').innerText();
	assert.ok(line.startsWith('All loops are free. Last held: loop-1 for 150 ms by request 5 of loop-1 /async/bad-blocking. Its code: ' + where + '. Cure: AWAIT(req, '), line);
	assert.deepEqual(await violations(page), []);
}));

test('tasks: worker, request, what it awaits, where, and how many more', () => withPage({}, async (page) => {
	await mute(page);
	await play(page, holds);
	await page.locator('.awaiting summary').click();
	const tree = page.locator('.awaiting .tasks');
	await tree.getByText('and 7 more').waitFor();
	const text = await tree.innerText();
	for (const part of ['loop-1 held for 300 ms', 'request 5 /async/bad-blocking holds it', 'blocking_io_task() at app/guide/tasks.c:13',
		'request 4 /async/await-one awaits sleep for 400 ms', 'async_await_one() at app/guide/async_await_one.c:10: sleep_for(req, wait->seconds)'])
		assert.ok(text.includes(part), `${part} in ${text}`);
	assert.deepEqual(await violations(page), []);
	await play(page, state);
	await tree.getByText('No request has waited for long.').waitFor();
}));

test('tasks: whatever they are called, that is text', () => withPage({}, async (page) => {
	await mute(page);
	await page.locator('.awaiting summary').click();
	await play(page, {...holds, loop: {...holds.loop, held_by: {...held_by, at: '<img src=x>', cure: '<b>'}}, tasks: [{...task, name: '<i>', await: '<script>'}]});
	await page.locator('.tasks', {hasText: 'awaits <i> for'}).waitFor();
	assert.equal(await page.locator('.tasks img, .tasks b, .tasks i, .tasks script').count(), 0);
}));
