// Stretches of time in their order, {from, to, …}: what was measured in each, or that nothing was.

// Where the first item is that is not before, in a list in which all that are come first.
export function firstNot(list, isBefore) {
	let [low, high] = [0, list.length];
	while (low < high) {
		const middle = (low + high) >> 1;
		if (isBefore(list[middle]))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

export class Stretches {
	list = [];
	#longest = 0; // milliseconds

	add(stretch) {
		let at = this.list.length;
		while (at > 0 && this.list[at - 1].from > stretch.from)
			at--;
		this.list.splice(at, 0, stretch);
		this.#longest = Math.max(this.#longest, stretch.to - stretch.from);
	}

	// Adds one that says no more than its times: becomes one with the last if it touches it.
	cover(from, to) {
		const last = this.list.at(-1);
		if (last && from <= last.to && to >= last.from) {
			this.list.pop();
			this.cover(Math.min(last.from, from), Math.max(last.to, to));
		} else if (to > from)
			this.add({from, to});
	}

	within(from, to) {
		return this.list.slice(firstNot(this.list, (stretch) => stretch.from <= from - this.#longest), firstNot(this.list, (stretch) => stretch.from < to))
			.filter((stretch) => stretch.to > from);
	}

	drop(before) {
		let old = 0;
		while (old < this.list.length && this.list[old].to < before)
			old++;
		if (old)
			this.list.splice(0, old);
	}
}
