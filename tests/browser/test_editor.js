// The learner changes a handler: a copy of the project, its make dev, files that are saved, and the page.

import assert from 'node:assert/strict';

import {open} from './browser.js';
import {between, withDev} from './dev.js';
import {showTab, test, violations, withPage, world} from './suite.js';

const SLOW = {timeout: 90_000};

const state = (page, name) => page.locator(`.editor[data-state="${name}"]`).waitFor(SLOW);
const current = (page) => page.locator('.mending [aria-current]').getAttribute('data-step');

async function runIt(page) {
	await page.locator('.editor').getByRole('button', {name: 'Run it'}).click();
	await page.locator('.editor button.primary:not([disabled])').waitFor();
	return page.locator('.editor .effect').innerText();
}

test('change it: mended, broken again, refused by the compiler, and whole: the page says what came of each save', () => withDev(async ({url, save, read}) => {
	const page = await open(world.browser, url);
	try {
		await showTab(page, 'editor');
		await state(page, 'serves');
		const broken = read();
		const source = page.locator('.source');
		assert.equal((await source.innerText()).replace(/^ *\d+  /gm, '').trim(), broken.trim(), 'as it is on disk');
		assert.equal(await current(page), 'see');
		assert.match(await runIt(page), /^It held the loop for 1\.\d+ s, and the bystander stood for 1\.\d+ s\.$/);
		assert.equal(await current(page), 'mend');

		const body = async (step) => (await page.locator(`.mending [data-step="${step}"] code`).innerText()).replace(/\s+$/, '');
		const mended = await body('mend');
		const old = await page.evaluate(() => window.lanes.history.workers.get('exercise-1').state.pid);
		save(between(mended));
		await page.waitForFunction((pid) => window.lanes.history.workers.get('exercise-1').state.pid !== pid, old, SLOW);
		await state(page, 'serves');
		await page.getByText(/^The lanes run what is on disk: exercise-1 is process \d+ now\.$/).waitFor(SLOW);
		assert.match(await source.innerText(), /AWAIT\(req, sleep_for/);
		assert.equal(await page.locator('.editor .effect').innerText(), '', 'what was measured before is not of this');
		assert.ok(await page.locator('.editor .stage').isHidden());
		assert.match(await runIt(page), /^It had the loop for [\d.]+ ms only, and the bystander stood for [\d.]+ ms\.$/);
		assert.equal(await current(page), 'break');

		save(() => broken);
		await page.locator('.source', {hasText: 'blocking_io_task(wait->seconds)'}).waitFor(SLOW);
		await state(page, 'serves');
		assert.match(await runIt(page), /^It held the loop for 1\.\d+ s/);
		assert.equal(await current(page), 'local');

		save(between(await body('local')));
		await state(page, 'fails');
		assert.match(await page.locator('.compiler').innerText(), /async_bad_blocking\.c:\d+:\d+: error: [‘']slept[’'] (may be|is) used uninitialized/);
		assert.match(await page.locator('.source .line.error').innerText(), /slept/, 'at its line');
		assert.match(await page.locator('.editor .cause').innerText(), /the lanes run what they ran before/);
		assert.equal(await current(page), 'whole');
		assert.deepEqual(await violations(page), []);
		assert.match((await (await fetch(`${url}/exercise/async/bad-blocking?seconds=0`)).text()), /blocked event loop/, 'the last that could be built');

		save(between(mended));
		await state(page, 'serves');
		await page.locator('.editor button.primary:not([disabled])').waitFor(SLOW);
		assert.equal(await page.locator('.editor .effect').innerText(), '', 'nothing was run');
		assert.equal(await current(page), 'whole');
		assert.match(await runIt(page), /^It had the loop for [\d.]+ ms only, .* So it had the loop for 1\.\d+ s at first, mended for [\d.]+ ms, broken for 1\.\d+ s; the compiler refused it; and it is whole again, with [\d.]+ ms\.$/);
		assert.equal(await page.locator('.mending .done').count(), 5);
		assert.ok(await page.locator('.compiler').isHidden());
		assert.deepEqual(page.faults, []);

		// What is served of the source, and to whom: the guide's handlers, read-only; nothing else of the project.
		const status = async (path, options) => (await fetch(url + path, options)).status;
		assert.equal(await status('/lanes/dev/async_bad_blocking.c'), 200);
		for (const path of ['Makefile', 'lanes.h', '../pids/settings', '..%2fpids/settings', '%2e%2e/pids/settings', 'new', ''])
			assert.equal(await status(`/lanes/dev/${path}`), 404, path);
		for (const method of ['PUT', 'POST', 'DELETE'])
			assert.equal(await status('/lanes/dev/async_bad_blocking.c', {method}), 405, method);
	} finally {
		await page.context().close();
	}
}), {alone: true});

test('change it: without make dev the page says what brings it', () => withPage({}, async (page) => {
	await showTab(page, 'editor');
	await page.getByText(/^This system was not started with make dev/).waitFor();
	assert.ok(await page.locator('.editor button.primary').isDisabled());
	assert.ok(await page.locator('.source').isHidden());
	assert.deepEqual(await violations(page), []);
	assert.equal((await fetch(`${world.system.url}/lanes/dev/async_bad_blocking.c`)).status, 404);
}));
