// The page opens on this: one loop, five visitors, one time.sleep. The learner clicks twice, and sees everybody
// stand, and then everybody move. Real requests, on the pool "exercise".

import {el, handFocus, setText} from '../dom.js';
import {failures, LOOP} from '../exercises/exercises.js';
import {request} from '../exercises/guide.js';
import {duration, list} from '../format.js';
import {Lanes} from '../picture/lanes.js';
import {textScale} from '../picture/paint.js';
import {requestTable} from '../picture/table.js';
import {matched, visitorsPicture} from './visitors.js';

const SLEEP = 2; // seconds
const OTHERS = 4;
const APART = 250; // milliseconds between two visitors
const STAY = 0.4; // seconds that each of the others awaits
const LENGTH = 2600; // milliseconds of the picture
const MARGIN = 60; // on both sides
const LAG = 150; // milliseconds that the feed gets to tell
const FRAME = 30; // milliseconds between pictures …
const CALM = 1000; // … for those who want less motion
const HASTE = 100; // milliseconds in line that nobody notices
const WIDE = matchMedia('(min-width: 1140px)'); // there is room for larger text
const HINT = 'Point at a bar, or use the arrow keys, for details.';

const ACTS = [
	{id: 'loop', title: 'One visitor sleeps on the loop', python: ['async def handler():', `    time.sleep(${SLEEP})`], path: '/async/bad-blocking', start: 'Let five visitors come'},
	{id: 'thread', title: 'The same sleep, on a thread', python: ['async def handler():', `    await run_in_threadpool(time.sleep, ${SLEEP})`], path: '/async/wrap-blocking', start: 'Put it on a thread'},
];

const visitorsOf = (path) => [path, ...Array(OTHERS).fill('/async/await-one')].map((each, i) => ({
	label: i ? `visitor ${i + 1}` : 'visitor 1', path: each, delay: i * APART, seconds: i ? STAY : SLEEP}));

// Who held the loop, for how long, and how long each of the others stood: {stood: milliseconds in sum, sentence}.
export function causeOf({answers, disturbed}) {
	const failed = failures([{answers}]);
	if (failed.length || disturbed.length)
		return {stood: NaN, sentence: failed.length ? `That did not work: ${failed[0]}` : `Disturbed, so run it again: ${disturbed[0]}`};
	const [sleeper, ...others] = answers;
	const waits = others.map(({timing}) => timing.queue ?? 0);
	const stood = waits.filter((ms) => ms > HASTE).reduce((sum, ms) => sum + ms, 0);
	const longest = Math.max(1, ...waits); // as exact as nginx says it
	if (sleeper.timing.loop > HASTE)
		return {stood, sentence: stood
			? `Visitor 1 held the loop for ${duration(sleeper.timing.loop)}, so the others stood: ${list(waits.map((ms, i) => (`visitor ${i + 2} for ${duration(ms)}`)))}.`
			: `Visitor 1 held the loop for ${duration(sleeper.timing.loop)}, and nobody had to wait for it.`};
	return {stood, sentence: `Visitor 1 slept for ${duration(sleeper.timing.pool)}, but on a thread: the loop was busy with all five for ${duration(answers.reduce((sum, {timing}) => sum + (timing.loop ?? 0), 0))}, and nobody stood for more than ${duration(longest)}.`};
}

