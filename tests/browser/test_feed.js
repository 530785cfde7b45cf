// The feed: one connection for all tabs, while one of them is looked at; and what is said without it.

import assert from 'node:assert/strict';

import {open} from './browser.js';
import {after, drawn, exercise, get, heard, mute, said, showTab, test, withPage, world} from './suite.js';

// Requests that the admin worker has, besides the one that asks.
async function streams() {
	const {workers} = JSON.parse(await get('/status'));
	return workers.find(({pool}) => pool === 'admin').in_flight - 1;
}

async function streamsBecome(n) {
	for (let i = 0; i < 40 && await streams() !== n; i++)
		await after(100);
	assert.equal(await streams(), n);
}

const visibility = (page, state) => page.evaluate((value) => {
	Object.defineProperty(document, 'visibilityState', {value, configurable: true});
	document.dispatchEvent(new Event('visibilitychange'));
}, state);

test('seven tabs: each loads and works, with one connection for all', async () => {
	await streamsBecome(0);
	const context = await world.browser.newContext();
	const pages = [];
	for (let i = 0; i < 7; i++)
		pages.push(await open(context, world.system.url));
	assert.equal(await streams(), 1);
	await get('/async/await-one?seconds=0.1');
	for (const page of pages)
		await page.waitForFunction(() => [...window.lanes.history.requests.values()].some((request) => request.path === '/async/await-one'));
	const {right} = await exercise(pages[6], 'processes', 'loop');
	assert.equal(right, 'loop');
	assert.deepEqual(pages.flatMap((page) => page.faults), []);
	await context.close();
	await streamsBecome(0);
}, {everywhere: true});

test('a tab that nobody looks at is not fed, and knows what it missed', () => withPage({}, async (page) => {
	assert.equal(await streams(), 1);
	await visibility(page, 'hidden');
	await streamsBecome(0);
	const left = await page.evaluate(() => window.lanes.history.now);
	await after(12_000);
	await visibility(page, 'visible');
	await page.waitForFunction((t) => window.lanes.history.now > t + 11_000, left);
	assert.equal(await streams(), 1);
	const unknown = await page.evaluate(() => window.lanes.history.workers.get('loop-1').unrecorded.list);
	assert.ok(unknown.length === 1 && Math.abs(unknown[0].from - left) < 200 && unknown[0].to > left + 500, JSON.stringify(unknown));
}));

test('a later tab gets the last seconds', async () => {
	const context = await world.browser.newContext();
	const first = await open(context, world.system.url);
	await get('/async/await-one?seconds=0.1');
	await first.waitForFunction(() => [...window.lanes.history.requests.values()].some((request) => request.path === '/async/await-one' && request.over));
	await heard(first, 1000); // so that it is no news
	const second = await open(context, world.system.url);
	await second.waitForFunction(() => [...window.lanes.history.requests.values()].some((request) => request.path === '/async/await-one'));
	const spans = await second.evaluate(() => [...window.lanes.history.requests.values()].map(({key, spans: list}) => [key, list.map(({kind, start}) => `${kind} ${start}`)]));
	for (const [key, list] of spans)
		assert.equal(new Set(list).size, list.length, `${key} was told once: ${list}`);
	await context.close();
});

test('without a SharedWorker each tab has its own feed', async () => {
	const context = await world.browser.newContext();
	await context.addInitScript(() => delete window.SharedWorker);
	const page = await open(context, world.system.url);
	assert.equal((await exercise(page, 'gather', 'max')).right, 'max');
	await context.close();
	await streamsBecome(0);
});

test('what came from a request is shown as text', () => withPage({}, async (page) => {
	await page.locator('.as-table summary').click();
	await page.evaluate(() => {
		const {feed, history} = window.lanes;
		feed.accept({t: history.now + 1, workers: [], spans: [{w: '<b>w</b>', k: 'loop', s: history.now - 500, d: 300, r: 1, p: '<img src=x>', c: 200}]});
	});
	await page.locator('.as-table td', {hasText: '<img src=x>'}).waitFor();
	assert.equal(await page.locator('img, b').count(), 0);
}));

