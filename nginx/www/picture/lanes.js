// Draws a layout on a canvas, and says what is under the pointer or the arrow keys. What is drawn
// is also in a table (table.js), for those who cannot see a canvas.
//
// The canvas is as large as what can be seen of it and stays in view: hundreds of workers would make
// a picture that no canvas holds. Only what is in view is placed and painted; the keys place all bars
// to find the next one.

import {el, setText} from '../dom.js';
import {toldOf} from '../feed/awaited.js';
import {capital, KINDS, named, routeOf} from '../feed/kinds.js';
import {visitorOf} from '../feed/visitors.js';
import {count, duration} from '../format.js';
import {columns} from './columns.js';
import {HEIGHT, isHold} from './layout.js';
import {paint, sized} from './paint.js';

const FONT = [11, 'system-ui, sans-serif'];
const BOLD = [12, 'system-ui, sans-serif'];
const NEAR = 4; // pixels around a bar that is too thin to hit
const LEAST_LABEL = 24; // pixels of a bar that has room for text
const MOST_LABEL = 0.8; // of a bar: the pattern must remain visible
const NEWS = 1500; // milliseconds: an idle system says something once a second, a busy one ten times
const BEAT = 5; // pixels between heartbeats that are drawn
const COLUMN = 3; // pixels, in which …
const MANY = 4; // … so many runs cannot be told apart
const STRIP = 4; // pixels of a visitor's colour

export class Lanes {
	element;
	#canvas = el('canvas', {'aria-hidden': 'true'});
	#room = el('div', {}, this.#canvas); // as high as the whole picture
	#stage;
	#details = el('p', {class: 'details', role: 'status'});
	#hint;
	#layout = null;
	#width = 0;
	#view = {top: 0, bottom: 0}; // what can be seen, in pixels from the picture's top
	#fonts = null;
	#gutter = 0; // pixels of the labels
	#bars = []; // {x, y, width, height, lane, part, request}
	#chosen = null; // {request, start, kind} of the bar that is described
	#byKey = false;
	#below = el('p', {class: 'note below'}); // workers that one has to scroll to