// onward(): to the exercises.
export function insightPanel(lab, clock, onward) {
	const calm = matchMedia('(prefers-reduced-motion: reduce)');
	const sum = el('p', {class: 'moral', role: 'status'});
	const outcomes = new Map(); // id of an act → milliseconds that all stood
	const acts = ACTS.map((act) => actOf(act));
	const further = el('button', {type: 'button', class: 'further', onclick: onward}, 'Now predict: the exercises ▶');
	const element = el('div', {class: 'insight'},
		el('h3', {}, `One loop, five visitors, one time.sleep(${SLEEP})`),
		el('div', {class: 'acts'}, acts.map((act) => act.element)),
		el('div', {class: 'actions'}, sum, further));

	// Which of the two is next.
	function turn() {
		acts.forEach(({run}, i) => {
			run.disabled = acts.some(({running}) => running) || (i > 0 && !outcomes.has(ACTS[i - 1].id));
			run.classList.toggle('primary', i === Math.min(outcomes.size, ACTS.length - 1) && outcomes.size < ACTS.length);
		});
		further.classList.toggle('primary', outcomes.size === ACTS.length);
		const [bad, good] = ACTS.map(({id}) => outcomes.get(id));
		setText(sum, Number.isFinite(bad) && Number.isFinite(good)
			? `The same sleep, the same visitors, the same loop: together they stood for ${duration(bad)}, and then ${good ? `for ${duration(good)}` : 'nobody stood'}.` : '');
	}

	function actOf({id, title, python, path, start}) {
		const visitors = visitorsOf(path);
		const lanes = new Lanes(`Five visitors of one loop: ${title}`, HINT);
		const table = requestTable(title);
		const cause = el('p', {class: 'cause', role: 'status'});
		const run = el('button', {type: 'button', onclick: play}, start);
		const asTable = el('details', {hidden: true}, el('summary', {}, 'The same as a table'), table.element);
		let last = null; // round
		const steps = el('button', {type: 'button', class: 'replay-round', hidden: true, onclick: () => lab.replay(last)}, 'Step by step ▶');
		const section = el('section', {class: 'act', data: {act: id}, 'aria-labelledby': `act-${id}`},
			el('h4', {id: `act-${id}`}, title),
			el('pre', {tabindex: '0', role: 'group', 'aria-label': 'Visitor 1 in Python'}, el('code', {}, python.join('\n'))),
			el('div', {class: 'actions'}, run, steps), lanes.element, cause, asTable);
		const self = {element: section, run, running: false};
		const worker = () => lab.workers(LOOP)[0]?.name;
		const scale = () => textScale() * (WIDE.matches ? 1.3 : 1);

		let again = null; // draws what is shown now

		function draw(all, origin, now) {
			again = () => draw(all, origin, now);
			lanes.show(visitorsPicture(lab.history, worker(), all, {from: origin - MARGIN, to: origin + LENGTH + MARGIN, now, origin, scale: scale()}));
		}

		WIDE.addEventListener('change', () => again?.());
		const idle = () => worker() && draw(visitors.map((visitor) => ({...visitor, sent: Infinity, request: null})), 0, 0);

		async function play() {
			self.running = true;
			handFocus(run, cause);
			turn();
			setText(cause, '');
			asTable.hidden = steps.hidden = true;
			section.scrollIntoView({block: 'nearest'});
			const origin = clock.at(performance.now());
			let drawn = -Infinity;
			const frame = (time) => {
				if (!self.running)
					return;
				requestAnimationFrame(frame);
				if (time - drawn < (calm.matches ? CALM : FRAME))
					return;
				drawn = time;
				const sent = visitors.map((visitor) => ({...visitor, sent: origin + visitor.delay}));
				draw(matched(lab.history, worker(), sent, origin - MARGIN), origin, clock.now() - LAG);
			};
			requestAnimationFrame(frame);
			const round = await lab.round(title, visitors.map((visitor) => ({...request(visitor.path, visitor.seconds, LOOP), delay: visitor.delay})));
			self.running = false;
			const {stood, sentence} = causeOf(round);
			if (Number.isFinite(round.wall)) {
				draw(visitors.map((visitor, i) => ({...visitor, sent: round.answers[i].sent, request: round.answers[i].request})), round.from, round.to + MARGIN);
				table.show(lab.history, round.answers.map((answer) => answer.request).filter(Boolean));
				asTable.hidden = false;
			}
			last = round;
			steps.hidden = !lab.isReplayable(round);
			section.dataset.stood = stood.toFixed(1);
			setText(cause, sentence);
			setText(run, 'Again');
			if (Number.isFinite(stood))
				outcomes.set(id, stood);
			turn();
			handFocus(cause, element.querySelector('button.primary') ?? run);
		}

		self.idle = idle;
		return self;
	}

	turn();
	const ready = () => {
		if (!lab.workers(LOOP).length)
			return;
		lab.feed.removeEventListener('message', ready);
		requestAnimationFrame(() => acts.forEach(({idle}) => idle()));
	};
	lab.feed.addEventListener('message', ready);
	return element;
}
