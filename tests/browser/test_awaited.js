// What a request awaits that has a name: the lanes, the legend, the table and Try it tell it.

import assert from 'node:assert/strict';

import {mute, showTab, test, violations, withPage} from './suite.js';

const state = {name: 'loop-1', pool: 'loop', engine: 'loop', pid: 1, in_flight: 0, loop: {held: null, request: null}, pools: {blocking: {limit: 40, queued: 0}}};
const T = 5e6;
const THINGS = [{w: 'loop-1', n: 1, name: '127.0.0.1:9000'}, {w: 'loop-1', n: 2, name: 'SELECT id FROM orders WHERE id = $1'}];
const of = (r, k, start, end, more) => ({w: 'loop-1', k, s: T + start, d: end - start, r, p: '/cases/combined', c: 0, ...more});
const over = (r, start, end) => of(r, 'loop', start, end, {c: 200});

// Three calls at the same time; a connection, then a statement; and both beside a thread.
const SPANS = [
	of(1, 'loop', 0, 1), of(1, 'fetch', 0.5, 50, {n: 1}), of(1, 'fetch', 0.5, 150, {n: 1}), of(1, 'fetch', 0.5, 100), of(1, 'await', 1, 151), over(1, 151, 152),
	of(2, 'loop', 200, 201), of(2, 'db-queue', 200.5, 240), of(2, 'db', 240, 252.3, {n: 2}), of(2, 'await', 201, 300), over(2, 300, 301),
	of(3, 'loop', 400, 401), of(3, 'pool', 401, 500, {pool: 'blocking', th: 0}), of(3, 'fetch', 401, 600, {n: 1}), of(3, 'db', 450, 480, {n: 2}), of(3, 'await', 500, 600), over(3, 600, 601)];

const play = (page, spans = SPANS, things = THINGS) => page.evaluate(({t, list, names, worker}) => {
	const {feed, history} = window.lanes;
	history.clear();
	feed.accept({t: t - 100, workers: [worker], spans: []});
	feed.accept({t: t + 1000, workers: [worker], spans: list, things: names});
}, {t: T, list: spans, names: things, worker: state});

// Of each request the bars of its row: [kind, start, end, track, of so many].
const rows = (page) => page.evaluate(async (t) => {
	const {layout} = await import('/lanes/picture/layout.js');
	const {history} = window.lanes;
	const {groups: [{lanes}]} = layout(history, t - 1000, t + 1000);
	return Object.fromEntries(lanes.flatMap(({kind, parts}) => (kind === 'request' ? parts : [])).map(({request, parts}) => [request.serial,
		parts.map(({kind, start, end, track = 0, tracks = 1}) => [kind, ...[start, end].map((at) => Number((at - t).toFixed(3))), track, tracks])]));
}, T);

test('awaited: a wait is what is awaited, and the rest of it', () => withPage({}, async (page) => {
	await mute(page);
	await play(page);
	assert.deepEqual(await rows(page), {
		1: [['await', 150, 151, 0, 1], ['fetch', 0.5, 150, 0, 1], ['loop', 0, 1, 0, 1], ['loop', 151, 152, 0, 1]],
		2: [['await', 252.3, 300, 0, 1], ['db-queue', 200.5, 240, 0, 1], ['db', 240, 252.3, 0, 1], ['loop', 200, 201, 0, 1], ['loop', 300, 301, 0, 1]],
		3: [['fetch', 401, 600, 0, 3], ['pool', 401, 500, 1, 3], ['db', 450, 480, 2, 3], ['loop', 400, 401, 0, 1], ['loop', 600, 601, 0, 1]],
	});
	// None is like another that has none.
	await play(page, [of(1, 'loop', 0, 1), of(1, 'await', 1, 151), over(1, 151, 152)], []);
	assert.deepEqual(await rows(page), {1: [['loop', 0, 1, 0, 1], ['await', 1, 151, 0, 1], ['loop', 151, 152, 0, 1]]});
}));

test('awaited: a worker with a database tells how many of its connections are in use', () => withPage({}, async (page) => {
	await mute(page);
	for (const [database, text] of [[{state: 'up', limit: 8, busy: 5, waiting: 0}, '5 of 8 connections in use'],
		[{state: 'up', limit: 1, busy: 1, waiting: 2}, '1 of 1 connection in use, 2 wait for one'],
		[{state: 'down', limit: 8, busy: 0, waiting: 0}, 'not there: requests that need it are refused'],
		[{state: 'no-tables', limit: 8, busy: 0, waiting: 0}, 'has not the tables that are needed: make migrate makes them'],
		[{state: 'connecting', limit: 8, busy: 0, waiting: 0}, 'connecting']]) {
		await page.evaluate(({t, list, worker}) => {
			const {feed, history} = window.lanes;
			history.clear();
			feed.accept({t: t - 100, workers: [worker], spans: []});
			feed.accept({t: t + 1000, workers: [worker], spans: list});
		}, {t: T, list: SPANS, worker: {...state, database}});
		assert.deepEqual(await page.evaluate(async (t) => {
			const {layout} = await import('/lanes/picture/layout.js');
			const {groups: [{lanes}]} = layout(window.lanes.history, t - 1000, t + 1000);
			return lanes.filter(({kind, label}) => kind === 'more' && label === 'database').map((lane) => lane.text);
		}, T), [text]);
	}
}));

