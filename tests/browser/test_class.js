// In a class: names, and votes that are shown when a run begins.

import assert from 'node:assert/strict';

import {open} from './browser.js';
import {exercise, openExercise, showTab, test, violations, withPage, world} from './suite.js';

const who = (n) => n.toString(16).padStart(16, '0');
const join = (body) => fetch(`${world.system.url}/class`, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)});

// Comes to the page, and has a name.
async function arrive(page, name) {
	await showTab(page, 'exercises');
	await page.getByText('In a class', {exact: true}).click();
	await page.locator('.classroom input').fill(name);
	await page.getByRole('button', {name: 'I am here'}).click();
	await page.getByText(`You are ${name}.`).waitFor();
}

test('class: names, and votes that are shown when a run begins', () => withPage({}, async (page) => {
	const other = await open(world.browser, world.system.url);
	try {
		await arrive(page, 'Ada');
		await arrive(other, '<b>Grace</b>');
		await page.locator('.visitor', {hasText: '<b>Grace</b>'}).waitFor();
		await openExercise(other, 'gather');
		await other.locator('#exercise-gather input[value="sum"]').check();
		await other.locator('.visitor', {hasText: '<b>Grace</b> ✓'}).waitFor();
		assert.equal(await other.locator('#exercise-gather .votes').innerText(), '', 'not before the run');
		// It runs until the other has seen it.
		let release;
		const seen = new Promise((resolve) => {
			release = resolve;
		});
		await page.route('**/burst?*', async (route) => {
			const response = await route.fetch();
			await seen;
			await route.fulfill({response});
		});
		const {section} = await exercise(page, 'gather', 'max', async () => {
			await page.locator('#exercise-gather .votes', {hasText: /./}).waitFor();
			await other.locator('.visitor', {hasText: 'Ada runs an exercise'}).waitFor();
			release();
		});
		await other.locator('.visitor', {hasText: 'Ada ✓'}).waitFor();
		assert.equal(await section.locator('.votes').innerText(), 'The class predicts: “3.0 s: the sum”: 1 (<b>Grace</b>); “1.5 s: the longest”: 1 (Ada).');
		assert.deepEqual(await violations(page), []);
		await page.getByRole('button', {name: 'Large type'}).click();
		assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).fontSize), '20px');
		assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 1280);
		assert.deepEqual(await page.context().cookies(), [], 'nothing is kept');
	} finally {
		await other.context().close();
	}
}), {everywhere: true});

test('class: on a phone, all of it is there', () => withPage({viewport: {width: 390, height: 844}}, async (page) => {
	await arrive(page, 'A name of 24 characters!');
	await page.getByRole('button', {name: 'Large type'}).click();
	await exercise(page, 'together', 'together');
	assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
}));

test('class: what is kept has bounds', async () => {
	const status = async (body) => (await join(body)).status;
	assert.equal(await status({who: who(1), name: ''}), 422);
	assert.equal(await status({who: who(1), name: 'x'.repeat(25)}), 422);
	assert.equal(await status({who: who(1), name: 'two\nlines'}), 422);
	assert.equal(await status({who: 'me', name: 'x'}), 422);
	assert.equal(await status({who: who(1), name: 'x', exercise: 'a b'}), 422);
	assert.equal(await status({who: who(1), name: 'x', exercise: 'x'.repeat(1000)}), 413);
	for (let i = 0; i < 70; i++)
		assert.equal(await status({who: who(i), name: `visitor ${i}`, exercise: 'gather', option: 'max'}), 200);
	const {visitors} = await (await fetch(`${world.system.url}/class`)).json();
	assert.equal(visitors.length, 64);
	assert.deepEqual(visitors.at(-1), {name: 'visitor 69', exercise: 'gather', option: 'max'}, 'and nothing of who they are');
	assert.ok(!visitors.some(({name}) => name === 'visitor 5'), 'those that were silent for longest made room');
	await join({who: who(69), name: 'visitor 69', exercise: 'gather', option: 'max', running: true});
	assert.equal((await (await fetch(`${world.system.url}/class`)).json()).visitors.at(-1).running, true);
	// Another name and another vote, in the same seat.
	await join({who: who(69), name: 'é 69', exercise: 'blocking', option: 'bad'});
	const after = (await (await fetch(`${world.system.url}/class`)).json()).visitors;
	assert.deepEqual([after.length, after.at(-1)], [64, {name: 'é 69', exercise: 'blocking', option: 'bad'}]);
});
