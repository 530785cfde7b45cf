// How things look: each kind of span has a colour and a pattern, from one place, for lanes, legend
// and bars alike. Colours are custom properties of the style sheet, so that they follow the scheme.

const TILE = 8; // pixels of a pattern

// The marks of each pattern, drawn into a tile in the kind's ink.
const PATTERNS = {
	queue(c) { // dots: standing in line
		for (const [x, y] of [[2, 2], [6, 6]]) {
			c.beginPath();
			c.arc(x, y, 1.3, 0, 7);
			c.fill();
		}
	},
	loop() {}, // plain: the one place where code runs
	held(c) { // broad stripes: nobody gets past
		c.lineWidth = 2.5;
		slanted(c);
	},
	await(c) { // thin lines: at rest
		c.lineWidth = 0.9;
		slanted(c);
	},
	'pool-queue'(c) { // bars: in line at a gate
		c.fillRect(1, 0, 1.5, TILE);
		c.fillRect(5, 0, 1.5, TILE);
	},
	pool(c) { // layers: beside the loop
		c.fillRect(0, 1, TILE, 1);
		c.fillRect(0, 5, TILE, 1);
	},
	ready(c) { // arrow heads: it could go on
		c.lineWidth = 1.2;
		c.beginPath();
		c.moveTo(2, 1);
		c.lineTo(5.5, 4);
		c.lineTo(2, 7);
		c.stroke();
	},
	fetch(c) { // waves: it goes far
		c.lineWidth = 1;
		c.beginPath();
		for (const y of [2, 6]) {
			c.moveTo(-1, y + 1.25);
			for (const [x, dy] of [[1, -1.25], [5, 1.25], [9, -1.25]])
				c.lineTo(x, y + dy);
		}
		c.stroke();
	},
	'db-queue'(c) { // bars with gaps: in line at another gate
		c.fillRect(1, 0, 1.2, 5);
		c.fillRect(5, 4, 1.2, 4);
		c.fillRect(5, 0, 1.2, 1);
	},
	db(c) { // bricks: stored there
		c.fillRect(0, 0, TILE, 0.9);
		c.fillRect(0, 4, TILE, 0.9);
		c.fillRect(2, 0, 0.9, 4);
		c.fillRect(6, 4, 0.9, 4);
	},
	taken(c) { // a grid: shut, though nothing runs
		c.fillRect(0, 3, TILE, 1);
		c.fillRect(3, 0, 1, TILE);
	},
	unrecorded(c) { // a few small crosses: who knows
		c.lineWidth = 0.8;
		c.beginPath();
		for (const [dx, dy] of [[-1.5, -1.5], [-1.5, 1.5]]) {
			c.moveTo(4 + dx, 4 + dy);
			c.lineTo(4 - dx, 4 - dy);
		}
		c.stroke();
	},
};

function slanted(c) {
	c.beginPath();
	for (const x of [-TILE, 0, TILE]) {
		c.moveTo(x, TILE);
		c.lineTo(x + TILE, 0);
	}
	c.stroke();
}

export class Paint {
	#patterns = new Map();
	#style = getComputedStyle(document.documentElement);
	#colors = new Map();
	density = 1; // pixels of the display in a CSS pixel

	constructor() {
		for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)'])
			matchMedia(query).addEventListener('change', () => {
				this.#patterns.clear();
				this.#colors.clear();
			});
	}

	// Takes the display as it is now, which the page may have been moved to. Returns its density.
	look() {
		const density = window.devicePixelRatio || 1;
		if (density !== this.density)
			this.#patterns.clear();
		return this.density = density;
	}

	// A custom property: color('ink') is --ink.
	color(name) {
		if (!this.#colors.has(name))
			this.#colors.set(name, this.#style.getPropertyValue(`--${name}`).trim());
		return this.#colors.get(name);
	}

	fill(kind, context) {
		if (!this.#patterns.has(kind)) {
			const scale = Math.round(TILE * this.density) / TILE; // pixel for pixel: sharp, and cheap to repeat
			const tile = document.createElement('canvas');
			tile.width = tile.height = TILE * scale;
			const c = tile.getContext('2d');
			c.scale(scale, scale);
			c.fillStyle = this.color(`${kind}-fill`);
			c.fillRect(0, 0, TILE, TILE);
			c.fillStyle = c.strokeStyle = this.color(`${kind}-ink`);
			PATTERNS[kind](c);
			const pattern = context.createPattern(tile, 'repeat');
			pattern.setTransform(new DOMMatrix().scale(1 / scale));
			this.#patterns.set(kind, pattern);
		}
		return this.#patterns.get(kind);
	}

	// One heartbeat, into the path; y: of the line that it leaves.
	beat(context, x, y) {
		context.moveTo(x - 2.5, y);
		context.lineTo(x - 1, y);
		context.lineTo(x, y - 8);
		context.lineTo(x + 1.2, y + 3);
		context.lineTo(x + 2.2, y);
	}

	bar(context, kind, x, y, width, height) {
		context.fillStyle = this.fill(kind, context);
		context.fillRect(x, y, Math.max(width, 1), height);
		if (width > 3) {
			context.strokeStyle = this.color(`${kind}-edge`);
			context.lineWidth = 1;
			context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
		}
	}
}

// How much larger than 16 pixels the text of the page is: whoever sets a larger one means charts, too.
export function textScale() {
	return parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
}

// Gives a canvas its size in CSS pixels and a context that draws in them.
export function sized(canvas, width, height) {
	const density = paint.look();
	const [w, h] = [Math.round(width * density), Math.round(height * density)];
	if (canvas.width !== w || canvas.height !== h) {
		canvas.width = w;
		canvas.height = h;
		canvas.style.height = `${height}px`;
	}
	const context = canvas.getContext('2d');
	context.setTransform(density, 0, 0, density, 0, 0);
	context.clearRect(0, 0, width, height);
	return context;
}

export const paint = new Paint();