// A path that nobody has runs on the loop, /openapi.json on a thread.
test('what has no route is said to have none', () => withPage({}, async (page) => {
	await mute(page);
	await page.evaluate(() => {
		const {feed, history} = window.lanes;
		const t = history.now + 1e5; // after whatever else there was
		const of = (k, r) => ({w: 'loop-1', k, s: t - 500 * r, d: 30, r, p: '', c: 200, pool: 'blocking', th: 0});
		feed.accept({t, workers: [{name: 'loop-1', pool: 'loop', engine: 'loop', pid: 1, loop: {}}], spans: [of('pool', 1), of('loop', 2)]});
	});
	await page.locator('.as-table summary').click();
	await page.locator('.as-table td.path').nth(1).waitFor(); // it opens, and then it is filled
	assert.deepEqual(await page.locator('.as-table td.path').allInnerTexts(), ['no route', 'no route']);
	await drawn(page, 3);
	const said = new Set();
	for (const key of ['ArrowLeft', 'ArrowUp', 'ArrowUp', 'ArrowUp']) {
		await page.locator('.live .stage').press(key);
		said.add(await page.locator('.live .details').innerText());
	}
	assert.deepEqual([...said], ['Request 1 of loop-1, no route: on a thread 30 ms, answered 200', 'Request 2 of loop-1, no route: on the loop 30 ms, answered 200']);
}));

test('messages with missing fields are endured', () => withPage({}, async (page) => {
	await page.evaluate(() => {
		const {feed, history} = window.lanes;
		const t = history.now;
		for (const message of [null, {}, {t}, {t: t + 1, workers: [null, {}, {name: 'bare-1'}], spans: [null, {}, {w: 'bare-1'}, {w: 'bare-1', k: 'loop'}, {w: 'bare-1', k: 'new', s: 1, d: 1}]},
			{t: t + 2, workers: [{name: 'bare-1', loop: {}, pools: {odd: {}}}]},
			{t: t + 3, buckets: [null, {}, {w: 'bare-1'}, {w: 'bare-1', from: t, to: t + 1}], unrecorded: [{}, {w: 'bare-1'}]}])
			feed.accept(message);
	});
	await drawn(page, 10); // with that
}));

test('the banner: nobody waited who is known, only if nobody did', () => withPage({}, async (page) => {
	await mute(page);
	// A hold of exercise-1 by request 1 from 0 to 2 s, and what is told of others.
	const says = async (spans, {free = true, message = {}} = {}) => {
		await page.evaluate(({others, ended, more}) => {
			const {feed, history} = window.lanes;
			history.clear();
			const t = 5e6;
			const workers = (held) => [{name: 'exercise-1', pool: 'exercise', engine: 'loop', pid: 1, in_flight: 1, loop: {held, request: null}, pools: {}}];
			feed.accept({t: t - 100, workers: workers(null), spans: []});
			feed.accept({t: t + 2050, workers: workers(ended ? null : 0.05), spans: [{w: 'exercise-1', k: 'loop', s: t, d: 2000, r: 1, p: '/async/bad-blocking', c: 200},
				...others.map((span) => ({w: 'exercise-1', p: '/async/await-one', ...span, s: t + span.s}))], ...more});
		}, {others: spans, ended: free, more: message});
		return said(page, '.holding');
	};
	assert.match(await says([]), /All loops are free\. Last held: exercise-1 for 2\.00 s by request 1 of exercise-1 .* Nobody was seen to wait\. Who leaves before a worker has read the request is not seen\.$/);
	assert.match(await says([{k: 'queue', s: 300, d: 1700, r: 2}]), /It kept waiting: request 2 of exercise-1 \/async\/await-one \(1\.70 s\)\.$/);
	assert.match(await says([{k: 'await', s: -500, d: 770, r: 2}, {k: 'ready', s: 270, d: 1730, r: 2}]), /It kept waiting: request 2 .* \(1\.73 s\)\.$/);
	assert.match(await says([{k: 'pool', s: -500, d: 1000, r: 2, pool: 'blocking', th: 0}, {k: 'ready', s: 500, d: 1500, r: 2}]), /request 2 .* \(1\.50 s\)\.$/);
	assert.match(await says([], {free: false}), /Who waited is not known yet\.$/);
	assert.match(await says([], {message: {unrecorded: [{w: 'exercise-1', from: 5e6 + 100, to: 5e6 + 300}]}}), /Short waits were not recorded meanwhile\.$/);
}));

