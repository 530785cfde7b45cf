// Numbers as people read them. Times are milliseconds, as in the feed.

export function duration(ms) {
	if (!Number.isFinite(ms))
		return '–';
	if (ms < 0.0005)
		return '0 ms';
	if (ms < 1)
		return `${ms.toFixed(3)} ms`;
	if (ms < 10)
		return `${ms.toFixed(1)} ms`;
	if (ms < 1000)
		return `${Math.round(ms)} ms`;
	return `${(ms / 1000).toFixed(2)} s`;
}

export function bytes(n) {
	if (!Number.isFinite(n))
		return '–';
	if (n < 1024 * 1024)
		return `${Math.round(n / 1024)} KB`;
	return `${(n / 1024 / 1024).toFixed(1)} MB`;
}

export function count(n, one, many = `${one}s`) {
	return `${n} ${n === 1 ? one : many}`;
}

// "a", "a and b", "a, b and c"
export function list(words) {
	if (words.length < 2)
		return words.join('');
	return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

export function percent(share) {
	const percents = share * 100;
	return `${percents < 10 ? percents.toFixed(1) : Math.round(percents)} %`;
}
