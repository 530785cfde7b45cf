// One of the processes that run tests (tests.js): it has a system and a browser of its own, so that what
// others do disturbs nothing. It is sent {name, workers} for each case, sends {seconds, error, unjudged} when that
// is over, and ends when it is disconnected.

import {mkdir} from 'node:fs/promises';
import {join} from 'node:path';

import {tests, world} from './all.js';
import {launch} from './browser.js';
import {freePort, System} from './system.js';

// The system with so many workers, and the browser.
async function prepare(workers) {
	const settings = {WORKERS: String(workers), PREFORK_WORKERS: String(Math.max(workers, 2))};
	if (!world.system) {
		world.system = await System.start(settings);
		const home = join(world.system.directory, 'home');
		await mkdir(home);
		world.debugging = await freePort();
		world.browser = await launch(home, world.debugging);
	} else if (world.workers !== workers) {
		await world.system.down();
		await world.system.up(settings);
	}
	world.workers = workers;
}

async function run({name, workers}) {
	const begin = Date.now();
	let error = null;
	world.unjudged = '';
	try {
		await prepare(workers);
		await tests.find((test) => test.name === name).run();
	} catch ({stack}) {
		error = stack;
		world.workers = 0; // who knows how it left the system: the next case gets it anew
	}
	if (process.connected)
		process.send({seconds: (Date.now() - begin) / 1000, error, unjudged: world.unjudged});
}

process.on('message', run);
process.on('disconnect', async () => {
	await world.browser?.close();
	await world.system?.remove();
	process.exit();
});
process.on('SIGINT', () => {}); // who started it disconnects
