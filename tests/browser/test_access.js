// For everybody: every scheme, zoom and width, the keyboard alone, and no JavaScript.

import assert from 'node:assert/strict';

import {drawn, exercise, get, mute, openExercise, reach, showTab, test, violations, withPage, world} from './suite.js';

const IDS = ['together', 'gather', 'blocking', 'processes', 'threads', 'order', 'cpu'];
const WITH_DATABASE = ['combine', 'queue'];

const openAll = (page) => page.evaluate(() => document.querySelectorAll('details').forEach((details) => {
	details.open = true;
}));

const looks = {
	light: {colorScheme: 'light'},
	dark: {colorScheme: 'dark'},
	'forced colours': {forcedColors: 'active'},
	'reduced motion': {reducedMotion: 'reduce'},
	'200 % zoom': {size: {width: 640, height: 430, deviceScaleFactor: 2, mobile: false}},
};

// A case for each part of the page: what it shows, step by step, each in all looks.
const inAllLooks = (part, run) => test(`no accessibility violation, in any look: ${part}`, () => withPage({}, async (page) => {
	const devtools = await page.context().newCDPSession(page);
	const as = async ({size, ...media}) => {
		await page.emulateMedia({colorScheme: null, forcedColors: null, reducedMotion: null, ...media});
		await devtools.send('Emulation.setDeviceMetricsOverride', size ?? {width: 1280, height: 860, deviceScaleFactor: 1, mobile: false});
	};
	await run(page, async (step) => {
		for (const [name, look] of Object.entries(looks)) {
			await as(look);
			assert.deepEqual(await violations(page), [], `${step}, ${name}`);
		}
		await as({});
	});
}), {long: true});

inAllLooks('start, and a loop that is held', async (page, fine) => {
	await fine('at first');
	for (const act of ['loop', 'thread']) {
		const section = page.locator(`.act[data-act="${act}"]`);
		await section.getByRole('button').first().click();
		await fine(`start, ${act}, while it runs`);
		await page.locator(`.act[data-act="${act}"][data-stood]`).waitFor();
	}
	await fine('start, done');
	await mute(page);
	await page.evaluate(() => window.lanes.feed.accept({t: 5e6, spans: [], workers: [{name: 'loop-1', pool: 'loop', engine: 'loop', pid: 1, in_flight: 20,
		loop: {held: 1.6, request: {serial: 87, route: '/async/bad-blocking', for: 1.6}}, pools: {}}]}));
	await page.waitForSelector('.holds.now');
	await fine('a loop is held');
});

// A round runs until it has been looked at.
async function lookAtExercises(page, fine, ids) {
	let looked = null;
	await page.route('**/burst?*', async (route) => {
		const response = await route.fetch();
		await looked;
		await route.fulfill({response});
	});
	for (const id of ids) {
		await openExercise(page, id);
		const first = page.locator(`#exercise-${id} input`).first();
		await first.check();
		await fine(`${id}, predicted`);
		let release;
		looked = new Promise((resolve) => {
			release = resolve;
		});
		await exercise(page, id, await first.getAttribute('value'), async () => {
			await fine(`${id}, while it runs`);
			release();
		});
		await fine(`${id}, done`);
	}
}

inAllLooks('exercises 1 to 4', (page, fine) => lookAtExercises(page, fine, IDS.slice(0, 4)));

inAllLooks('the other exercises, and all of them open', async (page, fine) => {
	await lookAtExercises(page, fine, IDS.slice(4));
	for (const id of WITH_DATABASE) {
		await openExercise(page, id);
		await fine(`${id}, without a database`);
	}
	await page.evaluate(() => document.querySelectorAll('.exercise').forEach((section) => {
		section.hidden = false;
	}));
	await openAll(page);
	await page.locator('#exercises .listing pre').first().waitFor({state: 'attached'});
	await fine('exercises, all open');
});

