// The page, clicked through: what it says, and the lanes as its tables have them.

import assert from 'node:assert/strict';
import {mkdir} from 'node:fs/promises';
import {join} from 'node:path';

import {axeSource, launch, open} from './browser.js';
import {System} from './system.js';

const words = process.argv.slice(2);
const tests = [];
const test = (name, run) => tests.push({name, run});

let system;
let browser;

// --- what tests do ---

async function withPage(options, run) {
	const page = await open(browser, system.url, options);
	try {
		await run(page);
		assert.deepEqual(page.faults, []);
	} finally {
		await page.close();
	}
}

async function exercise(page, id, option) {
	const section = page.locator(`#exercise-${id}`);
	await section.locator(`input[value="${option}"]`).check();
	await section.getByRole('button', {name: /^Run/}).click();
	await section.locator('.verdict').waitFor();
	return {
		section,
		right: await section.locator('.verdict').getAttribute('data-right'),
		text: await section.locator('.result').innerText(),
		// One array for each picture, one object for each request: the data of the table's rows.
		rounds: await section.locator('.picture').evaluateAll((figures) => figures.map((figure) => ({
			...figure.dataset,
			requests: [...figure.querySelectorAll('tbody tr')].map((row) => ({...row.dataset})),
		}))),
	};
}

const get = async (path) => (await fetch(system.url + path)).text();
const end = (request) => Number(request.start) + Number(request.total);

