// The live lanes: time moves, and can be stopped, stretched and, while stopped, moved.

import {el, setText} from '../dom.js';
import {byPool, carriesLoad} from '../feed/pools.js';
import {visitors} from '../feed/visitors.js';
import {notPickedUp} from '../feed/waiting.js';
import {choices, offer} from '../form.js';
import {Lanes} from './lanes.js';
import {layout} from './layout.js';
import {textScale} from './paint.js';
import {measuredTable, requestTable} from './table.js';

// The right edge is this much behind the server, so that a message has arrived before it is due.
const LAG = 150;
const SPANS = [1000, 2000, 5000, 10_000, 20_000, 40_000, 80_000];
const FRAME = 30; // milliseconds between pictures, at least: smooth enough, and the machine is also the server
const REST = 18; // of them the browser need not even ask whether there is a picture to draw
const EFFORT = 5; // of this many parts of the time, drawing takes about one at most …
const HALF = 8; // … as the browser's own pictures have it: the nearest, not the next, is taken
const CALM = 1000; // milliseconds between pictures for those who want less motion
const TABLE_EVERY = 1000;
const TABLE_ROWS = 40;

export class LiveLanes {
	connected = false;
	#lanes = new Lanes('Live lanes of all workers', 'Point at a bar for details, or use the arrow keys; space stops time, plus and minus zoom.');
	#span = 10_000;
	#stopped = null; // the time at the right edge, while time stands still
	#drawn = 0;
	#pause = FRAME;
	#tabled = 0;
	#filled = null; // what the table shows of time that stands still
	#dirty = true;
	#calm = matchMedia('(prefers-reduced-motion: reduce)');
	#rows = requestTable('Latest requests');
	#measured = measuredTable('Workers under load');
	#layout = null;
	#round = null; // the pools of a round that this page has sent, while it lasts

