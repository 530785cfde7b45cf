// Tabs as the ARIA practices have them: arrow keys move, one tab stop for all.

import {el} from '../dom.js';

// entries: [[id, title, element], …]
export function tabs(entries) {
	const buttons = entries.map(([id, title]) => el('button', {type: 'button', role: 'tab', id: `tab-${id}`, 'aria-controls': id,
		onclick: () => show(id), onkeydown: key}, title));
	const panels = entries.map(([id, , element]) => el('div', {role: 'tabpanel', id, 'aria-labelledby': `tab-${id}`, class: 'panel'}, element));

	function show(id, focus = false) {
		entries.forEach(([other], i) => {
			buttons[i].setAttribute('aria-selected', String(other === id));
			buttons[i].tabIndex = other === id ? 0 : -1;
			panels[i].hidden = other !== id;
			if (focus && other === id)
				buttons[i].focus();
		});
	}

	function key(event) {
		const at = buttons.indexOf(event.target);
		const to = {ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1}[event.key];
		if (to === undefined)
			return;
		event.preventDefault();
		show(entries.at(to % entries.length)[0], true);
	}

	const named = () => entries.find(([id]) => `#${id}` === location.hash)?.[0];
	addEventListener('hashchange', () => named() && show(named()));
	show(named() ?? entries[0][0]);
	return el('div', {class: 'tabs'}, el('div', {role: 'tablist', 'aria-label': 'What to do'}, buttons), panels);
}
