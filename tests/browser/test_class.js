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

const openNames = (page) => page.locator('.classroom summary').click();

test('class: names, and votes that are shown when a run begins', () => withPage({}, async (page) => {
	const other = await open(world.browser, world.system.url);
	try {
		await arrive(page, 'Ada');
		await arrive(other, '<b>Grace</b>');
		await page.locator('.classroom summary', {hasText: /^You are Ada\. \d+ here: /}).waitFor();
		await openNames(page);
		await openNames(other);
		await page.locator('.visitor', {hasText: '<b>Grace</b>'}).waitFor();
		await openExercise(other, 'gather');
		await other.locator('#exercise-gather input[value="sum"]').check();
		await other.locator('.visitor', {hasText: '<b>Grace</b> ✓'}).waitFor();
		assert.ok(await other.locator('#exercise-gather .votes').isHidden(), 'not before the run');
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
		assert.equal(await section.locator('.votes p').first().innerText(), 'The class predicts, with 2 votes:');
		assert.deepEqual(await section.locator('.votes [data-votes]').evaluateAll((bars) => bars.map((bar) => [bar.querySelector('span').textContent, bar.querySelector('meter').value, bar.textContent.slice(-1)])),
			[['0.5 s: the shortest', 0, '0'], ['3.0 s: the sum', 1, '1'], ['1.5 s: the longest', 1, '1']]);
		await section.locator('.votes summary').click();
		assert.deepEqual(await section.locator('.votes details li').allInnerTexts(), ['“3.0 s: the sum”: <b>Grace</b>', '“1.5 s: the longest”: Ada']);
		assert.match(await section.locator('.result').innerText(), /Ada’s request \d+ of exercise-1 took 1\.\d+ s/);
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
	await openNames(page);
	await page.getByRole('button', {name: 'Large type'}).click();
	await exercise(page, 'together', 'together');
	assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
}));

const NAMES = 'Ada Grace Linus Barbara Edsger Donald Margaret Dennis Ken Alan Radia Tim Vint Frances Niklaus Tony John Leslie Guido Bjarne James Brian Rob Rasmus Yukihiro Larry Anders Ivan Hedy Katherine'.split(' ');

test('class: with thirty names the question and Run are in view, on all screens', async () => {
	for (const [i, name] of NAMES.entries())
		await join({who: who(i + 500), name, exercise: 'blocking', option: ['bad', 'both', 'neither'][i % 3]});
	for (const [width, height] of [[1280, 800], [1024, 768], [390, 844]])
		await withPage({viewport: {width, height}}, async (page) => {
			await arrive(page, 'Zoe');
			await page.locator('.classroom summary', {hasText: /^You are Zoe\. \d+ here: .*, .* and \d+ more\./}).waitFor();
			assert.ok(await page.evaluate(() => document.activeElement.matches('.classroom summary')), 'the focus is somewhere');
			for (const section of await page.locator('#exercises .exercise').all()) {
				const id = await section.evaluate(({id: of}) => of.slice('exercise-'.length));
				await page.locator(`#exercises [data-step="${id}"]`).click();
				await page.evaluate(() => scrollTo(0, 0));
				if (await section.locator('form').isHidden())
					continue; // it has no database
				const {bottom} = await section.locator('button[type="submit"]').evaluate((button) => button.getBoundingClientRect().toJSON());
				assert.ok(bottom < height, `${id} at ${width}×${height}: Run ends at ${bottom}`);
			}
			await openExercise(page, 'blocking');
			await page.locator('#exercise-blocking input').first().check();
			await page.locator('#exercise-blocking button[type="submit"]').click();
			const votes = page.locator('#exercise-blocking .votes');
			await votes.getByText(/^The class predicts, with 3\d votes:$/).waitFor();
			assert.equal(await votes.locator('[data-votes]').count(), 3);
			assert.ok(await votes.getByText('Katherine').isHidden());
			await page.locator('#exercise-blocking .verdict').waitFor();
			assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
			assert.deepEqual(await violations(page), []);
		});
});

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

// Notes what is written into the lanes, and in which colours.
const noteTexts = (page) => page.evaluate(() => {
	window.written = new Set();
	window.strips = new Set();
	const {fillText: text, fillRect: rect} = CanvasRenderingContext2D.prototype;
	CanvasRenderingContext2D.prototype.fillText = function (what, ...at) {
		window.written.add(what);
		text.call(this, what, ...at);
	};
	CanvasRenderingContext2D.prototype.fillRect = function (x, y, width, height) {
		if (width === 4)
			window.strips.add(this.fillStyle);
		rect.call(this, x, y, width, height);
	};
});

test('class: the lanes of all have the name and the colour of who sent it', async () => {
	const lengths = {Ada: 0.6, Grace: 1, '<i>Linus</i>': 1.4}; // seconds that each asks for
	const names = Object.keys(lengths);
	const pages = await Promise.all(names.map(() => open(world.browser, world.system.url)));
	const all = (run) => Promise.all(pages.map((page, i) => run(page, names[i])));
	try {
		for (const [i, page] of pages.entries())
			await arrive(page, names[i]);
		await all(noteTexts);
		await all(async (page, name) => {
			await showTab(page, 'try');
			await page.locator('#try input[name="query"]').fill(`seconds=${lengths[name]}`);
			while (await page.locator('.toolbar output').innerText() !== '2 s') // there is room for names
				await page.getByRole('button', {name: 'Zoom in'}).click();
		});
		await all((page) => page.getByRole('button', {name: 'Send'}).click());
		await all(async (page) => {
			await page.waitForFunction((who) => who.every((name) => [...window.written].some((text) => text.startsWith(`${name}: `) && text.endsWith(' await-one'))), names);
			const colours = await page.evaluate(async (who) => {
				const [{visitors}, {paint}] = [await import('/lanes/feed/visitors.js'), await import('/lanes/picture/paint.js')];
				return [...visitors.values()].filter(({name}) => who.includes(name)).map(({colour}) => paint.color(colour));
			}, names);
			assert.equal(new Set(colours).size, 3);
			await page.waitForFunction((three) => three.every((colour) => window.strips.has(colour)), colours);
			await page.locator('.as-table summary').click();
			// Lanes by visitor: a row for each, with what they have sent.
			const by = page.getByRole('combobox', {name: 'Lanes'});
			assert.deepEqual(await by.locator('option').allTextContents(), ['by worker', 'by visitor']);
			await by.selectOption('visitor');
			await page.waitForFunction(() => window.written.has('visitors'));
			const rows = await page.evaluate(async (who) => {
				const {layout} = await import('/lanes/picture/layout.js');
				const {history} = window.lanes;
				const [{lanes: [title, ...visitors]}, ...workers] = layout(history, history.now - 60_000, history.now, {byVisitor: true}).groups;
				const known = new Set(visitors.flatMap(({parts}) => parts.map(({request}) => request)));
				const left = workers.flatMap(({lanes}) => lanes.filter(({kind}) => kind === 'request').flatMap(({parts}) => parts)).filter(({request}) => known.has(request)).length;
				return {title: title.label, rows: visitors.filter(({label}) => who.includes(label)).map(({label, parts}) => [label, parts.map(({request}) => request.path)]), left};
			}, names);
			assert.deepEqual([rows.title, rows.rows], ['visitors', names.map((name) => [name, ['/async/await-one']])]);
			assert.equal(rows.left, 0, 'and is not there twice');
			await by.selectOption('');
			for (const name of names) {
				const row = page.locator('.as-table .requests tr', {hasText: `${name}’s request `});
				const {total, path} = await row.evaluate(({dataset}) => dataset);
				assert.equal(path, '/async/await-one');
				assert.ok(Math.abs(total - lengths[name] * 1000) < 200, `${name}: ${total} ms`);
			}
		});
		for (const page of pages)
			assert.deepEqual(page.faults, []);
	} finally {
		for (const page of pages)
			await page.context().close();
	}
});

test('class: who finds the server busy with others waits for his turn', () => withPage({}, async (page) => {
	await arrive(page, 'Ada');
	let refused = 0;
	await page.route('**/burst?*', (route) => (refused++ < 3 ? route.fulfill({status: 503, contentType: 'application/json', body: '{"detail":"Service Unavailable"}'}) : route.continue()));
	assert.equal((await exercise(page, 'gather', 'max')).right, 'max');
	assert.equal(refused, 4);
}));

// What one of thirty laptops does, as the page does it.
const PATIENCE = 60_000; // ms, of a laptop

class Laptop {
	marks = new Set(); // of whose requests it has heard
	#listening = new AbortController();

	constructor(number) {
		Object.assign(this, {who: who(number + 1000), name: `laptop ${number}`, mark: `00${number.toString(16).padStart(6, '0')}`, option: ['sum', 'max', 'min'][number % 3]});
	}

	// Resolves when it has heard of all these marks; others may be there, too.
	async listen(marks) {
		const missing = () => marks.filter((mark) => !this.marks.has(mark));
		setTimeout(() => this.#listening.abort(new Error(`${this.name} has not heard of ${missing()}`)), PATIENCE).unref();
		const response = await fetch(`${world.system.url}/events`, {signal: this.#listening.signal});
		assert.equal(response.status, 200);
		let text = '';
		for await (const bytes of response.body.pipeThrough(new TextDecoderStream())) {
			text += bytes;
			for (const [, mark] of text.matchAll(/"trace":"c1a55([0-9a-f]{8})/g))
				this.marks.add(mark);
			text = text.slice(-60); // a trace may be cut in two
			if (!missing().length)
				return;
		}
	}

	async say(more = {}) {
		const response = await join({who: this.who, name: this.name, mark: this.mark, ...more});
		assert.equal(response.status, 200);
		return (await response.json()).visitors;
	}

	// Has a request sent as soon as the server has time for that.
	async run() {
		const headers = {traceparent: `00-c1a55${this.mark}${'1'.repeat(19)}-${'1'.repeat(16)}-01`};
		for (const until = Date.now() + PATIENCE;;) {
			const response = await fetch(`${world.system.url}/burst?r=0,1,${encodeURIComponent('/exercise/async/await-one?seconds=0.15')}`, {headers});
			if (response.status === 200)
				return (await response.json()).answers[0].status;
			assert.equal(response.status, 503);
			assert.ok(Date.now() < until, `${this.name} never had its turn`);
		}
	}

	leave() {
		this.#listening.abort();
	}
}

test('class: thirty laptops see the same names, the same votes, and whose requests are whose', async () => {
	const laptops = Array.from({length: 30}, (_, i) => new Laptop(i));
	try {
		const heard = Promise.all(laptops.map((laptop) => laptop.listen(laptops.map(({mark}) => mark))));
		heard.catch(() => {}); // it is told where it is awaited
		await Promise.all(laptops.map((laptop) => laptop.say()));
		await Promise.all(laptops.map((laptop) => laptop.say({exercise: 'gather', option: laptop.option})));
		const seen = await Promise.all(laptops.map(async () => (await (await fetch(`${world.system.url}/class`)).json()).visitors.filter(({name}) => name.startsWith('laptop '))));
		for (const visitors of seen) {
			assert.deepEqual(visitors, seen[0]);
			assert.deepEqual(new Set(visitors.map(({name, mark}) => `${name} ${mark}`)), new Set(laptops.map(({name, mark}) => `${name} ${mark}`)));
			for (const option of ['sum', 'max', 'min'])
				assert.equal(visitors.filter((vote) => vote.exercise === 'gather' && vote.option === option).length, 10, option);
		}
		assert.deepEqual(new Set(await Promise.all(laptops.map((laptop) => laptop.run()))), new Set([200]));
		await heard;
	} finally {
		laptops.forEach((laptop) => laptop.leave());
	}
});