	constructor(history, clock, sender) {
		Object.assign(this, {history, clock, sender});
		const button = (text, label, onclick) => el('button', {type: 'button', 'aria-label': label, onclick}, text);
		this.pause = el('button', {type: 'button', 'aria-pressed': 'false', onclick: () => this.toggle()}, 'Pause');
		this.zoom = el('output', {'aria-label': 'Length of the picture'}, '');
		this.earlier = button('◀', 'Earlier', () => this.move(-1));
		this.later = button('▶', 'Later', () => this.move(1));
		this.pool = el('select', {'aria-label': 'Pool', onchange: () => this.#redraw()}, choices([['', 'All pools']]));
		this.by = el('select', {'aria-label': 'Lanes', hidden: true, onchange: () => this.#redraw()}, choices([['', 'by worker'], ['visitor', 'by visitor']]));
		this.table = el('details', {ontoggle: () => {
			this.#filled = null;
			this.#fill();
		}, class: 'as-table'}, el('summary', {}, 'The same as a table'), this.#measured.element, this.#rows.element);
		this.element = el('div', {class: 'live', onkeydown: (event) => this.#key(event)},
			el('div', {class: 'toolbar', role: 'group', 'aria-label': 'Lanes'},
				this.pause, this.earlier, this.later,
				button('−', 'Zoom out', () => this.zoomBy(1)), this.zoom, button('+', 'Zoom in', () => this.zoomBy(-1)),
				this.pool, this.by,
				el('a', {href: '/trace?seconds=10', download: 'lanes-trace.json', class: 'button', title: 'For ui.perfetto.dev'}, 'Download trace')),
			this.#lanes.element);
		this.zoomBy(0);
		this.move(0);
		requestAnimationFrame((time) => this.#frame(time));
	}

	toggle() {
		this.#stopped = this.#stopped === null ? this.#edge() : null;
		this.pause.setAttribute('aria-pressed', String(this.#stopped !== null));
		setText(this.pause, this.#stopped === null ? 'Pause' : 'Go on');
		this.move(0);
	}

	zoomBy(steps) {
		const at = SPANS.indexOf(this.#span) + steps;
		this.#span = SPANS[Math.min(Math.max(at, 0), SPANS.length - 1)];
		setText(this.zoom, `${this.#span / 1000} s`);
		this.#redraw();
	}

	// Shows the pools of a round only, so that they are in view; null: it is over.
	follow(pools) {
		this.#round = pools;
		this.#redraw();
	}

	// Offers the pools that there are, and in a class lanes by visitor.
	offer(pools) {
		this.by.hidden = !visitors.size;
		if (offer(this.pool, [['', 'All pools'], ...[...pools].sort(byPool).map((name) => [name, name])]))
			this.#redraw();
	}

	// The names of the pools that are shown; null: all that carry load.
	#pools() {
		return this.pool.value ? new Set([this.pool.value]) : this.#stopped === null ? this.#round : null;
	}

	// By quarters of the picture; moving stops time first.
	move(quarters) {
		if (quarters && this.#stopped === null)
			this.toggle();
		if (this.#stopped !== null)
			this.#stopped = Math.min(this.#stopped + quarters * this.#span / 4, this.#edge());
		this.#redraw();
	}

	#edge() {
		// Without news, time stands still where the news ended.
		return this.connected ? this.clock.now() - LAG : this.history.now - LAG;
	}

	// What the right edge is called.
	#said() {
		if (this.#stopped !== null)
			return 'stopped';
		return this.connected ? 'now' : `last heard ${Math.round((this.clock.now() - this.history.now) / 1000)} s ago`;
	}

	#redraw() {
		this.#dirty = true;
	}

	#frame(time) {
		const moving = this.#stopped === null && time - this.#drawn >= (this.#calm.matches ? CALM : this.#pause);
		if (this.clock.known && (moving || this.#dirty)) {
			const to = this.#stopped ?? this.#edge();
			const begun = performance.now();
			this.#dirty = false;
			this.#drawn = time;
			this.#layout = layout(this.history, to - this.#span, to, {pools: this.#pools(), scale: textScale(), edge: this.#said(), byVisitor: this.by.value === 'visitor' && visitors.size > 0,
				wrap: (parts) => this.#lanes.wrap(parts),
				waiting: this.#stopped === null ? notPickedUp(this.sender, this.history, this.clock) : []});
			this.#lanes.show(this.#layout);
			this.#pause = Math.max(FRAME, (performance.now() - begun) * EFFORT - HALF);
		}
		if (time - this.#tabled >= TABLE_EVERY) {
			this.#tabled = time;
			this.#fill();
		}
		// A picture that is due soon is not to come a whole picture of the browser late.
		const isSoon = this.#stopped === null && time - this.#drawn > 0 && this.#drawn + this.#pause - time < REST;
		setTimeout(() => requestAnimationFrame((next) => this.#frame(next)), isSoon ? 0 : REST);
	}

	// While time stands still: what is in the picture.
	#fill() {
		const key = this.#stopped === null ? null : `${this.#stopped} ${this.#span} ${this.pool.value}`;
		if (!this.table.open || (key !== null && key === this.#filled))
			return;
		this.#filled = key;
		if (this.#layout)
			this.#measured.show(this.#layout);
		const pools = this.#pools();
		const isShown = (worker) => (pools ? pools.has(worker?.pool) : carriesLoad(worker?.pool));
		const [from, to] = this.#stopped === null ? [-Infinity, Infinity] : [this.#stopped - this.#span, this.#stopped];
		const {workers, requests} = this.history;
		const rows = [...requests.values()].filter((request) => isShown(workers.get(request.worker)) &&
			request.start <= to && (!request.over || request.end >= from)).slice(-TABLE_ROWS).reverse();
		// All that were answered since the oldest of them, but for those that are among them.
		const since = Math.max(from, rows.length < TABLE_ROWS ? -Infinity : rows.at(-1).start);
		const counted = [...workers.values()].filter(isShown).reduce((sum, worker) => sum + worker.answered(since, to), 0);
		const among = rows.filter(({worker, status, end}) => status && workers.get(worker)?.measured.within(end, end).length).length;
		this.#rows.show(this.history, rows, Math.max(Math.round(counted) - among, 0));
	}

	#key(event) {
		if (event.target.closest('button, select, a') || event.ctrlKey || event.metaKey || event.altKey)
			return;
		const actions = {' ': () => this.toggle(), '+': () => this.zoomBy(-1), '=': () => this.zoomBy(-1), '-': () => this.zoomBy(1)};
		const shifted = {ArrowLeft: () => this.move(-1), ArrowRight: () => this.move(1)};
		const action = (event.shiftKey ? shifted[event.key] : null) ?? actions[event.key];
		if (!action)
			return;
		event.preventDefault();
		action();
	}
}
