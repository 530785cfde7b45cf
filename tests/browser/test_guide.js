// The guide on the page: every sentence has its place, and what it claims is run.

import assert from 'node:assert/strict';
import {readFile} from 'node:fs/promises';

import {open} from './browser.js';
import {showTab, test, withPage, world} from './suite.js';
import {System} from './system.js';

// All lines of the guide, a heading begins with "# "; code is not among them.
const GUIDE = (await readFile(new URL('guide.txt', import.meta.url), 'utf8')).trim().split('\n');
const MAY_BE_BUSY = new Set(['cpu-processes', 'cpu-async']); // what they measure needs a core to itself
const WITHOUT = {database: /There is no database in this system\.[^]*make run DATABASE=private/, mail: /This system knows no mail server\.[^]*make run MAIL_URL=/};

// All demonstrations: [{id, needs}].
const demonstrations = (page) => page.evaluate(async () => Object.entries((await import('/lanes/guide/demonstrations.js')).DEMONSTRATIONS)
	.map(([id, {needs = ''}]) => ({id, needs})));

// Shows a section and runs something of it: {holds, text}.
async function run(page, id) {
	const section = await page.locator(`.claims [data-runs="${id}"]`).first().evaluate((button) => button.closest('.guide-section').id.slice('guide-'.length));
	await page.locator('#guide nav select').selectOption(section);
	const runner = page.locator('.claims .runner:visible', {has: page.locator(`[data-runs="${id}"]`)}).first();
	await runner.locator(`[data-runs="${id}"]`).click();
	const outcome = runner.locator(`.outcome[data-demonstration="${id}"]`);
	await outcome.waitFor();
	return {outcome, holds: await outcome.getAttribute('data-holds'), text: await outcome.innerText()};
}

