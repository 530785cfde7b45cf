// Tabs as the ARIA practices have them: arrow keys move, one tab stop for all.

import {el} from '../dom.js';

// entries: [[id, title, element, shown], …]; shown(part) is called whenever that one is shown, and resolves
// when all of it is there, to the element that is to be in view, if that is not all; part: what a link has behind its name, "" if nothing.
// chosen(id) is called with each that is shown. show(id) shows one. offer(ids): there are only these, the first of which is shown in place of one
// that is no more.
export function tabs(entries, chosen = () => {}) {
	const buttons = entries.map(([id, title]) => el('button', {type: 'button', role: 'tab', id: `tab-${id}`, 'aria-controls': id,
		onclick: () => show(id), onkeydown: key}, title));
	const panels = entries.map(([id, , element]) => el('div', {role: 'tabpanel', id, 'aria-labelledby': `tab-${id}`, class: 'panel'}, element));
	const list = el('div', {role: 'tablist', 'aria-label': 'What to do'}, buttons);
	const element = el('div', {class: 'tabs'}, list, panels);
	let offered = entries.map(([id]) => id);
	let shown = '';

	function show(id, focus = false, part = '') {
		shown = id;
		entries.forEach(([other], i) => {
			buttons[i].setAttribute('aria-selected', String(other === id));
			buttons[i].tabIndex = other === id ? 0 : -1;
			panels[i].hidden = other !== id;
			if (focus && other === id)
				buttons[i].focus();
		});
		chosen(id);
		return entries.find(([other]) => other === id)[3]?.(part);
	}

	function key(event) {
		const there = entries.map(([id]) => id).filter((id) => offered.includes(id));
		const at = there.indexOf(shown);
		const to = {ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1}[event.key];
		if (to === undefined)
			return;
		event.preventDefault();
		show(there.at(to % there.length), true);
	}

	function offer(ids) {
		if (String(ids) === String(offered))
			return;
		offered = ids;
		entries.forEach(([id], i) => {
			buttons[i].hidden = !ids.includes(id);
		});
		if (!ids.includes(shown))
			show(named() ?? ids[0]);
	}

	// A link to one, "#guide", or to a part of it, "#guide-model", leads to it, also where it is below the lanes; how far,
	// the style says, to the browser, too.
	async function follow() {
		const at = entries.findIndex(([id]) => id === named());
		if (at < 0)
			return;
		const [id] = entries[at];
		const place = await show(id, false, location.hash.slice(id.length + 2));
		(place instanceof Element ? place : panels[at]).scrollIntoView();
	}

	const named = () => offered.find((id) => `${location.hash}-`.startsWith(`#${id}-`));
	addEventListener('hashchange', follow);
	show(named() ?? offered[0]);
	requestAnimationFrame(follow); // when it is part of the page
	return {element, offer, show};
}
