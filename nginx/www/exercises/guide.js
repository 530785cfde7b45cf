// The guide's endpoints, which the exercises are about: what to ask of each, and what it then spends its
// time on. Of an endpoint that is not here, the page knows what /status says.

export const GUIDE = {
	'/sync/noawait': {query: 'seconds=1.5', spends: 'pool'},
	'/async/await-one': {query: 'seconds=1.5', spends: 'await'},
	'/async/await-many': {query: 'seconds=1.0&seconds=1.5&seconds=0.5', spends: 'await'},
	'/async/wrap-blocking': {query: 'seconds=1.5', spends: 'pool'},
	'/async/bad-blocking': {query: 'seconds=1.5', spends: 'loop'},
	'/async/cpu-bound': {query: 'n=100000'},
};

// And of those with real waits, what the contrast asks of them.
export const ENDPOINTS = {
	...GUIDE,
	'/cases/slow-query': {query: 'seconds=0.5', spends: 'db'},
	'/cases/slow-query/blocking': {query: 'seconds=0.5', spends: 'pool'},
	'/cases/slow-query/bad': {query: 'seconds=0.5', spends: 'loop'},
	'/cases/quotes': {query: 'item=tea'},
};

// A request that takes so long there: {path, pool, takes: {kind: milliseconds}}. A process that has one
// request at a time has no threads: it blocks.
export function request(path, seconds, pool, prefork = false) {
	const {spends} = ENDPOINTS[path];
	return {path: `${path}?seconds=${seconds}`, pool, takes: {[spends === 'pool' && prefork ? 'loop' : spends]: seconds * 1000}};
}
