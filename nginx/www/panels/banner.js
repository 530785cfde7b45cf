// Which loop is held, by whom, and who waits because of it: one line that is always there, and the
// list of what was seen. It says no more than is known.

import {el, replace, setText} from '../dom.js';
import {Hold} from '../feed/hold.js';
import {HOLD, named} from '../feed/kinds.js';
import {notPickedUp} from '../feed/waiting.js';
import {count, duration, list} from '../format.js';
import {whereHeld} from './tasks.js';

const SHOWN = 5; // holds
const NAMED = 3; // of those who wait

// What was on the loop's stack while it was held.
const seen = (held) => (whereHeld(held) ? `Its code: ${whereHeld(held)}. Cure: ${held.cure}.` : '');
const called = (request) => `${named(request)}${request.path ? ` ${request.path}` : ''}`;

export class Banner {
	connected = false;
	#line = el('p', {class: 'holding'});
	#said = el('p', {class: 'hidden', role: 'status'}); // changes twice per hold, not ten times a second
	#list = el('ul', {class: 'held'});
	element = el('div', {class: 'holds'}, this.#line, this.#said);
	past = el('details', {class: 'past', ontoggle: () => this.#showPast()}, el('summary', {}, 'Loops that were held'), this.#list,
		el('p', {class: 'note'}, 'The last ones, newest first, with those they kept waiting.'));

	constructor(history, sender, clock) {
		Object.assign(this, {history, sender, clock});
	}

	update() {
		const now = this.connected ? this.#held() : [];
		const stopped = this.connected ? this.#living().filter((worker) => worker.stopped).map(({name}) => name) : [];
		this.element.classList.toggle('now', now.length + stopped.length > 0);
		this.element.classList.toggle('away', !this.connected);
		this.element.dataset.held = now.map(({worker}) => worker.name).join(' ');
		setText(this.#line, this.#text(now, stopped));
		setText(this.#said, [now.length ? `${list(now.map(({worker}) => worker.name))} held` : '', stopped.length ? `${list(stopped)} stopped` : ''].filter(Boolean).join(', '));
		this.#showPast();
	}

	#living() {
		return [...this.history.workers.values()].filter((worker) => worker.seen === this.history.now);
	}

	#held() {
		return this.#living().filter((worker) => worker.heldSince !== null)
			.map((worker) => ({worker, held: this.history.now - worker.heldSince, request: worker.state.loop?.request}));
	}

	#text(now, stopped) {
		if (!this.history.workers.size)
			return this.connected ? 'Nothing heard of any worker yet.' : 'Not connected: nothing is known of any worker.';
		if (!this.connected)
			return `The connection is gone. What is shown is ${duration(Math.max(this.clock.now() - this.history.now, 0))} old; what the loops do now is not known.`;
		const said = [...stopped.map((name) => `${name}'s process is stopped (SIGSTOP).`), ...now.map((hold) => this.#sentence(hold))];
		return said.length ? `${said.join(' ')} ${this.#ours()}` : this.#last();
	}

	#sentence({worker, held, request}) {
		const alone = request && request.for * 1000 > held / 2; // many may have come after one another
		const who = request ? `request ${request.serial} of ${worker.name} ${request.route}` : '';
		const what = who && !alone ? `has had no time for anybody else for ${duration(held)}: many requests after one another, now ${who}`
			: `has been held for ${duration(held)}${who && ` by ${who}`}`;
		const others = (worker.state.in_flight ?? 1) - 1;
		return `${worker.name} ${what}${others > 0 ? `, with ${count(others, 'other')} in flight; who is not read yet is not counted` : ''}. ${worker.state.loop?.held_by?.lasts ? seen(worker.state.loop.held_by) : ''}`.trim();
	}

	// Whom it keeps waiting can be told from the server only when it picks them up; of what this
	// page has sent, we know.
	#ours() {
		const waiting = notPickedUp(this.sender, this.history, this.clock);
		const names = waiting.slice(0, NAMED).map(({path, start}) => `${path} (${duration(this.clock.now() - start)})`);
		if (waiting.length > NAMED)
			names.push(`${waiting.length - NAMED} more`);
		return names.length ? `Not picked up yet: ${list(names)}.` : '';
	}

	#last() {
		const full = this.#living().filter((worker) => worker.isFull && !worker.prefork).map(({name}) => name);
		const now = full.length ? `No loop is held; ${list(full)} ${full.length > 1 ? 'have' : 'has'} no pause.` : 'All loops are free.';
		const [last] = this.#holds();
		if (!last)
			return now;
		return `${now} Last held: ${last.worker.name} for ${duration(last.whole.end - last.whole.start)} by ${this.#culprits(last)}. ${[...this.#seen(last).map(seen), this.#kept(last)].join(' ')}`;
	}

