// The exercises: each tells one loop's story, whatever WORKERS is and whoever else is there.

import assert from 'node:assert/strict';

import {end, exercise, get, mute, openExercise, shell, showTab, test, withPage, world} from './suite.js';

const everywhere = {everywhere: true};

test('a browser gets the page, everybody else the answer', async () => {
	const {url} = world.system;
	const html = await fetch(url, {headers: {Accept: 'text/html,*/*;q=0.8'}});
	assert.match(html.headers.get('content-type'), /^text\/html/);
	assert.match(html.headers.get('content-security-policy'), /default-src 'none'/);
	assert.match(html.headers.get('vary'), /\bAccept$/); // compressed or not, and for whom
	assert.equal(JSON.parse(await get('/')).sync, '/sync/noawait');
	const post = await fetch(url, {method: 'POST', headers: {Accept: 'text/html'}});
	assert.deepEqual([post.status, post.headers.get('allow')], [405, 'GET']);
	assert.equal((await fetch(`${url}/lanes/`)).status, 200);
	assert.equal((await fetch(`${url}/lanes/no-such-file`)).status, 404);
});

test('exercise 1: sync and async at the same moment, on one loop', () => withPage({}, async (page) => {
	const {right, text, rounds: [round]} = await exercise(page, 'together', 'turns');
	assert.equal(right, 'together');
	assert.match(text, /They ran at the same time/);
	assert.match(text, /You predicted “After 3 s: they take turns”/);
	assert.match(text, /One loop had both: that of exercise-1/);
	assert.match(text, /Request \d+ of exercise-1 slept on a thread/);
	const [sync, one] = ['/sync/noawait', '/async/await-one'].map((path) => round.requests.find((request) => request.path === path));
	assert.deepEqual([sync.worker, one.worker], ['exercise-1', 'exercise-1']);
	assert.notEqual(sync.serial, one.serial);
	assert.ok(Number(sync.pool) > 1450 && Number(sync.await) < 1, 'the sync one slept on a thread');
	assert.ok(Number(one.await) > 1450 && Number(one.pool) === 0, 'the async one awaited');
	assert.ok(Number(sync.loop) + Number(one.loop) < 100, 'the loop was free');
}), everywhere);

test('exercise 2: many waits in one request', () => withPage({}, async (page) => {
	const {right, text, rounds: [round]} = await exercise(page, 'gather', 'max');
	assert.equal(right, 'max');
	assert.match(text, /As long as the longest sleep/);
	assert.match(text, /You predicted it/);
	assert.ok(Number(round.requests[0].await) > 1450 && Number(round.requests[0].await) < 2200);
}), everywhere);

test('exercise 3: a blocked loop makes the bystander wait, a blocked thread does not', () => withPage({}, async (page) => {
	const {right, text, rounds: [bad, wrap]} = await exercise(page, 'blocking', 'both');
	assert.equal(right, 'bad');
	assert.match(text, /A blocking call on the loop stops everybody/);
	assert.match(text, /Request \d+ of exercise-1 \(\/async\/await-one\) waited [\d.]+ m?s to be picked up, because request \d+ of exercise-1 \(\/async\/bad-blocking\) held the loop for 2\.\d+ s/);
	assert.match(text, /bad-blocking: the heartbeat stopped for 2\.\d+ s/);
	assert.match(text, /wrap-blocking: the heart went on beating/);

	const [blocker, bystander] = bad.requests;
	assert.equal(bystander.path, '/async/await-one');
	assert.ok(Number(blocker.loop) >= 2000 && Number(blocker.loop) < 2500, 'the block, on the loop');
	assert.ok(Number(bystander.queue) > 1400, 'the wait');
	const waitedUntil = Number(bystander.start) + Number(bystander.queue);
	assert.ok(Math.abs(waitedUntil - end(blocker)) < 150, 'the wait ends when the block does');
	assert.ok(Number(bad.silence) >= 2000, 'the heartbeat has a hole');

	const [wrapped, free] = wrap.requests;
	assert.ok(Number(wrapped.pool) >= 2000, 'the block, on a thread');
	assert.ok(Number(free.queue) < 250 && end(free) < end(wrapped) - 500, 'nobody waited for it');
	assert.equal(Number(wrap.silence), 0, 'the heartbeat has no hole');
}), everywhere);

