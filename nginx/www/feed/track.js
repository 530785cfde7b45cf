// What occupied one loop or one thread, as blocks in the order of time. Under load thousands of
// short spans touch each other; they are told as one block of many, so that a track stays small
// enough to keep and to draw. A long span always stays a block of its own.

import {firstNot} from './stretches.js';

const TOUCHING = 1; // milliseconds between two spans that may become one block
const SHORT = 20; // a span that may be joined with others
const LONGEST_BLOCK = 50;

export class Track {
	blocks = [];
	#longest = 0; // milliseconds

	// span: {kind, start, end}; request: whose it is.
	add(span, request) {
		const last = this.blocks.at(-1);
		if (last && span.end - span.start < SHORT && last.end - last.start < LONGEST_BLOCK &&
		    (last.count > 1 || last.end - last.start < SHORT) && last.kind === span.kind &&
		    span.start - last.end < TOUCHING && span.start >= last.start) {
			last.end = Math.max(last.end, span.end);
			last.busy += span.end - span.start;
			last.count++;
			last.request = null;
			this.#longest = Math.max(this.#longest, last.end - last.start);
			return;
		}
		const block = {kind: span.kind, start: span.start, end: span.end,
			       busy: span.end - span.start, count: 1, request};
		let at = this.blocks.length;
		while (at > 0 && this.blocks[at - 1].start > block.start)
			at--;
		this.blocks.splice(at, 0, block);
		this.#longest = Math.max(this.#longest, span.end - span.start);
	}

	within(from, to) {
		return this.blocks.slice(firstNot(this.blocks, (block) => block.start < from - this.#longest), firstNot(this.blocks, (block) => block.start <= to))
			.filter((block) => block.end >= from);
	}

	drop(before) {
		let old = 0;
		while (old < this.blocks.length && this.blocks[old].end < before)
			old++;
		if (old)
			this.blocks.splice(0, old);
	}
}
