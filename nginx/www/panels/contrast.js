// Contrast: the same burst at processes that have one request at a time, and at loops, beside each
// other.

import {el, replace, setText} from '../dom.js';
import {ENDPOINTS, request} from '../exercises/guide.js';
import {bytes, duration} from '../format.js';
import {Lanes} from '../picture/lanes.js';
import {requestTable} from '../picture/table.js';
import {curlBox} from './curl.js';
import {field, offer} from '../form.js';

const HINT = 'Point at a bar, or use the arrow keys, for details.';
const FIRST = '/async/await-one';

// Whether it takes as long as its query says.
const isTimed = (path) => /^seconds=[\d.]+$/.test(ENDPOINTS[path]?.query);

// What the model says a burst of n requests of d milliseconds takes, if that is what they spend them on;
// atOnce: threads of all workers, or connections to the database.
export function predicted(spends, prefork, n, d, workers, atOnce) {
	if (prefork || spends === 'loop')
		return Math.ceil(n / workers) * d;
	return spends === 'await' || spends === 'fetch' ? d : Math.ceil(n / atOnce) * d;
}

// How many threads of a pool work at once, or how many connections to the database. Threads that compute
// share the cores, as many as one worker has threads for it.
function limitOf(kind, [worker], workers) {
	const limit = (kind === 'db' ? worker?.state.database : worker?.state.pools?.[kind])?.limit || 1;
	return kind === 'cpu' ? limit : workers * limit;
}

export function contrastPanel(lab, system) {
	const endpoint = el('select', {name: 'endpoint', onchange: () => choose()});
	const processes = el('select', {name: 'processes', onchange: () => offerEndpoints()});
	const loops = el('select', {name: 'loops', onchange: () => offerEndpoints()});
	const times = el('input', {name: 'times', type: 'number', min: '1', value: '20', required: true});
	const seconds = el('input', {name: 'seconds', type: 'number', min: '0.1', max: '5', step: '0.1', value: '0.5', required: true});
	const run = el('button', {type: 'submit', class: 'primary'}, 'Run at both');
	const status = el('p', {class: 'note', role: 'status'});
	const result = el('div', {class: 'contrast'});

	// Those of both pools.
	function offerEndpoints() {
		times.max = String(system.most);
		const fresh = !endpoint.options.length;
		const [paths, others] = [processes, loops].map((select) => system.routes(select.value));
		offer(endpoint, [...paths.keys()].filter((path) => others.has(path)).map((path) => [path, path]));
		if (fresh && paths.has(FIRST))
			endpoint.value = FIRST;
		choose();
	}

	function choose() {
		seconds.disabled = !isTimed(endpoint.value);
	}

	system.addEventListener('change', offerEndpoints);
	lab.feed.addEventListener('message', () => {
		const changed = [[processes, true], [loops, false]].map(([select, prefork]) => offer(select, lab.pools(prefork).filter((name) => system.serves(name)).map((name) => [name, name])));
		if (changed.some(Boolean))
			offerEndpoints();
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
			const asked = isTimed(path) ? request(path, d, pool, prefork) : {path: [path, ENDPOINTS[path]?.query].filter(Boolean).join('?'), pool};
			columns.push({pool, prefork, n, ...await lab.round(pool, [{...asked, times: n}])});
		}
		const longest = Math.max(...columns.map(({wall}) => wall).filter(Number.isFinite));
		const labels = columns.flatMap(({answers}) => answers.map(({worker}) => worker));
		replace(result, columns.map((column) => show(column, isTimed(path) ? d * 1000 : NaN, longest, labels)));
		run.disabled = false;
		setText(status, sentence(columns));
	}

	// d: milliseconds that each was told to take; NaN: as long as it takes.
	function show(column, d, longest, labels) {
		const {pool, usage, disturbed} = column;
		const workers = usage.processes || 1;
		const {spends, took, threads: kind} = spent(column.answers);
		const atOnce = limitOf(spends === 'db' ? 'db' : kind, lab.workers(pool), workers);
		const came = Number.isFinite(column.wall);
		const model = predicted(spends, column.prefork, column.n, Number.isFinite(d) ? d : came ? took : NaN, workers, atOnce);
		const number = (value, none = '–') => (came && Number.isFinite(value) ? String(value) : none);
		const failed = column.answers.filter((answer) => answer.status !== 200).length;
		const lanes = new Lanes(`Lanes of the burst at ${pool}`, HINT);
		const table = requestTable(`Requests of the burst at ${pool}`);
		const facts = [['Measured', duration(column.wall)], ['The model says', duration(model)],
			       ['Ratio', came && model ? (column.wall / model).toFixed(2) : '–'], ['Processes', number(usage.processes)],
			       ['Threads', number(usage.threads, came ? '–: too short to be seen' : '–')],
			       ['Memory', came ? bytes(usage.memory) : '–']];
		if (failed)
			facts.push(['Failed', String(failed)]);
		if (came)
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

// On what an answer spent most of its time, how long, both of the median one, and on the threads of which pool.
function spent(answers) {
	const median = (kind) => answers.map(({timing}) => timing[kind] ?? 0).sort((a, b) => a - b)[Math.floor(answers.length / 2)];
	const spends = ['await', 'fetch', 'db', 'pool', 'loop'].reduce((most, kind) => (median(kind) > median(most) ? kind : most));
	const span = answers.flatMap(({request: known}) => known?.spans ?? []).find(({kind}) => kind === 'pool');
	return {spends, took: median(spends), threads: span?.pool ?? 'blocking'};
}

function sentence([prefork, loop]) {
	if (prefork.disturbed.length + loop.disturbed.length)
		return 'Disturbed: run it again when nobody else uses these pools. What disturbed it stands below.';
	const ratio = prefork.wall / loop.wall;
	if (ratio > 1.2)
		return `The loop was done ${ratio.toFixed(1)} times sooner.`;
	if (ratio < 1 / 1.2)
		return `Prefork was done ${(1 / ratio).toFixed(1)} times sooner.`;
	return Number.isFinite(ratio) ? 'Both took the same time.' : `That did not work: ${prefork.answers[0].error || loop.answers[0].error}.`;
}
