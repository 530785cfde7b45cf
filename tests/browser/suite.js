// What the tests of the page share: the system and the browser, pages, and what is done with them.

import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {availableParallelism} from 'node:os';
import {promisify} from 'node:util';

import {axeSource, open} from './browser.js';

const execute = promisify(execFile);

export const tests = [];
export const world = {system: null, browser: null, debugging: 0, workers: 1, unjudged: ''};

// everywhere: with each number of workers, not only with one; alone: nothing else may use the machine; long: takes
// half a minute and more, and begins before the others.
export function test(name, run, {everywhere = false, alone = false, long = false} = {}) {
	tests.push({name, run, everywhere, alone, long});
}

export async function withPage(options, run) {
	const page = await open(world.browser, world.system.url, options);
	try {
		await run(page);
		assert.deepEqual(page.faults.slice(0, 2), []);
	} finally {
		await page.context().close();
	}
}

// Brings an exercise to the page: there is one at a time.
export async function openExercise(page, id) {
	await showTab(page, 'exercises');
	await page.locator(`#exercises [data-step="${id}"]`).click();
	await page.locator(`#exercise-${id}`).waitFor();
}

// Predicts, runs, and reads what came out. meanwhile: what to do while it runs.
export async function exercise(page, id, option, meanwhile = () => {}) {
	const section = page.locator(`#exercise-${id}`);
	await openExercise(page, id);
	await section.locator(`input[value="${option}"]`).check();
	const begun = page.locator('#lanes.round').waitFor();
	await section.getByRole('button', {name: /^Run/}).click();
	await begun;
	await meanwhile();
	await section.locator('.verdict').waitFor();
	return {
		section,
		right: await section.locator('.verdict').getAttribute('data-right'),
		disturbed: await section.locator('.verdict').getAttribute('data-disturbed'),
		text: await section.locator('.result').innerText(),
		// One array for each picture, one object for each request: the data of the table's rows.
		rounds: await section.locator('.picture').evaluateAll((figures) => figures.map((figure) => ({
			...figure.dataset,
			requests: [...figure.querySelectorAll('tbody tr')].map((row) => ({...row.dataset})),
		}))),
	};
}

// Where a figure would be the machine's and not the page's, or what it needs is missing: the case counts as skipped, unless
// something else of it fails.
export function notJudged(why) {
	world.unjudged = why;
}

const QUIET = 0.75; // of a core
const COMPUTE = `require('os').setPriority(19);
	const begin = performance.now();
	let took = 0;
	const {user} = process.cpuUsage();
	while (took < 300)
		took = performance.now() - begin;
	console.log((process.cpuUsage().user - user) / 1000 / took);`;

// Whether nobody else wants the cores at this moment: at the lowest priority all of them can be had, as
// tests/support/machine.h has it. page: one that is open, which draws less meanwhile.
export async function isQuiet(page = null) {
	await page?.emulateMedia({reducedMotion: 'reduce'});
	const shares = await Promise.all(Array.from({length: availableParallelism()}, () => execute(process.execPath, ['-e', COMPUTE])));
	await page?.emulateMedia({reducedMotion: null});
	return shares.every(({stdout}) => Number(stdout) > QUIET);
}

export const get = async (path) => (await fetch(world.system.url + path)).text();
export const end = (request) => Number(request.start) + Number(request.total);
// Resolves when so many more pictures of the lanes have been drawn.
export const drawn = (page, pictures) => page.evaluate((left) => new Promise((resolve) => {
	const clear = CanvasRenderingContext2D.prototype.clearRect;
	CanvasRenderingContext2D.prototype.clearRect = function (...box) {
		clear.apply(this, box);
		if (--left > 0)
			return;
		CanvasRenderingContext2D.prototype.clearRect = clear;
		setTimeout(resolve); // when this one is complete
	};
}), pictures);
// Resolves when the page has heard of what is so many milliseconds later than all it knows.
export const heard = async (page, ms) => page.waitForFunction((t) => window.lanes.history.now > t, ms + await page.evaluate(() => window.lanes.history.now));
export const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Runs a line as a reader does who copies it to a terminal.
export async function shell(line) {
	return (await execute('sh', ['-c', line])).stdout;
}

export async function violations(page) {
	if (!await page.evaluate(() => 'axe' in window))
		await page.evaluate(axeSource);
	const {violations: found} = await page.evaluate(() => window.axe.run({resultTypes: ['violations']}));
	return found.map(({id, nodes}) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`);
}

export async function showTab(page, id) {
	await page.locator(`#tab-${id}`).click();
	await page.locator(`#${id} *:not(:empty)`).first().waitFor({state: 'attached'}); // it may be loaded now
}

// Presses a key until the focus is there.
export async function reach(page, selector, key = 'Tab') {
	for (let i = 0; i < 150; i++) {
		if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector))
			return;
		await page.keyboard.press(key);
	}
	assert.fail(`no way to ${selector}`);
}

// What the page says when it has written down what it has heard.
export const said = (page, selector) => page.evaluate((what) => new Promise((resolve) => requestAnimationFrame(
	() => resolve(document.querySelector(what).textContent))), selector);

// Ends the live feed, so that only what a test plays is there.
export async function mute(page) {
	await page.evaluate(() => {
		window.lanes.feed.close();
		window.lanes.history.clear();
	});
}
