// What /status says and the feed does not repeat: which paths the application has in each pool, and of
// what kind their handlers are. Event: "change".

import {setHold} from './kinds.js';
import {carriesLoad, learn} from './pools.js';

export class System extends EventTarget {
	most = 1; // requests of a burst
	control = 0; // workers that there may be at most, where they can be changed from here; 0: they cannot
	#routes = new Map(); // pool → path → "sync" or "async"

	// Of a pool, those that a GET asks for, and that have no names in their path: what the others are
	// called begins with their method.
	routes(pool) {
		return new Map([...this.#routes.get(pool) ?? []].filter(([path]) => /^\/[^{]*$/.test(path)));
	}

	// Whether a pool has such; of one that is not known yet, it may.
	serves(pool) {
		return !this.#routes.has(pool) || this.routes(pool).size > 0;
	}

	get kinds() {
		return new Map([...this.#routes.values()].flatMap((routes) => [...routes]));
	}

	async load() {
		try {
			const status = await (await fetch('/status', {cache: 'no-store'})).json();
			this.accept(status);
		} catch {
			// It is asked again when the feed comes back.
		}
	}

	accept({workers = [], slow_callback: hold, burst, control}) {
		workers.forEach(learn);
		this.#routes = new Map(workers.filter(({pool}) => carriesLoad(pool))
			.map(({pool, routes = {}}) => [pool, new Map(Object.entries(routes).map(([path, {kind}]) => [path, kind]))]));
		this.control = Number.isInteger(control) ? control : 0;
		if (burst > 0)
			this.most = burst;
		if (hold > 0)
			setHold(hold * 1000);
		this.dispatchEvent(new Event('change'));
	}
}
