// The picture: what is drawn, as its layout and its tables have it.

import assert from 'node:assert/strict';

import {after, drawn, get, heard, mute, showTab, test, withPage, world} from './suite.js';

const state = {name: 'loop-1', pool: 'loop', engine: 'loop', pid: 1, in_flight: 0, loop: {held: null, request: null}, pools: {}};
const process = {...state, name: 'prefork-1', pool: 'prefork', engine: 'prefork'};

// Plays messages, and says how the picture of the last ten seconds is laid out. A message that ends in
// what was kept in view is { t, … }, t in milliseconds since the first.
const laidOut = (page, messages) => page.evaluate(async (list) => {
	const {layout} = await import('/lanes/picture/layout.js');
	const {feed, history} = window.lanes;
	history.clear();
	for (const message of list)
		feed.accept({spans: [], lost: 0, ...message});
	const {groups} = layout(history, history.now - 10_000, history.now);
	return groups.map(({worker, holds, unrecorded, lanes}) => ({name: worker.name, holds: holds.length, unrecorded,
		lanes: lanes.map(({kind, label, beats, blocks, measured, facts, lines, silent, text}) => ({kind, label, text, beats, measured, facts, lines, silent,
			blocks: blocks?.map(({kind: what, start, end: until, taken}) => ({kind: what, start, end: until, taken}))}))}));
}, messages);

test('under load: what was measured, and what was not recorded', () => withPage({}, async (page) => {
	await mute(page);
	const bucket = (i) => ({w: 'loop-1', from: 1e6 + i * 100, to: 1e6 + i * 100 + 100, answers: 185, busy: 0.43, in_flight: 40, p50: 1, p99: 3, aborted: 0, holds: []});
	const messages = [{t: 1e6, workers: [{...state, in_flight: 40}]}, ...Array.from({length: 20}, (_, i) => ({t: 1e6 + i * 100 + 100, workers: [{...state, in_flight: 40}], buckets: [bucket(i)],
		spans: i === 10 ? [{w: 'loop-1', k: 'loop', s: 1e6 + 900, d: 150, r: 9, p: '/async/bad-blocking', c: 200}] : [],
		unrecorded: i === 0 ? [{w: 'loop-1', from: 1e6 - 3000, to: 1e6}] : []}))];
	const [{lanes, unrecorded, holds}] = await laidOut(page, messages);
	const loop = lanes.find(({kind}) => kind === 'loop');
	assert.deepEqual([loop.measured.length, loop.measured[0].busy], [20, 0.43]);
	assert.equal(loop.blocks.length, 1, 'the hold alone is a bar');
	const {facts, lines} = lanes.find(({kind}) => kind === 'facts');
	assert.deepEqual(lines, ['43 % busy · 40 in flight · 1850 requests/s', 'p50 ≤ 1.0 ms · p99 ≤ 3.0 ms'], 'in a picture of unknown width, too, nothing is cut off');
	assert.deepEqual([facts.inFlight, Math.round(facts.rate), facts.p50, facts.p99, facts.busy.toFixed(2)], [40, 1850, 1, 3, '0.43']);
	assert.deepEqual(unrecorded, [{from: 1e6 - 3000, to: 1e6}]);
	assert.equal(holds, 1);
	assert.ok(!lanes.some(({text}) => /at the same time/.test(text ?? '')));
	await page.locator('.as-table summary').click();
	const row = page.locator('.as-table .measured tr[data-worker="loop-1"]');
	await row.waitFor();
	assert.match((await row.innerText()).replace(/\s+/g, ' '), /^loop-1 43 % 40 1850 1\.0 ms 3\.0 ms/);
}));

