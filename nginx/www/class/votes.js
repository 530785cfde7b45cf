// What the class predicts: a bar for each answer, with who has chosen it, and who else runs an exercise.

import {el, replace, setText} from '../dom.js';
import {count, list} from '../format.js';

// show(told): as Classroom.votes() says it; null: nothing.
export function votesBox() {
	const said = el('p', {role: 'status'});
	const bars = el('ul', {});
	const names = el('ul', {});
	const who = el('details', {}, el('summary', {}, 'Who'), names);
	const busy = el('p', {class: 'note'});
	const element = el('div', {class: 'votes', hidden: true}, said, bars, who, busy);

	function show(told) {
		const votes = told?.votes ?? [];
		const all = votes.reduce((sum, vote) => sum + vote.names.length, 0);
		const chosen = votes.filter((vote) => vote.names.length);
		element.hidden = !told || !(all || told.busy);
		bars.hidden = who.hidden = !all;
		setText(said, all ? `The class predicts, with ${count(all, 'vote')}:` : '');
		replace(bars, votes.map(({text, names: some}) => el('li', {data: {votes: some.length}}, el('span', {}, text),
			el('meter', {min: 0, max: Math.max(all, 1), value: some.length, 'aria-label': text}), el('strong', {}, String(some.length)))));
		replace(names, chosen.map(({text, names: some}) => el('li', {}, `“${text}”: ${list(some)}`)));
		setText(busy, told?.busy ?? '');
	}

	return {element, show};
}
