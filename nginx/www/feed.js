// The live feed: /events, ten messages a second, one while nothing happens, as long as the page is
// open.
//
// EventSource would connect again by itself, but gives up for good on an HTTP error, which is what
// nginx answers while the server restarts. So each connection is ours: closed on the first error or
// on silence, and opened again with a growing pause.
//
// Events: "open" (a new connection has its first message), "message" (detail: the message),
// "state" (detail: {state: "connecting" | "live" | "lost", retry: milliseconds}).

const SILENCE = 4000;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8000;

export class Feed extends EventTarget {
	#url;
	#source = null;
	#watchdog = 0;
	#pause = FIRST_PAUSE;
	#fresh = true;

	constructor(url) {
		super();
		this.#url = url;
	}

	connect() {
		this.#fresh = true;
		this.#state('connecting');
		this.#source = new EventSource(this.#url);
		this.#source.onmessage = (event) => this.#received(event.data);
		this.#source.onerror = () => this.#lost();
		this.#watch();
	}

	close() {
		clearTimeout(this.#watchdog);
		this.#source?.close();
		this.#source = null;
	}

	// A message, from wherever: recorded feeds are played through this, too.
	accept(message) {
		if (typeof message?.t !== 'number')
			return;
		if (this.#fresh) {
			this.#fresh = false;
			this.#pause = FIRST_PAUSE;
			this.#state('live');
			this.dispatchEvent(new Event('open'));
		}
		this.dispatchEvent(new CustomEvent('message', {detail: message}));
	}

	#received(data) {
		this.#watch();
		let message = null;
		try {
			message = JSON.parse(data);
		} catch {
			return; // a line cut short by a dying server; its end is noticed by itself
		}
		this.accept(message);
	}

	#watch() {
		clearTimeout(this.#watchdog);
		this.#watchdog = setTimeout(() => this.#lost(), SILENCE);
	}

	#lost() {
		this.close();
		// Not all pages at the same moment.
		const pause = this.#pause * (0.75 + Math.random() / 2);
		this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
		this.#state('lost', pause);
		this.#watchdog = setTimeout(() => this.connect(), pause);
	}

	#state(state, retry = 0) {
		this.dispatchEvent(new CustomEvent('state', {detail: {state, retry}}));
	}
}
