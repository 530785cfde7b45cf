// Under load: what the page measures, what it costs, and that it does not grow.

import assert from 'node:assert/strict';

import {get, isQuiet, mute, notJudged, test, withPage, world} from './suite.js';

const alone = {alone: true};

test('real load is measured', () => withPage({}, async (page) => {
	const until = Date.now() + 6000;
	const client = async () => {
		while (Date.now() < until)
			await get('/async/await-one?seconds=0.01');
	};
	await Promise.all([...Array.from({length: 24}, client), (async () => {
		await page.waitForFunction((workers) => [...window.lanes.history.workers.values()]
			.filter(({pool, measured}) => pool === 'loop' && measured.list.length > 10).length === workers, world.workers, {timeout: 6000});
		await page.locator('.as-table summary').click();
		await page.locator('.as-table .measured tr[data-worker="loop-1"]').waitFor();
		const rows = (await page.locator('.as-table .measured tbody tr').evaluateAll((all) => all.filter(({dataset}) => dataset.worker.startsWith('loop-'))
			.map((row) => [...row.querySelectorAll('td')].map((cell) => parseFloat(cell.textContent)))));
		const [busy, inFlight, rate] = [0, 1, 2].map((column) => rows.reduce((sum, row) => sum + row[column], 0));
		assert.ok(busy > 0 && busy < 90 && inFlight <= 24 && rate > 300 && rate < 2400, JSON.stringify(rows));
	})()]);
}), {alone: true, everywhere: true});

// Plays messages as the server sends them at 2,000 requests/s to eight workers, as they are due.
const playLive = (page, seconds) => page.evaluate((length) => new Promise((resolve) => {
	const {feed, history} = window.lanes;
	const names = Array.from({length: 8}, (_, i) => `loop-${i + 1}`);
	const begin = performance.now();
	const first = (history.now || 1e7) + 100;
	let made = 0;
	const timer = setInterval(() => {
		for (; made * 100 < performance.now() - begin; made++) {
			const t = first + made * 100;
			const text = JSON.stringify({t, lost: 0, unrecorded: [],
				workers: names.map((name, i) => ({name, pool: 'loop', engine: 'loop', pid: i + 1, in_flight: 12, loop: {held: 0.002, request: null},
					pools: {blocking: {limit: 40, threads: 3, running: 3, queued: 0, busy: [0, 1, 2].map((thread) => ({thread, serial: t / 100, route: '/sync/noawait', for: 0.03}))}}})),
				spans: names.flatMap((w, i) => (made % 10 === i ? [{w, k: 'await', s: t - 150, d: 120, r: t / 100, p: '/async/await-one', c: 200}] : [])),
				buckets: names.map((w) => ({w, from: t - 100, to: t, answers: 25, busy: 0.2 + 0.1 * Math.sin(t / 900), in_flight: 12, p50: 1, p99: 10, aborted: 0, holds: []}))});
			feed.accept(JSON.parse(text));
		}
		if (performance.now() - begin > length * 1000) {
			clearInterval(timer);
			resolve();
		}
	}, 20);
}), seconds);

// The browser says which CPU time its process for the tab has used: what others do meanwhile is not in it,
// but makes it up to twice as much, as they share caches and the core's two threads. So the core is measured
// as well, by a piece of work in the same tab: one that does it in WORK seconds is meant. One of three has to be as it
// should; where the machine was never quiet before and after, it is not judged. Nor where that work takes much
// longer: then others use it who cannot be seen from here.
const WORK = 0.42;
const SLOW = 1.6; // times WORK