test('awaited: what it is called stands below the lanes, with the keyboard alone, and in the table', () => withPage({}, async (page) => {
	await mute(page);
	await play(page);
	await page.locator('.as-table summary').click();
	const told = page.locator('.as-table .requests td.awaited');
	await page.waitForFunction(() => document.querySelectorAll('.as-table .requests td.awaited').length === 3);
	assert.deepEqual(await told.allInnerTexts(), [
		'fetch 127.0.0.1:9000 199 ms and db SELECT id FROM orders WHERE id = $1 30 ms',
		'db-queue 40 ms and db SELECT id FROM orders WHERE id = $1 12 ms',
		'2 × fetch 127.0.0.1:9000, the longest 150 ms and fetch 100 ms']);
	assert.ok(await page.getByRole('columnheader', {name: 'awaited by name'}).isVisible());
	const said = new Set();
	await page.locator('.live .stage').focus();
	// From the thread's lane through those that are beside each other, and then through the row.
	for (const key of [...Array(4).fill('ArrowUp'), ...Array(14).fill('ArrowLeft')]) {
		await page.keyboard.press(key);
		said.add(await page.locator('.live .details').innerText());
	}
	assert.ok(said.has('Request 2 of loop-1, /cases/combined: awaits db SELECT id FROM orders WHERE id = $1 12 ms, answered 200'), [...said].join('\n'));
	assert.ok([...said].some((text) => / awaits 2 × fetch 127\.0\.0\.1:9000, the longest 150 ms and fetch 100 ms, /.test(text)));
}));

test('awaited: the legend and the table have it when there is some', () => withPage({}, async (page) => {
	await mute(page);
	const shown = () => page.locator('.legend li[data-kind]').evaluateAll((items) => items.filter((item) => item.checkVisibility())
		.map((item) => item.dataset.kind).filter((kind) => /fetch|db/.test(kind)));
	await page.locator('.as-table summary').click();
	await play(page, [of(9, 'await', 0, 10), over(9, 10, 11)], []);
	await page.locator('.as-table .requests tbody tr').waitFor();
	assert.deepEqual(await shown(), []);
	assert.ok(await page.locator('.as-table th.awaited').isHidden());
	await play(page, [...SPANS.slice(6, 11)]);
	await page.locator('.legend li[data-kind="db"]').waitFor();
	assert.deepEqual(await shown(), ['db-queue', 'db']);
	for (const colorScheme of ['light', 'dark']) {
		await page.emulateMedia({colorScheme});
		assert.deepEqual(await violations(page), [], colorScheme);
	}
}));

test('awaited: what lasts is told before it is over', () => withPage({}, async (page) => {
	await mute(page);
	await page.evaluate(({t, worker}) => {
		const {feed, history} = window.lanes;
		history.clear();
		feed.accept({t: t - 100, workers: [worker], spans: []});
		feed.accept({t: t + 500, spans: [], workers: [{...worker, in_flight: 1, awaits: [{kind: 'db', name: 'SELECT 1', serial: 4, route: '/slow', for: 0.4}, null, {}, {kind: 'odd', serial: 1}]}]});
	}, {t: T, worker: state});
	await page.locator('.as-table summary').click();
	await page.waitForFunction(() => document.querySelector('.as-table td.awaited'));
	assert.equal(await page.locator('.as-table td.awaited').innerText(), 'db SELECT 1 400 ms so far');
	const [first] = (await rows(page))[4];
	assert.deepEqual(first.slice(0, 2), ['db', 100]);
}));

test('awaited: whatever the names are, they are text', () => withPage({}, async (page) => {
	await mute(page);
	await page.locator('.as-table summary').click();
	await play(page, [of(1, 'db', 0, 10, {n: 1}), of(1, 'db', 0, 10, {n: 7}), of(1, 'db', 0, 10, {n: {}}), over(1, 10, 11)], [{w: 'loop-1', n: 1, name: '<img src=x>'}, null, {}, {n: 7}]);
	await page.waitForFunction(() => document.querySelector('.as-table td.awaited'));
	assert.equal(await page.locator('.as-table td.awaited').innerText(), 'db <img src=x> 10 ms and 2 × db, the longest 10 ms');
}));

test('awaited: Try it tells the parts of Server-Timing', () => withPage({}, async (page) => {
	await page.route('**/burst?*', (route) => route.fulfill({json: {t: 1, trace: '', answers: [{target: '/', status: 200, worker: 'loop-1', sent: 1000, ended: 1100, serial: 7, body: '{}', error: '',
		timing: {queue: 1, loop: 1, await: 0, 'pool-queue': 0, pool: 0, 'db-queue': 60, db: 20.5, fetch: 150}}]}}));
	await showTab(page, 'try');
	await page.getByRole('button', {name: 'Send'}).click();
	const answer = page.locator('#try .answers li').first();
	await answer.waitFor();
	assert.equal(await answer.locator('.timing').innerText(), 'waiting to be picked up 1.0 ms · on the loop 1.0 ms · calling another service 150 ms · waiting for a connection to the database 60 ms · in the database 21 ms');
	assert.match(await page.locator('#try p[role="status"]').innerText(), / 1 was waiting for a connection to the database, the longest for 60 ms\./);
}));
