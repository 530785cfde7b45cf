// Knobs: what a model says of a queue, and what is measured on its curve.

import assert from 'node:assert/strict';

import {get, showTab, test, withPage, world} from './suite.js';

test('knobs: the model', () => withPage({}, async (page) => {
	const said = await page.evaluate(async () => {
		const {arrivals, dice, meanTime, predicted} = await import('/lanes/knobs/model.js');
		const long = (rate, servers) => meanTime(arrivals(20_000, rate, dice(7)), 1, servers);
		return {one: meanTime([0, 0, 0], 1, 1), two: meanTime([0, 0, 0], 1, 2), apart: meanTime([0, 5, 10], 1, 1), none: meanTime([0, 0, 0], 1, Infinity),
			half: long(0.5, 1), most: long(0.8, 1), rate: arrivals(20_000, 4, dice(3)).at(-1) / 20_000,
			same: [predicted(20, 4, 0.2, 1), predicted(20, 4, 0.2, 1)], over: predicted(100, 20, 0.2, 1)};
	});
	assert.deepEqual([said.one, said.two, said.apart, said.none], [2, 4 / 3, 1, 1]);
	// What Pollaczek and Khinchin have for a queue that has run for ever: d + d ρ / 2 (1 − ρ).
	assert.ok(Math.abs(said.half - 1.5) < 0.05, `${said.half}`);
	assert.ok(Math.abs(said.most - 3) < 0.3, `${said.most}`);
	assert.ok(Math.abs(said.rate - 0.25) < 0.01, `${said.rate}`);
	assert.deepEqual(said.same[0], said.same[1], 'the same each time');
	assert.ok(said.same[0].low < said.same[0].mean && said.same[0].mean < said.same[0].high);
	assert.ok(Math.abs(said.over.mean - (0.2 + 99 / 2 * 0.15)) < 0.5, `the line grows by 0.15 s with each of a hundred: ${said.over.mean}`);
}));

// Sets the knobs, measures, and says what came of it: [{rate, mean, expected}], in seconds.
async function measured(page, {pattern, pool, seconds, rate}) {
	await page.locator('#knobs select[name="pattern"]').selectOption(pattern);
	await page.locator('#knobs select[name="pool"]').selectOption(pool);
	await page.locator('#knobs input[name="seconds"]').fill(String(seconds));
	await page.locator('#knobs input[name="rate"]').fill(String(rate));
	const button = page.getByRole('button', {name: 'Measure', exact: true});
	for (let i = 0; i < 3; i++) {
		await button.click();
		await page.waitForFunction(() => /were measured|Disturbed|did not work/.test(document.querySelector('#knobs .actions [role="status"]').textContent));
		if (!/Disturbed/.test(await page.locator('#knobs .actions [role="status"]').innerText()))
			break;
	}
	return page.locator('#knobs tbody tr[data-rate]').evaluateAll((rows) => rows.map(({dataset}) => ({rate: Number(dataset.rate), mean: Number(dataset.mean), expected: Number(dataset.expected)})));
}

test('knobs: what is measured is what the model says of the same arrivals', () => withPage({}, async (page) => {
	page.setDefaultTimeout(60_000);
	await showTab(page, 'knobs');
	for (const set of [{pattern: 'loop', pool: 'exercise', seconds: 0.2, rate: 5}, {pattern: 'process', pool: 'exercise-prefork', seconds: 0.3, rate: 7},
		{pattern: 'thread', pool: 'exercise', seconds: 1.5, rate: 30}, {pattern: 'awaits', pool: 'exercise', seconds: 0.5, rate: 30}]) {
		const [dot] = await measured(page, set);
		const name = `${JSON.stringify(set)}: ${JSON.stringify(dot)}`;
		assert.equal(dot?.rate, set.rate, name);
		assert.ok(Math.abs(dot.mean - dot.expected) < 0.2 * dot.expected + 0.15, name);
		assert.equal(await page.locator('#knobs .chart .dot').count(), 1);
		if (set.pattern === 'awaits')
			assert.match(await page.locator('#knobs .cause').last().innerText(), /^Nothing is occupied, so nothing bounds\. At 30 a second a request takes 500 ms .*15\.0 are there at a time\.$/);
		else
			assert.match(await page.locator('#knobs .cause').last().innerText(), /can be served at once, so no more than [\d.]+ a second/);
	}
}), {everywhere: true});

test('knobs: they begin as the system is, and the page says how to change it', () => withPage({}, async (page) => {
	await showTab(page, 'knobs');
	await page.locator('#knobs select[name="pool"]').selectOption('loop');
	const workers = page.locator('#knobs input[name="workers"]');
	const command = page.locator('#knobs .curl code');
	assert.equal(await workers.inputValue(), String(world.workers));
	assert.ok(await command.isHidden());
	const before = await page.locator('#knobs .curve').getAttribute('d');
	await workers.fill(String(world.workers + 1));
	assert.equal(await command.innerText(), `make scale WORKERS=${world.workers + 1}`);
	assert.match(await page.locator('#knobs .cause').innerText(), new RegExp(`^${world.workers + 1} can be served at once`));
	assert.notEqual(await page.locator('#knobs .curve').getAttribute('d'), before, 'the curve is another');
	await workers.fill(String(world.workers));
	assert.ok(await command.isHidden());
	await page.locator('#knobs select[name="pattern"]').selectOption('thread');
	await page.locator('#knobs input[name="threads"]').fill('80');
	assert.equal(await command.innerText(), 'make stop && make start THREADS=80');
	await page.locator('#knobs select[name="pattern"]').selectOption('process');
	await page.locator('#knobs select[name="pool"]').selectOption('prefork');
	await workers.fill('5');
	assert.equal(await command.innerText(), 'make stop && make start PREFORK_WORKERS=5');
}), {everywhere: true});

test('knobs: what would take too long is not measured, and what is disturbed is no dot', () => withPage({}, async (page) => {
	await showTab(page, 'knobs');
	await page.locator('#knobs input[name="seconds"]').fill('2');
	await page.locator('#knobs input[name="rate"]').fill('4');
	const button = page.getByRole('button', {name: 'Measure', exact: true});
	assert.ok(await button.isDisabled());
	assert.match(await page.locator('#knobs .actions [role="status"]').innerText(), /That would take longer than 20 s/);
	await page.locator('#knobs input[name="seconds"]').fill('0.1');
	const begun = page.locator('#lanes.round').waitFor();
	await button.click();
	await begun;
	await get('/exercise/async/bad-blocking?seconds=1');
	await page.getByText(/^Disturbed, so it does not count: /).waitFor();
	assert.equal(await page.locator('#knobs .chart .dot').count(), 0);
}));
