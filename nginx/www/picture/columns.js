// Many runs where a picture has room for few: how busy they were together, in columns of one width. A
// column is a stretch of time, {from, to, busy, runs}, as what was measured under load is.

// blocks: of a Track, in their order; width: milliseconds. Columns begin at its multiples, so that they
// stay what they are while the picture moves.
export function columns(blocks, width) {
	const all = new Map();
	const at = (n) => {
		if (!all.has(n))
			all.set(n, {from: n * width, to: (n + 1) * width, busy: 0, runs: 0});
		return all.get(n);
	};
	for (const {start, end, busy, count} of blocks) {
		const first = Math.floor(start / width);
		const share = end > start ? busy / (end - start) : 0;
		for (let n = first; n === first || n * width < end; n++) {
			const column = at(n);
			column.busy += share * (Math.min(end, column.to) - Math.max(start, column.from)) / width;
			column.runs += count;
		}
	}
	return [...all.values()];
}
