// Sends requests, and knows which of them are still without an answer.
//
// Each URL is unique: a browser sends identical ones one after the other, hoping that the first
// answer can be cached, and that would look like the server's fault.

export const PREFIX = {loop: '', prefork: '/prefork', cpu: '/cpu-pool'};

// What a browser opens to one host over HTTP/1.1; the live feed takes one of them.
export const CONNECTIONS = 6;
export const AT_ONCE = CONNECTIONS - 1;

export class Client {
	outstanding = new Set();
	#sent = 0;
	#page = Math.random().toString(36).slice(2, 8);

	// path with its query, pool: a key of PREFIX. Never rejects; the answer has `error` then.
	async send(path, pool = 'loop') {
		const number = ++this.#sent;
		const join = path.includes('?') ? '&' : '?';
		const answer = {number, path: path.split('?')[0], pool, url: PREFIX[pool] + path, status: 0, worker: '',
				timing: {}, body: '', error: '', sent: performance.now(), ended: 0};
		this.outstanding.add(answer);
		try {
			const response = await fetch(`${answer.url}${join}_=${this.#page}${number}`,
				{cache: 'no-store', headers: {Accept: 'application/json'}});
			answer.body = await response.text();
			answer.status = response.status;
			answer.worker = response.headers.get('X-Lanes-Worker') ?? '';
			answer.timing = serverTiming(response.headers.get('Server-Timing') ?? '');
		} catch (error) {
			answer.error = String(error.message ?? error);
		}
		answer.ended = performance.now();
		this.outstanding.delete(answer);
		return answer;
	}
}

export function serverTiming(header) {
	const timing = {};
	for (const [, name, value] of header.matchAll(/([\w-]+);dur=([\d.]+)/g))
		timing[name] = Number(value);
	return timing;
}

// The same from a terminal; several at once, each with a number of its own.
export function curlLine(url, times = 1, origin = location.origin) {
	if (times === 1)
		return `curl -i '${origin}${url}'`;
	const join = url.includes('?') ? '&' : '?';
	return `curl -sZ --parallel-immediate --parallel-max ${times} '${origin}${url}${join}_=[1-${times}]'`;
}

// The request in the history that an answer belongs to: same worker and path, about the same time,
// and the same time on the loop to the microsecond.
export function requestOf(history, clock, answer, taken = new Set()) {
	let best = null;
	for (const request of history.requests.values()) {
		if (request.worker !== answer.worker || !request.status || taken.has(request) ||
		    request.path !== answer.path || request.end < clock.at(answer.sent) - 250 ||
		    request.start > clock.at(answer.ended) + 250)
			continue;
		const sums = history.sums(request);
		const apart = Object.keys(sums).reduce((sum, kind) => sum + Math.abs(sums[kind] - (answer.timing[kind] ?? sums[kind])), 0);
		if (!best || apart < best.apart)
			best = {request, apart};
	}
	return best?.request ?? null;
}