test('the banner: holds that follow one another are one to those who wait', () => withPage({}, async (page) => {
	await mute(page);
	await page.evaluate(() => {
		const {feed, history} = window.lanes;
		history.clear();
		const t = 5e6;
		const worker = {name: 'exercise-1', pool: 'exercise', engine: 'loop', pid: 1, in_flight: 1, loop: {held: null, request: null}, pools: {}};
		const hold = (r) => ({w: 'exercise-1', k: 'loop', s: t + (r - 1) * 500, d: 499, r, p: '/async/bad-blocking', c: 200});
		const wait = (r) => ({w: 'exercise-1', k: 'queue', s: t, d: (r - 1) * 500, r, p: '/async/bad-blocking'});
		feed.accept({t: t - 100, workers: [worker], spans: []});
		feed.accept({t: t + 3100, workers: [worker], spans: [hold(1), wait(2), hold(2), wait(3), hold(3)]});
	});
	assert.match(await said(page, '.holding'), /Last held: exercise-1 for 1\.50 s by 3 requests after one another, request 1 of .* to request 3 of .* They kept waiting: request 3 of exercise-1 \/async\/bad-blocking \(998 ms\) and request 2 of exercise-1 \/async\/bad-blocking \(499 ms\)\.$/);
}));

test('the banner: of many short ones, none is to blame', () => withPage({}, async (page) => {
	await mute(page);
	await page.evaluate(() => window.lanes.feed.accept({t: 5e6, spans: [], workers: [{name: 'loop-1', pool: 'loop', engine: 'loop', pid: 1, in_flight: 20,
		loop: {held: 1.6, request: {serial: 87, route: '/async/bad-blocking', for: 0.05}}, pools: {}}]}));
	assert.match(await said(page, '.holding'), /^loop-1 has had no time for anybody else for 1\.60 s: many requests after one another, now request 87 of loop-1 /);
}));

test('the banner: many short ones that held the loop together are told afterwards, once', () => withPage({}, async (page) => {
	await get('/burst?n=30&path=/exercise/async/bad-blocking%3Fseconds=0.05');
	await page.waitForFunction(() => /^All loops are free\. Last held: exercise-1 /.test(document.querySelector('.holding').textContent));
	const text = await page.locator('.holding').innerText();
	const [, length] = /Last held: exercise-1 for ([\d.]+) s by many requests after one another, request \d+ of exercise-1 \/async\/bad-blocking to request \d+ of exercise-1 \/async\/bad-blocking\. They kept waiting: request \d+ of exercise-1 \/async\/bad-blocking \([\d.]+ s\).*\d+ more\./.exec(text) ?? assert.fail(text);
	assert.ok(length > 1 && length < 3, length);
	await page.getByText('Loops that were held').click();
	assert.match(await page.locator('.past li').first().innerText(), /^exercise-1: many requests/);
}));

// The banner, after messages of loop-1 a tenth of a second apart: [seconds that the loop is held, the
// serial and seconds of the request it runs, spans, buckets].
const heldAfter = async (page, turns) => {
	await page.evaluate((list) => {
		const {feed, history} = window.lanes;
		history.clear();
		list.forEach(([held, request, spans = [], buckets = []], i) => feed.accept({t: 5e6 + i * 100, lost: 0,
			spans: spans.map(([r, s, d]) => ({w: 'loop-1', k: 'loop', s: 5e6 + s, d, r, p: '/async/bad-blocking', c: 200})),
			buckets: buckets.map((busy) => ({w: 'loop-1', from: 5e6 + (i - 1) * 100, to: 5e6 + i * 100, answers: 80, busy, in_flight: 9, p50: 1, p99: 60})),
			workers: [{name: 'loop-1', pool: 'loop', engine: 'loop', pid: 1, in_flight: 9, pools: {},
				loop: {held, request: request && {serial: request[0], route: '/async/bad-blocking', for: request[1]}}}]}));
	}, turns);
	return said(page, '.holding');
};

