// A copy of the project in which make dev runs, and its handler of /async/bad-blocking, to be saved as an editor does.

import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {cpSync, existsSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {freePort} from './system.js';

const START = 240_000; // milliseconds: all of the library is built where nothing of it was
const HANDLER = 'app/guide/async_bad_blocking.c';

// Puts a text in place of what the handler does.
export const between = (text) => (was) => was.replace(/(request_input\(req\);\n\n)[\s\S]*(\n\}\n)/, (_, head, tail) => head + text + tail);

// A project of its own in which make dev runs, while run({url, save, read, project}).
export async function withDev(run) {
	const project = mkdtempSync(join(tmpdir(), 'lanes-dev-'));
	for (const name of ['Makefile', 'app', 'nginx', 'spawn', 'tests/programs.mk', 'build/dev'])
		if (existsSync(name))
			cpSync(name, join(project, name), {recursive: true, preserveTimestamps: true});
	const port = await freePort();
	const terminal = join(project, 'terminal');
	const env = {PATH: process.env.PATH, HOME: project, PORT: String(port), RUN_DIR: join(project, 'run')};
	const dev = spawn('make', ['dev'], {cwd: project, env, detached: true, stdio: ['ignore', openSync(terminal, 'a'), openSync(terminal, 'a')]});
	const ended = new Promise((resolve) => dev.on('exit', resolve));
	try {
		const begun = Date.now();
		while (!readFileSync(terminal, 'utf8').includes('Ctrl-C stops it')) {
			assert.ok(dev.exitCode === null && Date.now() - begun < START, readFileSync(terminal, 'utf8'));
			await new Promise((resolve) => setTimeout(resolve, 100));
		}
		const read = () => readFileSync(join(project, HANDLER), 'utf8');
		// As an editor does: another file takes the name.
		const save = (change) => {
			writeFileSync(join(project, 'saved'), change(read()));
			renameSync(join(project, 'saved'), join(project, HANDLER));
		};
		await run({url: `http://127.0.0.1:${port}`, save, read, project});
	} finally {
		process.kill(-dev.pid, 'SIGINT');
		await ended;
		execFileSync('spawn/stop.sh', {cwd: project, env: {...env, PATH: `${env.PATH}:/usr/sbin`}, stdio: 'ignore'});
		rmSync(project, {recursive: true, force: true});
	}
}
