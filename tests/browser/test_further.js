// The exercises beyond the guide's: where threads end, what gather saves, where to compute, and what is done later.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';

import {open} from './browser.js';
import {exercise, notJudged, openExercise, test, withPage, world} from './suite.js';
import {System, withRun} from './system.js';

const everywhere = {everywhere: true};
const sum = (rows, kind) => rows.reduce((all, row) => all + Number(row[kind]), 0);

test('exercise 5: forty threads, and one more', () => withPage({}, async (page) => {
	const {right, text, rounds: [blocking, awaiting]} = await exercise(page, 'threads', 'same');
	assert.equal(right, 'turn');
	assert.match(text, /Request \d+ of exercise-1 waited (4|5)\d\d ms for one of the 40 threads, each of which was held for 5\d\d ms/);
	assert.match(text, /\b1 request of 41 waited/);
	assert.deepEqual([blocking.requests.length, awaiting.requests.length], [41, 41]);
	assert.equal(blocking.requests.filter(({poolQueue}) => Number(poolQueue) > 250).length, 1, 'the 41st');
	assert.equal(sum(awaiting.requests, 'pool'), 0, 'awaiting needs no thread');
	assert.ok(Number(blocking.wall) >= 1000 && Number(awaiting.wall) < 900, `${blocking.wall} ${awaiting.wall}`);
}), everywhere);

test('exercise 5: with other numbers of threads, it is one more than those', async () => {
	const system = await System.start({THREADS: '6'});
	try {
		const page = await open(world.browser, system.url);
		const {right, text, rounds: [blocking]} = await exercise(page, 'threads', 'turn');
		assert.equal(right, 'turn');
		assert.match(text, /for one of the 6 threads/);
		assert.equal(blocking.requests.length, 7);
		await page.context().close();
	} finally {
		await system.remove();
	}
});

test('exercise 6: one after the other, or gathered, each with a bar of its own', () => withPage({}, async (page) => {
	const {right, text, rounds: [turns, gathered, calls]} = await exercise(page, 'order', 'longest');
	assert.equal(right, 'longest');
	assert.match(text, /One after the other the sleeps took 1\.\d+ s\. Gathered, request \d+ of exercise-1 began all three at once, and took 6\d\d ms/);
	assert.match(text, /Request \d+ of exercise-1 called 3 services at the same time: /);
	const starts = turns.requests.map(({start, total}) => [Number(start), Number(start) + Number(total)]).sort(([a], [b]) => a - b);
	assert.ok(starts.every(([start], i) => !i || start >= starts[i - 1][1] - 1), 'each when the one before was over');
	assert.equal(gathered.requests.length, 1);
	// Three calls at the same time, beside each other.
	const tracks = await page.evaluate(async (serial) => {
		const {layout} = await import('/lanes/picture/layout.js');
		const {history} = window.lanes;
		const request = history.find('exercise-1', serial);
		const [group] = layout(history, request.start - 10, request.end + 10, {only: new Set([request]), workers: new Set(['exercise-1'])}).groups;
		const row = group.lanes.find(({kind}) => kind === 'request');
		return [row.height / 15, row.parts[0].parts.filter(({kind}) => kind === 'fetch').map(({track, tracks: all}) => `${track} of ${all}`).sort()];
	}, Number(calls.requests[0].serial));
	assert.deepEqual(tracks, [3, ['0 of 3', '1 of 3', '2 of 3']]);
}), everywhere);