async function violations(page) {
	await page.evaluate(axeSource);
	const {violations: found} = await page.evaluate(() => window.axe.run());
	return found.map(({id, nodes}) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`);
}

async function showTab(page, id) {
	await page.locator(`#tab-${id}`).click();
	await page.locator(`#${id}`).waitFor();
}

// --- tests ---

test('a browser gets the page, everybody else the answer', async () => {
	const html = await fetch(system.url, {headers: {Accept: 'text/html,*/*;q=0.8'}});
	assert.match(html.headers.get('content-type'), /^text\/html/);
	assert.match(html.headers.get('content-security-policy'), /default-src 'none'/);
	assert.equal(html.headers.get('vary'), 'Accept');
	assert.equal(JSON.parse(await get('/')).sync, '/sync/noawait');
	const post = await fetch(system.url, {method: 'POST', headers: {Accept: 'text/html'}});
	assert.deepEqual([post.status, post.headers.get('allow')], [405, 'GET']);
	assert.equal((await fetch(`${system.url}/lanes/`)).status, 200);
	assert.equal((await fetch(`${system.url}/lanes/no-such-file`)).status, 404);
});

test('exercise 1: sync and async at the same moment', () => withPage({}, async (page) => {
	const {right, text, rounds: [round]} = await exercise(page, 'together', 'turns');
	assert.equal(right, 'together');
	assert.match(text, /They ran at the same time/);
	assert.match(text, /You predicted “After 3 s: they take turns”/);
	const [sync, one] = round.requests;
	assert.ok(Number(sync.pool) > 1450 && Number(sync.await) === 0, 'the sync one slept on a thread');
	assert.ok(Number(one.await) > 1450 && Number(one.pool) === 0, 'the async one awaited');
	assert.ok(Number(sync.loop) + Number(one.loop) < 100, 'the loop was free');
}));

test('exercise 2: many waits in one request', () => withPage({}, async (page) => {
	const {right, text, rounds: [round]} = await exercise(page, 'gather', 'max');
	assert.equal(right, 'max');
	assert.match(text, /As long as the longest sleep/);
	assert.match(text, /You predicted it/);
	assert.ok(Number(round.requests[0].await) > 1450 && Number(round.requests[0].await) < 2200);
}));

test('exercise 3: a blocked loop makes the bystander wait, a blocked thread does not', () => withPage({}, async (page) => {
	const {right, text, rounds: [bad, wrap]} = await exercise(page, 'blocking', 'both');
	assert.equal(right, 'bad');
	assert.match(text, /A blocking call on the loop stops everybody/);
	assert.match(text, /waited [\d.]+ m?s to be picked up, because request \d+ \(\/async\/bad-blocking\) held loop-1 for 2\.\d+ s/);
	assert.match(text, /bad-blocking: the heartbeat stopped for 2\.\d+ s/);
	assert.match(text, /wrap-blocking: the heart went on beating/);

	const [blocker, bystander] = bad.requests;
	assert.equal(bystander.path, '/async/await-one');
	assert.ok(Number(blocker.loop) >= 2000 && Number(blocker.loop) < 2500, 'the block, on the loop');
	assert.ok(Number(bystander.queue) > 500, 'the wait');
	const waitedUntil = Number(bystander.start) + Number(bystander.queue);
	assert.ok(Math.abs(waitedUntil - end(blocker)) < 150, 'the wait ends when the block does');
	assert.ok(Number(bad.silence) >= 2000, 'the heartbeat has a hole');

	const [wrapped, free] = wrap.requests;
	assert.ok(Number(wrapped.pool) >= 2000, 'the block, on a thread');
	assert.ok(Number(free.queue) < 250 && end(free) < end(wrapped) - 500, 'nobody waited for it');
	assert.equal(Number(wrap.silence), 0, 'the heartbeat has no hole');
}));

test('exercise 4: a process for each request runs out of processes', () => withPage({}, async (page) => {
	const {right, text, rounds: [prefork, loop]} = await exercise(page, 'processes', 'loop');
	assert.equal(right, 'loop');
	assert.match(text, /5 requests in [\d.]+ s, on 2 processes/);
	assert.match(text, /Request \d+ waited .* until one of them was free/);
	assert.ok(Math.max(...prefork.requests.map((request) => Number(request.queue))) > 400);
	assert.equal(loop.requests.length, 5);
	assert.ok(Number(loop.wall) < Number(prefork.wall));
}));

test('the handlers stand beside each other, in Python and in C', () => withPage({}, async (page) => {
	const section = page.locator('#exercise-blocking');
	await section.getByText('The handlers: Python and C').click();
	await section.getByText('time.sleep(seconds)').waitFor();
	assert.match(await section.locator('.listing').innerText(), /AWAIT\(req, run_in_threadpool/);
	assert.equal(await section.locator('.listing pre').count(), 4);
}));

test('a loop is shown as held while it is, with the culprit and who waits', () => withPage({}, async (page) => {
	const held = get('/async/bad-blocking?seconds=3'); // not from the page
	const holds = page.locator('.holds');
	await page.waitForSelector('.holds.now[data-held="loop-1"]', {timeout: 2500});
	assert.match(await holds.innerText(), /loop-1 has been held for .* by request \d+ \/async\/bad-blocking/);
	await showTab(page, 'try');
	await page.getByRole('button', {name: 'Send'}).click();
	await page.waitForFunction(() => /Not picked up yet: \/async\/await-one/.test(document.querySelector('.holds').textContent), null, {timeout: 2000});
	await held;
	await page.waitForFunction(() => /All loops are free.*by request \d+ \/async\/bad-blocking.*It kept waiting: request \d+ \/async\/await-one/.test(document.querySelector('.holds').textContent));
	await page.locator('.as-table summary').click();
	const row = page.locator('.as-table tr[data-path="/async/bad-blocking"]').first();
	assert.ok(Number(await row.getAttribute('data-loop')) >= 3000);
}));

test('try it: answers with their parts, errors, and nothing but text', () => withPage({}, async (page) => {
	await showTab(page, 'try');
	const panel = page.locator('#try');
	const parameter = panel.locator('input[name="parameter"]');
	const send = panel.getByRole('button', {name: 'Send'});
	await parameter.fill('0.2');
	await panel.locator('input[name="times"]').fill('3');
	await send.click();
	await panel.getByText('3 answers in').waitFor();
	assert.equal(await panel.locator('.answers li[data-status="200"][data-worker="loop-1"]').count(), 3);
	assert.match(await panel.locator('.timing').first().innerText(), /awaiting 2\d\d ms/);
	assert.match(await panel.locator('.curl code').innerText(), /^curl -sZ .*\/async\/await-one\?seconds=0\.2&_=\[1-3\]'$/);

	await panel.locator('input[name="times"]').fill('1');
	await panel.locator('select[name="pool"]').selectOption('prefork');
	await send.click();
	await panel.locator('li[data-worker^="prefork"]').waitFor();

	await parameter.fill('<img src=x onerror="document.title=1">');
	await send.click();
	await panel.locator('li[data-status="422"]').waitFor();
	assert.match(await panel.locator('li[data-status="422"]').innerText(), /value is not a valid float/);
	assert.equal(await page.locator('img').count(), 0);

	for (const path of ['/', '/sync/noawait', '/async/await-many', '/async/wrap-blocking', '/async/bad-blocking', '/async/cpu-bound']) {
		await panel.locator('select[name="endpoint"]').selectOption(path);
		if (/blocking|noawait/.test(path))
			await parameter.fill('0.1');
		await panel.locator('select[name="pool"]').selectOption('cpu');
		await send.click();
		await panel.locator('li[data-worker="cpu-1"]', {hasText: `/cpu-pool${path}`}).first().waitFor();
	}
	assert.match(await panel.innerText(), /opens 6 connections .* at a time/);
	await panel.locator('input[name="times"]').fill('20');
	assert.match(await panel.innerText(), /The command line has no such limit/);
}));

test('what came from a request is shown as text', () => withPage({}, async (page) => {
	await page.locator('.as-table summary').click();
	await page.evaluate(() => {
		const {feed, history} = window.lanes;
		feed.accept({t: history.now + 1, workers: [], spans: [{w: '<b>w</b>', k: 'loop', s: history.now - 500, d: 300, r: 1, p: '<img src=x>', c: 200}]});
	});
	await page.locator('.as-table td', {hasText: '<img src=x>'}).waitFor();
	assert.equal(await page.locator('img, b').count(), 0);
}));

test('messages with missing fields are endured', () => withPage({}, async (page) => {
	await page.evaluate(() => {
		const {feed, history} = window.lanes;
		const t = history.now;
		for (const message of [null, {}, {t}, {t, workers: [null, {}, {name: 'bare-1'}], spans: [null, {}, {w: 'bare-1'}, {w: 'bare-1', k: 'loop'}, {w: 'bare-1', k: 'new', s: 1, d: 1}]},
			{t, workers: [{name: 'bare-1', loop: {}, pools: {odd: {}}}]}])
			feed.accept(message);
	});
	await page.waitForTimeout(300); // some pictures are drawn with that
}));

test('contrast: both pools side by side', () => withPage({}, async (page) => {
	await showTab(page, 'contrast');
	await page.getByRole('button', {name: 'Run at both'}).click();
	const loop = page.locator('#contrast section[data-pool="loop"]');
	await loop.waitFor();
	const prefork = page.locator('#contrast section[data-pool="prefork"]');
	assert.equal(await prefork.getAttribute('data-model'), '1500.0');
	assert.equal(await loop.getAttribute('data-model'), '500.0');
	assert.ok(Number(await loop.getAttribute('data-wall')) < Number(await prefork.getAttribute('data-wall')));
	assert.match((await prefork.innerText()).replace(/\s+/g, ' '), /Processes 2 Threads \d+ Memory [\d.]+ MB/);
}));

test('the keyboard does it all', () => withPage({}, async (page) => {
	await get('/async/await-one?seconds=0.3');
	await page.waitForFunction(() => [...window.lanes.history.requests.values()].some((request) => request.path === '/async/await-one' && request.over));
	await page.getByLabel('Live lanes of all workers').focus();
	await page.keyboard.press(' ');
	assert.equal(await page.getByRole('button', {name: 'Go on'}).getAttribute('aria-pressed'), 'true');
	await page.keyboard.press('+');
	assert.equal(await page.locator('.toolbar output').innerText(), '5 s');
	await page.keyboard.press('ArrowLeft');
	assert.match(await page.locator('.live .details').innerText(), /^Request \d+ \/\S* on \S+: /);
	await page.keyboard.press('Escape');
	assert.match(await page.locator('.live .details').innerText(), /^Point at a bar/);
	await page.keyboard.press('-');
	await page.keyboard.press(' ');
	await page.locator('#tab-exercises').focus();
	await page.keyboard.press('ArrowRight');
	assert.ok(await page.locator('#try').isVisible());
	await page.locator('#tab-try').press('ArrowLeft');
	await page.locator('#exercise-gather input[value="max"]').focus();
	await page.keyboard.press(' ');
	await page.keyboard.press('Enter');
	await page.locator('#exercise-gather .verdict').waitFor();
}));

test('the trace can be downloaded', () => withPage({}, async (page) => {
	const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('Download trace').click()]);
	assert.equal(download.suggestedFilename(), 'lanes-trace.json');
	const chunks = await (await download.createReadStream()).toArray();
	const trace = JSON.parse(Buffer.concat(chunks).toString());
	assert.ok((trace.traceEvents ?? trace).length > 0);
}));

for (const colorScheme of ['light', 'dark'])
	test(`no accessibility violation, ${colorScheme}`, () => withPage({colorScheme}, async (page) => {
		await exercise(page, 'together', 'together');
		await showTab(page, 'try');
		await page.locator('#try input[name="parameter"]').fill('0.1');
		await page.getByRole('button', {name: 'Send'}).click();
		await page.locator('#try .answers li').waitFor();
		await showTab(page, 'contrast');
		await page.getByRole('button', {name: 'Run at both'}).click();
		await page.locator('#contrast section[data-pool="loop"]').waitFor();
		await page.evaluate(() => document.querySelectorAll('details').forEach((details) => {
			details.open = true;
		}));
		await page.locator('#exercises .listing pre').first().waitFor({state: 'attached'});
		for (const tab of ['exercises', 'try', 'contrast']) {
			await showTab(page, tab);
			assert.deepEqual(await violations(page), [], tab);
		}
	}));

test('phone width: nothing to scroll sideways', () => withPage({viewport: {width: 360, height: 740}, hasTouch: true}, async (page) => {
	await exercise(page, 'gather', 'max');
	await page.evaluate(() => document.querySelectorAll('details').forEach((details) => {
		details.open = true;
	}));
	for (const tab of ['exercises', 'try', 'contrast']) {
		await showTab(page, tab);
		assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, tab);
	}
}));

