// Is a loop alive? Each message of the feed that finds it free, or busy for less than a hold, is a
// beat: ten a second while there is work anywhere, one a second at rest. A held loop misses its
// beats; how long exactly is known from the spans. A process that has one request at a time beats
// while it could take one.

import {firstNot} from './stretches.js';

export class Heartbeat {
	beats = []; // times, ascending

	beat(t) {
		this.beats.push(t);
	}

	within(from, to) {
		return this.beats.slice(firstNot(this.beats, (t) => t < from), firstNot(this.beats, (t) => t <= to));
	}

	drop(before) {
		let old = 0;
		while (old < this.beats.length && this.beats[old] < before)
			old++;
		if (old)
			this.beats.splice(0, old);
	}
}