test('exercise 7: where to compute', () => withPage({}, async (page) => {
	const {right, text, rounds} = await exercise(page, 'cpu', 'none');
	assert.equal(right, 'loop');
	assert.match(text, /The bystander waited [\d.]+ m?s while the key was derived on the loop, [\d.]+ ms while the key was derived on a thread and [\d.]+ ms while the key was derived in another process/);
	assert.equal(rounds.length, 3);
	const [loop, thread, other] = rounds.map(({requests}) => requests.find(({path}) => path.startsWith('/cases/derive')));
	assert.ok(Number(loop.loop) > 200 && Number(loop.pool) === 0, 'on the loop');
	assert.ok(Number(thread.pool) > 200 && Number(thread.loop) < 100 && thread.worker === 'exercise-1', 'on a thread');
	assert.ok(Number(other.pool) > 200 && other.worker === 'cpu-1', 'in another process');
	assert.ok(Number(rounds[0].silence) > 200 && Number(rounds[1].silence) === 0, 'the heartbeat');
}), everywhere);

const hasFastapi = () => {
	try {
		execFileSync('/usr/bin/python3', ['-I', '-c', 'import fastapi, uvicorn'], {stdio: 'ignore'});
		return true;
	} catch {
		return false;
	}
};

test('exercise 7: beside the guide\'s FastAPI, whose threads the GIL lets compute one at a time', async () => {
	if (!hasFastapi())
		return notJudged('no FastAPI');
	await withRun({FASTAPI: '1'}, async ({url}) => {
		const page = await open(world.browser, url);
		page.setDefaultTimeout(90_000); // forty requests compute
		try {
			const {right, text, section} = await exercise(page, 'cpu', 'loop');
			assert.equal(right, 'loop');
			const [, theirs] = /The guide's FastAPI, in Python: four sums took \S+ m?s one after the other and \S+ m?s at once, each on a thread, ([\d.]+) times as fast\./.exec(text) ?? assert.fail(text);
			const [, ours] = /Here four keys took \S+ m?s one after the other and \S+ m?s at once, each on a thread, ([\d.]+) times as fast\./.exec(text) ?? assert.fail(text);
			if (/[Oo]thers use/.test(text))
				notJudged(`the machine was busy: ${theirs} times as fast`);
			else
				assert.ok(theirs > 0.6 && theirs < 1.4, `four threads of Python: ${theirs} times as fast`);
			console.log(`     four threads: ${theirs} times as fast as one in Python, ${ours} times here`);
			assert.equal(await section.locator('.picture').count(), 2, 'no lanes of it: it tells of none');
			assert.deepEqual(page.faults, []);
		} finally {
			await page.context().close();
		}
	});
}, {alone: true});

test('exercises 8 and 9: without a database the page says what brings one', () => withPage({}, async (page) => {
	for (const id of ['combine', 'queue']) {
		await openExercise(page, id);
		const section = page.locator(`#exercise-${id}`);
		await section.locator('[data-missing="database"]').waitFor();
		assert.ok(await section.locator('form').isHidden(), 'nothing is asked before');
		assert.match(await section.locator('[data-missing]').innerText(), /There is no database in this system[^]*make run DATABASE=private/);
		await section.getByText('The handlers: Python and C').click();
		await section.locator('.listing pre').nth(1).waitFor();
	}
}));

test('exercises 8 and 9: with a database', async () => {
	const system = await System.start({DATABASE: 'private', WORKERS: String(world.workers)});
	try {
		const page = await open(world.browser, system.url);
		const combine = await exercise(page, 'combine', 'sum');
		assert.equal(combine.right, 'longest');
		assert.match(combine.text, /took \d+ ms: the call \d+ ms, the thread \d+ ms, the queue [\d.]+ ms, which is \d+ ms together/);
		const queue = await exercise(page, 'queue', 'waits');
		assert.equal(queue.right, 'later');
		assert.match(queue.text, /Request \d+ of loop-\d+ was answered with 202 after \d+ ms\. jobs-\d+ drew the picture/);
		assert.deepEqual(queue.rounds[0].requests.map(({worker, status}) => `${worker.replace(/\d+/, 'N')} ${status}`), ['loop-N 202', 'jobs-N 200']);
		assert.equal(await queue.section.locator('img.made').count(), 1);
		assert.deepEqual(page.faults, []);
		await page.context().close();
	} finally {
		await system.remove();
	}
}, {everywhere: true});