test('reduced motion: one picture a second', () => withPage({reducedMotion: 'reduce'}, async (page) => {
	const pictures = await page.evaluate(() => new Promise((resolve) => {
		const clear = CanvasRenderingContext2D.prototype.clearRect;
		let cleared = 0;
		CanvasRenderingContext2D.prototype.clearRect = function (...box) {
			cleared++;
			return clear.apply(this, box);
		};
		setTimeout(() => resolve(cleared), 3000);
	}));
	assert.ok(pictures >= 1 && pictures <= 4, `${pictures} in 3 s`);
}));

test('500 workers: whatever is in view is painted, and found', () => withPage({deviceScaleFactor: 2}, async (page) => {
	await page.evaluate(() => {
		const {feed, history} = window.lanes;
		feed.close();
		const t = history.now + 100;
		const names = Array.from({length: 500}, (_, i) => `loop-${i + 1}`);
		feed.accept({t, lost: 0, workers: names.map((name, i) => ({name, pool: 'loop', engine: 'loop', pid: i + 1, in_flight: 0, loop: {held: null}})),
			spans: names.flatMap((w) => [1, 2, 3, 4, 5, 6].map((r) => ({w, k: 'await', s: t - 900, d: 800, r, p: '/async/await-one', c: 200})))});
	});
	await page.getByRole('button', {name: 'Pause'}).click();
	await page.getByLabel('Live lanes of all workers').focus();
	await page.keyboard.press('ArrowLeft'); // the last bar, which is brought into view
	const details = page.locator('.live .details');
	assert.match(await details.innerText(), /^Request 6 \/async\/await-one on loop-500: /);
	const found = await page.locator('.live .stage').evaluate(async (stage) => {
		await new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve)));
		const canvas = stage.querySelector('canvas');
		const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
		const box = stage.getBoundingClientRect();
		const said = new Set();
		for (let x = box.left; x < box.right; x += 10) {
			stage.dispatchEvent(new PointerEvent('pointermove', {clientX: x, clientY: box.bottom - 14}));
			said.add(stage.nextSibling.textContent);
		}
		return {scrolled: stage.scrollTop, height: canvas.clientHeight, painted: data.some((byte) => byte), said: [...said]};
	});
	assert.ok(found.scrolled > 20_000 && found.height <= 560 && found.painted, JSON.stringify(found));
	assert.ok(found.said.some((text) => text.includes('on loop-500:')), JSON.stringify(found));
}));

