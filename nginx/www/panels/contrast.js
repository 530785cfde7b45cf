// Contrast: the same burst at processes that have one request at a time, and at loops, beside each
// other.

import {el, replace, setText} from '../dom.js';
import {GUIDE, request} from '../exercises/guide.js';
import {MOST} from '../feed/sender.js';
import {bytes, duration} from '../format.js';
import {Lanes} from '../picture/lanes.js';
import {requestTable} from '../picture/table.js';
import {curlBox} from './curl.js';
import {field, offer} from '../form.js';

const HINT = 'Point at a bar, or use the arrow keys, for details.';
const FIRST = '/async/await-one';

// What the model says a burst of n requests of d milliseconds takes, if that is what they spend them on.
export function predicted(spends, prefork, n, d, workers, threads) {
	if (prefork || spends === 'loop')
		return Math.ceil(n / workers) * d;
	return spends === 'await' ? d : Math.ceil(n / (workers * threads)) * d;
}

export function contrastPanel(lab, system) {
	const endpoint = el('select', {name: 'endpoint'});
	const processes = el('select', {name: 'processes'});
	const loops = el('select', {name: 'loops'});
	const times = el('input', {name: 'times', type: 'number', min: '1', max: String(MOST), value: '20', required: true});
	const seconds = el('input', {name: 'seconds', type: 'number', min: '0.1', max: '5', step: '0.1', value: '0.5', required: true});
	const run = el('button', {type: 'submit', class: 'primary'}, 'Run at both');
	const status = el('p', {class: 'note', role: 'status'});
	const result = el('div', {class: 'contrast'});

	// Those that take as long as they are told.
	system.addEventListener('change', () => {
		const fresh = !endpoint.options.length;
		offer(endpoint, [...system.routes.keys()].filter((path) => /^seconds=[\d.]+$/.test(GUIDE[path]?.query)).map((path) => [path, path]));
		if (fresh && system.routes.has(FIRST))
			endpoint.value = FIRST;
	});

	lab.feed.addEventListener('message', () => {
		for (const [select, prefork] of [[processes, true], [loops, false]])
			offer(select, lab.pools(prefork).map((name) => [name, name]));
	});

	async function start(event) {
		event.preventDefault();
		run.disabled = true;
		replace(result);
		const [path, n, d] = [endpoint.value, Number(times.value), Number(seconds.value)];
		const columns = [];
		for (const pool of [processes.value, loops.value]) {
			setText(status, `Running at ${pool} …`);
			const prefork = lab.workers(pool)[0]?.prefork;
			columns.push({pool, prefork, n, ...await lab.round(pool, [{...request(path, d, pool, prefork), times: n}])});
		}
		const longest = Math.max(...columns.map(({wall}) => wall).filter(Number.isFinite));
		const labels = columns.flatMap(({answers}) => answers.map(({worker}) => worker));
		replace(result, columns.map((column) => show(column, GUIDE[path].spends, d * 1000, longest, labels)));
		run.disabled = false;
		setText(status, sentence(columns));
	}

	function show(column, spends, d, longest, labels) {
		const {pool, usage, disturbed} = column;
		const workers = usage.processes || 1;
		const threads = lab.workers(pool)[0]?.state.pools?.blocking?.limit || 1;
		const model = predicted(spends, column.prefork, column.n, d, workers, threads);
		const failed = column.answers.filter((answer) => answer.status !== 200).length;
		const lanes = new Lanes(`Lanes of the burst at ${pool}`, HINT);
		const table = requestTable(`Requests of the burst at ${pool}`);
		const facts = [['Measured', duration(column.wall)], ['The model says', duration(model)],
			       ['Ratio', (column.wall / model).toFixed(2)], ['Processes', String(usage.processes)],
			       ['Threads', Number.isFinite(usage.threads) ? String(usage.threads) : '–'],
			       ['Memory', bytes(usage.memory)]];
		if (failed)
			facts.push(['Failed', String(failed)]);
		if (Number.isFinite(column.wall))
			lanes.show({...lab.picture(column, longest), labels});
		table.show(lab.history, column.answers.map((answer) => answer.request).filter(Boolean));
		return el('section', {data: {pool, length: longest.toFixed(1), wall: column.wall.toFixed(1), model: model.toFixed(1)}}, el('h3', {}, pool),
			disturbed.length ? el('ul', {class: 'sentences'}, disturbed.map((what) => el('li', {}, what))) : null,
			el('dl', {}, facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)))),
			lanes.element, el('details', {}, el('summary', {}, 'The same as a table'), table.element));
	}

	return el('div', {},
		el('p', {}, 'The same requests, first at processes that have one request at a time (libfcgi), then at loops, which have many (libuv). Threads are those that were at work at the same time.'),
		el('form', {onsubmit: start},
			el('div', {class: 'fields'}, field('Endpoint', endpoint), field('Processes', processes), field('Loops', loops), field('Requests', times), field('Seconds each', seconds)),
			el('div', {class: 'actions'}, run, status)),
		result,
		el('p', {class: 'note'}, 'For every handler, with more processes, and as a table:'),
		curlBox('make contrast').element);
}

function sentence([prefork, loop]) {
	if (prefork.disturbed.length + loop.disturbed.length)
		return 'Disturbed: run it again. What disturbed it stands below.';
	const ratio = prefork.wall / loop.wall;
	if (ratio > 1.2)
		return `The loop was done ${ratio.toFixed(1)} times sooner.`;
	if (ratio < 1 / 1.2)
		return `Prefork was done ${(1 / ratio).toFixed(1)} times sooner.`;
	return ratio ? 'Both took the same time.' : `That did not work: ${prefork.answers[0].error || loop.answers[0].error}.`;
}
