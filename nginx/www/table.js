// Requests as a table: the same numbers that the lanes draw.

import {el, replace} from './dom.js';
import {duration} from './format.js';
import {KINDS} from './kinds.js';

const COLUMNS = ['request', 'worker', 'endpoint', 'answer', ...Object.values(KINDS).map((kind) => kind.name), 'in all'];

export function requestTable(caption) {
	const body = el('tbody');
	const table = el('table', {class: 'requests'},
		el('caption', {}, caption),
		el('thead', {}, el('tr', {}, COLUMNS.map((name) => el('th', {scope: 'col'}, name)))),
		body);
	return {
		element: el('div', {class: 'scroll', tabindex: '0', role: 'group', 'aria-label': caption}, table),
		show: (history, requests) => replace(body, requests.map((request) => row(history, request))),
	};
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
		el('th', {scope: 'row'}, String(request.serial)),
		el('td', {}, request.worker),
		el('td', {class: 'path'}, request.path || 'unknown'),
		el('td', {}, request.status ? String(request.status) : request.gone ? 'client gone' : open ? `still ${KINDS[open.kind].name}` : '–'),
		Object.keys(KINDS).map((kind) => el('td', {class: 'number'}, sums[kind] ? duration(sums[kind]) : '')),
		el('td', {class: 'number'}, duration(total)));
}
