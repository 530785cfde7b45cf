// A round as lanes, and the same as a table.

import {el} from '../dom.js';
import {duration} from '../format.js';
import {Lanes} from '../picture/lanes.js';
import {requestTable} from '../picture/table.js';

const HINT = 'Point at a bar, or use the arrow keys, for details.';

const COMPARED = 0.3; // of the longest round that it stands beside: it has the same scale

// null: there were no answers. title: of what the round belongs to; rounds: that stand beside it.
export function roundFigure(lab, round, title, rounds = []) {
	const longest = Math.max(0, ...rounds.map(({wall}) => wall).filter(Number.isFinite));
	const name = `${round.name}, ${duration(round.wall)}`;
	if (!Number.isFinite(round.wall))
		return null;
	const lanes = new Lanes(`Lanes of ${title}: ${name}`, HINT);
	const table = requestTable(`Requests of ${name}`);
	lanes.show(lab.picture(round, round.wall > COMPARED * longest ? Math.max(longest, round.wall) : undefined));
	table.show(lab.history, [...round.answers.map((answer) => answer.request).filter(Boolean), ...round.also ?? []]);
	return el('figure', {class: 'picture', data: {round: round.name, wall: round.wall.toFixed(1), silence: lab.silence(round).toFixed(1)}},
		el('figcaption', {}, name), lanes.element,
		lab.isReplayable(round) ? el('button', {type: 'button', class: 'replay-round', onclick: () => lab.replay(round)}, 'Step by step ▶') : null,
		el('details', {}, el('summary', {}, 'The same as a table'), table.element));
}
