// Makes the pictures of the READMEs: tests/browser/screenshots/*.png; tests/browser/run screenshots guide knobs: of these.

import {mkdir} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

import {launch, open} from './browser.js';
import {withDev} from './dev.js';
import {System} from './system.js';

const folder = fileURLToPath(new URL('screenshots', import.meta.url));
const system = await System.start();
const home = join(system.directory, 'home');
await mkdir(home);
const browser = await launch(home);
const get = (path) => fetch(system.url + path);
const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const show = (page, tab) => page.locator(`#tab-${tab}`).click();
const still = (page) => page.mouse.move(0, 0);

// Each has the page in that size and scheme, and resolves to what is taken: the page, or a part of it.
const PICTURES = {
	live: [1280, 760, 'dark', async (page) => {
		const traffic = [get('/sync/noawait?seconds=3'), get('/async/await-one?seconds=2'), get('/prefork/async/await-one?seconds=2'),
				 get('/prefork/sync/noawait?seconds=1.5'), get('/async/await-many'), get('/async/wrap-blocking?seconds=2.5')];
		await after(3200);
		await show(page, 'try');
		await page.locator('#try select[name="pool"]').selectOption('loop');
		traffic.push(get('/async/await-one?seconds=1'), get('/async/wrap-blocking?seconds=1.2'), get('/async/bad-blocking?seconds=3'));
		await after(500);
		await page.getByRole('button', {name: 'Send'}).click();
		await after(1700);
		return page;
	}],
	start: [1280, 790, 'light', async (page) => {
		for (const act of ['loop', 'thread']) {
			const section = page.locator(`.act[data-act="${act}"]`);
			await section.getByRole('button').first().click();
			await section.and(page.locator('[data-stood]')).waitFor();
		}
		return page;
	}],
	exercise: [1280, 900, 'light', async (page) => {
		await show(page, 'exercises');
		await page.locator('[data-step="blocking"]').click();
		const section = page.locator('#exercise-blocking');
		await section.locator('input[value="both"]').check();
		await section.getByRole('button', {name: 'Run'}).click();
		await section.locator('.verdict').waitFor();
		return section;
	}],
	guide: [1280, 800, 'light', async (page) => {
		await show(page, 'guide');
		await page.locator('#guide nav select').selectOption('pitfalls');
		await page.locator('#guide-pitfalls [data-runs="bad"]').click();
		await page.locator('#guide-pitfalls .outcome[data-demonstration="bad"]').waitFor();
		return page;
	}],
	knobs: [1280, 800, 'light', async (page) => {
		await show(page, 'knobs');
		await page.getByRole('button', {name: 'Measure the curve'}).click();
		await page.locator('#knobs .picture').waitFor({timeout: 120_000});
		await page.locator('#knobs button:enabled', {hasText: 'Measure the curve'}).waitFor({timeout: 120_000});
		return page;
	}],
	replay: [1280, 640, 'dark', async (page) => {
		await show(page, 'replay');
		await page.getByRole('button', {name: 'Record five visitors'}).click();
		await page.locator('.replayed').waitFor();
		while (await page.locator('.ready button').count() < 2)
			await page.getByRole('button', {name: 'The next decision'}).click();
		return page.locator('#panels');
	}],
	class: [1280, 620, 'light', async (page) => {
		const others = [await open(browser, system.url), await open(browser, system.url)];
		const all = [page, ...others];
		for (const [i, each] of all.entries()) {
			await show(each, 'exercises');
			await each.getByText('In a class', {exact: true}).click();
			await each.locator('.classroom input').fill(['Ada', 'Grace', 'Linus'][i]);
			await each.getByRole('button', {name: 'I am here'}).click();
			await each.locator('[data-step="blocking"]').click();
			await each.locator('#exercise-blocking input').nth(i).check();
		}
		for (const each of others) {
			await show(each, 'try');
			await each.locator('#try input[name="query"]').fill('seconds=2.5');
			await each.getByRole('button', {name: 'Send'}).click();
			await after(300);
		}
		await page.getByRole('button', {name: 'Zoom in'}).click();
		await page.locator('#exercise-blocking button.primary').click();
		await page.locator('.votes', {hasText: 'The class predicts'}).waitFor();
		await page.waitForFunction(() => [...window.lanes.history.requests.values()].filter(({over, mark}) => over && mark).length > 3);
		await after(300);
		await page.evaluate(() => scrollTo(0, 0));
		return page;
	}],
};

// It wants make dev.
const changed = () => withDev(async ({url}) => {
	const page = await open(browser, url, {viewport: {width: 1280, height: 900}, colorScheme: 'light'});
	await show(page, 'editor');
	await page.locator('.editor[data-state="serves"]').waitFor();
	await page.getByRole('button', {name: 'Run it'}).click();
	await page.locator('.mending [data-step="mend"][aria-current]').waitFor();
	await page.locator('#panels').screenshot({path: join(folder, 'editor.png')});
	await page.context().close();
});

const wanted = process.argv.slice(2);
const isWanted = (name) => !wanted.length || wanted.includes(name);
try {
	for (const [name, [width, height, colorScheme, make]] of Object.entries(PICTURES)) {
		if (!isWanted(name))
			continue;
		const page = await open(browser, system.url, {viewport: {width, height}, colorScheme});
		const part = await make(page);
		await still(page);
		await part.screenshot({path: join(folder, `${name}.png`)});
		await page.context().close();
	}
	if (isWanted('editor'))
		await changed();
} finally {
	await browser.close();
	await system.remove();
}
