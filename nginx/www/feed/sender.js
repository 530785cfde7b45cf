// Sends requests, by asking the server to (/burst): a browser has six connections for all its tabs, and
// what waits for one would look like the server's fault. Only what has a body it sends from here, as /burst sends
// none. Knows which rounds are not over.

import {prefix} from './pools.js';
import {traceparent} from './visitors.js';

const PATIENCE = 30_000; // milliseconds that one of a class waits for its turn
const AGAIN = 300; // milliseconds, and up to twice as many, between two tries

export class Sender {
	rounds = new Set(); // {sent: when, on this page's clock; requests}
	mark = ''; // of who has a name in the class: it goes with all that is sent

	constructor(clock = null) {
		this.clock = clock;
	}

	// requests: [{path, pool, delay, times, …}]: path with its query, delay in milliseconds; all or none of them with
	// `body`: a function that makes it (what is no Blob becomes JSON), `type` and `headers()`. Resolves to one answer for each time, with what its request had besides; never rejects, an answer has `error`
	// then. Its times are the server's.
	async send(requests) {
		const all = requests.flatMap((request) => Array.from({length: request.times ?? 1}, () => ({delay: 0, ...request})));
		const round = {sent: performance.now(), requests: all};
		this.rounds.add(round);
		const trace = this.mark ? {traceparent: traceparent(this.mark)} : {};
		const {answers = [], error = ''} = requests.some(({body}) => body) ? {answers: await Promise.all(all.map((request) => post(request, this.clock, trace)))} : await this.#ask(requests, trace, round);
		this.rounds.delete(round);
		return all.map(({body: _, type, headers, ...request}, i) => ({status: 0, worker: '', serial: 0, timing: {}, body: '', error, sent: NaN, ended: NaN,
			...answers[i], ...request, url: prefix(request.pool) + request.path, path: request.path.split('?')[0]}));
	}

	// The server has four bursts at a time; in a class others come next.
	async #ask(requests, headers, round) {
		const query = requests.map(({path, pool, delay = 0, times = 1}) => `r=${delay},${times},${encodeURIComponent(prefix(pool) + path)}`);
		const deadline = performance.now() + (this.mark ? PATIENCE : 0);
		try {
			for (;;) {
				round.sent = performance.now();
				const response = await fetch(`/burst?${query.join('&')}`, {cache: 'no-store', headers});
				if (response.ok)
					return await response.json();
				if (response.status !== 503 || performance.now() > deadline) {
					const {detail} = await response.json();
					return {error: response.status === 503 ? 'busy with other rounds, try again' : `${response.status} ${JSON.stringify(detail)}`};
				}
				await new Promise((resolve) => setTimeout(resolve, AGAIN * (1 + Math.random())));
			}
		} catch (error) {
			return {error: String(error.message ?? error)};
		}
	}
}

async function post({path, pool, body, type = 'application/json', headers = () => ({})}, clock, trace) {
	const made = await body();
	const sent = clock.now();
	try {
		const response = await fetch(prefix(pool) + path, {method: 'POST', headers: {'Content-Type': type, ...headers(), ...trace}, cache: 'no-store', body: made instanceof Blob ? made : JSON.stringify(made)});
		const text = await response.text();
		return {status: response.status, worker: response.headers.get('X-Lanes-Worker') ?? '', serial: Number(response.headers.get('X-Lanes-Request')), error: '',
			timing: timingOf(response.headers), body: /json/.test(response.headers.get('Content-Type')) ? text : '', sent, ended: clock.now()};
	} catch (error) {
		return {error: String(error.message ?? error)};
	}
}

// Server-Timing: {kind: milliseconds}.
export function timingOf(headers) {
	return Object.fromEntries((headers.get('Server-Timing') ?? '').split(', ').filter(Boolean).map((part) => [part.split(';')[0], Number(/dur=([\d.]+)/.exec(part)?.[1])]));
}