	// name: for screen readers; hint: what the line below says while nothing is chosen.
	constructor(name, hint) {
		this.#hint = hint;
		this.#stage = el('div', {class: 'stage', tabindex: '0', role: 'group', 'aria-label': name,
			'aria-roledescription': 'timeline',
			onpointermove: (event) => this.#point(event), onpointerdown: (event) => this.#point(event),
			onpointerleave: () => this.#byKey || this.#choose(null),
			onkeydown: (event) => this.#key(event), onscroll: () => this.#redraw()}, this.#room);
		this.element = el('div', {class: 'lanes'}, this.#stage, this.#below, this.#details);
		setText(this.#details, hint);
		new ResizeObserver(([entry]) => {
			this.#width = entry.contentRect.width;
			this.#redraw();
		}).observe(this.#stage);
	}

	// withAll: where the bars are is to be known of those out of view, too.
	show(layout, withAll = false) {
		this.#layout = layout;
		if (!this.#width)
			return;
		const {scale: size} = layout;
		const font = ([pixels, family], weight = '') => `${weight} ${pixels * size}px ${family}`.trim();
		this.#fonts = {plain: font(FONT), bold: font(BOLD, '600')};
		this.#room.style.height = `${layout.height}px`;
		const top = this.#stage.scrollTop;
		const height = Math.min(this.#stage.clientHeight, layout.height);
		this.#view = {top, bottom: top + height};
		const context = sized(this.#canvas, this.#width, height);
		context.translate(0, -top);
		context.font = this.#fonts.bold;
		// Pictures that are compared have the labels of all of them: a second is as long in each.
		const labels = [...layout.groups.map(({lanes: [{label}]}) => label), ...(layout.labels ?? [])];
		const gutter = this.#gutter = 10 + labels.reduce((widest, label) => Math.max(widest, context.measureText(label).width), 64 * size);
		const perMs = (this.#width - gutter - 10) / (layout.to - layout.from);
		const {density} = paint;
		const x = (t) => Math.round((gutter + (t - layout.from) * perMs) * density) / density; // whole pixels are painted faster
		this.#bars = [];
		context.font = this.#fonts.plain;
		context.textBaseline = 'middle';
		this.#axis(context, layout, x);
		for (const group of layout.groups) {
			const isSeen = this.#sees(group);
			if (!isSeen && !withAll)
				continue;
			this.#band(context, layout, group, x);
			context.save();
			context.beginPath();
			context.rect(gutter, group.top - 4, this.#width - gutter, group.bottom - group.top + 8);
			context.clip();
			if (isSeen)
				this.#unrecorded(context, group, x);
			for (const lane of group.lanes)
				this.#lane(context, group, lane, x, layout);
			context.restore();
			if (isSeen)
				this.#labels(context, group);
		}
		this.#mark(context);
		this.#tellBelow(layout);
	}

	// Parts of a text as lines: one beside the labels, in the picture as it was drawn last, or several below.
	wrap(parts) {
		const whole = parts.join(' · ');
		if (this.#widthOf(whole) <= this.#width - this.#gutter - 14)
			return [whole];
		const lines = [];
		for (const part of parts) {
			const longer = lines.length ? `${lines.at(-1)} · ${part}` : part;
			if (lines.length && this.#widthOf(longer) > this.#width - 10)
				lines.push(part);
			else
				lines.splice(-1, 1, longer);
		}
		return lines;
	}

	#widthOf(text) {
		const context = this.#canvas.getContext('2d');
		context.font = this.#fonts?.plain ?? context.font;
		return context.measureText(text).width;
	}

	#tellBelow(layout) {
		const hidden = layout.groups.filter((group) => group.worker && group.bottom > this.#view.bottom + 1);
		setText(this.#below, hidden.length ? `Scroll the lanes for ${hidden[0].worker.name}${hidden.length > 1 ? ` and ${count(hidden.length - 1, 'more worker')}` : ''}.` : '');
	}

	#redraw() {
		if (this.#layout)
			this.show(this.#layout);
	}

	#sees({top, bottom}) {
		return bottom > this.#view.top && top < this.#view.bottom;
	}

	#axis(context, layout, x) {
		const span = layout.to - layout.from;
		const step = [50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000]
			.find((s) => (x(layout.from + s) - x(layout.from)) >= 56 * layout.scale) ?? 60_000;
		const zero = layout.origin ?? layout.to;
		context.strokeStyle = paint.color('grid');
		context.fillStyle = paint.color('muted');
		context.lineWidth = 1;
		context.textAlign = 'right';
		context.fillText(layout.edge, this.#width - 2, 9 * layout.scale);
		const edge = this.#width - 2 - context.measureText(layout.edge).width;
		context.textAlign = 'center';
		for (let n = Math.ceil((layout.from - zero) / step); n * step <= span + 0.001 && zero + n * step <= layout.to + 0.001; n++) {
			const at = Math.round(x(zero + n * step)) + 0.5;
			context.beginPath();
			context.moveTo(at, (HEIGHT.axis - 4) * layout.scale);
			context.lineTo(at, layout.height);
			context.stroke();
			const seconds = (n * step) / 1000;
			const text = `${String(Number(seconds.toFixed(2))).replace('-', '−')} s`;
			if (at + context.measureText(text).width / 2 < edge)
				context.fillText(text, at, 9 * layout.scale);
		}
	}

	// A held loop holds everything of its worker: the whole group is marked while it lasts.
	#band(context, layout, group, x) {
		for (const hold of group.holds) {
			const left = Math.max(x(hold.start), x(layout.from));
			const width = Math.min(x(hold.end), x(layout.to)) - left;
			context.fillStyle = paint.color('held-band');
			context.fillRect(left, group.top, width, group.bottom - group.top);
		}
	}

	// Where requests were not recorded one by one: nothing there does not mean that nothing was.
	#unrecorded(context, group, x) {
		const rows = group.lanes.filter((lane) => lane.kind !== 'beat' && lane.kind !== 'facts');
		if (!rows.length)
			return;
		const [top, bottom] = [rows[0].top, rows.at(-1).top + rows.at(-1).height];
		for (const {from, to} of group.unrecorded) {
			const left = Math.max(x(from), this.#gutter);
			const width = x(to) - left;
			context.fillStyle = paint.fill('unrecorded', context);
			context.fillRect(left, top, width, bottom - top);
			this.#boxed(context, 'not recorded', left, width, (top + bottom) / 2);
		}
	}

	// A text on a ground that can be read through no pattern, if it has room.
	#boxed(context, text, left, room, middle) {
		const {width} = context.measureText(text);
		const size = this.#layout.scale;
		if (width + 8 > room)
			return;
		context.fillStyle = paint.color('label-ground');
		context.fillRect(left + 3, middle - 7 * size, width + 6, 14 * size);
		context.fillStyle = paint.color('ink');
		context.textAlign = 'left';
		context.fillText(text, left + 6, middle);
	}

	// As high as somebody was busy, a column for each stretch of time.
	#columns(context, lane, stretches, x) {
		const bottom = lane.top + lane.height - 1;
		const full = lane.height - 3;
		const path = new Path2D();
		for (const {from, to, busy} of stretches) {
			const [left, high] = [x(from), Math.max(Math.min(busy, 1) * full, busy > 0 ? 1 : 0)];
			path.rect(left, bottom - high, Math.max(x(to) - left, 1), high);
		}
		// How much of the time a process only waited is not known of many requests together.
		context.fillStyle = lane.occupied ? paint.fill('taken', context) : paint.color(lane.kind === 'thread' ? 'pool-fill' : 'loop-fill');
		context.fill(path);
	}

	// What was measured under load, between lines for all and nothing.
	#measured(context, lane, x) {
		this.#columns(context, lane, lane.measured, x);
		context.fillStyle = paint.color('grid');
		for (const line of [lane.top + 1, lane.top + lane.height - 1])
			context.fillRect(x(lane.measured[0].from), line, x(lane.measured.at(-1).to) - x(lane.measured[0].from), 1);
	}

	// Paints what runs together where there is no room for each. Returns those blocks; null: there are none.
	#crowd(context, lane, x) {
		const width = COLUMN * (this.#layout.to - this.#layout.from) / (x(this.#layout.to) - x(this.#layout.from));
		const short = lane.blocks.filter((block) => block.count > 1 || block.end - block.start < width);
		const crowded = columns(short, width).filter(({runs}) => runs >= MANY);
		if (!crowded.length)
			return null;
		const at = new Set(crowded.map(({from}) => Math.round(from / width)));
		this.#columns(context, lane, crowded, x);
		return new Set(short.filter(({start}) => at.has(Math.floor(start / width))));
	}

	#lane(context, group, lane, x, layout) {
		switch (lane.kind) {
		case 'beat':
			if (this.#sees(group))
				this.#beat(context, group, lane, x, layout);
			break;
		case 'request':
			for (const {request, parts} of lane.parts) {
				for (const part of parts)
					this.#bar(context, lane, held(group, part) ? 'held' : part.kind, part, request, x, 3);
				this.#name(context, lane, request, parts, x);
			}
			break;
		case 'title':
		case 'facts':
			break;
		case 'more':
			context.fillStyle = paint.color('muted');
			context.textAlign = 'left';
			context.fillText(lane.text, x(layout.from) + 4, lane.top + lane.height / 2);
			break;
		default: {
			if (lane.measured?.length && this.#sees(group))
				this.#measured(context, lane, x);
			const crowd = this.#sees({top: lane.top, bottom: lane.top + lane.height}) ? this.#crowd(context, lane, x) : null;
			for (const block of lane.blocks) {
				const holds = held(group, block);
				this.#bar(context, lane, holds ? 'held' : block.taken ? 'taken' : block.kind, block, block.request, x,
					  lane.kind === 'loop' ? 2 : 3, crowd?.has(block));
				if (block.request)
					this.#name(context, lane, block.request, [block], x, holds);
			}
		}
		}
	}

	#beat(context, group, lane, x, layout) {
		const middle = lane.top + lane.height / 2;
		context.strokeStyle = paint.color('beat');
		context.lineWidth = 1;
		context.beginPath();
		// Of those that are too close, the same ones are drawn however the picture moves.
		const step = Math.ceil(BEAT / (x(100) - x(0))) * 100;
		let last = -1;
		for (const t of lane.beats) {
			const at = x(t);
			if (Math.floor(t / step) === last)
				continue;
			last = Math.floor(t / step);
			paint.beat(context, at, middle + 2);
		}
		context.stroke();
		this.#silence(context, lane, x, middle + 2);
		const [color, said] = group.worker.prefork ? ['muted', 'occupied'] : ['held-text', 'no heartbeat'];
		for (const hold of lane.silent) {
			const left = Math.max(x(hold.start), x(layout.from));
			const right = Math.min(x(hold.end), x(layout.to));
			context.strokeStyle = paint.color(color);
			context.lineWidth = 2;
			context.beginPath();
			context.moveTo(left, middle + 2);
			context.lineTo(right, middle + 2);
			context.stroke();
			const text = `${said} ${duration(hold.end - hold.start)}`;
			if (right - left > context.measureText(text).width + 8) {
				context.fillStyle = paint.color(color);
				context.textAlign = 'center';
				context.fillText(text, (left + right) / 2, middle - 4);
			}
		}
	}

	// No beat for a while: nothing is known of the loop, unless what is drawn over this says so.
	#silence(context, lane, x, y) {
		context.strokeStyle = paint.color('muted');
		context.setLineDash([1, 4]);
		context.beginPath();
		lane.beats.forEach((t, i) => {
			const before = lane.beats[i - 1] ?? this.#layout.from;
			if (t - before > NEWS) {
				context.moveTo(x(before) + 4, y);
				context.lineTo(x(t) - 4, y);
			}
		});
		context.stroke();
		context.setLineDash([]);
	}

	// painted: it is already, with others.
	#bar(context, lane, look, part, request, x, inset, painted = false) {
		part.holds = look === 'held';
		const left = x(part.start);
		const width = x(part.end) - left;
		const height = (lane.height - inset) / (part.tracks ?? 1);
		const y = lane.top + inset - 1 + height * (part.track ?? 0);
		this.#bars.push({x: left, y, width, height, lane, part, request});
		if (painted || !this.#sees({top: y, bottom: y + height}))
			return;
		paint.bar(context, look, left, y, width, height);
		if (part.open) { // it goes on: no end, but an arrow's point
			context.fillStyle = paint.color(`${look}-edge`);
			context.beginPath();
			context.moveTo(left + width, y);
			context.lineTo(left + width + 5, y + height / 2);
			context.lineTo(left + width, y + height);
			context.fill();
		}
	}

	// Whose bar it is, in its longest part, on a ground that every pattern can be read through; in a class with the
	// visitor's name and colour.
	#name(context, lane, request, parts, x, holds = false) {
		if (!this.#sees({top: lane.top, bottom: lane.top + lane.height}))
			return;
		const ends = (part) => [Math.max(x(part.start), x(this.#layout.from)), Math.min(x(part.end), x(this.#layout.to))];
		const [left, right, tracks] = parts.map((part) => [...ends(part), part.tracks ?? 1]).reduce((a, b) => (b[1] - b[0] > a[1] - a[0] ? b : a));
		if (right - left < LEAST_LABEL)
			return;
		const size = this.#layout.scale;
		const visitor = lane.caption ? null : visitorOf(request);
		const strip = visitor ? STRIP * size : 0;
		const named = visitor ? [`${visitor.name}: ${request.serial} ${request.path.split('/').at(-1)}`, `${visitor.name}: ${request.serial}`, visitor.name] : [];
		const texts = lane.caption ?? [...named, `${request.serial} ${request.path.split('/').at(-1)}`, `${request.serial}`].slice(tracks > 1 ? 1 : 0); // they are thin
		const text = texts.find((t) => context.measureText(t).width + 6 + strip < (right - left) * (holds ? 1 : MOST_LABEL))?.trim();
		if (!text)
			return;
		const width = context.measureText(text).width;
		const middle = lane.top + lane.height / 2;
		context.fillStyle = paint.color(holds ? 'held-ground' : 'label-ground');
		context.fillRect(left + 3, middle - 6.5 * size, width + 6 + strip, 12 * size);
		if (visitor) {
			context.fillStyle = paint.color('panel'); // its colour may be that of the bar
			context.fillRect(left + 2, middle - 6.5 * size, strip + 2, 12 * size);
			context.fillStyle = paint.color(visitor.colour);
			context.fillRect(left + 3, middle - 6.5 * size, strip, 12 * size);
		}
		context.fillStyle = paint.color(holds ? 'held-label' : 'ink');
		context.textAlign = 'left';
		context.fillText(text, left + 6 + strip, middle);
	}

	#labels(context, group) {
		context.textAlign = 'left';
		for (const lane of group.lanes) {
			const first = lane.kind === 'beat';
			const holds = first && group.holds.some((hold) => hold.lasts ?? hold.end >= group.worker.seen);
			context.font = first || lane.kind === 'title' ? this.#fonts.bold : this.#fonts.plain;
			context.fillStyle = paint.color(holds ? 'held-text' : first || lane.kind === 'title' ? 'ink' : 'muted');
			context.fillText(lane.label, first || lane.kind === 'title' ? 0 : 8, lane.top + lane.height / 2);
		}
		context.font = this.#fonts.plain;
		context.fillStyle = paint.color('ink');
		for (const {lines, top, height} of group.lanes.filter(({kind}) => kind === 'facts'))
			lines.forEach((line, i) => context.fillText(line, lines.length > 1 ? 8 : this.#gutter + 4, top + (i + 0.5) * height / lines.length));
	}

	#mark(context) {
		const bar = this.#chosenBar();
		if (!bar)
			return;
		context.strokeStyle = paint.color('focus');
		context.lineWidth = 2;
		context.strokeRect(bar.x - 2, bar.y - 2, Math.max(bar.width, 1) + 4, bar.height + 4);
	}

	// --- what is this? ---

	#chosenBar() {
		const chosen = this.#chosen;
		return chosen && this.#bars.find((bar) => bar.lane.kind === chosen.lane && bar.request === chosen.request &&
			bar.part.kind === chosen.kind && Math.abs(bar.part.start - chosen.start) < 1);
	}

	#choose(bar) {
		this.#chosen = bar && {lane: bar.lane.kind, request: bar.request, kind: bar.part.kind, start: bar.part.start};
		setText(this.#details, bar ? describe(bar) : this.#hint);
		if (this.#layout)
			this.show(this.#layout);
	}

	#point(event) {
		const box = this.#canvas.getBoundingClientRect();
		const [px, py] = [event.clientX - box.left, event.clientY - box.top + this.#view.top];
		this.#byKey = false;
		this.#choose(this.#bars.findLast((bar) => py >= bar.y && py <= bar.y + bar.height &&
			px >= bar.x - NEAR && px <= bar.x + bar.width + NEAR) ?? null);
	}

	// Left and right follow time in a row, up and down go to the nearest bar of another.
	#key(event) {
		const moves = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
		if (event.shiftKey || event.altKey || event.ctrlKey || event.metaKey)
			return;
		if (event.key === 'Escape') {
			this.#choose(null);
			return;
		}
		const move = moves[event.key];
		if (!move || !this.#layout)
			return;
		this.show(this.#layout, true);
		if (!this.#bars.length)
			return;
		event.preventDefault();
		this.#byKey = true;
		const now = this.#chosenBar();
		const next = now ? this.#neighbour(now, ...move) : this.#bars.at(-1);
		if (next) {
			this.#choose(next);
			this.#stage.scrollTop = Math.min(Math.max(this.#stage.scrollTop, next.y + next.height + 8 - this.#stage.clientHeight), next.y - 8);
		}
	}

	#neighbour(bar, dx, dy) {
		const others = this.#bars.filter((other) => (dx ? other.y === bar.y && (other.x - bar.x) * dx > 0
			: (other.y - bar.y) * dy > 0));
		const distance = (other) => Math.abs(other.x - bar.x) + (dy ? Math.abs(other.y - bar.y) * 1e4 : 0);
		return others.sort((a, b) => distance(a) - distance(b))[0];
	}
}

function held(group, part) {
	return (group.worker !== null || group.visitors === true) && !group.meant && isHold(part);
}

function answer(request) {
	return request.status ? `, answered ${request.status}` : request.gone ? ', the client went away' : '';
}

function describe({part, request, lane}) {
	const length = duration(part.end - part.start);
	if (!request)
		return `${count(part.count, 'short run')}, ${lane.occupied ? 'occupied' : 'busy'} ${duration(part.busy)} of ${length}`;
	if (!request.worker)
		return `${request.path}, sent from this page ${length} ago: no worker has picked it up.`;
	if (part.waits)
		return `${capital(named(request))}, ${routeOf(request)}: awaits ${toldOf(part.waits)}${answer(request)}`;
	const process = lane.kind === 'loop' && lane.label === 'process';
	const what = part.holds ? `holds the ${process ? 'process' : 'loop'}`
		: part.taken ? `occupies the process, ${KINDS[part.kind].name}` : process ? 'runs in its process' : KINDS[part.kind].name;
	return `${capital(named(request))}, ${routeOf(request)}: ${what} ${part.open ? 'for' : ''} ${length}${part.open ? ' so far' : ''}${answer(request)}`.replace(/ +/g, ' ');
}
