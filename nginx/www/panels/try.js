// Try it: any endpoint, with parameters, several at once, on a pool of choice.

import {el, setText} from '../dom.js';
import {ENDPOINTS} from '../exercises/guide.js';
import {AWAITED, HOLD, KINDS} from '../feed/kinds.js';
import {prefix} from '../feed/pools.js';
import {count, duration} from '../format.js';
import {paint, sized} from '../picture/paint.js';
import {curlBox} from './curl.js';
import {field, offer} from '../form.js';

const MOST_ANSWERS = 40; // that are shown
const BODY = 300; // bytes of an answer's body that /burst tells
const WAITED = 50; // milliseconds in line that are worth telling: a thread has to be started at first
const FIRST = '/async/await-one';
const PARTS = {...KINDS, ...AWAITED}; // of Server-Timing

// The same from a terminal; several at once, each with a number of its own.
export function curlLine(url, times = 1) {
	if (times === 1)
		return `curl -i '${location.origin}${url}'`;
	const join = url.includes('?') ? '&' : '?';
	return `curl -Z --no-progress-meter --parallel-immediate --parallel-max ${times} -w '  %{time_total} s\\n' '${location.origin}${url}${join}_=[1-${times}]'`;
}

export function tryPanel(sender, lab, system) {
	const endpoint = el('select', {name: 'endpoint', onchange: () => choose()});
	const query = el('input', {name: 'query', autocomplete: 'off', spellcheck: 'false'});
	const times = el('input', {name: 'times', type: 'number', min: '1', value: '1', required: true});
	const pool = el('select', {name: 'pool', onchange: () => offerEndpoints()});
	const where = el('p', {class: 'note'});
	const one = curlBox();
	const answers = el('ol', {class: 'answers', reversed: true});
	const said = el('p', {class: 'note', role: 'status'});
	const form = el('form', {onsubmit: send, oninput: describe},
		el('div', {class: 'fields'}, field('Endpoint', endpoint), field('Query', query), field('At once', times), field('Pool', pool)),
		where, one.element,
		el('div', {class: 'actions'}, el('button', {type: 'submit', class: 'primary'}, 'Send'), said));

	system.addEventListener('change', () => offerEndpoints());
	lab.feed.addEventListener('message', () => {
		if (offer(pool, lab.pools().filter((name) => system.serves(name)).map((name) => [name, name])))
			offerEndpoints();
		describe();
	});

	// Those of the pool.
	function offerEndpoints() {
		times.max = String(system.most);
		const fresh = !endpoint.options.length;
		const routes = system.routes(pool.value);
		const changed = offer(endpoint, [...routes.keys()].map((path) => [path, path]));
		if (fresh && routes.has(FIRST))
			endpoint.value = FIRST;
		if (fresh || changed)
			choose();
	}

	function choose() {
		query.value = ENDPOINTS[endpoint.value]?.query ?? '';
		describe();
	}

	function path() {
		const parameters = new URLSearchParams(query.value).toString();
		return endpoint.value + (parameters && `?${parameters}`);
	}

	function describe() {
		const n = Math.max(1, Math.min(system.most, Number(times.value) || 1));
		one.show(curlLine(prefix(pool.value) + path(), n));
		const workers = lab.workers(pool.value);
		const limit = workers[0]?.state.pools?.blocking?.limit;
		setText(where, `${pool.value}: ${workers[0]?.prefork ? `${count(workers.length, 'process', 'processes')}, each with one request at a time`
			: `${count(workers.length, 'loop')}, each with ${count(limit ?? 0, 'thread')} for what blocks`}. The server itself sends the requests, so that no browser's limit of connections shows.`);
	}

	async function send(event) {
		event.preventDefault();
		const n = Number(times.value);
		setText(said, `${count(n, 'request')} sent …`);
		const all = await sender.send([{path: path(), pool: pool.value, times: n}]);
		answers.prepend(...all.slice(0, MOST_ANSWERS).map((answer) => answerItem({...answer, body: answer.body + (answer.body.length >= BODY ? ' …' : '')}, lab.history.workers.get(answer.worker)?.prefork)));
		while (answers.childElementCount > MOST_ANSWERS)
			answers.lastElementChild.remove();
		setText(said, summary(all));
	}

	return el('div', {}, form, answers);
}