test('30 minutes of feed do not grow the page', () => withPage({}, async (page) => {
	const devtools = await page.context().newCDPSession(page);
	const heap = async () => {
		await devtools.send('HeapProfiler.collectGarbage');
		return (await devtools.send('Runtime.getHeapUsage')).usedSize;
	};
	// Ten messages a second with 15 requests each, from workers that now and then are replaced.
	const play = (minutes) => page.evaluate(async (length) => {
		const {feed, history} = window.lanes;
		feed.close();
		for (let message = 0; message < length * 600; message++) {
			const t = history.now + 100;
			const spans = [];
			for (let i = 0; i < 15; i++) {
				const r = Math.round(t) * 15 + i;
				const start = t - 90 + i * 3;
				spans.push({w: 'loop-1', k: 'queue', s: start - 5, d: 5, r, p: '/async/wrap-blocking'},
					{w: 'loop-1', k: 'loop', s: start, d: i === 0 ? 120 : 0.2, r, p: '/async/wrap-blocking'},
					{w: 'loop-1', k: 'pool', s: start + 0.2, d: 2, r, p: '/async/wrap-blocking', pool: 'blocking', th: i},
					{w: 'loop-1', k: 'loop', s: start + 2.2, d: 0.1, r, p: '/async/wrap-blocking', c: 200});
			}
			feed.accept({t, spans, lost: 0, workers: [{name: 'loop-1', pool: 'loop', engine: 'loop', pid: Math.floor(t / 60_000), in_flight: 1, loop: {held: null}},
				{name: `loop-${Math.floor(t / 1000)}`, pool: 'loop', pid: 1}]});
			if (message % 300 === 0)
				await new Promise(requestAnimationFrame);
		}
		return {requests: history.requests.size, workers: history.workers.size};
	}, minutes);
	await play(5);
	const before = await heap();
	const sizes = await play(30);
	const after = await heap();
	assert.ok(sizes.requests <= 5000 && sizes.workers <= 300, JSON.stringify(sizes));
	// The feed was more than 100 MB; some MB are the engine's own noise.
	assert.ok(after < before + 5e6, `${before} bytes after 5 minutes, ${after} after 35`);
}));

