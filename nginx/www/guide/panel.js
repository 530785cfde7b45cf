// The guide, alive: its sentences, each beside a button that runs it here and shows what came of it.

import {el, handFocus, replace, setText} from '../dom.js';
import {roundFigure} from '../exercises/figure.js';
import {listing} from '../exercises/listing.js';
import {hasDatabase, missing} from '../exercises/needs.js';
import {curlBox} from '../panels/curl.js';
import {steps} from '../steps.js';
import {SECTIONS} from './claims.js';
import {decision} from './decision.js';
import {DEMONSTRATIONS, toldBy} from './demonstrations.js';
import {marked} from './marked.js';

// Buttons that run demonstrations, and the place for what comes of them: one at a time.
export function runner(lab, ids, words = []) {
	const outcome = el('div', {class: 'outcome', role: 'group', 'aria-label': 'What came of it', hidden: true});
	const said = el('p', {class: 'note', role: 'status'});
	const buttons = ids.map((id, i) => el('button', {type: 'button', data: {runs: id}, 'aria-label': `${words[i] ?? 'Run it'}: ${DEMONSTRATIONS[id].title}`, onclick: () => run(id)},
		words[i] ?? (ids.length > 1 ? DEMONSTRATIONS[id].title : 'Run it')));

	let ran = null; // the button
	async function run(id) {
		const demonstration = DEMONSTRATIONS[id];
		ran = buttons[ids.indexOf(id)];
		handFocus(ran, said);
		buttons.forEach((button) => (button.disabled = true));
		setText(said, `Running: ${demonstration.title}`);
		if (demonstration.needs === 'database' && !hasDatabase(lab))
			return show(id, {holds: null, ...missing('database')}, []);
		const rounds = await demonstration.rounds(lab);
		const told = toldBy(demonstration, rounds, lab);
		show(id, demonstration.needs === 'mail' && rounds[0].answers[0].status === 503 ? {holds: null, ...missing('mail')} : told, rounds.filter(({answers}) => answers));
	}

	function show(id, {holds, sentence, command}, rounds) {
		const demonstration = DEMONSTRATIONS[id];
		const {handlers, note, python = '/lanes/guide.py', files = handlers} = demonstration;
		outcome.hidden = false;
		outcome.dataset.demonstration = id;
		outcome.dataset.holds = String(holds);
		replace(outcome, el('h4', {}, demonstration.title),
			el('p', {class: 'cause'}, holds === null ? '' : el('strong', {class: holds ? 'agrees' : 'fails'}, holds ? '✓ So it is. ' : '✗ Not this time. '), sentence),
			command ? curlBox(command).element : null,
			rounds.map((round) => roundFigure(lab, round, demonstration.title, rounds)),
			rounds.some(({later}) => later?.status === 200) ? el('img', {class: 'made', src: rounds[0].later.url, alt: 'What the job has drawn', width: '320', height: '240'}) : null,
			note ? el('p', {class: 'note'}, note) : null,
			handlers.length ? listing(handlers, python, files) : null);
		setText(said, '');
		buttons.forEach((button) => (button.disabled = false));
		handFocus(said, ran);
	}

	return {element: el('div', {class: 'runner'}, el('div', {class: 'actions'}, buttons, said), outcome), run};
}

// to(tab, exercise): shows another tab. show(part) makes what is in it, the first time, and opens a section, "model", with
// one of its sentences, "model-2": to which it resolves.
export function guidePanel(lab, to) {
	const element = el('div');
	const claim = (section) => ({text, heading, code, runs, words, does, exercise}, i) => el('li', {class: heading ? 'heading' : 'claim', id: `guide-${section}-${i + 1}`},
		heading ? el('h4', {}, marked(heading)) : el('p', {class: 'says'}, marked(text)),
		code ? el('pre', {tabindex: '0', role: 'group', 'aria-label': 'In Python'}, el('code', {}, code)) : null,
		runs?.[0] === 'run' ? curlBox('make run').element : runs ? runner(lab, runs, words).element : null,
		does ? el('div', {class: 'actions'}, does.map(([word, tab]) => el('button', {type: 'button', onclick: () => to(tab, exercise)}, word))) : null);
	const make = () => steps('Sections of the guide', SECTIONS.map(({id, title, says}) => ({id, title: title.replaceAll('`', ''), element: el('section', {class: 'guide-section', id: `guide-${id}`, 'aria-labelledby': `guide-title-${id}`},
		el('h3', {id: `guide-title-${id}`}, marked(title)),
		id === 'which' ? decision(lab, runner).element : null,
		el('ul', {class: 'claims'}, says.map(claim(id))))})), {asList: true});
	let sections = null;

	function show(part = '') {
		if (!sections) {
			sections = make();
			element.append(sections.element);
		}
		const section = SECTIONS.find(({id}) => `${part}-`.startsWith(`${id}-`));
		if (!section)
			return null;
		sections.open(section.id);
		element.querySelector('.linked')?.classList.remove('linked');
		const place = document.getElementById(`guide-${part}`);
		place?.classList.add('linked');
		return place;
	}

	return {element, show};
}
