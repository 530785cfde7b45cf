// Stretches of time in their order, {from, to, …}: what was measured in each, or that nothing was.

export class Stretches {
	list = [];

	add(stretch) {
		let at = this.list.length;
		while (at > 0 && this.list[at - 1].from > stretch.from)
			at--;
		this.list.splice(at, 0, stretch);
	}

	// Adds one that says no more than its times: becomes part of the last if it touches it.
	cover(from, to) {
		const last = this.list.at(-1);
		if (last && from <= last.to && to >= last.from)
			Object.assign(last, {from: Math.min(last.from, from), to: Math.max(last.to, to)});
		else if (to > from)
			this.add({from, to});
	}

	within(from, to) {
		return this.list.filter((stretch) => stretch.to > from && stretch.from < to);
	}

	drop(before) {
		let old = 0;
		while (old < this.list.length && this.list[old].to < before)
			old++;
		if (old)
			this.list.splice(0, old);
	}
}
