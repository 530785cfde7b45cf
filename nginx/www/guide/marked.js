// Text with `code`, **bold** and [links](https://…), as elements.

import {el} from '../dom.js';

const MARKS = /`([^`]+)`|\*\*(.+?)\*\*|\[([^\]]+)\]\((https:[^)]+)\)/;

export function marked(text) {
	const found = MARKS.exec(text);
	if (!found)
		return text ? [text] : [];
	const [whole, code, bold, link, href] = found;
	return [...marked(text.slice(0, found.index)),
		code ? el('code', {}, code) : bold ? el('strong', {}, marked(bold)) : el('a', {href, rel: 'noreferrer'}, link),
		...marked(text.slice(found.index + whole.length))];
}

// The same without marks.
export function plain(text) {
	const found = MARKS.exec(text);
	return found ? text.slice(0, found.index) + plain(found[1] ?? found[2] ?? found[3]) + plain(text.slice(found.index + found[0].length)) : text;
}