	#seen({worker, whole}) {
		return worker.seenIn(whole).slice(-NAMED);
	}

	// Newest first. Holds that follow one another are one to those who wait: {worker, holds, whole}.
	#holds() {
		const all = [];
		for (const worker of this.history.workers.values())
			for (const hold of worker.holds.toSorted((one, other) => one.start - other.start)) {
				const before = all.at(-1);
				if (before?.worker === worker && hold.start - before.holds.at(-1).end < HOLD)
					before.holds.push(hold);
				else
					all.push({worker, holds: [hold]});
			}
		return all.map(({worker, holds}) => ({worker, holds, whole: new Hold(holds.flatMap(({parts}) => parts))}))
			.sort((one, other) => other.whole.start - one.whole.start).slice(0, SHOWN);
	}

	#culprits({worker, whole}) {
		const {culprits} = whole;
		if (culprits.length === 1)
			return called(culprits[0].request);
		const requests = culprits.length ? culprits.map(({request}) => request) : this.history.ran(worker, whole);
		const names = requests.length > 1 ? `, ${called(requests[0])} to ${called(requests.at(-1))}` : '';
		return `${culprits.length || 'many'} requests after one another${names}`;
	}

	// Those who waited, each with all of its wait.
	#victims({worker, holds}) {
		const waits = new Map();
		for (const hold of holds)
			for (const {request, wait} of this.history.victims(worker, hold))
				waits.set(request, (waits.get(request) ?? 0) + wait);
		return [...waits].sort(([, one], [, other]) => other - one);
	}

	#kept(held) {
		const {worker, whole} = held;
		const victims = this.#victims(held);
		const said = victims.slice(0, NAMED).map(([request, wait]) => `${called(request)} (${duration(wait)})`);
		if (victims.length > NAMED)
			said.push(`${victims.length - NAMED} more`);
		const known = victims.length ? `${whole.culprits.length === 1 ? 'It' : 'They'} kept waiting: ${list(said)}.` : '';
		if (!this.history.victimsKnown(worker, whole))
			return `${known} Who ${known ? 'else ' : ''}waited is not known yet.`.trim();
		if (worker.summarized(whole.start, whole.end))
			return `${known} Short waits were not recorded meanwhile.`.trim();
		return known || 'Nobody was seen to wait. Who leaves before a worker has read the request is not seen.';
	}

	#showPast() {
		if (!this.past.open)
			return;
		const holds = this.#holds().map((held) => ({text: `${held.worker.name}: ${this.#culprits(held)}, ${duration(held.whole.end - held.whole.start)}. ${this.#kept(held)}`, places: this.#seen(held)}));
		const shown = JSON.stringify(holds);
		if (shown === this.#list.dataset.shown)
			return;
		this.#list.dataset.shown = shown;
		replace(this.#list, holds.map(({text, places}) => el('li', {}, text,
			places.map((held) => [el('div', {}, el('code', {}, whereHeld(held))), el('div', {}, `Cure: ${held.cure}`)]).flat())));
	}
}