inAllLooks('the other tabs', async (page, fine) => {
	await showTab(page, 'guide');
	for (const run of ['bad', 'slow-query']) {
		await page.locator('#guide').locator(`.guide-section:not([hidden]) [data-runs="${run}"]`).or(page.locator(`#guide-which [data-runs="${run}"]`)).first().click();
		await page.locator(`.outcome[data-demonstration="${run}"]`).first().waitFor();
		await page.locator('#guide select').selectOption('which');
	}
	await page.locator('[data-answer="computes"]').click();
	await page.locator('[data-answer="little"]').click();
	await page.evaluate(() => document.querySelectorAll('.guide-section').forEach((section) => {
		section.hidden = false;
	}));
	await openAll(page);
	await page.locator('#guide .listing pre').first().waitFor({state: 'attached'});
	await fine('the guide');
	await showTab(page, 'knobs');
	await page.locator('#knobs input[name="workers"]').fill('3');
	await page.getByRole('button', {name: 'Measure', exact: true}).click();
	await page.locator('#knobs .picture').waitFor();
	await openAll(page);
	await fine('knobs');
	await showTab(page, 'replay');
	await fine('step by step, nothing yet');
	await page.getByRole('button', {name: 'Record five visitors'}).click();
	await page.locator('.replayed').waitFor();
	while (!await page.locator('.ready button').count())
		await page.getByRole('button', {name: 'The next decision'}).click();
	await page.locator('.ready button').last().click();
	await fine('step by step, another order');
	await showTab(page, 'try');
	await page.locator('#try input[name="query"]').fill('seconds=0.1');
	await page.getByRole('button', {name: 'Send'}).click();
	await page.locator('#try .answers li').waitFor();
	await fine('try it');
	await showTab(page, 'contrast');
	await page.locator('#contrast input[name="times"]').fill('5');
	await page.getByRole('button', {name: 'Run at both'}).click();
	await page.waitForFunction(() => document.querySelectorAll('#contrast section').length === 2);
	await openAll(page);
	await fine('contrast');
});

