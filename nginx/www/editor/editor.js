// The learner changes a handler, in an editor of their own: the page shows it as it is on disk, and what came of a
// save. It sends no code anywhere.

import {el, handFocus, replace, setText} from '../dom.js';
import {LOOP} from '../exercises/exercises.js';
import {Lanes} from '../picture/lanes.js';
import {FILE, measured, PLACE, round, STEPS, whole} from './mend.js';
import {Saved} from './saved.js';

const SAID = {
	none: 'This system was not started with make dev, so nothing looks at the source. Stop it, and type make dev in the project\'s folder: it builds what you save, and replaces the workers.',
	builds: 'Saved. It is being built; the lanes run what they ran before.',
	fails: 'It does not build. The compiler says why, and the lanes run what they ran before.',
	'starts-not': 'It is built, but does not start; the lanes run what they ran before.',
};

export function editorPanel(lab) {
	const saved = new Saved(FILE);
	let step = 0;
	let result = null; // of what is served now
	const figures = []; // what the runs measured that took a step
	let isRunning = false;

	const status = el('p', {class: 'cause', role: 'status'}, 'Asking …');
	const list = el('ol', {class: 'mending'}, STEPS.map(({id, text, code}) => el('li', {data: {step: id}}, text,
		code ? el('pre', {tabindex: '0', role: 'group', 'aria-label': `What to write: ${id}`}, el('code', {}, code.join('\n'))) : null)));
	const run = el('button', {type: 'button', class: 'primary', onclick: start}, 'Run it');
	const outcome = el('p', {class: 'effect', role: 'status'});
	const lanes = new Lanes('Lanes of the handler and a bystander', 'Point at a bar, or use the arrow keys, for details.');
	const words = el('pre', {tabindex: '0', role: 'group', 'aria-label': 'What the compiler says'});
	const said = el('figure', {class: 'code compiler', hidden: true}, el('figcaption', {}, 'The compiler'), words);
	const source = el('pre', {class: 'source', tabindex: '0', role: 'group', 'aria-label': `${PLACE}, as it is on disk`});
	const file = el('figure', {class: 'code', hidden: true}, el('figcaption', {}, `${PLACE}, as it is on disk`), source);
	lanes.element.hidden = true;
	const element = el('div', {class: 'editor'},
		el('h3', {}, 'Change a handler, in your own editor'), status,
		el('div', {class: 'turns'},
			el('div', {}, list, el('div', {class: 'actions'}, run), outcome, lanes.element),
			el('div', {}, said, file)));

	// Who runs it now: a worker that was started after the last one was replaced has another pid.
	function serving() {
		const {name, state: {pid}} = lab.workers(LOOP)[0] ?? {name: LOOP, state: {}};
		return saved.number > 1 ? `The lanes run what is on disk: ${name} is process ${pid ?? '?'} now.` : 'The lanes run what is on disk.';
	}

	function show() {
		const {state} = saved;
		element.dataset.state = state;
		setText(status, SAID[state] ?? serving());
		said.hidden = !saved.words;
		setText(words, saved.words);
		file.hidden = !saved.source;
		const places = new Map(saved.places.map((place) => [place.line, place]));
		replace(source, el('code', {}, saved.source.replace(/\n$/, '').split('\n').map((line, i) => {
			const place = places.get(i + 1);
			return el('span', {class: place ? `line ${place.kind}` : /\b(AWAIT|blocking_io_task)\(/.test(line) ? 'line telling' : 'line', title: place?.text},
				`${String(i + 1).padStart(3)}  ${line}\n`);
		})));
		run.disabled = isRunning || state !== 'serves';
		if (step < STEPS.length && state !== 'none' && STEPS[step].done(saved, result)) {
			if (result)
				figures.push(result.held);
			step++;
			if (step === STEPS.length)
				setText(outcome, whole(figures, result));
			result = null;
		}
		STEPS.forEach((_, i) => {
			list.children[i].classList.toggle('done', i < step);
			i === step ? list.children[i].setAttribute('aria-current', 'step') : list.children[i].removeAttribute('aria-current');
		});
	}

	async function start() {
		isRunning = true;
		handFocus(run, outcome);
		show();
		const sent = saved.number;
		const told = await round(lab);
		isRunning = false;
		result = sent === saved.number ? measured(told) : null;
		setText(outcome, result ? result.sentence : 'It was saved meanwhile: run it again.');
		lanes.element.hidden = !Number.isFinite(told.wall);
		if (Number.isFinite(told.wall))
			lanes.show(lab.picture(told));
		show();
		handFocus(outcome, run);
	}

	// What was measured before is not of what is saved now.
	saved.addEventListener('change', () => {
		result = null;
		setText(outcome, '');
		lanes.element.hidden = true;
		show();
	});
	new IntersectionObserver(([{isIntersecting}]) => saved.look(isIntersecting)).observe(element);
	return {element};
}