// How much of a lane of a worker has its colour, of the time from the first of these spans, [start, length],
// to the last; in a picture of ten seconds, a thousand pixels wide. kind: of the lane.
const coloured = (page, spans, kind, worker = state, buckets = []) => page.evaluate(async ({list, what, of, buckets}) => {
	const [{layout}, {Lanes}, {paint}] = await Promise.all(['layout', 'lanes', 'paint'].map((name) => import(`/lanes/picture/${name}.js`)));
	const {feed, history} = window.lanes;
	history.clear();
	feed.accept({t: 1e6, lost: 0, spans: [], workers: [of]});
	feed.accept({t: 1e6 + 9900, lost: 0, workers: [of], buckets, spans: list.map(([start, d], r) => ({w: of.name, k: what === 'thread' ? 'pool' : 'loop', s: 1e6 + start, d, r, p: '/', c: 200, pool: 'blocking', th: 0}))});
	const lanes = new Lanes('test', '');
	lanes.element.style.width = '1000px';
	document.body.append(lanes.element);
	await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))); // it has its size
	const picture = layout(history, 1e6, 1e6 + 10_000);
	lanes.show(picture);
	const {top, height} = picture.groups[0].lanes.find((lane) => lane.kind === what);
	const canvas = lanes.element.querySelector('canvas');
	const bars = Math.round((list.at(-1)[0] - list[0][0]) / 10_000 * 900);
	const {data} = canvas.getContext('2d').getImageData(0, top, 1000, height);
	const swatch = document.createElement('canvas').getContext('2d');
	swatch.fillStyle = paint.color(what === 'thread' ? 'pool-fill' : 'loop-fill');
	swatch.fillRect(0, 0, 1, 1);
	const colour = swatch.getImageData(0, 0, 1, 1).data;
	let pixels = 0;
	for (let i = 0; i < data.length; i += 4)
		pixels += [0, 1, 2].every((c) => Math.abs(data[i + c] - colour[c]) < 30) && data[i + 3] > 200;
	lanes.element.remove();
	return pixels / (bars * (height - 3));
}, {list: spans, what: kind, of: worker, buckets});

test('many short runs are as high as the loop was busy, not solid', () => withPage({}, async (page) => {
	await mute(page);
	const every = (period, length, count) => Array.from({length: count}, (_, i) => [1000 + i * period, length]);
	for (const kind of ['loop', 'thread']) {
		const apart = await coloured(page, every(2.5, 0.2, 2000), kind); // 8 %, with pauses
		assert.ok(apart > 0.04 && apart < 0.16, `${kind}: ${apart}`);
		const touching = await coloured(page, every(1.2, 0.6, 4000), kind); // 50 %, which become blocks
		assert.ok(touching > 0.4 && touching < 0.6, `${kind}: ${touching}`);
	}
	const long = await coloured(page, every(100, 90, 50), 'loop');
	assert.ok(long > 0.6, `each of these can be seen: ${long}`);
}));

test('a prefork process under load is occupied, not busy: how much of it waited is not known', () => withPage({}, async (page) => {
	await mute(page);
	const spans = [[1000, 0.2], [6000, 0.2]];
	const bucket = (w) => [{w, from: 1e6 + 1000, to: 1e6 + 6000, answers: 10, busy: 1, in_flight: 1, p50: 500, p99: 500, aborted: 0}];
	const [loop, taken] = [await coloured(page, spans, 'loop', state, bucket('loop-1')), await coloured(page, spans, 'loop', process, bucket('prefork-1'))];
	assert.ok(loop > 0.9 && taken < 0.1, `solid: of a loop ${loop}, of a process ${taken}`);
	const [{lanes}] = await laidOut(page, [{t: 1e6, workers: [process]}, {t: 1e6 + 6000, workers: [process], buckets: bucket('prefork-1'),
		spans: [{w: 'prefork-1', k: 'await', s: 1e6 + 5600, d: 500, r: 1, p: '/async/await-one', c: 200}]}]);
	assert.equal(lanes.find(({kind}) => kind === 'loop').blocks.length, 1, 'what is told one by one is drawn, to its end');
	assert.match(lanes.find(({kind}) => kind === 'facts').lines[0], /^100 % occupied · /);
}));

test('what was measured is not drawn over, what was told before it is there', () => withPage({}, async (page) => {
	await mute(page);
	const run = (r, start, d = 5) => ({w: 'loop-1', k: 'loop', s: 1e6 + start, d, r, p: '/', c: 200});
	const bucket = (start) => ({w: 'loop-1', from: 1e6 + start, to: 1e6 + start + 100, answers: 90, busy: 0.4, in_flight: 9, p50: 1, p99: 3});
	const [{lanes}] = await laidOut(page, [{t: 1e6, workers: [state]},
		{t: 1e6 + 1000, workers: [state], spans: [run(1, 100)]},
		{t: 1e6 + 1100, workers: [state], spans: [run(2, 1040), run(3, 1070, 150)], buckets: [bucket(1000)]},
		{t: 1e6 + 3000, workers: [state], spans: [run(4, 2000)]},
		{t: 1e6 + 3100, workers: [state], buckets: [bucket(3000)]}]);
	const {blocks} = lanes.find(({kind}) => kind === 'loop');
	assert.deepEqual(blocks.map(({start}) => start - 1e6), [100, 1070, 2000]);
}));