test('the banner: a turn that held the loop ends with its last run', () => withPage({}, async (page) => {
	await mute(page);
	const turn = [[null], [0.05, [1, 0.01], [[7, 20, 5]]], [0.15, [3, 0.03], [[1, 90, 39.8], [2, 130, 40]]], [null, null, [[3, 170, 40], [4, 210.2, 40], [9, 270, 5]]]];
	assert.match(await heldAfter(page, turn), /Last held: loop-1 for 200 ms by many requests after one another, request 1 of loop-1 \S+ to request 4 of loop-1 \S+\./);
	const one = [[null], [0.15, [1, 0.14]], [0.25, [1, 0.24]], [null, null, [[6, -50, 9.8], [1, -40, 290], [2, 250.1, 10]]]];
	assert.match(await heldAfter(page, one), /Last held: loop-1 for 310 ms by request 1 of loop-1 \S+\. /);
}));

test('the banner: under load, too, a turn of many short ones is told', () => withPage({}, async (page) => {
	await mute(page);
	const load = [[null], [0.09, [51, 0.01], [], [0.9]], [0.19, [53, 0.03], [], [1]], [0.29, [55, 0.02], [], [1]], [null, null, [], [0.2]], [null]];
	assert.match(await heldAfter(page, load), /Last held: loop-1 for 290 ms by many requests after one another, request 51 of loop-1 \S+ to request 55 of loop-1 \S+\. Short waits were not recorded meanwhile\.$/);
}));

test('a loop without a pause is held, whoever runs, until it is seen idle: banner, heartbeat and lanes', () => withPage({}, async (page) => {
	await mute(page);
	// Messages a tenth of a second apart; so much of each the loop was busy, never for long at a time.
	const after = async (shares) => {
		const {beats, holds} = await page.evaluate((list) => {
			const {feed, history} = window.lanes;
			history.clear();
			let busy = 0;
			[0, ...list].forEach((share, i) => {
				busy += share / 10;
				feed.accept({t: 5e6 + i * 100, lost: 0, spans: [], workers: [{name: 'loop-1', pool: 'loop', engine: 'loop', pid: 1, in_flight: 4, pools: {},
					loop: {held: 0.03, busy, request: {serial: 100 + i, route: '/async/bad-blocking', for: 0.03}}}]});
			});
			const {heartbeat, holds: all} = history.workers.get('loop-1');
			return {beats: heartbeat.within(5e6 + 1100, Infinity).length, holds: all.map(({start, end}) => [start - 5e6, end - 5e6])};
		}, shares);
		return {text: await said(page, '.holding'), beats, holds};
	};
	const held = await after([0.4, ...Array(24).fill(1)]);
	assert.match(held.text, /^loop-1 has had no time for anybody else for 2\.40 s: many requests after one another, now request 125 of loop-1 \/async\/bad-blocking, with 3 others/);
	assert.deepEqual([held.beats, held.holds], [0, [[100, 2500]]]);
	assert.match((await after(Array(5).fill(1))).text, /^No loop is held; loop-1 has no pause\.$/);
	const free = await after([...Array(15).fill(1), 0.8]);
	assert.match(free.text, /^All loops are free\. Last held: loop-1 for 1\.5. s by many requests/);
	assert.equal(free.beats, 1);
	assert.match((await after(Array(30).fill(0.9))).text, /^All loops are free\.$/);
}));

test('a process that is stopped is said to be, and does not beat', () => withPage({}, async (page) => {
	const {pid} = await page.evaluate(() => window.lanes.history.workers.get('loop-1').state);
	const says = (text) => page.waitForFunction((words) => document.querySelector('.holding').textContent.includes(words), text);
	const beats = () => page.evaluate(() => window.lanes.history.workers.get('loop-1').heartbeat.beats.length);
	process.kill(pid, 'SIGSTOP');
	try {
		await says('loop-1\'s process is stopped (SIGSTOP).');
		const before = await beats();
		const then = await page.evaluate(() => window.lanes.history.now);
		await page.waitForFunction((t) => window.lanes.history.now > t + 500, then);
		assert.equal(await beats(), before);
	} finally {
		process.kill(pid, 'SIGCONT');
	}
	await says('All loops are free.');
}));

test('the banner: in flight as measured, and who is not', () => withPage({}, async (page) => {
	await mute(page);
	await page.evaluate(() => window.lanes.feed.accept({t: 5e6, spans: [], workers: [{name: 'loop-1', pool: 'loop', engine: 'loop', pid: 1, in_flight: 41,
		loop: {held: 0.5, request: {serial: 3, route: '/async/bad-blocking', for: 0.5}}, pools: {}}]}));
	assert.match(await said(page, '.holding'), /^loop-1 has been held for 500 ms by request 3 of loop-1 .*, with 40 others in flight; who is not read yet is not counted\./);
}));

