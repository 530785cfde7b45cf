// Step by step: one decision of the loop at a time, and another order in the model.

import assert from 'node:assert/strict';

import {exercise, get, mute, showTab, test, withPage} from './suite.js';

const everywhere = {everywhere: true};
const step = (page, name) => page.getByRole('button', {name});
const cause = (page) => page.locator('#replay .cause').innerText();
const ready = (page) => page.locator('.ready li').allInnerTexts();

// Goes on to the first decision of which the text says that.
async function seek(page, pattern) {
	while (!pattern.test(await cause(page)))
		await step(page, 'The next decision').click();
}

async function record(page) {
	await showTab(page, 'replay');
	await step(page, 'Record five visitors').click();
	await page.locator('.replayed').waitFor();
}

test('step by step: forwards and backwards, and whom the loop takes', () => withPage({}, async (page) => {
	await record(page);
	assert.match(await page.locator('#replay [role="status"]').first().innerText(), /^5 requests of exercise-1, \d+ decisions of its loop\.$/);
	assert.ok(await step(page, 'One decision back').isDisabled());
	assert.match(await cause(page), /^At [\d.]+ ms the loop takes request \d+ \/async\/wrap-blocking: it runs for [\d.]+ ms; then a thread has it\.$/);
	const said = [await cause(page)];
	while (await step(page, 'The next decision').isEnabled()) {
		await step(page, 'The next decision').click();
		said.push(await cause(page));
	}
	assert.ok(said.length >= 8, `${said.length}`);
	assert.equal(said.filter((text) => /bad-blocking: it runs for [\d.]+ m?s, and nobody else does; then it is over\.$/.test(text)).length, 2);
	assert.match(said.at(-1), /The loop had nothing to do for|then it is over/);
	while (await step(page, 'One decision back').isEnabled()) {
		assert.equal(await cause(page), said.pop());
		await step(page, 'One decision back').click();
	}
	// Who stands while the first of the two holds it, and who is on a thread meanwhile.
	await seek(page, /bad-blocking: it runs for 1\.5/);
	const names = await ready(page);
	assert.equal(names.length, 3, names.join());
	assert.ok(names.every((name) => /stands for [2-6]\d\d ms/.test(name)), names.join());
	assert.match(await page.locator('.away').innerText(), /^\d+ wrap-blocking: on a thread, until 1\.\d+ s$/);
}), everywhere);

test('step by step: another order, and what it does to everybody', () => withPage({}, async (page) => {
	await record(page);
	await seek(page, /bad-blocking: it runs for 1\.5/);
	assert.ok(!await page.locator('.yours').isVisible());
	// First one of those that only await, then the other: the one that blocks is last, and nobody stands for it.
	for (let i = 0; i < 2; i++) {
		await page.locator('.ready button', {hasText: 'await-one'}).first().click();
		assert.match(await cause(page), /the loop takes request \d+ \/async\/await-one/);
		await step(page, 'The next decision').click();
	}
	assert.match(await cause(page), /bad-blocking: it runs for 1\.5/);
	const sums = await page.locator('.yours tbody tr').evaluateAll((rows) => rows.map(({dataset: {before, after}}) => [Number(before), Number(after)]));
	const [before, after] = [0, 1].map((i) => sums.reduce((sum, row) => sum + row[i], 0));
	assert.equal(sums.length, 5);
	assert.ok(sums.slice(3).every(([was, is]) => was > 1700 && is < 700), JSON.stringify(sums));
	assert.ok(after < before, `${before} ${after}`);
	assert.match(await page.locator('#replay .effect').innerText(), /^Request \d+ \/async\/await-one stands for .* instead of .*\. Together they stand for .*; recorded were .*\.$/);
	assert.match(await page.locator('.yours').innerText(), /it is a model: one loop, which runs each until it gives the loop back/);
	await step(page, 'Back to what was recorded').click();
	assert.ok(!await page.locator('.yours').isVisible());
	assert.match(await cause(page), /^At /);
}));

test('step by step: from an exercise\'s result, with the focus', () => withPage({}, async (page) => {
	const {section} = await exercise(page, 'blocking', 'bad');
	await section.locator('.replay-round').first().click();
	await page.locator('.replayed').waitFor();
	assert.match(await page.locator('#replay [role="status"]').first().innerText(), /^2 requests of exercise-1, 3 decisions/);
	assert.equal(await page.evaluate(() => document.activeElement.closest('#replay') !== null), true);
	await seek(page, /bad-blocking: it runs for 2/);
	const {section: processes} = await exercise(page, 'processes', 'loop');
	assert.equal(await processes.locator('.replay-round').count(), 1, 'a model of one loop, not of processes');
}), everywhere);

test('step by step: the last seconds of a loop, and one that did nothing', () => withPage({}, async (page) => {
	await get('/exercise/async/await-one?seconds=0.1');
	await showTab(page, 'replay');
	await page.waitForFunction(() => [...window.lanes.history.requests.values()].some(({worker, over}) => worker === 'exercise-1' && over));
	await page.locator('#replay option[value="exercise-1"]').waitFor({state: 'attached'});
	await page.locator('#replay select').selectOption('exercise-1');
	await page.getByRole('button', {name: 'Take the last 10 s'}).click();
	await page.locator('.replayed').waitFor();
	assert.match(await cause(page), /the loop takes request \d+ /);
	await page.locator('#replay select').selectOption('cpu-1');
	await mute(page);
	await page.getByRole('button', {name: 'Take the last 10 s'}).click();
	await page.getByText('Nothing was recorded of cpu-1 that could be shown.').waitFor();
}));

