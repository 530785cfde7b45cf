// The page, clicked through: what it says, and the lanes as its tables have them. The tests are in the
// modules below. Those that say so run with each number of workers.

import {mkdir} from 'node:fs/promises';
import {join} from 'node:path';

import {launch} from './browser.js';
import {tests, world} from './suite.js';
import {freePort, System} from './system.js';

import './test_exercises.js';
import './test_judge.js';
import './test_feed.js';
import './test_picture.js';
import './test_panels.js';
import './test_access.js';
import './test_load.js';
import './test_lighthouse.js';

const WORKERS = [1, 2, 8];

const words = process.argv.slice(2);
const wanted = tests.filter(({name}) => !words.length || words.some((word) => name.includes(word)));
let passed = 0;
let failed = 0;
try {
	world.system = await System.start();
	const home = join(world.system.directory, 'home');
	await mkdir(home);
	world.debugging = await freePort();
	world.browser = await launch(home, world.debugging);
	for (const workers of WORKERS) {
		const now = wanted.filter(({everywhere}) => everywhere || workers === WORKERS[0]);
		world.workers = workers;
		if (now.length && workers !== WORKERS[0]) {
			await world.system.down();
			await world.system.up({WORKERS: String(workers), PREFORK_WORKERS: String(Math.max(workers, 2))});
		}
		for (const {name, run} of now) {
			const begin = Date.now();
			try {
				await run();
				passed++;
				console.log(`ok   browser/${name}, WORKERS=${workers} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
			} catch (error) {
				failed++;
				console.log(`FAIL browser/${name}, WORKERS=${workers}: ${error.stack}`);
			}
		}
	}
} catch (error) {
	failed++;
	console.log(`FAIL browser: ${error.stack}`);
} finally {
	await world.browser?.close();
	await world.system?.remove();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
