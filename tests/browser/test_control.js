// The number of workers, changed from the page: with the password that make run prints, and not without.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';

import {open} from './browser.js';
import {heard, test, violations, withPage, world} from './suite.js';
import {withRun} from './system.js';

const ask = (url, body, headers = {}) => fetch(`${url}/control`, {method: 'POST', headers: {'Content-Type': 'application/json', ...headers}, body: JSON.stringify(body)});

test('control: with the password the page changes the number of workers', () => withRun({}, async ({url, password, text, env, directory}) => {
	assert.equal(readFileSync(join(directory, 'control/password'), 'utf8').trim(), password);
	assert.equal((statSync(join(directory, 'control/password')).mode & 0o777).toString(8), '600', 'its owner reads it');
	assert.ok(!text().includes('WARNING'), 'loopback only');
	const page = await open(world.browser, url);
	try {
		await page.getByText('More or fewer workers').click();
		const form = page.locator('.control form');
		await form.locator('[name="workers"]').fill('3');
		await form.locator('[name="password"]').fill(`${password}x`);
		await form.getByRole('button').click();
		await page.getByText('That is not the password that make run has printed.').waitFor();
		assert.equal(await page.locator('.control .curl code').innerText(), 'make scale WORKERS=3');
		await form.locator('[name="password"]').fill(password);
		await form.getByRole('button').click();
		await page.getByText('Done: 3 loop workers.').waitFor();
		assert.ok(await page.evaluate(() => ['loop-1', 'loop-2', 'loop-3'].every((name) => window.lanes.history.workers.has(name))));
		assert.deepEqual(await violations(page), []);
		await form.locator('[name="workers"]').fill('1');
		await form.getByRole('button').click();
		await page.getByText('Done: 1 loop worker.').waitFor();
		assert.deepEqual(page.faults, []);
	} finally {
		await page.context().close();
	}
	const status = async (...request) => (await ask(url, ...request)).status;
	assert.equal(await status({password, workers: 17}), 422);
	assert.equal(await status({password, workers: 0}), 422);
	assert.equal(await status({password: `x 0 1 ${password}`, workers: 2}), 422, 'no blanks, and no lines');
	assert.equal(await status({password: `x\n1 1 ${password}`, workers: 2}), 422);
	assert.equal(await status({workers: 2}), 422);
	assert.equal(await status({password, workers: 2}, {'Sec-Fetch-Site': 'cross-site'}), 403);
	assert.equal((await fetch(`${url}/control`)).status, 405);
	execFileSync('spawn/restart.sh', {env, stdio: 'ignore'});
	assert.equal(await status({password: 'wrong', workers: 2}), 403, 'the next admin worker asks, too');
	// Two at once: one of them is told to come again.
	const both = await Promise.all([status({password: 'wrong', workers: 2}), status({password: 'wrong', workers: 2})]);
	assert.ok(both.includes(403) && both.every((code) => code === 403 || code === 503), both.join());
}));

test('control: a system that others reach says so, and to whom it shows the lanes', () => withRun({LISTEN: '0.0.0.0', ADMIN_FROM: '192.0.2.0/24'}, ({text}) => {
	assert.match(text(), /WARNING: LISTEN=0\.0\.0\.0: whoever reaches this machine may ask, and hold its loops\./);
	assert.match(text(), /are for 192\.0\.2\.0\/24\.\n/);
}));

test('control: a change that fails is said to have failed, at once where that is known', () => withPage({}, async (page) => {
	await page.clock.install();
	let status;
	await page.route('**/control', (route) => route.fulfill({status, contentType: 'application/json', body: '{}'}));
	await page.evaluate(() => window.lanes.system.accept({control: 16}));
	await page.getByText('More or fewer workers').click();
	const form = page.locator('.control form');
	const said = page.locator('.control [role="status"]');
	await form.locator('[name="workers"]').fill('2');
	await form.locator('[name="password"]').fill('x');
	for (status of [409, 500]) {
		await page.evaluate(() => (document.querySelector('.control [role="status"]').textContent = ''));
		await form.getByRole('button').click();
		await said.getByText(/^The system did not come to 2 workers: worker\.log/).waitFor();
	}
	status = 202; // and then nothing comes of it
	await form.getByRole('button').click();
	await said.getByText('Changing to 2 workers: watch the lanes.').waitFor();
	await page.clock.fastForward(10_000); // which goes on by itself meanwhile
	await heard(page, 300);
	assert.equal(await said.innerText(), 'Changing to 2 workers: watch the lanes.');
	await page.clock.fastForward(11_000);
	await said.getByText(/^The system did not come to 2 workers/).waitFor();
}));

test('control: in the background nobody changes it, and the page shows the command', () => withPage({}, async (page) => {
	await page.getByText('More or fewer workers').click();
	assert.ok(await page.locator('.control form').isHidden());
	assert.match(await page.locator('.control .curl code').innerText(), /^make scale WORKERS=\d+$/);
	assert.equal((await ask(world.system.url, {password: 'x', workers: 2})).status, 404);
	assert.equal((await (await fetch(`${world.system.url}/status`)).json()).control, 0);
}));
