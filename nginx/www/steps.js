// One of several at a time: their numbers, or a list of them, to choose from, and the one before and after.

import {el, setText} from './dom.js';
import {choices} from './form.js';

// entries: [{id, title, element}, …]. open(id) shows one, if there is one, with the focus on its heading, if it is told so;
// done(id) marks it.
export function steps(name, entries, {asList = false} = {}) {
	const numbers = entries.map(({id, title}, i) => el('button', {type: 'button', class: 'number-step', title, 'aria-label': `${i + 1}: ${title}`,
		data: {step: id}, onclick: () => open(id)}, String(i + 1)));
	const where = el('p', {class: 'note at'});
	const before = el('button', {type: 'button', class: 'before', 'aria-label': `${name}: the one before`, onclick: () => move(-1)}, '◀');
	const after = el('button', {type: 'button', class: 'after', 'aria-label': `${name}: the next`, onclick: () => move(1)}, '▶');
	const next = el('button', {type: 'button', class: 'next', onclick: () => move(1, true)});
	const list = el('select', {'aria-label': name, onchange: () => open(list.value)}, choices(entries.map(({id, title}) => [id, title])));
	const element = el('div', {class: 'steps'},
		el('nav', {'aria-label': name}, before, asList ? list : el('ol', {}, numbers.map((number) => el('li', {}, number))), after, asList ? where : null),
		entries.map((entry) => entry.element), next);
	let shown = 0;

	function open(id, focus = false) {
		const at = entries.findIndex((entry) => entry.id === id);
		if (at < 0)
			return;
		shown = at;
		entries.forEach((entry, i) => {
			entry.element.hidden = i !== shown;
			i === shown ? numbers[i].setAttribute('aria-current', 'step') : numbers[i].removeAttribute('aria-current');
		});
		list.value = id;
		before.disabled = shown === 0;
		after.disabled = next.hidden = shown === entries.length - 1;
		setText(where, `${shown + 1} of ${entries.length}`);
		setText(next, `Next: ${entries[shown + 1]?.title ?? ''} ▶`);
		if (!focus)
			return;
		const heading = entries[shown].element.querySelector('h3');
		heading.tabIndex = -1;
		heading.focus({preventScroll: true});
		element.scrollIntoView({block: 'nearest'});
	}

	const move = (by, focus) => open(entries[Math.min(Math.max(shown + by, 0), entries.length - 1)].id, focus);

	function done(id) {
		const i = entries.findIndex((entry) => entry.id === id);
		numbers[i].classList.add('done');
		numbers[i].setAttribute('aria-label', `${i + 1}: ${entries[i].title}, done`);
	}

	open(entries[0].id);
	return {element, open, done};
}
