// The server's clock, as well as it can be known from here. A message can be late, never early: of
// the offsets seen, the smallest is nearest to the truth. It is forgotten slowly, as clocks drift.

const DRIFT = 0.05; // milliseconds per message

export class Clock {
	#offset = null; // this page's clock minus the server's

	// t: the server's time in a message that has just arrived.
	heard(t, here = performance.now()) {
		const offset = here - t;
		if (this.#offset === null || offset < this.#offset || offset > this.#offset + 5000)
			this.#offset = offset;
		else
			this.#offset += Math.min(DRIFT, offset - this.#offset);
	}

	get known() {
		return this.#offset !== null;
	}

	// The server's time at a moment of this page.
	at(here) {
		return here - (this.#offset ?? 0);
	}

	now() {
		return this.at(performance.now());
	}
}
