// One exercise on the page: predict, run, look, read the cause.

import {votesBox} from '../class/votes.js';
import {el, handFocus, replace} from '../dom.js';
import {curlBox} from '../panels/curl.js';
import {judged} from './exercises.js';
import {roundFigure} from './figure.js';
import {listing} from './listing.js';
import {hasDatabase, missing} from './needs.js';

const LEFT = 200; // pixels below the verdict that are to be seen

// done(): it has been run, and told something.
export function exerciseSection(exercise, index, lab, done) {
	const result = el('div', {class: 'result'});
	const status = el('p', {class: 'note', role: 'status'}, 'Predict first, then run.');
	const run = el('button', {type: 'submit', class: 'primary', disabled: true}, 'Run');
	const options = exercise.options.map(([id, text]) => el('label', {},
		el('input', {type: 'radio', name: exercise.id, value: id, onchange: () => {
			run.disabled = false;
			status.textContent = 'Ready.';
			lab.classroom?.predict(exercise.id, id);
		}}), text));
	const votes = votesBox();
	const form = el('form', {onsubmit: start},
		el('fieldset', {}, el('legend', {}, exercise.question), options),
		el('div', {class: 'actions'}, run, status));

	async function start(event) {
		event.preventDefault();
		const predicted = new FormData(form).get(exercise.id);
		handFocus(run, status);
		run.disabled = true;
		replace(result);
		status.textContent = 'Running: watch the lanes.';
		votes.show(null);
		lab.classroom?.begin(exercise, predicted).then(votes.show);
		const rounds = await exercise.rounds(lab);
		lab.classroom?.end();
		run.disabled = false;
		handFocus(status, run);
		run.textContent = 'Run again';
		status.textContent = rounds.some((round) => round.disturbed.length) ? 'Disturbed.' : 'Done.';
		show(rounds, predicted);
		const verdict = result.querySelector('.verdict');
		if (verdict.getBoundingClientRect().bottom > innerHeight - LEFT)
			verdict.scrollIntoView();
		if (verdict.dataset.right)
			done();
	}

	function show(rounds, predicted) {
		const {right, disturbed, verdict, sentences} = judged(exercise, rounds, lab);
		const text = (id) => exercise.options.find(([option]) => option === id)?.[1];
		const met = right === predicted;
		const [cause, ...others] = right ? sentences : ['', ...sentences];
		replace(result,
			el('p', {class: 'verdict', data: {right: right ?? '', disturbed: Boolean(disturbed)}}, verdict),
			disturbed && el('p', {}, 'What was measured is not what your prediction was about. All who are on this page have the same loop and processes for their exercises: run it again when nobody else does, or each on a system of their own (PORT=8081 RUN_DIR=/tmp/lanes make run). What disturbed it:'),
			right && el('p', {class: `prediction ${met ? 'met' : 'missed'}`, data: {met}},
				met ? 'You predicted it.' : `You predicted “${text(predicted)}”. Measured was: “${text(right)}”.`),
			right ? [el('p', {class: 'cause'}, cause), ...rounds.map((round) => roundFigure(lab, round, exercise.title, rounds))] : [],
			rounds[0].later?.status === 200 ? el('img', {class: 'made', src: rounds[0].later.url, alt: 'What the job has drawn', width: '320', height: '240'}) : null,
			el('ul', {class: 'sentences'}, others.map((sentence) => el('li', {}, sentence))),
			right ? [] : rounds.map((round) => roundFigure(lab, round, exercise.title, rounds)));
	}

	// What it needs is said before anything is asked.
	function lacking() {
		const {sentence, command} = missing(exercise.needs);
		const element = el('div', {class: 'lacking', hidden: true, data: {missing: exercise.needs}}, el('p', {class: 'cause'}, sentence), curlBox(command).element);
		lab.feed.addEventListener('message', () => {
			element.hidden = hasDatabase(lab);
			form.hidden = !element.hidden;
		});
		return element;
	}

	return el('section', {class: 'exercise', id: `exercise-${exercise.id}`, 'aria-labelledby': `title-${exercise.id}`},
		el('h3', {id: `title-${exercise.id}`}, el('span', {class: 'step'}, String(index + 1)), ` ${exercise.title}`),
		el('p', {}, exercise.task),
		exercise.needs && lacking(), form, votes.element, result,
		exercise.note && el('p', {class: 'note'}, exercise.note),
		listing(exercise.handlers, exercise.python, exercise.files),
		el('details', {}, el('summary', {}, 'From a terminal'),
			exercise.commands.map((line) => curlBox(line.replaceAll('ORIGIN', location.origin)).element)));
}
