// What the patterns mean, drawn by what draws the lanes.

import {el} from '../dom.js';
import {KINDS} from '../feed/kinds.js';
import {paint, sized} from './paint.js';

function beats(context) {
	context.strokeStyle = paint.color('beat');
	context.beginPath();
	for (const x of [5, 13, 21])
		paint.beat(context, x, 10);
	context.stroke();
}

export function legend() {
	const entries = [...Object.entries(KINDS).map(([kind, {name}]) => [kind, name]), ['held', 'holding the loop, or a process'],
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
	return el('ul', {class: 'legend', 'aria-label': 'Patterns'}, entries.map(([, name], i) => el('li', {}, swatches[i].canvas, name)));
}