test('the server is restarted under the page, with two loops', () => withPage({}, async (page) => {
	await system.down();
	await page.waitForSelector('#feed[data-state="lost"]');
	assert.match(await page.locator('#feed').innerText(), /Connection lost, next try in \d+ s/);
	await system.up({WORKERS: '2'});
	await page.waitForSelector('#feed[data-state="live"]');
	await page.waitForFunction(() => /\b2 loop/.test(document.querySelector('#running').textContent));
	const {right, rounds: [bad]} = await exercise(page, 'blocking', 'bad');
	assert.equal(right, 'bad', 'both loops were held');
	assert.equal(new Set(bad.requests.filter((request) => request.path === '/async/bad-blocking').map((request) => request.worker)).size, 2);
}));

// --- running them ---

let passed = 0;
let failed = 0;
try {
	system = await System.start();
	const home = join(system.directory, 'home');
	await mkdir(home);
	browser = await launch(home);
	for (const {name, run} of tests.filter((each) => !words.length || words.some((word) => each.name.includes(word)))) {
		const begin = Date.now();
		try {
			await run();
			passed++;
			console.log(`ok   browser/${name} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
		} catch (error) {
			failed++;
			console.log(`FAIL browser/${name}: ${error.stack}`);
		}
	}
} catch (error) {
	failed++;
	console.log(`FAIL browser: ${error.stack}`);
} finally {
	await browser?.close();
	await system?.remove();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
