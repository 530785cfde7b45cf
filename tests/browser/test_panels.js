// Try it, and the contrast.

import assert from 'node:assert/strict';

import {open} from './browser.js';
import {get, showTab, test, withPage, world} from './suite.js';
import {System} from './system.js';

test('try it: answers with their parts, errors, and nothing but text', () => withPage({}, async (page) => {
	await showTab(page, 'try');
	const panel = page.locator('#try');
	const query = panel.locator('input[name="query"]');
	const send = panel.getByRole('button', {name: 'Send'});
	await panel.locator('select[name="pool"]').selectOption('loop');
	await query.fill('seconds=0.2');
	await panel.locator('input[name="times"]').fill('3');
	await send.click();
	await panel.getByText('3 answers in').waitFor();
	assert.equal(await panel.locator('.answers li[data-status="200"][data-worker="loop-1"]').count(), 3);
	assert.match(await panel.locator('.answers .head').first().innerText(), /request \d+ of loop-1/);
	assert.match(await panel.locator('.timing').first().innerText(), /awaiting 2\d\d ms/);
	assert.match(await panel.locator('.curl code').innerText(), /^curl -Z --no-progress-meter .*\/async\/await-one\?seconds=0\.2&_=\[1-3\]'$/);

	await panel.locator('input[name="times"]').fill('1');
	await panel.locator('select[name="pool"]').selectOption('prefork');
	await send.click();
	await panel.locator('li[data-worker^="prefork"]').waitFor();

	await query.fill('seconds=<img src=x onerror="document.title=1">');
	await send.click();
	await panel.locator('li[data-status="422"]').waitFor();
	assert.match(await panel.locator('li[data-status="422"]').innerText(), /value is not a valid float/);
	assert.equal(await page.locator('img').count(), 0);

	for (const path of ['/', '/sync/noawait', '/async/await-many', '/async/wrap-blocking', '/async/bad-blocking', '/async/cpu-bound']) {
		await panel.locator('select[name="endpoint"]').selectOption(path);
		if (/blocking|noawait/.test(path))
			await query.fill('seconds=0.1');
		await panel.locator('select[name="pool"]').selectOption('cpu');
		await send.click();
		await panel.locator('li[data-worker="cpu-1"]', {hasText: `/cpu-pool${path}`}).first().waitFor();
	}
}));

test('try it: an answer is drawn as the lanes draw it', () => withPage({}, async (page) => {
	await showTab(page, 'try');
	const panel = page.locator('#try');
	const looks = async (path, pool) => {
		await panel.locator('select[name="pool"]').selectOption(pool);
		await panel.locator('select[name="endpoint"]').selectOption(path);
		await panel.locator('input[name="query"]').fill('seconds=0.4');
		const drawn = page.evaluate(async () => {
			const {paint} = await import('/lanes/picture/paint.js');
			const kinds = new Set();
			paint.bar = (context, kind) => context.canvas.className === 'bar' && kinds.add(kind);
			while (!kinds.size)
				await new Promise(requestAnimationFrame);
			delete paint.bar;
			return [...kinds];
		});
		await panel.locator('.answers').evaluate((list) => list.replaceChildren());
		await panel.getByRole('button', {name: 'Send'}).click();
		return drawn;
	};
	const waits = await looks('/async/await-one', 'prefork');
	assert.ok(waits.includes('taken') && !waits.includes('await'), waits.join());
	const holds = await looks('/async/bad-blocking', 'loop');
	assert.ok(holds.includes('held') && !holds.includes('loop'), holds.join());
}));

test('try it: twenty at once are at the server at once, and forty threads are the limit', () => withPage({}, async (page) => {
	await showTab(page, 'try');
	const panel = page.locator('#try');
	const send = async (path, times, query) => {
		await panel.locator('select[name="endpoint"]').selectOption(path);
		await panel.locator('select[name="pool"]').selectOption('exercise');
		await panel.locator('input[name="times"]').fill(String(times));
		await panel.locator('input[name="query"]').fill(query);
		await panel.getByRole('button', {name: 'Send'}).click();
		await panel.getByText(`${times} answers in`).waitFor();
		return panel.locator('.actions [role="status"]').innerText();
	};
	const seconds = (text) => Number(/in ([\d.]+) s/.exec(text)?.[1] ?? 0);
	assert.ok(seconds(await send('/async/await-one', 20, 'seconds=1.5')) < 2.2);
	const limited = await send('/sync/noawait', 50, 'seconds=0.6');
	assert.ok(seconds(limited) > 1.15 && seconds(limited) < 1.8, limited);
	assert.match(limited, /1[0-2] were waiting for a thread, the longest for (5[5-9]|6\d)\d ms/);
	assert.match(await panel.innerText(), /exercise: 1 loop, each with 40 threads/);
	const most = await send('/async/await-one', 200, 'seconds=0.5');
	assert.ok(seconds(most) < 1.5, most);
}), {everywhere: true});

test('contrast: both side by side, on one scale, with the threads at work', () => withPage({}, async (page) => {
	await showTab(page, 'contrast');
	const run = async (endpoint, times, first) => {
		await page.locator('#contrast select[name="endpoint"]').selectOption(endpoint);
		await page.locator('#contrast select[name="processes"]').selectOption(first);
		await page.locator('#contrast select[name="loops"]').selectOption(first === 'prefork' ? 'loop' : 'exercise');
		await page.locator('#contrast input[name="times"]').fill(String(times));
		await page.locator('#contrast .contrast').evaluate((result) => result.replaceChildren());
		await page.getByRole('button', {name: 'Run at both'}).click();
		await page.waitForFunction(() => document.querySelectorAll('#contrast section').length === 2);
		return page.locator('#contrast section').evaluateAll((sections) => sections.map((section) => ({...section.dataset,
			text: section.innerText.replace(/\s+/g, ' ')})));
	};
	const [processes, loop] = await run('/async/await-one', 6, 'exercise-prefork');
	assert.deepEqual([processes.model, loop.model], ['1500.0', '500.0']);
	assert.ok(Number(loop.wall) < Number(processes.wall));
	assert.equal(processes.length, loop.length, 'one scale');
	assert.match(loop.text, /Processes 1 Threads 1 Memory [\d.]+ MB/);
	assert.match(processes.text, /Processes 2 Threads 2 /);
	const [, threads] = await run('/sync/noawait', 5, 'exercise-prefork');
	assert.match(threads.text, /Threads 6 /, 'five and the loop');
	const [blocking, cpu] = await run('/async/cpu-bound', 4, 'exercise-prefork');
	assert.ok(Number(blocking.model) > 0 && Number(cpu.model) > 0, 'as long as it takes, measured');
	const [, beside] = /Threads (\d+) /.exec(cpu.text) ?? assert.fail(cpu.text);
	assert.ok(beside > 1, 'however short, its threads worked');
	const [, all] = await run('/async/await-one', 20, 'prefork');
	assert.equal(all.pool, 'loop');
	assert.match(all.text, new RegExp(`Processes ${world.workers} Threads ${world.workers} `));
}), {everywhere: true});

// What a burst of answers with this timing says: [[name, value], …] of each pool.
const facts = (page, timing, {spans = [], came = true} = {}) => page.evaluate(async ({parts, told, answered}) => {
	const {contrastPanel} = await import('/lanes/panels/contrast.js');
	const {feed, history, system} = window.lanes;
	const wall = answered ? 10 : -Infinity;
	const worker = (prefork) => ({prefork, state: {database: {limit: prefork ? 1 : 8}, pools: prefork ? {} : {blocking: {limit: 40}, cpu: {limit: 2}}}});
	const lab = {feed, history, pools: (prefork) => [prefork ? 'prefork' : 'loop'], workers: (pool) => [worker(pool === 'prefork')],
		picture: () => ({groups: [], from: 0, to: 1, height: 1, scale: 1}),
		round: async () => ({wall, usage: {processes: 2, threads: NaN, memory: 1}, disturbed: [], answers: Array.from({length: 20}, () => ({status: 200,
			worker: '', error: answered ? '' : 'gone', timing: parts, request: {serial: 1, worker: 'loop-1', path: '/', over: true, start: 0, spans: told, awaited: [], parts: [], status: 200}}))})};
	const panel = contrastPanel(lab, system);
	document.body.append(panel);
	feed.dispatchEvent(new CustomEvent('message', {detail: {t: 0}}));
	panel.querySelector('select[name="endpoint"]').value = '/async/cpu-bound';
	panel.querySelector('form').requestSubmit();
	for (let i = 0; i < 300 && panel.querySelectorAll('section').length < 2; i++)
		await new Promise(requestAnimationFrame);
	const found = [...panel.querySelectorAll('section')].map((section) => [...section.querySelectorAll('dl > div')].map((one) => one.innerText.replace(/\s+/g, ' ')));
	panel.remove();
	return found;
}, {parts: timing, told: spans, answered: came});

test('contrast: the model of what computes, and what is not known', () => withPage({}, async (page) => {
	const cpu = [{kind: 'pool', pool: 'cpu', start: 1, end: 2}];
	const [prefork, loop] = await facts(page, {loop: 0.002, await: 0.001, pool: 0.5}, {spans: cpu});
	assert.equal(loop[1], 'The model says 5.0 ms', 'ten rounds of two threads, however many workers');
	assert.deepEqual([prefork[1], prefork[4]], ['The model says 5.0 ms', 'Threads –: too short to be seen']);
	const [rows, database] = await facts(page, {loop: 0.1, db: 500});
	assert.equal(database[1], 'The model says 1.00 s', 'two rounds of two times eight connections');
	assert.equal(rows[1], 'The model says 5.00 s', 'ten of two processes');
	const [held, called] = await facts(page, {loop: 0.1, fetch: 150});
	assert.equal(called[1], 'The model says 150 ms', 'as many calls as one wants');
	assert.equal(held[1], 'The model says 1.50 s');
	const [, gone] = await facts(page, {}, {came: false});
	assert.deepEqual(gone.slice(0, 6), ['Measured –', 'The model says –', 'Ratio –', 'Processes –', 'Threads –', 'Memory –']);
}));

test('contrast: real waits, on connections to a database', async () => {
	const system = await System.start({DATABASE: 'private', JOB_WORKERS: '0'});
	try {
		const page = await open(world.browser, system.url);
		await showTab(page, 'contrast');
		await page.locator('#contrast select[name="endpoint"]').selectOption('/cases/slow-query');
		await page.locator('#contrast input[name="times"]').fill('12');
		await page.locator('#contrast input[name="seconds"]').fill('0.5');
		await page.locator('#contrast select[name="processes"]').selectOption('prefork');
		await page.getByRole('button', {name: 'Run at both'}).click();
		await page.waitForFunction(() => document.querySelectorAll('#contrast section').length === 2);
		const [processes, loop] = await page.locator('#contrast section').evaluateAll((sections) => sections.map((section) => ({...section.dataset})));
		assert.deepEqual([processes.model, loop.model], ['3000.0', '1000.0'], 'two processes, eight connections');
		assert.ok(Number(processes.wall) >= 2950 && Number(loop.wall) >= 950);
		await page.context().close();
	} finally {
		await system.remove();
	}
});

test('contrast: disturbed is said', () => withPage({}, async (page) => {
	await showTab(page, 'contrast');
	const other = get('/exercise/async/await-one?seconds=4');
	await page.locator('#contrast input[name="times"]').fill('2');
	await page.getByRole('button', {name: 'Run at both'}).click();
	await page.getByText('Disturbed: run it again').waitFor();
	await other;
}));
