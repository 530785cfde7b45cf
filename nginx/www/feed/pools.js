// The pools of a system, in the order in which they matter, and below which path nginx leads to each
// (nginx/lanes.conf.in). Those without a path only watch. Which of them there are, the feed tells.

const PREFIXES = new Map([['exercise', '/exercise'], ['exercise-prefork', '/exercise/prefork'],
	['loop', ''], ['prefork', '/prefork'], ['cpu', '/cpu-pool'], ['admin', null], ['health', null]]);

export function prefix(pool) {
	return PREFIXES.get(pool) ?? '';
}

export function carriesLoad(pool) {
	return PREFIXES.get(pool) !== null;
}

// Whether requests can be sent to just this pool.
export function isReachable(pool) {
	return typeof PREFIXES.get(pool) === 'string';
}

// For sorting; others last.
export function byPool(a, b) {
	const names = [...PREFIXES.keys()];
	const at = (pool) => (names.includes(pool) ? names.indexOf(pool) : names.length);
	return at(a) - at(b) || a.localeCompare(b);
}

// The pool of a worker whose state is not known.
export function poolOf(name) {
	return name.replace(/-\d+$/, '');
}
