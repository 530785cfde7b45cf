// Requests as a table: the same numbers that the lanes draw.

import {el, replace, setText} from '../dom.js';
import {toldOf} from '../feed/awaited.js';
import {capital, KINDS, named, routeOf, SLOW} from '../feed/kinds.js';
import {count, duration, percent} from '../format.js';
import {facts} from './layout.js';

const AWAITED = 'awaited by name'; // a column that is there when there was something
const COLUMNS = ['request', 'endpoint', 'answer', ...Object.values(KINDS).map((kind) => kind.name), 'in all', AWAITED];
const MEASURED = ['worker', 'busy', 'in flight', 'requests/s', 'p50 at most', 'p99 at most', 'not recorded'];

function tableOf(kind, caption, columns) {
	const body = el('tbody');
	const title = el('caption', {}, caption);
	const table = el('table', {class: kind}, title,
		el('thead', {}, el('tr', {}, columns.map((name) => el('th', {scope: 'col', class: name === AWAITED && 'awaited'}, name)))),
		body);
	return {body, title, table, element: el('div', {class: 'scroll', tabindex: '0', role: 'group', 'aria-label': caption}, table)};
}

// counted: how many others were answered meanwhile that were not told one by one.
export function requestTable(caption) {
	const {body, title, table, element} = tableOf('requests', caption, COLUMNS);
	return {element, show(history, requests, counted = 0) {
		setText(title, counted ? `${caption} that were told one by one. ${count(counted, 'other')} answered meanwhile: under load only those of ${duration(SLOW)} and more are told` : caption);
		table.classList.toggle('names', requests.some((request) => history.waits(request).length));
		replace(body, requests.map((request) => row(history, request)));
	}};
}

// Under load: what was measured of each worker, and for how long nothing is known of its requests.
export function measuredTable(caption) {
	const {body, element} = tableOf('measured', caption, MEASURED);
	element.hidden = true;
	return {element, show(layout) {
		const rows = layout.groups.filter(({worker, unrecorded}) => worker && (facts(worker, layout.to) || unrecorded.length));
		element.hidden = !rows.length;
		replace(body, rows.map((group) => measuredRow(group, layout)));
	}};
}

function measuredRow({worker, unrecorded}, {from, to}) {
	const known = facts(worker, to);
	const unknown = unrecorded.reduce((sum, each) => sum + Math.min(each.to, to) - Math.max(each.from, from), 0);
	const values = known ? [`${percent(known.busy)}${known.occupied ? ' occupied' : ''}`, String(known.inFlight), String(Math.round(known.rate)), duration(known.p50), duration(known.p99)]
		: Array(5).fill('–');
	return el('tr', {data: {worker: worker.name}}, el('th', {scope: 'row'}, worker.name),
		[...values, unknown ? duration(unknown) : ''].map((text) => el('td', {class: 'number'}, text)));
}

function row(history, request) {
	const sums = history.sums(request);
	const parts = history.parts(request);
	const open = parts.find((part) => part.open);
	const total = parts.length ? parts.at(-1).end - parts[0].start : 0;
	const data = {serial: request.serial, worker: request.worker, path: request.path, status: request.status,
		      start: request.start.toFixed(3), total: total.toFixed(3), open: open?.kind ?? ''};
	for (const kind of Object.keys(KINDS))
		data[kind.replace(/-(.)/, (_, c) => c.toUpperCase())] = sums[kind].toFixed(3);
	return el('tr', {data},
		el('th', {scope: 'row'}, capital(named(request))),
		el('td', {class: 'path'}, routeOf(request)),
		el('td', {}, request.status ? String(request.status) : request.gone ? 'client gone' : open ? `still ${KINDS[open.kind].name}` : '–'),
		Object.keys(KINDS).map((kind) => el('td', {class: 'number'}, sums[kind] ? duration(sums[kind]) : '')),
		el('td', {class: 'number'}, duration(total)),
		el('td', {class: 'awaited'}, toldOf(history.waits(request))));
}
