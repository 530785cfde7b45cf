// The one connection to /events of all tabs of a browser, which has six connections for them all. It
// is open as long as somebody listens.
//
// Whoever listens does so through a MessagePort. It sends {listening: true} when it begins to, and
// then at least every PING; {listening: false} when it does not any more. It gets {state, retry} and
// {data, first}: a message's text, and whether it is the first of a connection, which repeats the last
// seconds. Who comes later gets the last seconds' messages again.
//
// EventSource would connect again by itself, but gives up for good on an HTTP error, which is what
// nginx answers while the server restarts. So each connection is ours: closed on the first error or
// on silence, and opened again with a growing pause.

export const PING = 5000;
const GONE = 4 * PING; // a tab that crashed says nothing
const KEPT = 10_000; // milliseconds of messages for those who come later
const SILENCE = 4000;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8000;

export class Hub {
	#url;
	#source = null;
	#timer = 0; // what ends a silent connection, or opens the next
	#sweeper = 0;
	#pause = FIRST_PAUSE;
	#listeners = new Map(); // port → when it was last heard
	#recent = []; // {at, data, first}
	#state = {state: 'connecting', retry: 0};

	constructor(url) {
		this.#url = url;
	}

	connect(port) {
		port.onmessage = ({data: {listening}}) => (listening ? this.#listen(port) : this.#leave(port));
	}

	#listen(port) {
		const known = this.#listeners.has(port);
		this.#listeners.set(port, performance.now());
		if (known)
			return;
		if (this.#listeners.size === 1) {
			this.#sweeper = setInterval(() => this.#sweep(), PING);
			this.#open();
			return;
		}
		port.postMessage(this.#state);
		for (const {data, first} of this.#recent)
			port.postMessage({data, first});
	}

	#leave(port) {
		if (!this.#listeners.delete(port) || this.#listeners.size)
			return;
		clearInterval(this.#sweeper);
		this.#close();
	}

	#sweep() {
		for (const [port, heard] of this.#listeners)
			if (performance.now() - heard > GONE)
				this.#leave(port);
	}

	#open() {
		let first = true;
		this.#tell('connecting');
		this.#source = new EventSource(this.#url);
		this.#source.onmessage = ({data}) => {
			if (first) {
				this.#pause = FIRST_PAUSE;
				this.#tell('live');
			}
			this.#received({at: performance.now(), data, first});
			first = false;
		};
		this.#source.onerror = () => this.#lost();
		this.#watch();
	}

	#close() {
		clearTimeout(this.#timer);
		this.#source?.close();
		this.#source = null;
		this.#recent = [];
	}

	#received(message) {
		this.#watch();
		this.#recent.push(message);
		while (this.#recent[0].at < message.at - KEPT)
			this.#recent.shift();
		this.#post({data: message.data, first: message.first});
	}

	#watch() {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => this.#lost(), SILENCE);
	}

	#lost() {
		this.#close();
		// Not all browsers at the same moment.
		const pause = this.#pause * (0.75 + Math.random() / 2);
		this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
		this.#tell('lost', pause);
		this.#timer = setTimeout(() => this.#open(), pause);
	}

	#tell(state, retry = 0) {
		this.#state = {state, retry};
		this.#post(this.#state);
	}

	#post(message) {
		for (const port of this.#listeners.keys())
			port.postMessage(message);
	}
}
