// The live feed: /events, ten messages a second, one while nothing happens, as long as the page is
// looked at. All tabs share one connection, through a SharedWorker; without one, each has its own.
//
// Events: "message" (detail: the message, with `first` if it is the first of a connection), "state"
// (detail: {state: "connecting" | "live" | "lost", retry: milliseconds}).

import {Hub, PING} from './hub.js';

export class Feed extends EventTarget {
	#port = null;
	#open = false;

	connect() {
		this.#open = true;
		this.#take(this.#shared() ?? this.#own());
		document.addEventListener('visibilitychange', () => this.#tell());
		addEventListener('pagehide', () => this.#tell(false));
		addEventListener('pageshow', () => this.#tell());
		setInterval(() => this.#tell(), PING);
	}

	close() {
		this.#open = false;
		this.#tell();
	}

	// A message, from wherever: recorded feeds are played through this, too.
	accept(message) {
		if (typeof message?.t === 'number')
			this.dispatchEvent(new CustomEvent('message', {detail: message}));
	}

	#shared() {
		try {
			const worker = new SharedWorker(new URL('shared.js', import.meta.url), {type: 'module', name: 'lanes'});
			worker.onerror = () => this.#take(this.#own()); // it cannot run modules
			return worker.port;
		} catch {
			return null;
		}
	}

	#own() {
		const {port1, port2} = new MessageChannel();
		new Hub('/events').connect(port1);
		return port2;
	}

	#take(port) {
		this.#port = port;
		port.onmessage = ({data}) => this.#port === port && this.#open && this.#heard(data);
		this.#tell();
	}

	#heard({state, retry, data, first}) {
		if (state) {
			this.dispatchEvent(new CustomEvent('state', {detail: {state, retry}}));
			return;
		}
		let message = null;
		try {
			message = JSON.parse(data);
		} catch {
			return; // a line cut short by a dying server; its end is noticed by itself
		}
		if (message)
			message.first = first;
		this.accept(message);
	}

	#tell(looked = document.visibilityState === 'visible') {
		this.#port.postMessage({listening: this.#open && looked});
	}
}
