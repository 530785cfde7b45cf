// Contrast: the same burst at the prefork pool and at the loop pool, beside each other.

import {AT_ONCE} from './client.js';
import {curlBox} from './curl.js';
import {el, replace, setText} from './dom.js';
import {bytes, duration} from './format.js';
import {Lanes} from './lanes.js';
import {requestTable} from './table.js';

const HINT = 'Point at a bar, or use the arrow keys, for details.';
const THREADS = 40; // of a loop worker, if the feed does not say

// What the model says a burst of n requests of d milliseconds takes.
export function predicted(path, pool, n, d, workers, threads) {
	if (pool === 'prefork')
		return Math.ceil(n / workers) * d;
	if (path === '/async/bad-blocking')
		return Math.ceil(n / workers) * d;
	if (path === '/async/await-one')
		return d;
	return Math.ceil(n / (workers * threads)) * d;
}

export function contrastPanel(lab) {
	const endpoint = el('select', {name: 'endpoint'},
		['/async/await-one', '/sync/noawait', '/async/wrap-blocking', '/async/bad-blocking'].map((path) => el('option', {}, path)));
	const times = el('input', {name: 'times', type: 'number', min: '1', max: String(AT_ONCE), value: String(AT_ONCE), required: true});
	const seconds = el('input', {name: 'seconds', type: 'number', min: '0.1', max: '5', step: '0.1', value: '0.5', required: true});
	const run = el('button', {type: 'submit', class: 'primary'}, 'Run at both');
	const status = el('p', {class: 'note', role: 'status'});
	const result = el('div', {class: 'contrast'});
	const field = (label, control) => el('label', {class: 'field'}, el('span', {}, label), control);

	async function start(event) {
		event.preventDefault();
		run.disabled = true;
		replace(result);
		const [path, n, d] = [endpoint.value, Number(times.value), Number(seconds.value)];
		const columns = [];
		for (const pool of ['prefork', 'loop']) {
			setText(status, `Running at ${pool} …`);
			const burst = Array.from({length: n}, () => ({path: `${path}?seconds=${d}`, pool}));
			columns.push({pool, n, ...await lab.round(pool, burst)});
			replace(result, columns.map((column) => show(column, path, d * 1000)));
		}
		run.disabled = false;
		setText(status, sentence(columns));
	}

	function show(column, path, d) {
		const {pool, usage} = column;
		const workers = usage.processes || 1;
		const threads = lab.workers(pool)[0]?.state.pools?.blocking?.limit || THREADS;
		const model = predicted(path, pool, column.n, d, workers, threads);
		const failed = column.answers.filter((answer) => answer.status !== 200).length;
		const lanes = new Lanes(`Lanes of the burst at ${pool}`, HINT);
		const table = requestTable(`Requests of the burst at ${pool}`);
		const facts = [['Measured', duration(column.wall)], ['The model says', duration(model)],
			       ['Ratio', (column.wall / model).toFixed(2)], ['Processes', String(usage.processes)],
			       ['Threads', Number.isFinite(usage.threads) ? String(usage.threads) : '–'],
			       ['Memory', bytes(usage.memory)]];
		if (failed)
			facts.push(['Failed', String(failed)]);
		lanes.show(lab.picture(column));
		table.show(lab.history, column.answers.map((answer) => answer.request).filter(Boolean));
		return el('section', {data: {pool, wall: column.wall.toFixed(1), model: model.toFixed(1)}}, el('h3', {}, pool),
			el('dl', {}, facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)))),
			lanes.element, el('details', {}, el('summary', {}, 'The same as a table'), table.element));
	}

	return el('div', {},
		el('p', {}, 'The same requests, first at prefork (a process for each request, libfcgi), then at the loop (one process for many, libuv).'),
		el('form', {onsubmit: start},
			el('div', {class: 'fields'}, field('Endpoint', endpoint), field('Requests', times), field('Seconds each', seconds)),
			el('div', {class: 'actions'}, run, status)),
		result,
		el('p', {class: 'note'}, `A browser sends ${AT_ONCE} at a time. For bursts of hundreds, and more pools:`),
		curlBox('make contrast').element);
}

function sentence([prefork, loop]) {
	const ratio = prefork.wall / loop.wall;
	if (ratio > 1.2)
		return `The loop was done ${ratio.toFixed(1)} times sooner.`;
	if (ratio < 1 / 1.2)
		return `Prefork was done ${(1 / ratio).toFixed(1)} times sooner.`;
	return 'Both took the same time.';
}