test('exercise 4: a process for each request runs out of processes', () => withPage({}, async (page) => {
	const {right, text, rounds: [prefork, loop]} = await exercise(page, 'processes', 'loop');
	assert.equal(right, 'loop');
	assert.match(text, /6 requests in 1\.\d+ s, on 2 processes/);
	assert.match(text, /Request \d+ of exercise-prefork-\d waited .* until one of them was free/);
	assert.ok(Math.max(...prefork.requests.map((request) => Number(request.queue))) > 900);
	assert.equal(loop.requests.length, 6);
	assert.ok(Number(loop.wall) < Number(prefork.wall) / 2);
}), everywhere);

test('from a terminal: the lines say the same, with times', () => withPage({}, async (page) => {
	const lines = (id) => page.locator(`#exercise-${id} .curl code`).allTextContents();
	const times = async (line) => [...(await shell(line)).matchAll(/([\d.]+) s$/gm)].map(([, s]) => Number(s));

	const [[together], [gather], [bad, wrap], [prefork, loop]] = await Promise.all(['together', 'gather', 'blocking', 'processes'].map(lines));
	// Those that keep nobody waiting, at the same time.
	const [both, [longest], queued] = await Promise.all([together, gather, prefork].map(times));
	assert.ok(both.length === 2 && both.every((s) => s > 1.4 && s < 2.2), `${together}: ${both}`);
	assert.ok(longest > 1.4 && longest < 2.2, `${gather}: ${longest}`);
	const [bystander, blocker] = (await times(bad)).sort();
	assert.ok(bystander > 1.3 && blocker >= 2, `${bad}: ${bystander} ${blocker}`);
	const [[free, wrapped], awaited] = await Promise.all([times(wrap).then((all) => all.sort()), times(loop)]);
	assert.ok(free < 0.5 && wrapped >= 2, `${wrap}: ${free} ${wrapped}`);
	const [slowest, slow] = [Math.max(...queued), Math.max(...awaited)];
	assert.ok(slowest > 1.4 && slow < 1, `${slowest} ${slow}`);
}), everywhere);