test('the server is stopped and started under the page', () => withPage({}, async (page) => {
	await world.system.down();
	await page.waitForSelector('#feed[data-state="lost"]');
	assert.match(await page.locator('#feed').innerText(), /Connection lost, next try in \d+ s/);
	await page.waitForFunction(() => /^The connection is gone. What is shown is .* old/.test(document.querySelector('.holding').textContent));
	assert.ok(await page.locator('.holds.away').isVisible());
	assert.equal(await page.locator('#running').textContent(), '', 'no workers are promised');
	const written = () => page.evaluate(() => new Promise((resolve) => {
		const fill = CanvasRenderingContext2D.prototype.fillText;
		CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
			if (/^now$|^last heard|^stopped$/.test(text)) {
				CanvasRenderingContext2D.prototype.fillText = fill;
				resolve(text);
			}
			fill.call(this, text, ...at);
		};
	}));
	assert.match(await written(), /^last heard \d+ s ago$/, 'the axis does not end now');
	await world.system.up({WORKERS: String(world.workers + 1)});
	await page.waitForSelector('#feed[data-state="live"]');
	assert.equal(await written(), 'now');
	await page.waitForFunction((loops) => document.querySelector('#running').textContent.includes(`, ${loops} loop`), world.workers + 1);
	assert.equal((await exercise(page, 'blocking', 'bad')).right, 'bad');
	world.workers = 0; // the next case gets it anew
}), {everywhere: true});

test('the page knows the application from the server alone', () => withPage({}, async (page) => {
	await page.waitForFunction(() => window.lanes.system.kinds.size > 0); // what it has asked for itself
	await page.evaluate(() => {
		const routes = {'/mine': {kind: 'async'}, 'POST /mine': {kind: 'sync'}, '/yours': {kind: 'sync'}};
		const {feed, history, system} = window.lanes;
		system.accept({slow_callback: 0.5, workers: [{pool: 'exercise', prefix: '/exercise', routes}, {pool: 'exercise-prefork', prefix: '/exercise/prefork', routes},
			{pool: 'far', prefix: '/far/away', routes: {'/theirs': {kind: 'sync'}}}, {pool: 'admin', prefix: null, routes: {'/secret': {kind: 'async'}}}]});
		feed.accept({t: history.now + 1, workers: [{name: 'far-1', pool: 'far', prefix: '/far/away', engine: 'loop', pid: 1, loop: {}, pools: {blocking: {limit: 7}}},
			{name: 'eye-1', pool: 'eye', prefix: null, engine: 'loop', pid: 2, loop: {}, pools: {}}], spans: []});
	});
	const said = JSON.parse(await get('/status'));
	assert.deepEqual([said.slow_callback, said.burst], [0.1, 200]);
	await showTab(page, 'try');
	assert.deepEqual(await page.locator('#try select[name="endpoint"] option').allTextContents(), ['/mine', '/yours']);
	assert.ok(await page.evaluate(() => ['/yours', 'POST /mine'].every((route) => window.lanes.history.pooled.has(route))));
	const pool = page.locator('#try select[name="pool"]');
	await page.waitForFunction(() => document.querySelector('#try select[name="pool"] option[value="far"]'));
	assert.deepEqual(await pool.locator('option').allTextContents(), ['exercise', 'exercise-prefork', 'loop', 'cpu', 'far', 'outside', 'prefork'], 'by the path that leads to them');
	await pool.selectOption('far');
	assert.deepEqual(await page.locator('#try select[name="endpoint"] option').allTextContents(), ['/theirs']);
	assert.match(await page.locator('#try .curl code').innerText(), /^curl -i 'http:\S+\d\/far\/away\/theirs'$/);
	assert.match(await page.locator('#try').innerText(), /far: 1 loop, each with 7 threads/);
	await showTab(page, 'contrast');
	assert.deepEqual(await page.locator('#contrast select[name="endpoint"] option').allTextContents(), ['/mine', '/yours'], 'those of both pools');
	assert.ok(await page.locator('#contrast input[name="seconds"]').isDisabled(), 'nobody knows how to tell them');
	assert.equal(await page.evaluate(async () => (await import('/lanes/feed/kinds.js')).HOLD), 500);
}));
