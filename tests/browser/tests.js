// The page, clicked through: what it says, and the lanes as its tables have them. Cases wait most of the
// time, so two for each core run at a time (side.js), first those that say that they are long; those that
// measure the machine come last and alone. A test that says so is a case with each number of workers (WORKERS).
// All of it shares a few cores, which may come too late for what a case waits for: one that fails is run
// again at the end, alone, twice at most, and counts if it always does. Where many fail, none is.

import {fork} from 'node:child_process';
import {availableParallelism} from 'node:os';
import {fileURLToPath} from 'node:url';

import {tests} from './all.js';

const WORKERS = (process.env.WORKERS || '1 2 8').split(' ').map(Number);
const AGAIN = 2; // times …
const FEW = 5; // … for so many cases
const LATE = 600_000; // ms: a case hangs; the longest takes 140 s alone, and twice that and more beside others

const words = process.argv.slice(2);
const key = ({name, workers}) => `${name}, WORKERS=${workers}`;
const cases = tests.filter(({name}) => !words.length || words.some((word) => name.includes(word)))
	.flatMap(({name, everywhere, alone, long}) => (everywhere ? WORKERS : WORKERS.slice(0, 1)).map((workers) => ({name, workers, alone, long})))
	.sort((a, b) => b.long - a.long);
let passed = 0;
let failed = 0;
const unjudged = [];
const again = [];

// Runs a case there.
function run(side, each) {
	return new Promise((resolve) => {
		const over = ({seconds = 0, error, unjudged: why}) => {
			clearTimeout(late);
			side.off('message', over).off('exit', died);
			resolve();
			if (!error && why) {
				unjudged.push(`not judged  browser/${key(each)}: ${why}`);
			} else if (!error) {
				passed++;
				console.log(`ok   browser/${key(each)} (${seconds.toFixed(1)} s)`);
			} else if (each.tried === AGAIN || again.length === FEW) {
				failed++;
				console.log(`FAIL browser/${key(each)}: ${error}`);
			} else {
				console.log(`     once more, later: browser/${key(each)}: ${error}`);
				again.push({...each, tried: (each.tried ?? 0) + 1});
			}
		};
		const died = (status) => over({error: `its process ended with ${status}`});
		const late = setTimeout(() => side.kill('SIGKILL'), LATE);
		side.on('message', over).on('exit', died);
		side.send({name: each.name, workers: each.workers});
	});
}

// Runs cases until none is left: long ones, those for the number of workers that are there, then others. A side that
// has died has a successor. Resolves with the last.
async function work(side, left) {
	for (let workers = null; left.length;) {
		const at = left[0].long ? 0 : Math.max(left.findIndex((each) => each.workers === workers), 0);
		const [each] = left.splice(at, 1);
		workers = each.workers;
		if (!side.connected)
			side = start();
		await run(side, each);
	}
	return side;
}

const start = () => fork(fileURLToPath(new URL('side.js', import.meta.url)));

const end = (side) => new Promise((resolve) => {
	side.connected ? side.on('exit', resolve).disconnect() : resolve();
});

const together = cases.filter(({alone}) => !alone);
const begin = Date.now();
const sides = await Promise.all(Array.from({length: Math.max(1, Math.min(2 * availableParallelism(), together.length))}, () => work(start(), together)));
let [side, ...others] = sides;
await Promise.all(others.map(end));
side = await work(side, cases.filter(({alone}) => alone));
while (again.length)
	side = await work(side, again.splice(0));
await end(side);
console.log(`${((Date.now() - begin) / 1000).toFixed(0)} s`);
unjudged.forEach((line) => console.log(line));
console.log(`${passed} passed, ${failed} failed${unjudged.length ? `, ${unjudged.length} skipped` : ''}`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