// "50 answers in 3.01 s, from 1 worker. 10 were waiting for a thread, the longest for 1.50 s."
function summary(all) {
	const came = all.filter((answer) => !answer.error);
	if (!came.length)
		return `No answer: ${all[0].error}.`;
	const wall = Math.max(...came.map(({ended}) => ended)) - Math.min(...came.map(({sent}) => sent));
	const workers = new Set(came.map(({worker}) => worker).filter(Boolean)).size;
	const failed = all.filter(({error, status}) => error || status >= 400).length;
	const waits = ['queue', 'pool-queue', 'db-queue', 'ready'].map((kind) => {
		const long = came.map(({timing}) => timing[kind] ?? 0).filter((ms) => ms > WAITED);
		return long.length ? ` ${long.length} ${long.length === 1 ? 'was' : 'were'} ${PARTS[kind].name}, the longest for ${duration(Math.max(...long))}.` : '';
	});
	const from = workers ? `, from ${count(workers, 'worker')}` : '';
	const errors = failed ? `, ${failed} of them errors` : '';
	const shown = all.length > MOST_ANSWERS ? ` The first ${MOST_ANSWERS} are shown.` : '';
	return `${count(came.length, 'answer')} in ${duration(wall)}${from}${errors}.${waits.join('')}${shown}`;
}

// An answer with its parts; more: what stands between them and the body.
export function answerItem(answer, prefork, more = null) {
	const total = answer.ended - answer.sent;
	const parts = Object.keys(PARTS).filter((kind) => answer.timing[kind] > 0.0005);
	return el('li', {data: {status: answer.status, worker: answer.worker, serial: answer.serial}},
		el('p', {class: 'head'}, el('strong', {class: answer.status >= 400 || answer.error ? 'bad' : ''}, answer.error || String(answer.status)),
			` ${answer.url} `, el('span', {class: 'note'}, `${answer.worker ? `request ${answer.serial} of ${answer.worker}` : ''} · ${duration(total)}`)),
		parts.length ? timingBar(answer, parts, total, prefork) : null,
		parts.length ? el('p', {class: 'timing'}, parts.map((kind) => `${PARTS[kind].name} ${duration(answer.timing[kind])}`).join(' · ')) : null,
		more, answer.body ? el('pre', {tabindex: '0', role: 'group', 'aria-label': 'Answer'}, el('code', {}, answer.body)) : null);
}

// The pattern that the lanes have for it: a process is occupied by what its request waits for.
function look(kind, ms, prefork) {
	if (kind === 'loop' && ms >= HOLD)
		return 'held';
	return prefork && kind !== 'queue' && kind !== 'loop' ? 'taken' : kind;
}

// What has a name is told in sum, and may be awaited at the same time: how much of that the bar has room for.
function shareOf(timing, parts, total) {
	const sum = (kinds) => kinds.reduce((all, kind) => all + timing[kind], 0);
	const named = sum(parts.filter((kind) => kind in AWAITED));
	return named ? Math.min(1, Math.max(0, total - sum(parts.filter((kind) => kind in KINDS))) / named) : 1;
}

function timingBar(answer, parts, total, prefork) {
	const canvas = el('canvas', {class: 'bar', 'aria-hidden': 'true'});
	const draw = () => {
		const width = canvas.clientWidth;
		if (!width)
			return;
		const context = sized(canvas, width, 12);
		const share = shareOf(answer.timing, parts, total);
		let x = 0;
		for (const kind of parts) {
			const length = (answer.timing[kind] * (kind in AWAITED ? share : 1) / total) * width;
			paint.bar(context, look(kind, answer.timing[kind], prefork), x, 0, Math.min(length, width - x), 12);
			x += length;
		}
	};
	new ResizeObserver(draw).observe(canvas);
	return canvas;
}
