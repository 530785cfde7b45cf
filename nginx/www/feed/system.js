// What /status says and the feed does not repeat: which paths the application has, and of what kind
// their handlers are. Event: "change".

import {setHold} from './kinds.js';
import {carriesLoad} from './pools.js';

export class System extends EventTarget {
	routes = new Map(); // path → "sync" or "async"

	async load() {
		try {
			const status = await (await fetch('/status', {cache: 'no-store'})).json();
			this.accept(status);
		} catch {
			// It is asked again when the feed comes back.
		}
	}

	accept({workers = [], slow_callback: hold}) {
		const routes = workers.filter(({pool}) => carriesLoad(pool)).flatMap((worker) => Object.entries(worker.routes ?? {}));
		this.routes = new Map(routes.map(([path, {kind}]) => [path, kind]));
		if (hold > 0)
			setHold(hold * 1000);
		this.dispatchEvent(new Event('change'));
	}
}
