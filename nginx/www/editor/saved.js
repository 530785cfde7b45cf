// What make dev says of the source: what came of the last that was saved, and a handler as it is on disk. It is
// asked once a second, as long as somebody looks.
//
// Events: "change": state is another now.

const EVERY = 1000;
const WORDS = /^([^\s:]+):(\d+):(?:\d+:)? (error|warning|note): (.*)$/;

export class Saved extends EventTarget {
	state = null; // "serves", "builds", "fails", "starts-not"; "none": no make dev; null: not asked yet
	number = 0; // grows with each state
	words = ''; // of the compiler, or of what does not start
	source = ''; // of the handler
	#file;
	#timer = 0;

	constructor(file) {
		super();
		this.#file = file;
	}

	look(isSeen) {
		clearTimeout(this.#timer);
		if (isSeen)
			this.#ask();
	}

	// Where in a file the compiler has something to say: [{line, kind, text}].
	get places() {
		return this.words.split('\n').map((line) => WORDS.exec(line)).filter((found) => found?.[1].endsWith(`/${this.#file}`))
			.map(([, , line, kind, text]) => ({line: Number(line), kind, text}));
	}

	async #ask() {
		const state = await text('state');
		const [head, ...words] = (state ?? 'none 0').split('\n');
		const [name, number] = head.split(' ');
		if (name !== this.state || Number(number) !== this.number) {
			const source = state === null ? '' : await text(this.#file);
			Object.assign(this, {state: name, number: Number(number), words: words.join('\n').trim(), source: source ?? ''});
			this.dispatchEvent(new Event('change'));
		}
		if (state !== null)
			this.#timer = setTimeout(() => this.#ask(), EVERY);
	}
}

// null: there is none.
async function text(name) {
	try {
		const response = await fetch(`/lanes/dev/${name}`, {cache: 'no-cache'});
		return response.ok ? await response.text() : null;
	} catch {
		return null;
	}
}