for (const [width, height] of [[1024, 768], [390, 844]])
	test(`step by step: what matters is in view, ${width}×${height}`, () => withPage({viewport: {width, height}}, async (page) => {
		await record(page);
		await seek(page, /bad-blocking: it runs for 1\.5/);
		await page.evaluate(() => scrollTo(0, 0));
		for (const part of ['[type="range"]', '.cause', '.stage', '.ready li'])
			assert.ok(await page.locator(`#replay ${part}`).first().evaluate((element) => {
				const {top, bottom} = element.getBoundingClientRect();
				return top >= 0 && bottom <= innerHeight;
			}), part);
	}));

// A schedule of one loop and a thread, in milliseconds.
const modelled = (page, tasks, {threads = 1, k = 0, take}) => page.evaluate(async (given) => {
	const [{branch}, {decisionsOf}] = await Promise.all(['model', 'schedule'].map((name) => import(`/lanes/replay/${name}.js`)));
	const all = given.tasks.map((parts, i) => ({request: {serial: i}, label: `${i}`, arrives: parts[0][1], ends: parts.at(-1)[2],
		parts: parts.map(([kind, start, end]) => ({kind, start, end, ...(kind === 'pool' && {thread: 0})}))}));
	const was = {worker: 'x', tasks: all, decisions: decisionsOf(all), from: 0, to: Math.max(...all.map(({ends}) => ends)), threads: given.threads, branch: Infinity};
	const is = branch(was, given.k, all[given.take]);
	return {branch: is.branch, to: is.to, order: is.decisions.map(({task}) => task.request.serial),
		tasks: is.tasks.map(({parts}) => parts.map(({kind, start, end}) => `${kind} ${start}-${end}`).join(', '))};
}, {tasks, threads, k, take});

test('step by step, the model: it runs each to its end, in the order in which they are ready', () => withPage({}, async (page) => {
	const two = [[['queue', 0, 10], ['loop', 10, 60], ['await', 60, 160], ['loop', 160, 161]], [['queue', 5, 60], ['loop', 60, 61]], [['queue', 20, 61], ['loop', 61, 91]]];
	// What was taken anyway: as it was.
	assert.deepEqual(await modelled(page, two, {k: 0, take: 0}), {branch: 0, to: 161, order: [0, 1, 2, 0],
		tasks: ['queue 0-10, loop 10-60, await 60-160, loop 160-161', 'queue 5-60, loop 60-61', 'queue 20-61, loop 61-91']});
	assert.deepEqual(await modelled(page, two, {k: 0, take: 1}), {branch: 0, to: 162, order: [1, 0, 2, 0],
		tasks: ['queue 0-11, loop 11-61, await 61-161, loop 161-162', 'queue 5-10, loop 10-11', 'queue 20-61, loop 61-91']});
	assert.deepEqual((await modelled(page, two, {k: 1, take: 2})).tasks,
		['queue 0-10, loop 10-60, await 60-160, loop 160-161', 'queue 5-90, loop 90-91', 'queue 20-60, loop 60-90']);
}));

test('step by step, the model: threads work beside the loop, and are waited for', () => withPage({}, async (page) => {
	const two = [[['loop', 0, 1], ['pool', 1, 101], ['ready', 101, 201], ['loop', 201, 202]], [['queue', 0, 1], ['loop', 1, 2], ['pool-queue', 2, 101], ['pool', 101, 151], ['ready', 151, 202], ['loop', 202, 203]], [['queue', 1, 2], ['loop', 2, 201]]];
	assert.deepEqual((await modelled(page, two, {k: 1, take: 1})).tasks, ['loop 0-1, pool 1-101, ready 101-201, loop 201-202',
		'queue 0-1, loop 1-2, pool-queue 2-101, pool 101-151, ready 151-202, loop 202-203', 'queue 1-2, loop 2-201']);
	// The one that holds the loop goes first: the other comes to the thread later, which is free by then.
	assert.deepEqual((await modelled(page, two, {k: 1, take: 2})).tasks, ['loop 0-1, pool 1-101, ready 101-201, loop 201-202',
		'queue 0-200, loop 200-201, pool 201-251, loop 251-252', 'loop 1-200']);
	assert.equal((await modelled(page, two, {threads: 2, k: 1, take: 1})).tasks[1], 'queue 0-1, loop 1-2, pool 2-52, ready 52-201, loop 201-202');
}));

test('step by step: a thread that begins before the loop gives the request up has it', () => withPage({}, async (page) => {
	const said = await page.evaluate(async () => {
		const {told} = await import('/lanes/replay/scene.js');
		const parts = [['loop', 0, 1], ['pool', 0.5, 101], ['ready', 101, 102], ['loop', 102, 103]].map(([kind, start, end]) => ({kind, start, end}));
		const task = {request: {serial: 7, path: '/async/wrap-blocking'}, label: '7', parts};
		return [0, 102].map((at, k, all) => told({from: 0, decisions: all.map((start) => ({at: start, end: start + 1, task}))}, k));
	});
	assert.match(said[0], /; then a thread has it\.$/);
	assert.match(said[1], /; then it is over\.$/);
}));
