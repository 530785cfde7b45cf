// Sends requests, by asking the server to (/burst): a browser has six connections for all its tabs, and
// what waits for one would look like the server's fault. Knows which rounds are not over.

import {prefix} from './pools.js';

export class Sender {
	rounds = new Set(); // {sent: when, on this page's clock; requests}

	// requests: [{path, pool, delay, times, …}]: path with its query, delay in milliseconds. Resolves to
	// one answer for each time, with what its request had besides; never rejects, an answer has `error`
	// then. Its times are the server's.
	async send(requests) {
		const all = requests.flatMap((request) => Array.from({length: request.times ?? 1}, () => ({delay: 0, ...request})));
		const round = {sent: performance.now(), requests: all};
		this.rounds.add(round);
		const {answers = [], error = ''} = await ask(requests);
		this.rounds.delete(round);
		return all.map((request, i) => ({status: 0, worker: '', serial: 0, timing: {}, body: '', error, sent: NaN, ended: NaN,
			...answers[i], ...request, url: prefix(request.pool) + request.path, path: request.path.split('?')[0]}));
	}
}

async function ask(requests) {
	const query = requests.map(({path, pool, delay = 0, times = 1}) => `r=${delay},${times},${encodeURIComponent(prefix(pool) + path)}`);
	try {
		const response = await fetch(`/burst?${query.join('&')}`, {cache: 'no-store'});
		if (response.ok)
			return await response.json();
		const {detail} = await response.json();
		return {error: response.status === 503 ? 'busy with other rounds, try again' : `${response.status} ${JSON.stringify(detail)}`};
	} catch (error) {
		return {error: String(error.message ?? error)};
	}
}