test('somebody else\'s request turns no verdict', () => withPage({}, async (page) => {
	const {right, disturbed, text, section} = await exercise(page, 'gather', 'max', async () => {
		await get('/exercise/async/bad-blocking?seconds=1');
		await get('/exercise/async/bad-blocking?seconds=1');
	});
	assert.deepEqual([right, disturbed], ['', 'true']);
	assert.match(text, /Disturbed: run it again/);
	assert.match(text, /run it again when nobody else does, or each on a system of their own \(PORT=8081 /);
	assert.match(text, /Request \d+ of exercise-1 \(\/async\/bad-blocking\) held the loop for 1\.\d+ s/);
	assert.equal(await section.locator('.prediction').count(), 0, 'no prediction is called wrong');
	const again = await exercise(page, 'gather', 'max');
	assert.deepEqual([again.right, again.disturbed], ['max', 'false']);
}), everywhere);

test('load on the other pools does not disturb, and is not in the picture', () => withPage({}, async (page) => {
	const {right} = await exercise(page, 'blocking', 'bad', async () => {
		await get('/burst?n=40&path=/async/await-one%3Fseconds=1');
		await get('/async/bad-blocking?seconds=1');
	});
	assert.equal(right, 'bad');
}), everywhere);

test('the server sends: a browser without connections left measures the same', () => withPage({}, async (page) => {
	await page.evaluate(() => {
		for (let i = 0; i < 3; i++)
			fetch(`/async/await-one?seconds=4&_=${i}`);
	});
	const {right, rounds: [, loop]} = await exercise(page, 'processes', 'same');
	assert.equal(right, 'loop');
	assert.ok(Number(loop.wall) < 900, loop.wall);
}));

test('the handlers stand beside each other, in Python and in C', () => withPage({}, async (page) => {
	const section = page.locator('#exercise-blocking');
	await openExercise(page, 'blocking');
	await section.getByText('The handlers: Python and C').click();
	await section.getByText('time.sleep(seconds)').waitFor();
	assert.match(await section.locator('.listing').innerText(), /AWAIT\(req, run_in_threadpool/);
	assert.equal(await section.locator('.listing pre').count(), 4);
	// What a path is called is no line that waits.
	await openExercise(page, 'together');
	const together = page.locator('#exercise-together');
	await together.getByText('The handlers: Python and C').click();
	await together.locator('.listing .telling').first().waitFor();
	const telling = (await together.locator('.listing .line:is(.telling, [data-beside])').allInnerTexts()).map((line) => line.trim());
	assert.ok(telling.includes('await asyncio.sleep(seconds)'), telling.join('\n'));
	assert.deepEqual(telling.filter((line) => line.startsWith('@')), []);
}));

test('the line that a request waits at, or that holds a loop, is lit in both', () => withPage({}, async (page) => {
	const section = page.locator('#exercise-blocking');
	await openExercise(page, 'blocking');
	await section.getByText('The handlers: Python and C').click();
	await section.locator('.listing .telling').first().waitFor();
	await mute(page);
	const lit = async (worker) => {
		await page.evaluate(async (of) => {
			window.lanes.feed.accept({t: (window.lanes.history.now || 5e6) + 100, spans: [], workers: [{name: 'exercise-1', pool: 'exercise', engine: 'loop', pid: 1, in_flight: 1, loop: {held: null, request: null}, pools: {}, ...of}]});
			await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
		}, worker);
		return (await section.locator('.line.running').allTextContents()).map((line) => line.trim());
	};
	const number = async (file, text) => 1 + (await get(`/lanes/handlers/${file}.c`)).split('\n').findIndex((line) => line.includes(text));
	const waits = await number('async_wrap_blocking', 'AWAIT(req, run_in_threadpool');
	const task = {serial: 1, route: '/async/wrap-blocking', own: true, function: 'async_wrap_blocking', file: 'app/guide/async_wrap_blocking.c', line: waits};
	assert.deepEqual((await lit({tasks: [task, null, {own: false, file: 'x.c', line: 1}]})).map((line) => line.replace(/\(.*/, '')), ['detail = await run_in_threadpool', 'AWAIT']);
	const holds = await number('async_bad_blocking', 'blocking_io_task(');
	const held = (lasts) => ({loop: {held: 0.5, request: null, held_by: {lasts, at: 'app/guide/tasks.c:13', from: `app/guide/async_bad_blocking.c:${holds}`}}});
	assert.deepEqual((await lit(held(true))).map((line) => line.replace(/\(.*/, '')), ['time.sleep', 'blocking_io_task']);
	assert.deepEqual(await lit(held(false)), [], 'that is over');
	assert.deepEqual(await lit({tasks: 'none'}), []);
	// Without a word of where, the route tells of what blocks.
	const by = (route) => ({serial: 1, route, for: 0.5});
	assert.deepEqual((await lit({loop: {held: 0.5, request: by('/async/bad-blocking')}})).map((line) => line.replace(/\(.*/, '')), ['time.sleep', 'blocking_io_task']);
	assert.deepEqual((await lit({pools: {blocking: {limit: 40, busy: [{...by('/async/wrap-blocking'), thread: 0}, null]}}})).map((line) => line.replace(/\(.*/, '')), ['detail = await run_in_threadpool', 'blocking_io_task']);
}));

test('a round that fails says how', () => withPage({}, async (page) => {
	await page.route('**/burst?*', (route) => route.fulfill({status: 503, contentType: 'application/json', body: '{"detail":"Service Unavailable"}'}));
	const section = page.locator('#exercise-gather');
	await openExercise(page, 'gather');
	await section.locator('input[value="max"]').check();
	await section.getByRole('button', {name: /^Run/}).click();
	await section.locator('.verdict').waitFor();
	assert.match(await section.innerText(), /That did not work[\s\S]*busy with other rounds/);
	await showTab(page, 'try');
	await page.getByRole('button', {name: 'Send'}).click();
	await page.getByText(/No answer: busy/).waitFor();
}));