test('2,000 requests/s at 8 workers cost the tab under a fifth of a core, at 30 pictures a second', () => withPage({}, async (page) => {
	await mute(page);
	const devtools = await page.context().newCDPSession(page);
	await devtools.send('Performance.enable');
	await page.evaluate(() => {
		const clear = CanvasRenderingContext2D.prototype.clearRect;
		window.pictures = 0;
		CanvasRenderingContext2D.prototype.clearRect = function (...box) {
			window.pictures++;
			return clear.apply(this, box);
		};
	});
	const count = async () => {
		const {metrics} = await devtools.send('Performance.getMetrics');
		const [seconds, used] = ['Timestamp', 'ProcessTime'].map((wanted) => metrics.find(({name}) => name === wanted).value);
		return {seconds, used, pictures: await page.evaluate(() => window.pictures)};
	};
	const work = async () => {
		const before = await count();
		await page.evaluate(() => {
			let length = 0;
			for (let i = 0; i < 10; i++) {
				const list = Array.from({length: 100000}, (_, n) => ({n, text: String(n * 7919 % 100003)}));
				list.sort((a, b) => (a.text < b.text ? -1 : 1));
				length += JSON.stringify(list).length;
			}
			return length;
		});
		return (await count()).used - before.used;
	};
	await playLive(page, 10); // the picture is full
	let [share, rate, quiet] = [1, 0, 0];
	for (let i = 0; i < 3 && !(share < 0.2 && rate > 27); i++) {
		const wasQuiet = await isQuiet(page);
		const first = await work();
		const before = await count();
		await playLive(page, 10);
		const now = await count();
		const slowness = (first + await work()) / 2 / WORK;
		[share, rate] = [(now.used - before.used) / (now.seconds - before.seconds) / slowness, (now.pictures - before.pictures) / (now.seconds - before.seconds)];
		const isStillQuiet = wasQuiet && slowness < SLOW && await isQuiet(page);
		quiet += isStillQuiet;
		console.log(`     ${(share * 100).toFixed(1)} % of a core (${(share * slowness * 100).toFixed(1)} % of this one), ${rate.toFixed(1)} pictures a second${isStillQuiet ? '' : ', while others used the machine'}`);
	}
	if (!quiet && !(share < 0.2 && rate > 27))
		return notJudged(`others used the machine: ${(share * 100).toFixed(1)} % of a core, ${rate.toFixed(1)} pictures a second`);
	assert.ok(share < 0.2, `${share} of a core`);
	assert.ok(rate > 27, `${rate} pictures a second`);
}), alone);

test('60 minutes of feed at 1,000 requests/s do not grow the page', () => withPage({}, async (page) => {
	const devtools = await page.context().newCDPSession(page);
	const heap = async () => { // what is left when it is collected thrice: a picture may hold some for a while
		let least = Infinity;
		for (let i = 0; i < 3; i++) {
			await page.evaluate(() => new Promise(requestAnimationFrame));
			await devtools.send('HeapProfiler.collectGarbage');
			least = Math.min(least, (await devtools.send('Runtime.getHeapUsage')).usedSize);
		}
		return least;
	};
	await mute(page);
	// Ten messages a second: half of the time in buckets with the slow ones besides, as at 1,000 requests
	// a second, half of it one by one, as at 400; from workers that now and then are replaced.
	const play = (minutes) => page.evaluate(async (length) => {
		const {feed, history} = window.lanes;
		for (let message = 0; message < length * 600; message++) {
			const t = (history.now || 1e6) + 100;
			const dense = message % 600 < 300;
			const spans = [];
			for (let i = 0; i < (dense ? 2 : 40); i++) {
				const r = Math.round(t) * 40 + i;
				const start = t - 90 + i * 2;
				spans.push({w: 'loop-1', k: 'queue', s: start - 5, d: 5, r, p: '/async/wrap-blocking'},
					{w: 'loop-1', k: 'loop', s: start, d: i === 0 ? 120 : 0.2, r, p: '/async/wrap-blocking'},
					{w: 'loop-1', k: 'pool', s: start + 0.2, d: 2, r, p: '/async/wrap-blocking', pool: 'blocking', th: i},
					{w: 'loop-1', k: 'loop', s: start + 2.2, d: 0.1, r, p: '/async/wrap-blocking', c: 200});
			}
			feed.accept({t, spans, lost: 0, workers: [{name: 'loop-1', pool: 'loop', engine: 'loop', pid: Math.floor(t / 60_000), in_flight: 1, loop: {held: null}},
				{name: `loop-${Math.floor(t / 1000)}`, pool: 'loop', pid: 1}],
				...(dense && {buckets: [{w: 'loop-1', from: t - 100, to: t, answers: 100, busy: 0.3, in_flight: 9, p50: 1, p99: 3}], unrecorded: message % 3 ? [] : [{w: 'loop-1', from: t - 90, to: t - 80}]})});
			if (message % 300 === 0)
				await new Promise(requestAnimationFrame);
		}
		return {requests: history.requests.size, workers: history.workers.size,
			stretches: Math.max(...[...history.workers.values()].map(({measured, unrecorded}) => Math.max(measured.list.length, unrecorded.list.length)))};
	}, minutes);
	page.setDefaultTimeout(300_000);
	await play(6);
	const before = await heap();
	const sizes = await play(60);
	const now = await heap();
	console.log(`     ${(before / 1e6).toFixed(1)} MB after 6 minutes, ${(now / 1e6).toFixed(1)} MB after 66`);
	assert.ok(sizes.requests <= 6000 && sizes.workers <= 300 && sizes.stretches <= 3000, JSON.stringify(sizes));
	// The feed was more than a GB; some MB are the engine's own noise.
	assert.ok(now < before + 5e6, `${before} bytes after 6 minutes, ${now} after 66`);
}), {long: true});