test('slow ones: of the time before the load, too, only those that took long', () => withPage({}, async (page) => {
	await mute(page);
	const busy = {...state, in_flight: 5};
	const wait = (r, d) => ({w: 'loop-1', k: 'await', s: 1e6 - 300, d, r, p: '/', c: 200});
	const begun = (r, start) => ({w: 'loop-1', k: 'loop', s: 1e6 + start, d: 0.1, r, p: '/'});
	const bucket = {w: 'loop-1', from: 1e6, to: 1e6 + 2000, answers: 900, busy: 0.4, in_flight: 9, p50: 1, p99: 3};
	const [{lanes}] = await laidOut(page, [{t: 1e6 - 400, workers: [state]},
		{t: 1e6, workers: [{...busy, loop: {held: 0.001, request: {serial: 7, route: '/', for: 0.001}}}], spans: [wait(1, 20), wait(2, 150), begun(3, -20), begun(4, -200)]},
		{t: 1e6 + 2000, workers: [busy], buckets: [bucket]}]);
	assert.deepEqual(lanes.filter(({label}) => label === 'slow ones').length, 1);
	// 3 and 7 may have ended since, untold; 4 has not: it would have been told.
	assert.deepEqual(await page.evaluate(async () => {
		const {layout} = await import('/lanes/picture/layout.js');
		const {history} = window.lanes;
		return layout(history, history.now - 10_000, history.now).groups[0].lanes.flatMap(({kind, parts}) => (kind === 'request' ? parts : [])).map(({request}) => request.serial).sort();
	}), [2, 4]);
}));

test('the table says how many were answered that it does not have', () => withPage({}, async (page) => {
	await mute(page);
	await page.locator('.as-table summary').click();
	const caption = page.locator('.as-table .requests caption');
	const one = (r, start, d) => ({w: 'loop-1', k: 'await', s: 1e6 + start, d, r, p: '/', c: 200});
	const bucket = (start) => ({w: 'loop-1', from: 1e6 + start, to: 1e6 + start + 100, answers: 90, busy: 0.4, in_flight: 9, p50: 1, p99: 3});
	const calm = [{t: 1e6, workers: [state]}, {t: 1e6 + 100, workers: [state], spans: [one(1, 10, 5)]}];
	await laidOut(page, calm);
	await page.waitForFunction(() => document.querySelector('.as-table .requests tbody').children.length === 1);
	assert.equal(await caption.innerText(), 'Latest requests');
	await laidOut(page, [...calm, {t: 1e6 + 200, workers: [state], buckets: [bucket(100)]}, {t: 1e6 + 300, workers: [state], spans: [one(9, 50, 220)], buckets: [bucket(200)]}]);
	await page.waitForFunction(() => document.querySelector('.as-table .requests tbody').children.length === 2);
	assert.match(await caption.innerText(), /^Latest requests that were told one by one\. 179 others answered meanwhile: under load only those of 100 ms and more are told$/);
}));

test('spans that were lost are not recorded, not idle', () => withPage({}, async (page) => {
	await mute(page);
	const [{unrecorded}] = await laidOut(page, [{t: 1e6, workers: [state]}, {t: 1e6 + 100, workers: [state], lost: 12}, {t: 1e6 + 200, workers: [state]}]);
	assert.deepEqual(unrecorded, [{from: 1e6, to: 1e6 + 100}]);
}));

test('what was not recorded before the picture begins is labelled within it', () => withPage({}, async (page) => {
	await mute(page);
	const at = await page.evaluate(async (of) => {
		const {fillText} = CanvasRenderingContext2D.prototype;
		const label = new Promise((resolve) => {
			CanvasRenderingContext2D.prototype.fillText = function (text, x, ...more) {
				if (text === 'not recorded')
					resolve(x);
				return fillText.call(this, text, x, ...more);
			};
		});
		window.lanes.feed.accept({t: 1e6, spans: [], lost: 0, workers: [of]});
		window.lanes.feed.accept({t: 1e6 + 100, spans: [], lost: 0, workers: [of], unrecorded: [{w: 'loop-1', from: 1e6 - 20_000, to: 1e6}]});
		return label;
	}, state);
	assert.ok(at > 64, `at ${at} pixels, the labels of lanes are before`);
}));

