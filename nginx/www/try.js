// Try it: any endpoint, with parameters, several at once, on a pool of choice.

import {AT_ONCE, CONNECTIONS, PREFIX, curlLine} from './client.js';
import {curlBox} from './curl.js';
import {el, setText} from './dom.js';
import {bytes, count, duration} from './format.js';
import {KINDS} from './kinds.js';
import {paint, sized} from './paint.js';

const ENDPOINTS = {
	'/': null,
	'/sync/noawait': ['seconds', '1.5'],
	'/async/await-one': ['seconds', '1.5'],
	'/async/await-many': ['seconds', '1.0 1.5 0.5'],
	'/async/wrap-blocking': ['seconds', '1.5'],
	'/async/bad-blocking': ['seconds', '1.5'],
	'/async/cpu-bound': ['n', '100000'],
};
const MOST_ANSWERS = 40;
const MOST_BODY = 2000; // characters that are shown
const POOLS = {loop: 'loop: many requests per process', prefork: 'prefork: one request per process', cpu: 'cpu: loop at low priority'};

const choices = (names) => names.map(([value, text]) => el('option', {value}, text));
const field = (label, control) => el('label', {class: 'field'}, el('span', {}, label), control);

export function tryPanel(client) {
	const endpoint = el('select', {name: 'endpoint'}, choices(Object.keys(ENDPOINTS).map((path) => [path, path])));
	const parameter = el('input', {name: 'parameter', autocomplete: 'off', spellcheck: 'false'});
	const label = el('span');
	const parameterField = el('label', {class: 'field'}, label, parameter);
	const times = el('input', {name: 'times', type: 'number', min: '1', max: '50', value: '1', required: true});
	const pool = el('select', {name: 'pool'}, choices(Object.entries(POOLS)));
	const limit = el('p', {class: 'note'});
	const one = curlBox();
	const answers = el('ol', {class: 'answers', reversed: true});
	const said = el('p', {class: 'note', role: 'status'});
	const form = el('form', {onsubmit: send, oninput: describe},
		el('div', {class: 'fields'}, field('Endpoint', endpoint), parameterField, field('At once', times), field('Pool', pool)),
		limit, one.element,
		el('div', {class: 'actions'}, el('button', {type: 'submit', class: 'primary'}, 'Send'), said));
	endpoint.value = '/async/await-one';
	endpoint.addEventListener('change', choose);

	function choose() {
		const known = ENDPOINTS[endpoint.value];
		parameterField.hidden = !known;
		parameter.value = known?.[1] ?? '';
		setText(label, known ? `${known[0]}${endpoint.value.endsWith('many') ? ' (several, with blanks)' : ''}` : '');
		describe();
	}

	function path() {
		const known = ENDPOINTS[endpoint.value];
		const values = !known ? [] : endpoint.value.endsWith('many') ? parameter.value.trim().split(/\s+/) : [parameter.value];
		const query = values.map((value) => `${known[0]}=${encodeURIComponent(value)}`).join('&');
		return endpoint.value + (query && `?${query}`);
	}

	function describe() {
		const n = Math.max(1, Math.min(50, Number(times.value) || 1));
		one.show(curlLine(PREFIX[pool.value] + path(), n));
		setText(limit, `A browser opens ${CONNECTIONS} connections to a server at a time, and the live feed uses one: of more than ${AT_ONCE} requests the rest waits in the browser, not at the server.${n > AT_ONCE ? ' The command line has no such limit:' : ''}`);
		limit.classList.toggle('warning', n > AT_ONCE);
	}

	async function send(event) {
		event.preventDefault();
		const n = Number(times.value);
		const begin = performance.now();
		setText(said, `${count(n, 'request')} sent …`);
		const all = await Promise.all(Array.from({length: n}, () => client.send(path(), pool.value).then(add)));
		const failed = all.filter((answer) => answer.error || answer.status >= 400).length;
		setText(said, `${count(n, 'answer')} in ${duration(performance.now() - begin)}${failed ? `, ${failed} of them errors` : ''}.`);
	}

	function add(answer) {
		answers.prepend(answerItem(answer));
		while (answers.childElementCount > MOST_ANSWERS)
			answers.lastElementChild.remove();
		return answer;
	}

	choose();
	return el('div', {}, form, answers);
}

function answerItem(answer) {
	const total = answer.ended - answer.sent;
	const parts = Object.keys(KINDS).filter((kind) => answer.timing[kind] > 0.0005);
	const body = answer.body.length > MOST_BODY ? `${answer.body.slice(0, MOST_BODY)} … (${bytes(answer.body.length)})` : answer.body;
	return el('li', {data: {status: answer.status, worker: answer.worker}},
		el('p', {class: 'head'}, el('strong', {class: answer.status >= 400 || answer.error ? 'bad' : ''}, answer.error || String(answer.status)),
			` ${answer.url} `, el('span', {class: 'note'}, `${answer.worker} · ${duration(total)}`)),
		parts.length ? timingBar(answer, parts, total) : null,
		parts.length ? el('p', {class: 'timing'}, parts.map((kind) => `${KINDS[kind].name} ${duration(answer.timing[kind])}`).join(' · ')) : null,
		el('pre', {tabindex: '0', role: 'group', 'aria-label': 'Answer'}, el('code', {}, body)));
}

function timingBar(answer, parts, total) {
	const canvas = el('canvas', {class: 'bar', 'aria-hidden': 'true'});
	const draw = () => {
		const width = canvas.clientWidth;
		if (!width)
			return;
		const context = sized(canvas, width, 12);
		let x = 0;
		for (const kind of parts) {
			const length = (answer.timing[kind] / total) * width;
			paint.bar(context, kind, x, 0, Math.min(length, width - x), 12);
			x += length;
		}
	};
	new ResizeObserver(draw).observe(canvas);
	return canvas;
}
