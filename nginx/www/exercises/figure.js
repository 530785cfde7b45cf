// A round as lanes, and the same as a table.

import {el} from '../dom.js';
import {duration} from '../format.js';
import {Lanes} from '../picture/lanes.js';
import {requestTable} from '../picture/table.js';

const HINT = 'Point at a bar, or use the arrow keys, for details.';

// null: there were no answers. title: of what the round belongs to.
export function roundFigure(lab, round, title) {
	const name = `${round.name}, ${duration(round.wall)}`;
	if (!Number.isFinite(round.wall))
		return null;
	const lanes = new Lanes(`Lanes of ${title}: ${name}`, HINT);
	const table = requestTable(`Requests of ${name}`);
	lanes.show(lab.picture(round));
	table.show(lab.history, [...round.answers.map((answer) => answer.request).filter(Boolean), ...round.also ?? []]);
	return el('figure', {class: 'picture', data: {round: round.name, wall: round.wall.toFixed(1), silence: lab.silence(round).toFixed(1)}},
		el('figcaption', {}, name), lanes.element,
		el('details', {}, el('summary', {}, 'The same as a table'), table.element));
}