test('the keyboard does it all', () => withPage({}, async (page) => {
	await reach(page, '.live .stage'); // takes seconds on a busy machine: what was asked before is out of the picture
	await get('/async/await-one?seconds=0.3');
	await page.waitForFunction(() => [...window.lanes.history.requests.values()].some((request) => request.path === '/async/await-one' && request.over));
	await page.keyboard.press(' ');
	assert.equal(await page.getByRole('button', {name: 'Go on'}).getAttribute('aria-pressed'), 'true');
	await page.keyboard.press('+');
	assert.equal(await page.locator('.toolbar output').innerText(), '5 s');
	await page.keyboard.press('ArrowLeft');
	assert.match(await page.locator('.live .details').innerText(), /^Request \d+ of \S+, (\/\S*|no route): /);
	await page.keyboard.press('Escape');
	assert.match(await page.locator('.live .details').innerText(), /^Point at a bar/);
	await page.keyboard.press('-');
	await page.keyboard.press(' ');
	for (const act of ['loop', 'thread']) {
		await reach(page, `.act[data-act="${act}"] button`);
		await page.keyboard.press('Enter');
		await page.locator(`.act[data-act="${act}"][data-stood]`).waitFor();
		await reach(page, `.act[data-act="${act}"] .stage`);
		await page.keyboard.press('ArrowLeft');
		assert.match(await page.locator(`.act[data-act="${act}"] .details`).innerText(), /^(Request \d|\d+ short)/, act);
	}
	await reach(page, '.insight .further');
	await page.keyboard.press('Enter');
	for (const [i, id] of IDS.entries()) {
		if (i) {
			await reach(page, '#exercises .next');
			await page.keyboard.press('Enter');
			assert.equal(await page.evaluate(() => document.activeElement.id), `title-${id}`, 'the next one\'s title has the focus');
		}
		await reach(page, `#exercise-${id} input`);
		await page.keyboard.press('ArrowDown');
		await reach(page, `#exercise-${id} button.primary`);
		await page.keyboard.press('Enter');
		await page.locator(`#exercise-${id} .verdict`).waitFor();
		await reach(page, `#exercise-${id} .stage`);
		await page.keyboard.press('ArrowLeft');
		assert.match(await page.locator(`#exercise-${id} .details`).first().innerText(), /^(Request \d|\d+ short)/, `exercise ${i + 1}`);
		await reach(page, `#exercise-${id} summary`);
		await page.keyboard.press('Enter');
	}
	await reach(page, '#tab-exercises', 'Shift+Tab');
	await page.keyboard.press('ArrowRight');
	await reach(page, '#guide [data-runs="bad"]');
	await page.keyboard.press('Enter');
	await page.locator('.outcome[data-holds="true"]').waitFor();
	await reach(page, '#guide select', 'Shift+Tab');
	await page.keyboard.type('When to use async');
	await reach(page, '#guide [data-answer="computes"]');
	await page.keyboard.press('Enter');
	await reach(page, '#guide [data-answer="little"]');
	await page.keyboard.press('Enter');
	await reach(page, '#guide .decision [data-runs="cpu-thread"]');
	await reach(page, '#tab-guide', 'Shift+Tab');
	await page.keyboard.press('ArrowRight');
	await reach(page, '#knobs input[name="rate"]');
	await page.keyboard.press('ArrowLeft');
	await reach(page, '#knobs button.primary');
	await page.keyboard.press('Enter');
	await page.locator('#knobs .picture').waitFor();
	await reach(page, '#tab-knobs', 'Shift+Tab');
	await page.keyboard.press('ArrowRight');
	await reach(page, '#replay button.primary');
	await page.keyboard.press('Enter');
	await page.locator('.replayed').waitFor();
	await reach(page, '#replay input[type="range"]');
	for (let i = 0; i < 20 && !await page.locator('.ready button').count(); i++)
		await page.keyboard.press('ArrowRight');
	const told = await page.locator('#replay .cause').innerText();
	await reach(page, '#replay .ready button');
	await page.keyboard.press('Enter');
	assert.notEqual(await page.locator('#replay .cause').innerText(), told, 'another one is taken');
	assert.ok(await page.evaluate(() => document.activeElement.matches('#replay input[type="range"]')), 'the focus is not lost');
	await page.keyboard.press('Home');
	assert.match(await page.locator('#replay output.at').innerText(), /^1 of /);
	await reach(page, '#tab-replay', 'Shift+Tab');
	await page.keyboard.press('ArrowRight');
	await page.locator('#editor').waitFor();
	await page.keyboard.press('ArrowRight');
	assert.ok(await page.locator('#try').isVisible());
	await reach(page, '#try input[name="query"]');
	await page.keyboard.press('Control+a');
	await page.keyboard.type('seconds=0.1');
	await page.keyboard.press('Enter');
	await page.getByText('1 answer in').waitFor();
	await reach(page, '#tab-try', 'Shift+Tab');
	await page.keyboard.press('ArrowRight');
	await reach(page, '#contrast button.primary');
	await page.keyboard.press('Enter');
	await page.waitForFunction(() => document.querySelectorAll('#contrast section').length === 2);
}), {long: true});

for (const width of [360, 390])
	test(`phone width ${width}: nothing to scroll sideways`, () => withPage({viewport: {width, height: 740}, hasTouch: true}, async (page) => {
		await exercise(page, 'processes', 'loop');
		await openAll(page);
		for (const tab of ['start', 'exercises', 'guide', 'knobs', 'replay', 'editor', 'try', 'contrast', 'docs']) {
			await showTab(page, tab);
			assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, tab);
		}
	}));

for (const [width, height] of [[1080, 800], [1024, 768], [390, 844]])
	test(`the lanes are in view while an exercise runs, ${width}×${height}`, () => withPage({viewport: {width, height}}, async (page) => {
		const seen = () => page.locator('.live .stage').evaluate((stage) => {
			const {top, bottom} = stage.getBoundingClientRect();
			return Math.min(bottom, innerHeight) - Math.max(top, 0);
		});
		for (const id of ['blocking', 'processes']) {
			await openExercise(page, id);
			await exercise(page, id, await page.locator(`#exercise-${id} input`).first().getAttribute('value'), async () => {
				await page.waitForFunction(() => document.querySelector('#lanes').classList.contains('round'));
				await drawn(page, 2);
				assert.ok(await seen() >= 100, `${id}: ${await seen()} pixels`);
			});
			const {y} = await page.locator(`#exercise-${id} .verdict`).boundingBox();
			assert.ok(y > -50 && y < height + 400, `the page has not jumped: ${y}`);
		}
	}), {everywhere: true});

