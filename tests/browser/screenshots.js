// Makes the pictures of the READMEs: tests/browser/screenshots/{start,live,exercise}.png.

import {mkdir} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

import {launch, open} from './browser.js';
import {System} from './system.js';

const folder = fileURLToPath(new URL('screenshots', import.meta.url));
const system = await System.start();
const home = join(system.directory, 'home');
await mkdir(home);
const browser = await launch(home);
const get = (path) => fetch(system.url + path);
const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

try {
	const page = await open(browser, system.url, {viewport: {width: 1280, height: 760}, colorScheme: 'dark'});
	const traffic = [get('/sync/noawait?seconds=3'), get('/async/await-one?seconds=2'), get('/prefork/async/await-one?seconds=2'),
			 get('/prefork/sync/noawait?seconds=1.5'), get('/async/await-many'), get('/async/wrap-blocking?seconds=2.5')];
	await after(3200);
	await page.locator('#tab-try').click();
	await page.locator('#try select[name="pool"]').selectOption('loop');
	traffic.push(get('/async/await-one?seconds=1'), get('/async/wrap-blocking?seconds=1.2'), get('/async/bad-blocking?seconds=3'));
	await after(500);
	await page.getByRole('button', {name: 'Send'}).click();
	await after(1700);
	await page.screenshot({path: join(folder, 'live.png')});
	await Promise.all(traffic);
	await page.close();

	const start = await open(browser, system.url, {viewport: {width: 1280, height: 790}, colorScheme: 'light'});
	for (const act of ['loop', 'thread']) {
		const section = start.locator(`.act[data-act="${act}"]`);
		await section.getByRole('button').first().click();
		await section.and(start.locator('[data-stood]')).waitFor();
	}
	await start.mouse.move(0, 0);
	await start.screenshot({path: join(folder, 'start.png')});
	await start.close();

	const exercise = await open(browser, system.url, {viewport: {width: 1280, height: 900}, colorScheme: 'light'});
	await exercise.locator('#tab-exercises').click();
	await exercise.locator('[data-step="blocking"]').click();
	const section = exercise.locator('#exercise-blocking');
	await section.locator('input[value="both"]').check();
	await section.getByRole('button', {name: 'Run'}).click();
	await section.locator('.verdict').waitFor();
	await exercise.mouse.move(0, 0);
	await section.screenshot({path: join(folder, 'exercise.png')});
} finally {
	await browser.close();
	await system.remove();
}
