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

// Without the includes; the licence to start is the first comment or function after them.
function c(source) {
	return source.replace(/^(?:#include.*\n|\n)+/, '').trimEnd();
}

// The lines that make the difference: where the loop is given back, or blocked.
const TELLING = /^(?!\/\*| \*).*(?:\bAWAIT\b|\bawait\b|(?<!")\bblocking_io_task\(|time\.sleep|gather_add_sleep)/;

function pre(label, code) {
	return el('figure', {class: 'code'}, el('figcaption', {}, label),
		el('pre', {tabindex: '0', role: 'group', 'aria-label': label}, el('code', {},
			code.split('\n').map((line) => el('span', {class: TELLING.test(line) ? 'line telling' : 'line'}, `${line}\n`)))));
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
			replace(body, names.flatMap((name, i) => [
				pre(`${name}: ${urlOf(i) === GUIDE ? 'the guide' : 'FastAPI'}, in Python`, python(sources[i][0], name)),
				files.indexOf(files[i]) === i ? pre(`${files[i]}: this server, in C`, c(sources[i][1])) : null]));
		} catch (error) {
			replace(body, el('p', {class: 'note'}, `The code could not be loaded (${error.message}).`));
			texts.clear();
		}
	}
	return details;
}