for (const [width, size] of [[390, 16], [390, 32], [1280, 16]])
	test(`what is measured under load can be read, ${width} pixels wide, text of ${size}`, () => withPage({viewport: {width, height: 844}}, async (page) => {
		await page.evaluate((pixels) => {
			document.documentElement.style.fontSize = `${pixels}px`;
			const {fillText: fill, clearRect: clear} = CanvasRenderingContext2D.prototype;
			window.pictures = [[]]; // what is written in each; the last is being drawn
			CanvasRenderingContext2D.prototype.clearRect = function (...box) {
				if (this.canvas.closest('.live'))
					window.pictures.push([]);
				clear.apply(this, box);
			};
			CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
				window.pictures.at(-1).push({text, y, room: this.canvas.clientWidth - x - (this.textAlign === 'left' ? this.measureText(text).width : 0)});
				fill.call(this, text, x, y);
			};
		}, size);
		await mute(page);
		await page.evaluate(() => {
			const worker = {name: 'loop-1', pool: 'loop', engine: 'loop', pid: 1, in_flight: 40, loop: {held: null, request: null}, pools: {}};
			for (let i = 0; i < 9; i++)
				window.lanes.feed.accept({t: 1e6 + i * 100, lost: 0, spans: [], workers: [worker],
					buckets: [{w: 'loop-1', from: 1e6 + i * 100 - 100, to: 1e6 + i * 100, answers: 185, busy: 0.43, in_flight: 40, p50: 25, p99: 250}]});
		});
		const begun = await page.evaluate(() => window.pictures.length);
		await page.waitForFunction((n) => window.pictures.length > n + 3, begun); // the first does not know yet how wide it is
		const facts = (await page.evaluate(() => window.pictures.at(-2))).filter(({text: line}) => / busy|in flight|requests\/s|p50|p99/.test(line));
		const text = facts.map((line) => line.text).join(' · ');
		assert.equal(text, '43 % busy · 40 in flight · 1850 requests/s · p50 ≤ 25 ms · p99 ≤ 250 ms');
		assert.ok(facts.every(({room}) => room >= 0), JSON.stringify(facts));
		assert.equal(new Set(facts.map(({y}) => y)).size, facts.length, 'none over another');
		assert.ok(size > 16 || facts.length === (width < 1280 ? 2 : 1), `${facts.length} lines`);
	}));

test('forced colours: one tab looks selected', () => withPage({forcedColors: 'active'}, async (page) => {
	const looksOf = (id) => page.locator(`#tab-${id}`).evaluate((tab) => {
		const {backgroundColor, borderBottomColor} = getComputedStyle(tab);
		return `${backgroundColor} ${borderBottomColor}`;
	});
	const [start, tryIt, contrast] = await Promise.all(['start', 'try', 'contrast'].map(looksOf));
	assert.notEqual(start, tryIt);
	assert.equal(tryIt, contrast);
}));

test('forced colours in the dark: a button under the pointer can be read', () => withPage({forcedColors: 'active', colorScheme: 'dark'}, async (page) => {
	await openExercise(page, 'together');
	await page.locator('#exercise-together input').first().check();
	await page.locator('#exercise-together button[type="submit"]').hover();
	assert.deepEqual(await violations(page), []);
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

test('without JavaScript: what is true, and no promise', async () => {
	const context = await world.browser.newContext({javaScriptEnabled: false});
	const page = await context.newPage();
	await page.goto(world.system.url);
	const text = await page.locator('body').innerText();
	assert.ok(!/Connecting|8080/.test(text), text);
	assert.match(text, /needs JavaScript/);
	assert.ok(!await page.getByRole('heading', {name: 'Live'}).isVisible(), 'no empty box');
	await page.getByRole('link', {name: '/openapi.json'}).click();
	assert.match(await page.locator('body').innerText(), /"openapi":.*\/async\/await-one/);
	await context.close();
});
