// Step by step: what was recorded of a loop, one decision at a time, forwards and backwards. Whoever reads may
// choose whom the loop takes, and sees what that does to everybody, in a model.

import {el, replace, setText} from '../dom.js';
import {LOOP} from '../exercises/exercises.js';
import {request} from '../exercises/guide.js';
import {carriesLoad} from '../feed/pools.js';
import {count, duration} from '../format.js';
import {choices, field, offer} from '../form.js';
import {Lanes} from '../picture/lanes.js';
import {textScale} from '../picture/paint.js';
import {branch} from './model.js';
import {recorded} from './schedule.js';
import {compared, pictureOf, sceneOf, told} from './scene.js';

const LATELY = 10_000; // milliseconds
const FIVE = [['wrap-blocking', 1], ['bad-blocking', 0.6], ['bad-blocking', 1.5], ['await-one', 1.5], ['await-one', 1.5]]
	.map(([name, seconds], i) => ({...request(`/async/${name}`, seconds, LOOP), delay: i * 100}));
const MODEL = 'From here on it is a model: one loop, which runs each until it gives the loop back, and threads beside it. Every run, wait and job takes what it took when it was recorded; only the order is yours.';

export function replayPanel(lab) {
	const {history} = lab;
	let original = null; // the schedule that was recorded
	let schedule = null; // … or what the model makes of it
	let at = 0; // the number of the decision

	const status = el('p', {class: 'note', role: 'status'}, 'Nothing is recorded yet.');
	const worker = el('select', {name: 'worker'}, choices([['', 'no loop']]));
	const record = el('button', {type: 'button', class: 'primary', onclick: recordFive}, 'Record five visitors');
	const lately = el('button', {type: 'button', onclick: takeLately}, `Take the last ${LATELY / 1000} s`);
	const button = (text, label, onclick) => el('button', {type: 'button', 'aria-label': label, onclick}, text);
	const first = button('|◀', 'The first decision', () => go(0));
	const back = button('◀', 'One decision back', () => go(at - 1));
	const on = button('▶', 'The next decision', () => go(at + 1));
	const last = button('▶|', 'The last decision', () => go(Infinity));
	const slider = el('input', {type: 'range', min: 0, max: 0, value: 0, 'aria-label': 'Decision', oninput: () => go(Number(slider.value))});
	const where = el('output', {class: 'at'});
	const undo = el('button', {type: 'button', onclick: () => show(original, at)}, 'Back to what was recorded');
	const lanes = new Lanes('Lanes up to this decision', 'Point at a bar, or use the arrow keys, for details.');
	const sentence = el('p', {class: 'cause', role: 'status'});
	const ready = el('ol', {class: 'ready'});
	const away = el('ul', {class: 'away'});
	const others = el('p', {class: 'note'});
	const model = el('p', {class: 'note model'}, MODEL);
	const effect = el('p', {class: 'effect', role: 'status'});
	const rows = el('tbody');
	const table = el('div', {class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'What your order does to each'}, el('table', {},
		el('caption', {}, 'What your order does to each'),
		el('thead', {}, el('tr', {}, ['request', 'stands', 'recorded', 'is done at', 'recorded'].map((name) => el('th', {scope: 'col'}, name)))), rows));
	const yours = el('div', {class: 'yours'}, model, el('div', {class: 'actions'}, undo), table);
	const stage = el('div', {class: 'replayed', hidden: true},
		el('div', {class: 'actions', role: 'group', 'aria-label': 'Decisions'}, first, back, on, last, slider, where),
		sentence, effect,
		el('div', {class: 'turns'}, lanes.element,
			el('div', {}, el('h4', {}, 'Ready: whom does the loop take?'), ready,
				el('h4', {}, 'Waiting, and in nobody\'s way'), away, others)),
		yours);
	const element = el('div', {class: 'replay'},
		el('h3', {tabindex: '-1'}, 'One decision of the loop at a time'),
		el('p', {}, 'A loop does one thing: it takes somebody who is ready, and runs that until it gives the loop back. Step through what it did, and decide otherwise.'),
		el('div', {class: 'actions'}, record, field('Loop', worker), lately, status), stage);

	// What is shown of it begins with the number of a decision.
	function show(what, k = 0) {
		schedule = what;
		stage.hidden = false;
		slider.max = String(schedule.decisions.length - 1);
		go(k);
	}

	function go(k) {
		at = Math.min(Math.max(k, 0), schedule.decisions.length - 1);
		const decision = schedule.decisions[at];
		const isModel = schedule !== original;
		const words = `${at + 1} of ${schedule.decisions.length}`;
		slider.value = String(at);
		slider.setAttribute('aria-valuetext', `decision ${words}`);
		setText(where, words);
		first.disabled = back.disabled = at === 0;
		last.disabled = on.disabled = at === schedule.decisions.length - 1;
		stage.dataset.model = String(isModel && at >= schedule.branch);
		setText(sentence, told(schedule, at));
		lanes.show(pictureOf(schedule, decision, {scale: textScale(), to: Math.max(original.to, schedule.to)}));
		const scene = sceneOf(schedule, at);
		replace(ready, scene.ready.map(({task, text, isTaken}) => el('li', {data: {taken: isTaken}},
			isTaken ? el('strong', {}, `▶ takes ${text}`) : el('button', {type: 'button', onclick: () => choose(task)}, `Take ${text}`))));
		replace(away, scene.away.length ? scene.away.map((text) => el('li', {}, text)) : el('li', {}, 'Nobody.'));
		setText(others, scene.others);
		yours.hidden = effect.hidden = !isModel;
	}

	function choose(task) {
		show(branch(schedule, at, task), at);
		const {rows: each, sentence: said} = compared(original, schedule);
		setText(effect, said);
		replace(rows, each.map((row) => el('tr', {data: {serial: row.task.request.serial, before: row.before.toFixed(1), after: row.after.toFixed(1)}},
			el('th', {scope: 'row'}, row.name), [row.after, row.before, row.done, row.doneBefore].map((ms) => el('td', {class: 'number'}, duration(ms))))));
		slider.focus({preventScroll: true}); // the button is gone
	}

	// Requests of a worker; says so when there is nothing to show.
	function take(name, requests) {
		const found = history.workers.get(name);
		const taken = found && recorded(history, found, requests);
		if (!taken) {
			setText(status, `Nothing was recorded of ${name || 'any loop'} that could be shown.`);
			return;
		}
		original = taken;
		show(original);
		setText(status, `${count(original.tasks.length, 'request')} of ${name}, ${count(original.decisions.length, 'decision')} of its loop. ${original.left}`.trim());
	}

	function takeLately() {
		take(worker.value, [...history.requests.values()].filter((each) => each.worker === worker.value && each.start >= history.now - LATELY));
	}

	async function recordFive() {
		record.disabled = true;
		setText(status, 'Recording: one that blocks a thread, two that block the loop, and two that only await …');
		const round = await lab.round('Five visitors', FIVE);
		record.disabled = false;
		takeRound(round);
	}

	function takeRound({answers}) {
		const failed = answers.find(({error, status: code}) => error || code !== 200);
		if (failed)
			setText(status, `That did not work: ${failed.error || failed.status}.`);
		else
			take(answers[0].worker, answers.map((answer) => answer.request).filter(Boolean));
	}

	// The loops there are.
	lab.feed.addEventListener('message', () => {
		if (!element.offsetParent)
			return;
		const loops = [...history.workers.values()].filter(({prefork, seen, pool}) => !prefork && seen === history.now && carriesLoad(pool)).map(({name}) => name).sort();
		if (loops.length)
			offer(worker, loops.map((name) => [name, name]));
	});
	return {element, takeRound, focus: () => element.querySelector('h3').focus()};
}
