// Which requests of this page no worker has picked up yet. A worker tells of a request only when it has
// it, so this is a subtraction: what was sent, less what was heard of since.

import {prefix} from './pools.js';

const PATIENCE = 300; // milliseconds after which an unknown request is not merely on its way

export function notPickedUp(sender, history, clock) {
	const waiting = [];
	const known = new Set([...history.workers.values()].map(({pool}) => pool)); // of others nobody tells
	for (const {sent, requests} of sender.rounds) {
		const begin = clock.at(sent);
		const heard = [...history.requests.values()].filter((request) => request.start >= begin - PATIENCE);
		for (const {path, pool, delay} of requests.filter((request) => known.has(request.pool))) {
			const [start, name] = [begin + delay, path.split('?')[0]];
			const at = heard.findIndex((request) => request.path === name && history.workers.get(request.worker)?.pool === pool);
			if (at >= 0)
				heard.splice(at, 1);
			else if (clock.now() - start > PATIENCE && recorded(history, pool, begin))
				waiting.push({serial: '', path: prefix(pool) + name, pool, worker: '', start, status: 0});
		}
	}
	return waiting;
}

// Under load short requests are not told of one by one.
function recorded(history, pool, from) {
	return ![...history.workers.values()].some((worker) => worker.pool === pool && worker.summarized(from, history.now));
}
