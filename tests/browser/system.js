// A system of its own for the tests: spawn/start.sh with a free port and a new RUN_DIR.

import assert from 'node:assert/strict';
import {execFile, execFileSync, spawn} from 'node:child_process';
import {existsSync, mkdtempSync, openSync, readFileSync, rmSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';

const execute = promisify(execFile);

export function freePort() {
	return new Promise((resolve, reject) => {
		const server = createServer().on('error', reject).listen(0, '127.0.0.1', () => {
			const {port} = server.address();
			server.close(() => resolve(port));
		});
	});
}

export class System {
	static async start(settings = {}) {
		const system = new System();
		system.directory = await mkdtemp(join(tmpdir(), 'lanes-browser-'));
		system.port = await freePort();
		system.url = `http://127.0.0.1:${system.port}`;
		try {
			await system.up(settings);
		} catch (error) {
			await rm(system.directory, {recursive: true, force: true});
			throw error;
		}
		return system;
	}

	async up(settings) {
		await this.#spawn('start.sh', {WORKERS: '1', PREFORK_WORKERS: '2', CPU_WORKERS: '1', ...settings});
	}

	async down() {
		await this.#spawn('stop.sh', {});
	}

	async remove() {
		await this.down();
		await rm(this.directory, {recursive: true, force: true});
	}

	async #spawn(script, settings) {
		const env = {...process.env, ...settings, PORT: String(this.port), RUN_DIR: join(this.directory, 'run')};
		try {
			await execute(`spawn/${script}`, {env});
		} catch (error) {
			throw new Error(`spawn/${script}: ${error.stderr || error.message}`);
		}
	}
}

// A system in the foreground, while run({url, password, text, directory}).
export async function withRun(settings, run) {
	const directory = mkdtempSync(join(tmpdir(), 'lanes-run-'));
	const terminal = join(directory, 'terminal');
	const port = await freePort();
	const env = {...process.env, WORKERS: '1', PREFORK_WORKERS: '0', CPU_WORKERS: '0', ...settings, PORT: String(port), RUN_DIR: join(directory, 'run')};
	const system = spawn('spawn/run.sh', {env, detached: true, stdio: ['ignore', openSync(terminal, 'a'), openSync(terminal, 'a')]});
	const ended = new Promise((resolve) => system.on('exit', resolve));
	const text = () => readFileSync(terminal, 'utf8');
	try {
		while (!text().includes('Ctrl-C stops it')) {
			assert.equal(system.exitCode, null, text());
			await new Promise((resolve) => setTimeout(resolve, 50));
		}
		const [, password] = /^The password for changing the number of workers on the page: (\S+)$/m.exec(text());
		await run({url: `http://127.0.0.1:${port}`, password, text, env, directory: env.RUN_DIR});
	} finally {
		process.kill(-system.pid, 'SIGINT');
		await ended;
		const left = () => execFileSync('ps', ['-eo', 'args'], {encoding: 'utf8'}).split('\n').filter((line) => line.endsWith(`spawn/control.sh ${system.pid}`));
		while (left().length) // it looks once a second
			await new Promise((resolve) => setTimeout(resolve, 50));
		const isThere = existsSync(join(env.RUN_DIR, 'control'));
		rmSync(directory, {recursive: true, force: true});
		assert.ok(!isThere, 'nothing is left of it');
	}
}
