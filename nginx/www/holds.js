// Which loop is held, by whom, and who waits because of it: one line that is always there, and the
// list of what was seen.

import {el, replace, setText} from './dom.js';
import {count, duration, list} from './format.js';
import {HOLD} from './kinds.js';
import {notPickedUp} from './waiting.js';

const SHOWN = 5;

const named = (request) => `request ${request.serial}${request.path ? ` ${request.path}` : ''}`;

export class Holds {
	#line = el('p', {class: 'holding'});
	#said = el('p', {class: 'hidden', role: 'status'}); // changes twice per hold, not ten times a second
	#list = el('ul', {class: 'held'});
	element = el('div', {class: 'holds'}, this.#line, this.#said);
	past = el('details', {class: 'past'}, el('summary', {}, 'Loops that were held'), this.#list,
		el('p', {class: 'note'}, 'The last ones, newest first, with those they kept waiting.'));

	constructor(history, client, clock) {
		Object.assign(this, {history, client, clock});
	}

	update() {
		const now = [];
		for (const worker of this.history.workers.values()) {
			const held = worker.state.loop?.held;
			if (!worker.prefork && Number.isFinite(held) && held * 1000 >= HOLD)
				now.push({worker, held: held * 1000, request: worker.state.loop.request});
		}
		this.element.classList.toggle('now', now.length > 0);
		this.element.dataset.held = now.map(({worker}) => worker.name).join(' ');
		setText(this.#line, now.length ? `${now.map((hold) => this.#sentence(hold)).join(' ')} ${this.#ours()}` : this.#last());
		setText(this.#said, now.length ? `${list(now.map(({worker}) => worker.name))} held` : '');
		this.#showPast();
	}

	#sentence({worker, held, request}) {
		const by = request ? ` by request ${request.serial} ${request.route}` : '';
		const others = (worker.state.in_flight ?? 1) - 1;
		return `${worker.name} has been held for ${duration(held)}${by}${others > 0 ? `, and ${count(others, 'other request')} on it wait` : ''}.`;
	}

	// Whom it keeps waiting can be told from the server only when it picks them up; of what this
	// page has sent, we know.
	#ours() {
		const waiting = notPickedUp(this.client, this.history, this.clock);
		const names = waiting.map(({path, start}) => `${path} (${duration(this.clock.now() - start)})`);
		return names.length ? `Not picked up yet: ${list(names)}.` : '';
	}

	#last() {
		const [hold] = this.#holds();
		if (!hold)
			return this.history.workers.size ? 'All loops are free.' : 'Nothing heard of any worker yet.';
		return `All loops are free. Last held: ${hold.worker.name} for ${duration(hold.end - hold.start)} by ${named(hold.request)}. ${this.#kept(hold)}`;
	}

	// Newest first.
	#holds() {
		return [...this.history.workers.values()].flatMap((worker) => worker.holds.map((hold) => ({worker, ...hold})))
			.sort((a, b) => b.start - a.start).slice(0, SHOWN);
	}

	#kept(hold) {
		const victims = this.history.victims(hold.worker, hold);
		const said = victims.slice(0, 5).map(({request, wait}) => `${named(request)} (${duration(wait)})`);
		if (victims.length > 5)
			said.push(`${victims.length - 5} more`);
		return victims.length ? `It kept waiting: ${list(said)}.` : 'Nobody waited.';
	}

	#showPast() {
		const holds = this.#holds();
		const key = holds.map((hold) => `${hold.request.key} ${hold.end}`).join();
		if (key === this.#list.dataset.key || !this.past.open)
			return;
		this.#list.dataset.key = key;
		replace(this.#list, holds.map((hold) => el('li', {},
			`${hold.worker.name}: ${named(hold.request)}, ${duration(hold.end - hold.start)}. ${this.#kept(hold)}`)));
	}
}
