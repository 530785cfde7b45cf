// Handlers beside each other: the Python and the C that answers here. The C is the file the
// server was built from, served with the page, so it cannot grow out of date.

import {el, replace} from '../dom.js';

const texts = new Map();

function text(url) {
	if (!texts.has(url))
		texts.set(url, fetch(url).then((response) => {
			if (!response.ok)
				throw new Error(`${url}: ${response.status}`);
			return response.text();
		}));
	return texts.get(url);
}

// From the decorator to what is no longer the function.
function python(source, name) {
	return source.split(/\n(?=@(?:app|router)\b)/).find((part) => part.includes(`def ${name}(`))?.split('\n\n\n')[0].trimEnd() ?? '';
}

// Without the includes: [lines that are left out, the rest].
function c(source) {
	const [head] = /^(?:#include.*\n|\n)*/.exec(source);
	return [head.split('\n').length - 1, source.slice(head.length).trimEnd()];
}

// The lines that make the difference: where the loop is given back, or blocked. A comment and a decorator, which has a
// path with such words, are none.
const TELLING = /^(?!\/\*| \*|@).*(?:\bAWAIT\b|\bawait\b|(?<!")\bblocking_io_task\(|time\.sleep|gather_add_sleep)/;

const BLOCKS = /(?<!")\bblocking_io_task\(/; // of these, where a thread stands, or the loop

// file: the C that it is, or stands beside; first: the number of its first line there, if it is that.
function pre(label, code, file, first = null) {
	const line = (text, i) => el('span', {class: TELLING.test(text) ? 'line telling' : 'line',
		data: first === null ? (TELLING.test(text) ? {beside: file} : {}) : {at: `${file}.c:${first + i}`, ...TELLING.test(text) && BLOCKS.test(text) && {blocks: file}}}, text);
	return el('figure', {class: 'code'}, el('figcaption', {}, label),
		el('pre', {tabindex: '0', role: 'group', 'aria-label': label}, el('code', {}, code.split('\n').flatMap((text, i) => [line(text, i), '\n']))));
}

// The lines of the source, "async_await_one.c:10", at which requests of these workers wait now, or that hold a loop.
export function linesOf(workers) {
	const places = workers.flatMap(({state}) => {
		const tasks = Array.isArray(state.tasks) ? state.tasks : [];
		const held = state.loop?.held_by?.lasts ? [state.loop.held_by.at, state.loop.held_by.from] : [];
		return [...tasks.filter((task) => task?.own).map(({file, line}) => `${file}:${line}`), ...held];
	});
	return new Set(places.filter((place) => typeof place === 'string').map((place) => place.split('/').at(-1)));
}

// Lights them wherever they are shown, and the line of the Python that stands beside them.
export function lightLines(workers) {
	const shown = document.querySelectorAll('.listing .line:is([data-at], [data-beside])');
	if (!shown.length)
		return;
	const [places, blocked] = [linesOf(workers), blockedFiles(workers)];
	const files = new Set([...blocked, ...[...places].map((place) => place.split('.')[0])]);
	for (const {classList, dataset} of shown)
		classList.toggle('running', places.has(dataset.at) || blocked.has(dataset.blocks) || files.has(dataset.beside));
}

// The files of the guide's handlers that hold a loop now, or a thread: by their routes.
function blockedFiles(workers) {
	const routes = workers.flatMap(({state, heldSince}) => [heldSince !== null ? state.loop?.request?.route : null, ...Object.values(state.pools ?? {}).flatMap(({busy}) => (busy ?? []).map((job) => job?.route))]);
	return new Set(routes.filter((route) => typeof route === 'string').map((route) => route.slice(1).replaceAll(/\W/g, '_')));
}

const GUIDE = '/lanes/guide.py';

// names: of the handlers, as in C and Python alike. urls: where the Python is, of each or of all. files: where the C is
// of each.
export function listing(names, urls = GUIDE, files = names) {
	const urlOf = (i) => (Array.isArray(urls) ? urls[i] : urls);
	const body = el('div', {class: 'listing'});
	const details = el('details', {ontoggle: () => details.open && !body.childElementCount && load()},
		el('summary', {}, 'The handlers: Python and C'), body);

	async function load() {
		try {
			const sources = await Promise.all(names.map((_, i) => Promise.all([text(urlOf(i)), text(`/lanes/handlers/${files[i]}.c`)])));
			replace(body, names.flatMap((name, i) => {
				const [left, code] = c(sources[i][1]);
				return [pre(`${name}: ${urlOf(i) === GUIDE ? 'the guide' : 'FastAPI'}, in Python`, python(sources[i][0], name), files[i]),
					files.indexOf(files[i]) === i ? pre(`${files[i]}: this server, in C`, code, files[i], left + 1) : null];
			}));
		} catch (error) {
			replace(body, el('p', {class: 'note'}, `The code could not be loaded (${error.message}).`));
			texts.clear();
		}
	}
	return details;
}
