// What the patterns mean, drawn by what draws the lanes.

import {el} from '../dom.js';
import {AWAITED, KINDS} from '../feed/kinds.js';
import {paint, sized} from './paint.js';

function beats(context) {
	context.strokeStyle = paint.color('beat');
	context.beginPath();
	for (const x of [5, 13, 21])
		paint.beat(context, x, 10);
	context.stroke();
}

// show(kinds): those of AWAITED that there are; the others are left out.
export function legend() {
	const [always, sometimes] = [KINDS, AWAITED].map((kinds) => Object.entries(kinds).map(([kind, {name}]) => [kind, name]));
	const entries = [...always, ...sometimes, ['held', 'holding the loop, or a process'],
		['taken', 'occupying a process'], ['unrecorded', 'not recorded'],
		['beat', 'heartbeat: seen waiting in poll, or not long away from it, ten times a second while anything works, once at rest; drawn where there is room']];
	const swatches = entries.map(([kind]) => ({kind, canvas: el('canvas', {class: 'swatch', 'aria-hidden': 'true'})}));
	const draw = () => {
		for (const {kind, canvas} of swatches)
			kind === 'beat' ? beats(sized(canvas, 26, 14)) : paint.bar(sized(canvas, 26, 14), kind, 0, 0, 26, 14);
	};
	draw();
	for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)'])
		matchMedia(query).addEventListener('change', () => requestAnimationFrame(draw));
	const items = new Map(entries.map(([kind, name], i) => [kind, el('li', {data: {kind}}, swatches[i].canvas, name)]));
	const element = el('ul', {class: 'legend', 'aria-label': 'Patterns'}, [...items.values()]);
	const show = (kinds) => sometimes.forEach(([kind]) => (items.get(kind).hidden = !kinds.has(kind)));
	show(new Set());
	return {element, show};
}