test('the guide: every sentence has a place, and what runs it', () => withPage({}, async (page) => {
	await showTab(page, 'guide');
	// [text as it is shown, whether something is to be done beside it], of headings and sentences.
	const shown = await page.locator('#guide').evaluate((guide) => [...guide.querySelectorAll('.guide-section h3, .claims h4, .claims .says')].filter((element) => !element.closest('.outcome'))
		.map((element) => [element.textContent, Boolean(element.closest('li')?.querySelector('button, a, .curl'))]));
	const plain = await page.evaluate(async (lines) => {
		const {plain: without} = await import('/lanes/guide/marked.js');
		return lines.map((line) => without(line));
	}, GUIDE.map((line) => line.replace(/^# /, '')));
	const places = new Map();
	for (const [text, does] of shown)
		places.set(text, (places.get(text) ?? false) || does);
	assert.deepEqual(plain.filter((line) => !places.has(line)), [], 'sentences without a place');
	const sentences = plain.filter((_, i) => !GUIDE[i].startsWith('# '));
	assert.ok(sentences.length > 50);
	assert.deepEqual(sentences.filter((line) => !places.get(line)), [], 'sentences that nothing shows');
	assert.deepEqual(shown.map(([text]) => text).filter((text) => !plain.includes(text)), [], 'what the guide does not say');
	// Nothing is there for no sentence, and nothing is asked for that is not there.
	const asked = await page.locator('[data-runs]').evaluateAll((buttons) => buttons.map(({dataset}) => dataset.runs));
	assert.deepEqual((await demonstrations(page)).map(({id}) => id).filter((id) => !asked.includes(id)), []);
}));

test('the guide: what it claims is so, or the page says what is missing', () => withPage({}, async (page) => {
	await showTab(page, 'guide');
	page.setDefaultTimeout(30_000);
	for (const {id, needs} of await demonstrations(page)) {
		let {holds, text} = await run(page, id);
		for (let i = 0; i < 2 && holds === 'null' && /Disturbed/.test(text); i++)
			({holds, text} = await run(page, id)); // the machine was
		if (needs)
			assert.match(text, WITHOUT[needs], id);
		else if (!MAY_BE_BUSY.has(id))
			assert.equal(holds, 'true', `${id}: ${text}`);
		assert.doesNotMatch(text, /NaN|undefined|null|Infinity/, id);
	}
}), {everywhere: true, long: true});

test('the guide: with a database, its cases run', async () => {
	const system = await System.start({DATABASE: 'private', WORKERS: String(world.workers)});
	try {
		const page = await open(world.browser, system.url);
		await showTab(page, 'guide');
		page.setDefaultTimeout(30_000);
		for (const {id} of (await demonstrations(page)).filter(({needs}) => needs === 'database')) {
			let {holds, text} = await run(page, id);
			if (holds === 'null' && /Disturbed/.test(text))
				({holds, text} = await run(page, id));
			assert.equal(holds, 'true', `${id}: ${text}`);
			assert.doesNotMatch(text, /NaN|undefined|null|Infinity/, id);
		}
		const {outcome, text} = await run(page, 'render');
		assert.match(text, /The answer, 202, was there after .* Another process \(jobs-\d+\) drew the picture/);
		assert.ok(await outcome.locator('img').evaluate(async (image) => {
			await image.decode();
			return image.naturalWidth;
		}) === 640, 'the picture is there');
		assert.deepEqual((await outcome.locator('.picture tbody tr').evaluateAll((rows) => rows.map(({dataset}) => dataset.worker.replace(/\d+/, 'N')))).sort(), ['jobs-N', 'loop-N']);
		assert.deepEqual(page.faults, []);
		await page.context().close();
	} finally {
		await system.remove();
	}
}, {everywhere: true});

test('the guide: which to use is a matter of questions', () => withPage({}, async (page) => {
	await showTab(page, 'guide');
	await page.locator('#guide nav select').selectOption('which');
	const tree = await page.evaluate(async () => (await import('/lanes/guide/decision.js')).DECISION);
	const decision = page.locator('.decision');
	const ends = new Set();
	async function walk(id, path) {
		if (path.length > 6)
			return;
		for (const [text, next] of tree[id].answers ?? []) {
			await decision.locator(`[data-answer="${next}"]`).click();
			await decision.locator('.trail li', {hasText: text}).last().waitFor();
			await walk(next, [...path, text]);
			await decision.locator('.trail button').last().click(); // ask again
			assert.equal(await decision.locator('.asks').innerText(), tree[id].asks);
		}
		if (tree[id].write) {
			ends.add(id);
			assert.ok(await decision.locator('[data-runs]').count() > 0, id);
			assert.match(await decision.locator('.asks').innerText(), /^Write .*\. Here, in C: .*\. It is shown by \//);
		}
	}
	await walk('start', []);
	assert.deepEqual([...ends].sort(), Object.keys(tree).filter((id) => tree[id].write).sort(), 'each end can be reached');
	await decision.locator('[data-answer="waits"]').click();
	await decision.locator('[data-answer="awaitable"]').click();
	await decision.locator('[data-answer="gather"]').click();
	await decision.locator('[data-runs="gather"]').click();
	await decision.locator('.outcome[data-holds="true"]').waitFor();
	assert.match(await decision.locator('.outcome').innerText(), /Request \d+ of exercise-1 took 1\.\d+ s: the longest is 1\.50 s, and one after the other they would take 3\.00 s/);
}));

test('the guide: a pitfall is broken, and mended', () => withPage({}, async (page) => {
	await showTab(page, 'guide');
	await page.locator('#guide nav select').selectOption('pitfalls');
	const [first] = await page.locator('#guide-pitfalls .runner').all();
	await first.getByRole('button', {name: /^Break it/}).click();
	await first.locator('.outcome[data-demonstration="bad"]').waitFor();
	assert.match(await first.innerText(), /The bystander, who asked for nothing, waited \d+ ms, because request \d+ of exercise-1 \(\/async\/bad-blocking\) held the loop for 1\.\d+ s/);
	assert.equal(await first.locator('.picture').count(), 1);
	await first.getByRole('button', {name: /^Mend it/}).click();
	await first.locator('.outcome[data-demonstration="wrap"]').waitFor();
	assert.match(await first.innerText(), /1 request blocked a thread for 1\.\d+ s, and the bystander waited [\d.]+ ms/);
	await first.getByText('The handlers: Python and C').click();
	await first.getByText('AWAIT(req, run_in_threadpool', {exact: false}).first().waitFor();
	assert.equal(await first.locator('.listing pre').count(), 2);
}));

test('the guide: an exercise of it leads there', () => withPage({}, async (page) => {
	await showTab(page, 'guide');
	await page.locator('#guide nav select').selectOption('practice');
	await page.locator('#guide-practice .claim', {hasText: 'wrap-blocking'}).getByRole('button').click();
	await page.locator('#exercise-blocking').waitFor();
}));

// The table of claims, in app/guide/README.md: [the sentence, its place], of each.
const LINKED = [...(await readFile(new URL('../../app/guide/README.md', import.meta.url), 'utf8')).matchAll(/^\| (\(?\[.*?\])\(http:\/\/localhost:8080\/(#.*?)\)\)? \|/gm)].map(([, text, hash]) => [text, hash]);

test('the guide: each claim of the table leads to its place', async () => {
	assert.equal(LINKED.length, 16);
	const first = await open(world.browser, `${world.system.url}/#guide-model-4`); // as one comes from elsewhere
	await first.locator('#guide-model-4.linked', {hasText: 'Multiprocessing'}).waitFor();
	for (const [text, hash] of LINKED) {
		await first.evaluate((to) => {
			location.hash = to;
		}, hash);
		const place = first.locator(hash.startsWith('#guide') ? `${hash}.linked` : hash.replace('exercises', 'exercise'));
		await place.waitFor();
		if (hash.startsWith('#guide') && !text.startsWith('(')) { // the guide's words, more or less
			const said = (await place.innerText()).toLowerCase();
			assert.ok(text.toLowerCase().match(/[a-z_]{5,}/g).some((word) => said.includes(word)), `${text}: ${said}`);
		}
		assert.ok(await place.locator('button').count(), `${text}: nothing to run`);
		await first.waitForFunction((of) => {
			const {top} = document.querySelector(of).getBoundingClientRect();
			return top >= 0 && top < innerHeight;
		}, hash.replace('exercises', 'exercise'));
	}
	assert.deepEqual(first.faults, []);
	await first.context().close();
});