test('a prefork process that is blocked, or waits, is occupied and does not beat', () => withPage({}, async (page) => {
	await mute(page);
	const taken = {...process, in_flight: 1, awaiting: true};
	const blocked = {...process, in_flight: 1, loop: {held: 0.9, request: {serial: 2, route: '/sync/noawait', for: 0.9}}};
	const messages = [{t: 1e6, workers: [process]},
		...[100, 200, 300, 400].map((t) => ({t: 1e6 + t, workers: [taken], spans: t === 100 ? [{w: 'prefork-1', k: 'loop', s: 1e6 + 50, d: 0.1, r: 1, p: '/async/await-one', c: 0}] : []})),
		{t: 1e6 + 500, workers: [process], spans: [{w: 'prefork-1', k: 'await', s: 1e6 + 50.1, d: 400, r: 1, p: '/async/await-one', c: 0}, {w: 'prefork-1', k: 'loop', s: 1e6 + 450.1, d: 0.1, r: 1, p: '/async/await-one', c: 200}]},
		...[1500].map((t) => ({t: 1e6 + t, workers: [blocked]}))];
	const [{lanes: [beat, lane]}] = await laidOut(page, messages);
	assert.equal(lane.label, 'process');
	const wait = lane.blocks.find(({kind}) => kind === 'await');
	assert.ok(wait.taken && Math.round(wait.end - wait.start) === 400, 'the wait occupies it');
	const block = lane.blocks.at(-1);
	assert.ok(block.kind === 'loop' && Math.round(block.end - block.start) === 900);
	assert.deepEqual(beat.beats, [1e6, 1e6 + 500], 'it beats only while it is free');
	assert.equal(beat.silent.length, 2);
}));

test('a process is occupied while its request awaits, as it happens', () => withPage({}, async (page) => {
	await page.locator('.as-table summary').click();
	const waits = get('/exercise/prefork/async/await-one?seconds=2.5');
	const row = page.locator('.as-table .requests tr[data-open="await"][data-worker^="exercise-prefork"]');
	await row.waitFor({timeout: 2400});
	const beats = () => page.evaluate(() => [...window.lanes.history.workers.values()].filter(({occupied}) => occupied).map(({heartbeat, name}) => [name, heartbeat.beats.length]));
	const before = await beats();
	assert.equal(before.length, 1);
	await heard(page, 500);
	assert.deepEqual(await beats(), before);
	await waits;
}), {everywhere: true});

const exerciseWorker = async () => JSON.parse(await get('/status')).workers.find(({name}) => name === 'exercise-1');

test('ready is a phase of its own: pattern, legend, column', () => withPage({}, async (page) => {
	assert.equal(await page.locator('.legend li', {hasText: 'ready, waiting for the loop'}).count(), 1);
	const sleeps = get('/exercise/async/await-one?seconds=1');
	for (let i = 0; i < 100 && (await exerciseWorker()).in_flight < 1; i++)
		await after(10);
	await get('/exercise/async/bad-blocking?seconds=2');
	await sleeps;
	await page.locator('.as-table summary').click();
	assert.ok((await page.locator('.as-table .requests th').allTextContents()).includes('ready, waiting for the loop'));
	// Not one that another case has asked for.
	const ready = () => [...document.querySelectorAll('.as-table tr[data-path="/async/await-one"][data-worker="exercise-1"][data-status="200"]')].find(({dataset}) => dataset.ready > 600);
	const row = await page.waitForFunction(ready);
	assert.ok(await row.evaluate(({dataset}) => Number(dataset.await)) < 1500);
	const fill = await page.evaluate(async () => getComputedStyle(document.documentElement).getPropertyValue('--ready-fill'));
	assert.ok(fill.trim());
}), {everywhere: true});

