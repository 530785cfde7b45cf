// A curve, the band around it, and dots, as SVG: arrivals per second to the right, seconds upwards.

import {duration} from '../format.js';

const [WIDTH, HEIGHT] = [560, 300];
const [LEFT, RIGHT, TOP, BOTTOM] = [74, 14, 16, 46];

function svg(tag, properties = {}, ...children) {
	const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
	for (const [name, value] of Object.entries(properties))
		element.setAttribute(name, String(value));
	element.append(...children.filter((child) => child !== null));
	return element;
}

// A round step of which about so many make up a length.
export function stepOf(length, about) {
	const size = 10 ** Math.floor(Math.log10(length / about));
	return [1, 2, 5, 10].map((times) => times * size).find((step) => length / step <= about * 1.2) ?? size * 10;
}

// points: [{rate, mean, low, high}] in seconds; dots: [{rate, mean, now}] that were measured; at: the rate that is chosen;
// most: what no more than is served of, or Infinity.
export function chart({points, dots, at, most, name}) {
	const [right, top] = [points.at(-1).rate, Math.max(...points.map(({high}) => high), ...dots.map(({mean}) => mean)) * 1.05];
	const x = (rate) => LEFT + (WIDTH - LEFT - RIGHT) * rate / right;
	const y = (seconds) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * seconds / top;
	const path = (pairs) => pairs.map(([rate, seconds], i) => `${i ? 'L' : 'M'}${x(rate).toFixed(1)} ${y(seconds).toFixed(1)}`).join('');
	const ticks = (end, step) => Array.from({length: Math.floor(end / step + 0.001) + 1}, (_, i) => i * step);
	return svg('svg', {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': name, class: 'chart'},
		...ticks(top, stepOf(top, 5)).flatMap((seconds) => [svg('line', {class: 'grid', x1: LEFT, x2: WIDTH - RIGHT, y1: y(seconds), y2: y(seconds)}),
			svg('text', {x: LEFT - 6, y: y(seconds) + 4, 'text-anchor': 'end'}, seconds ? duration(seconds * 1000) : '0')]),
		...ticks(right, stepOf(right, 6)).map((rate) => svg('text', {x: x(rate), y: HEIGHT - BOTTOM + 16, 'text-anchor': 'middle'}, String(Number(rate.toFixed(2))))),
		svg('text', {x: (LEFT + WIDTH) / 2, y: HEIGHT - 6, 'text-anchor': 'middle'}, 'arrivals per second'),
		svg('path', {class: 'band', d: `${path(points.map(({rate, high}) => [rate, high]))}${path(points.toReversed().map(({rate, low}) => [rate, low])).replace('M', 'L')}Z`}),
		svg('path', {class: 'curve', d: path(points.map(({rate, mean}) => [rate, mean]))}),
		most < right ? svg('line', {class: 'most', x1: x(most), x2: x(most), y1: TOP, y2: HEIGHT - BOTTOM}) : null,
		most < right ? svg('text', {x: x(most) + 4, y: TOP + 10}, 'all are busy') : null,
		svg('line', {class: 'at', x1: x(at), x2: x(at), y1: TOP, y2: HEIGHT - BOTTOM}),
		...dots.map(({rate, mean, now}) => svg('circle', {class: now ? 'dot' : 'dot other', cx: x(rate), cy: y(mean), r: 5})));
}
