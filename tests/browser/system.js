// A system of its own for the tests: spawn/start.sh with a free port and a new RUN_DIR.

import {execFile} from 'node:child_process';
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