test('removed workers leave no empty rows', () => withPage({}, async (page) => {
	await mute(page);
	const two = {...state, name: 'loop-2', pid: 2};
	const names = (groups) => groups.map(({name}) => name);
	const busy = {w: 'loop-2', k: 'await', s: 1e6 + 100, d: 200, r: 1, p: '/', c: 200};
	assert.deepEqual(names(await laidOut(page, [{t: 1e6, workers: [state, two]}, {t: 1e6 + 1000, workers: [state]}])), ['loop-1']);
	assert.deepEqual(names(await laidOut(page, [{t: 1e6, workers: [state, two]}, {t: 1e6 + 500, workers: [state, two], spans: [busy]}, {t: 1e6 + 1000, workers: [state]}])),
		['loop-1', 'loop-2'], 'what it did is there');
}));

test('workers below the picture\'s edge are announced', () => withPage({}, async (page) => {
	await drawn(page, 2);
	const [said, hidden] = await page.evaluate(() => {
		const stage = document.querySelector('.live .stage');
		return [document.querySelector('.live .below').textContent, stage.scrollHeight - stage.clientHeight];
	});
	if (hidden > 20)
		assert.match(said, /^Scroll the lanes for \S+( and \d+ more workers?)?\.$/);
	else
		assert.equal(said, '');
	assert.ok(world.workers < 8 || hidden > 20);
}), {everywhere: true});

test('labels of charts grow with the text', () => withPage({}, async (page) => {
	await mute(page);
	await page.evaluate((of) => window.lanes.feed.accept({t: 1e6, spans: [], lost: 0, workers: [of]}), state);
	const becomes = (height) => page.waitForFunction((pixels) => document.querySelector('.live .stage > div').style.height === pixels, `${height}px`);
	await becomes(54);
	await page.evaluate(() => {
		document.documentElement.style.fontSize = '32px';
	});
	await becomes(108);
}));

test('heartbeats: as many are drawn as the legend says', () => withPage({}, async (page) => {
	assert.match(await page.locator('.legend').innerText(), /heartbeat: seen waiting in poll, or not long away from it, ten times a second while anything works, once at rest; drawn where there is room/);
	await mute(page);
	const drawn = await page.evaluate(async (of) => {
		for (let i = 0; i <= 100; i++)
			window.lanes.feed.accept({t: 1e6 + i * 100, lost: 0, spans: [], workers: [of]});
		const {paint} = await import('/lanes/picture/paint.js');
		const {beat} = paint;
		return new Promise((resolve) => {
			const at = [];
			paint.beat = (context, x, y) => {
				at.push(x);
				setTimeout(() => resolve(at.filter((each, i) => at.indexOf(each) === i).length));
				beat.call(paint, context, x, y);
			};
		});
	}, state);
	assert.ok(drawn > 90, `${drawn} of 10 s`);
}));

test('a loop is shown as held while it is, with the culprit and who waits', () => withPage({}, async (page) => {
	const held = get('/exercise/async/bad-blocking?seconds=3'); // not from the page
	const holds = page.locator('.holds');
	await page.waitForSelector('.holds.now[data-held="exercise-1"]', {timeout: 2500});
	assert.match(await holds.innerText(), /exercise-1 has been held for .* by request \d+ of exercise-1 \/async\/bad-blocking/);
	await showTab(page, 'try');
	await page.locator('#try select[name="pool"]').selectOption('exercise');
	await page.getByRole('button', {name: 'Send'}).click();
	await page.waitForFunction(() => /Not picked up yet: \/exercise\/async\/await-one/.test(document.querySelector('.holds').textContent), null, {timeout: 2000});
	await held;
	await page.waitForFunction(() => /All loops are free.*by request \d+ of exercise-1 \/async\/bad-blocking.*It kept waiting: request \d+ of exercise-1 \/async\/await-one/.test(document.querySelector('.holds').textContent));
	await page.locator('.as-table summary').click();
	const row = page.locator('.as-table tr[data-path="/async/bad-blocking"]').first();
	assert.ok(Number(await row.getAttribute('data-loop')) >= 3000);
}), {everywhere: true});

test('while time stands still, the table has what is in the picture', () => withPage({}, async (page) => {
	await get('/async/await-one?seconds=0.1');
	await page.waitForFunction(() => [...window.lanes.history.requests.values()].some((request) => request.path === '/async/await-one' && request.over));
	await drawn(page, 2); // it is in the picture
	await page.getByRole('button', {name: 'Pause'}).click();
	await page.locator('.as-table summary').click();
	await page.locator('.as-table tr[data-path="/async/await-one"]').first().waitFor({timeout: 2000});
	await page.getByLabel('Pool', {exact: true}).selectOption('cpu');
	await page.waitForFunction(() => !document.querySelector('.as-table tr[data-path="/async/await-one"]'));
}));

