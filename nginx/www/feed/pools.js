// The pools of a system, and below which path nginx leads to each: what the server says of its workers.
// Those without a path only watch.

const prefixes = new Map(); // pool → "/prefork", "" or null
let preferred = []; // pools that come first

export function learn({pool, prefix: path}) {
	if (path !== undefined)
		prefixes.set(pool, path);
}

export function prefer(pools) {
	preferred = pools;
}

export function prefix(pool) {
	return prefixes.get(pool) ?? '';
}

export function carriesLoad(pool) {
	return prefixes.get(pool) !== null;
}

// Whether requests can be sent to just this pool.
export function isReachable(pool) {
	return typeof prefixes.get(pool) === 'string';
}

// For sorting: those that are preferred, then by the path that leads to them; those that only watch last.
export function byPool(a, b) {
	const rank = (pool) => (preferred.includes(pool) ? preferred.indexOf(pool) : preferred.length + !carriesLoad(pool));
	return rank(a) - rank(b) || prefix(a).localeCompare(prefix(b)) || a.localeCompare(b);
}

// The pool of a worker whose state is not known.
export function poolOf(name) {
	return name.replace(/-\d+$/, '');
}
