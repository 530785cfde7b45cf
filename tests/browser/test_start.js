// What the page opens on: two clicks, and everybody stands, and then everybody moves.

import assert from 'node:assert/strict';

import {get, test, withPage} from './suite.js';

const everywhere = {everywhere: true};
const act = (page, id) => page.locator(`.act[data-act="${id}"]`);

async function play(page, id) {
	const section = act(page, id);
	await section.getByRole('button').first().click();
	await section.and(page.locator('[data-stood]')).waitFor();
	await section.locator('details summary').click();
	return {cause: await section.locator('.cause').innerText(), stood: Number(await section.getAttribute('data-stood')),
		rows: await section.locator('tbody tr').evaluateAll((rows) => rows.map((row) => ({...row.dataset})))};
}

test('start: two clicks; everybody stands, then everybody moves', () => withPage({}, async (page) => {
	assert.ok(await act(page, 'thread').getByRole('button').first().isDisabled(), 'one after the other');
	const bad = await play(page, 'loop');
	assert.match(bad.cause, /^Visitor 1 held the loop for 2\.\d+ s, so the others stood: visitor 2 for 1\.\d+ s, visitor 3 for 1\.\d+ s, visitor 4 for (1\.\d+ s|9\d\d ms) and visitor 5 for (1\.\d+ s|9\d\d ms)\.$/);
	assert.ok(bad.stood > 5000 && bad.stood < 7500, `${bad.stood}`);
	assert.equal(bad.rows.length, 5);
	assert.ok(bad.rows.every(({worker}) => worker === 'exercise-1'), 'one loop');
	assert.equal(await page.locator('.moral').innerText(), '');
	const good = await play(page, 'thread');
	assert.match(good.cause, /^Visitor 1 slept for 2\.\d+ s, but on a thread: the loop was busy with all five for [\d.]+ ms, and nobody stood for more than \d+(\.\d+)? ms\.$/);
	assert.equal(good.stood, 0);
	assert.match(await page.locator('.moral').innerText(), /^The same sleep, the same visitors, the same loop: together they stood for [5-7]\.\d+ s, and then nobody stood\.$/);
	await page.getByRole('button', {name: /^Now predict/}).click();
	await page.locator('#exercise-together').waitFor();
	assert.ok(!await page.locator('.insight').isVisible());
}), everywhere);

test('start: while the loop is held, who stands is seen to stand', () => withPage({}, async (page) => {
	await page.evaluate(async () => {
		const {paint} = await import('/lanes/picture/paint.js');
		window.seen = [];
		paint.bar = (context, kind, x, y, width) => context.canvas.closest('.act') && window.seen.push([kind, Math.round(y), width]);
	});
	await act(page, 'loop').getByRole('button').first().click();
	// Four rows of dots while the loop is held, so before any worker has told of who stands.
	await page.waitForFunction(() => window.lanes.history.workers.get('exercise-1').heldSince !== null && new Set(window.seen.filter(([kind, , width]) => kind === 'queue' && width > 20).map(([, y]) => y)).size === 4);
	assert.equal(await page.locator('.act[data-stood]').count(), 0, 'it is not over');
	assert.ok(await page.evaluate(() => window.seen.some(([kind, , width]) => kind === 'held' && width > 20)));
	await page.locator('.act[data-stood]').waitFor();
}));

test('start: somebody else\'s request is no lesson', () => withPage({}, async (page) => {
	const begun = page.locator('#lanes.round').waitFor();
	await act(page, 'loop').getByRole('button').first().click();
	await begun;
	const other = get('/exercise/async/bad-blocking?seconds=1');
	await act(page, 'loop').getByText(/^Disturbed, so run it again: /).waitFor();
	assert.ok(await act(page, 'thread').getByRole('button').first().isDisabled());
	await other;
}), everywhere);

test('start: a round that fails says how', () => withPage({}, async (page) => {
	await page.route('**/burst?*', (route) => route.fulfill({status: 503, contentType: 'application/json', body: '{"detail":"Service Unavailable"}'}));
	await act(page, 'loop').getByRole('button').first().click();
	await act(page, 'loop').getByText(/^That did not work: .*busy with other rounds/).waitFor();
}));

test('start: the keyboard leads from one to the next, and the picture fits a window that becomes narrow', () => withPage({}, async (page) => {
	await act(page, 'loop').getByRole('button').first().focus();
	const focused = () => page.evaluate(() => document.activeElement.textContent);
	for (const next of ['Put it on a thread', 'Now predict: the exercises ▶']) {
		await page.keyboard.press('Enter');
		await page.waitForFunction(() => document.querySelector('.act button:disabled'));
		assert.notEqual(await page.evaluate(() => document.activeElement.tagName), 'BODY', 'while it runs');
		await page.waitForFunction((text) => document.activeElement.textContent === text, next);
		assert.equal(await focused(), next);
	}
	await page.setViewportSize({width: 390, height: 844});
	for (const id of ['loop', 'thread'])
		await page.waitForFunction((of) => {
			const stage = document.querySelector(`[data-act="${of}"] .stage`);
			return stage.scrollHeight <= stage.clientHeight + 1 && stage.scrollWidth <= stage.clientWidth + 1;
		}, id);
}));

// Of an element, whether all of it is in view.
const isInView = (locator) => locator.evaluate((element) => {
	const {top, bottom, left, right} = element.getBoundingClientRect();
	return top >= 0 && bottom <= innerHeight && left >= 0 && right <= innerWidth;
});

for (const [width, height] of [[1280, 860], [1024, 768], [390, 844]])
	test(`start: what matters is in view, ${width}×${height}`, () => withPage({viewport: {width, height}}, async (page) => {
		for (const id of ['loop', 'thread']) {
			const button = act(page, id).getByRole('button').first();
			assert.ok(await isInView(button), `${id}: the button`);
			await button.click();
			await act(page, id).and(page.locator('[data-stood]')).waitFor();
			for (const part of ['.stage', '.cause'])
				assert.ok(await isInView(act(page, id).locator(part)), `${id}: ${part}`);
		}
		await page.locator('#tab-exercises').click();
		await page.evaluate(() => scrollTo(0, 0));
		for (const part of ['fieldset', 'button.primary'])
			assert.ok(await isInView(page.locator('#exercise-together').locator(part)), `exercise: ${part}`);
	}));

test('exercises: one at a time, and the one after it', () => withPage({}, async (page) => {
	await page.locator('#tab-exercises').click();
	const shown = () => page.locator('.exercise').evaluateAll((all) => all.filter((section) => !section.hidden).map(({id}) => id));
	assert.deepEqual(await shown(), ['exercise-together']);
	await page.locator('#exercises .next').click();
	assert.deepEqual(await shown(), ['exercise-gather']);
	await page.locator('#exercises .before').click();
	assert.deepEqual(await shown(), ['exercise-together']);
	assert.ok(await page.locator('#exercises .before').isDisabled());
	const numbers = page.locator('#exercises .number-step');
	await numbers.last().click();
	assert.ok(await page.locator('#exercises .next').isHidden() && await page.locator('#exercises .after').isDisabled());
	assert.equal((await shown()).length, 1);
	await page.locator('[data-step="gather"]').click();
	await page.locator('#exercise-gather input').first().check();
	await page.locator('#exercise-gather button.primary').click();
	await page.locator('#exercise-gather .verdict').waitFor();
	assert.match(await page.locator('[data-step="gather"]').getAttribute('aria-label'), /, done$/);
}));