test('500 workers: whatever is in view is painted, and found', () => withPage({deviceScaleFactor: 2}, async (page) => {
	await page.evaluate(() => {
		const {feed, history} = window.lanes;
		feed.close();
		const t = history.now + 100;
		const names = Array.from({length: 500}, (_, i) => `loop-${i + 1}`);
		feed.accept({t, lost: 0, workers: names.map((name, i) => ({name, pool: 'loop', engine: 'loop', pid: i + 1, in_flight: 0, loop: {held: null}})),
			spans: names.flatMap((w) => [1, 2, 3, 4, 5, 6].map((r) => ({w, k: 'await', s: t - 900, d: 890, r, p: '/async/await-one', c: 200})))});
	});
	await page.getByRole('button', {name: 'Pause'}).click();
	await page.getByLabel('Live lanes of all workers').focus();
	await page.keyboard.press('ArrowLeft'); // the last bar, which is brought into view
	const details = page.locator('.live .details');
	assert.match(await details.innerText(), /^Request 6 of loop-500, \/async\/await-one: /);
	const found = await page.locator('.live .stage').evaluate(async (stage) => {
		await new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve)));
		const canvas = stage.querySelector('canvas');
		const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
		const box = stage.getBoundingClientRect();
		const said = new Set();
		for (let x = box.left; x < box.right; x += 10) {
			stage.dispatchEvent(new PointerEvent('pointermove', {clientX: x, clientY: box.bottom - 14}));
			said.add(stage.parentElement.querySelector('.details').textContent);
		}
		return {scrolled: stage.scrollTop, height: canvas.clientHeight, painted: data.some((byte) => byte), said: [...said]};
	});
	assert.ok(found.scrolled > 20_000 && found.height <= 560 && found.painted, JSON.stringify(found));
	assert.ok(found.said.some((text) => text.includes('of loop-500,')), JSON.stringify(found));
}));

test('the trace can be downloaded', () => withPage({}, async (page) => {
	const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('Download trace').click()]);
	assert.equal(download.suggestedFilename(), 'lanes-trace.json');
	const chunks = await (await download.createReadStream()).toArray();
	const trace = JSON.parse(Buffer.concat(chunks).toString());
	assert.ok((trace.traceEvents ?? trace).length > 0);
}));

test('picture: of a round neither what was before it nor the next, and processes that are to be occupied are no mistake', () => withPage({}, async (page) => {
	await mute(page);
	const told = await page.evaluate(async () => {
		const {layout} = await import('/lanes/picture/layout.js');
		const {feed, history} = window.lanes;
		history.clear();
		const t = 7e6;
		const worker = (name, pool, engine) => ({name, pool, engine, pid: 1, in_flight: 0, loop: {held: null, request: null}, pools: {blocking: {limit: 40, busy: []}}});
		const workers = [worker('exercise-1', 'exercise', 'loop'), worker('exercise-prefork-1', 'exercise-prefork', 'prefork')];
		const of = (k, r, s, d, more) => ({w: 'exercise-1', k, r, s: t + s, d, p: '/x', c: k === 'loop' ? 200 : 0, ...more});
		feed.accept({t: t - 1000, workers, spans: []});
		feed.accept({t: t + 5000, workers, spans: [of('loop', 1, -20, 1), of('loop', 2, 0, 900), of('pool', 3, 1010, 900, {pool: 'blocking', th: 0}), of('loop', 3, 1910, 1), of('loop', 1, 0, 900, {w: 'exercise-prefork-1'})]});
		const draw = (name, more) => layout(history, t - 60, t + 1960, {only: new Set([history.find(name, name === 'exercise-1' ? 2 : 1)]), workers: new Set([name]), origin: t, until: t + 900, ...more}).groups[0];
		const {lanes} = draw('exercise-1');
		return [lanes.map(({kind}) => kind), lanes.find(({kind}) => kind === 'loop').blocks.length, draw('exercise-prefork-1', {meant: true}).meant, draw('exercise-prefork-1').meant];
	});
	assert.deepEqual(told, [['beat', 'loop', 'request'], 1, true, false]);
}));
