// Debian's chromium, without a window's frame (which took it a quarter of the CPU), and pages that take note of
// everything that must not happen.

import {createRequire} from 'node:module';
import {pathToFileURL} from 'node:url';

const require = createRequire(`${process.env.MODULES}/`);
const {chromium} = require('playwright-core');

export const axeSource = require('axe-core').source;

// Lighthouse's own function, and its settings for a desktop.
export async function lighthouse() {
	const [{default: run}, {default: desktop}] = await Promise.all(['lighthouse', 'lighthouse/core/config/desktop-config.js']
		.map((name) => import(pathToFileURL(require.resolve(name)))));
	return {run, desktop};
}

// port: where Lighthouse reaches it.
export function launch(home, port = 0) {
	return chromium.launch({
		executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell',
		env: {...process.env, HOME: home, TMPDIR: home}, // nothing is left elsewhere
		args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
		       '--disable-background-networking', ...(port ? [`--remote-debugging-port=${port}`] : []), '--disable-component-update', '--disable-sync'],
	});
}

// A page for that host. page.faults: policy violations, errors in scripts, requests to other hosts.
export async function blank(browser, url, options = {}) {
	const page = await browser.newPage({...(browser.newContext && {viewport: {width: 1280, height: 860}}), ...options});
	page.faults = [];
	page.setDefaultTimeout(20_000);
	page.on('pageerror', (error) => page.faults.push(error.stack));
	page.on('request', (request) => {
		if (new URL(request.url()).origin !== new URL(url).origin && !request.url().startsWith('data:'))
			page.faults.push(`request to ${request.url()}`);
	});
	page.on('console', (message) => {
		// A server that is down is no fault of the page, nor is an answer that was to be an error.
		if (message.type() === 'error' && !/Failed to load resource|ERR_/.test(message.text()))
			page.faults.push(message.text());
	});
	return page;
}

// Ours, when it is there.
export async function open(browser, url, options = {}) {
	const page = await blank(browser, url, options);
	await page.goto(url);
	await page.waitForSelector('#feed[data-state="live"]');
	return page;
}
