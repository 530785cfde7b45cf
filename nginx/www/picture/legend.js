// What the patterns mean, drawn by what draws the lanes.

import {el} from '../dom.js';
import {KINDS} from '../feed/kinds.js';
import {paint, sized} from './paint.js';

export function legend() {
	const entries = [...Object.entries(KINDS).map(([kind, {name}]) => [kind, name]), ['held', 'holding the loop, or a process'],
		['taken', 'occupying a process, at rest'], ['unrecorded', 'not recorded']];
	const swatches = entries.map(([kind]) => ({kind, canvas: el('canvas', {class: 'swatch', 'aria-hidden': 'true'})}));
	const draw = () => {
		for (const {kind, canvas} of swatches)
			paint.bar(sized(canvas, 26, 14), kind, 0, 0, 26, 14);
	};
	draw();
	for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)'])
		matchMedia(query).addEventListener('change', () => requestAnimationFrame(draw));
	return el('ul', {class: 'legend', 'aria-label': 'Patterns'}, entries.map(([, name], i) => el('li', {}, swatches[i].canvas, name)));
}
