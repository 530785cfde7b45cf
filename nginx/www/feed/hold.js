// A stretch of time in which a loop served nobody but who ran on it: one request for long, or many after
// one another in one turn of the loop.

import {HOLD} from './kinds.js';

const TOUCHING = 1; // milliseconds between two that are one

export class Hold {
	// parts: [{request, start, end}]; of a turn as a whole, request is null.
	constructor(parts) {
		this.parts = parts.sort((one, other) => one.start - other.start);
		this.start = this.parts[0].start;
		this.end = Math.max(...this.parts.map(({end}) => end));
	}

	touches(start, end) {
		return start - this.end < TOUCHING && this.start - end < TOUCHING;
	}

	get isTurn() {
		return this.parts.some(({request}) => !request);
	}

	// Those who had the loop for long, one after the other; none, if that explains less than half of it.
	get culprits() {
		const long = this.parts.filter(({request}) => request);
		const sum = long.reduce((total, {start, end}) => total + end - start, 0);
		return sum > (this.end - this.start) / 2 ? long : [];
	}
}

// These holds with one more part, or with what is known now of one that they have.
export function withHold(holds, start, end, request) {
	const touching = holds.filter((hold) => hold.touches(start, end));
	const parts = touching.flatMap((hold) => hold.parts)
		.filter((part) => part.request !== request || Math.abs(part.start - start) >= HOLD);
	return [...holds.filter((hold) => !touching.includes(hold)), new Hold([...parts, {request, start, end}])];
}
