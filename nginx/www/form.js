// Parts of forms.

import {el} from './dom.js';

export const field = (label, control) => el('label', {class: 'field'}, el('span', {}, label), control);

export const choices = (names) => names.map(([value, text]) => el('option', {value}, text));

// Gives a select these choices, [[value, text], …], unless it has them; what is chosen stays so if it
// can. Whether something else is chosen now.
export function offer(select, names) {
	if (names.map(([value]) => value).join() === [...select.options].map(({value}) => value).join())
		return false;
	const chosen = select.value;
	select.replaceChildren(...choices(names));
	if (names.some(([value]) => value === chosen))
		select.value = chosen;
	return select.value !== chosen;
}
