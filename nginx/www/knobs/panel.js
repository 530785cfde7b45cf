// Knobs: workers, processes, threads, seconds and arrivals per second; the curve that a model predicts, and the dots that
// were measured on it. Workers are not changed from here: the page says the command.

import {el, replace, setText} from '../dom.js';
import {failures} from '../exercises/exercises.js';
import {request} from '../exercises/guide.js';
import {roundFigure} from '../exercises/figure.js';
import {field, offer} from '../form.js';
import {count, duration} from '../format.js';
import {curlBox} from '../panels/curl.js';
import {chart} from './chart.js';
import {arrivals, dice, meanTime, predicted} from './model.js';

const SPAN = 4; // seconds for which requests arrive
const MOST = 150; // requests of a measurement: a request line holds no more
const LEAST = 6;
const LONGEST = 20; // seconds that a measurement may take
const POINTS = 24; // of the curve
const RATES = [0.3, 0.6, 0.8, 0.95, 1.15]; // of what can be served, at which the whole curve is measured
const UNBOUND = 60; // arrivals per second at the right edge, where nothing bounds

// What a request occupies, and of what there are how many of a pool.
const PATTERNS = {
	awaits: {title: 'awaits: it occupies nothing', path: '/async/await-one', servers: () => Infinity},
	thread: {title: 'blocks one of the threads', path: '/sync/noawait', servers: ({workers, threads}) => workers * threads, knobs: ['workers', 'threads']},
	loop: {title: 'blocks the loop', path: '/async/bad-blocking', servers: ({workers}) => workers, knobs: ['workers']},
	process: {title: 'occupies a process', path: '/async/await-one', prefork: true, servers: ({workers}) => workers, knobs: ['workers']},
};

const requestsAt = (rate) => Math.min(MOST, Math.max(LEAST, Math.round(rate * SPAN)));

// What a measurement says: {rate, mean, expected}, in seconds; expected: by the model, for the arrivals that were.
export function measuredOf({answers}, service, servers) {
	const times = answers.map(({sent}) => sent / 1000).sort((a, b) => a - b);
	const begin = times[0];
	return {mean: answers.reduce((sum, {sent, ended}) => sum + ended - sent, 0) / answers.length / 1000,
		expected: meanTime(times.map((time) => time - begin), service, servers)};
}

// show(): it is there to be seen now.
export function knobsPanel(lab) {
	const number = (name, min, max, step, value) => el('input', {name, type: 'number', min, max, step, value, required: true});
	const pattern = el('select', {name: 'pattern', onchange: () => offerPools()}, Object.entries(PATTERNS).map(([id, {title}]) => el('option', {value: id}, title)));
	const pool = el('select', {name: 'pool', onchange: () => adopt()});
	const workers = number('workers', 1, 256, 1, 1);
	const threads = number('threads', 1, 1024, 1, 40);
	const seconds = number('seconds', 0.05, 2, 0.05, 0.2);
	const rate = el('input', {name: 'rate', type: 'range', min: '1', max: '100', value: '4'});
	const rateSaid = el('output', {}, '');
	const one = el('button', {type: 'submit', class: 'primary'}, 'Measure');
	const all = el('button', {type: 'button', onclick: () => measure(ratesOf())}, 'Measure the curve');
	const said = el('p', {class: 'note', role: 'status'});
	const picture = el('div', {class: 'curve-of'});
	const facts = el('p', {class: 'cause'});
	const command = curlBox();
	const change = el('div', {}, el('p', {class: 'note'}, 'The system is another now. This makes it what the knobs say; the page sees it when it is done:'), command.element);
	const rows = el('tbody');
	const last = el('div');
	const form = el('form', {oninput: show, onsubmit: (event) => {
		event.preventDefault();
		measure([Number(rate.value)]);
	}},
	el('div', {class: 'fields'}, field('A request', pattern), field('Pool', pool), field('Workers', workers), field('Threads each', threads), field('Seconds each', seconds)),
	el('label', {class: 'field wide'}, el('span', {}, 'Arrivals per second ', rateSaid), rate),
	el('div', {class: 'actions'}, one, all, said));
	let dots = []; // {key, rate, mean, expected}
	let seen = ''; // what the system was when the knobs were set to it

	pattern.value = 'loop';
	const chosen = () => PATTERNS[pattern.value];
	const here = () => {
		const there = lab.workers(pool.value);
		return {workers: there.length || 1, threads: there[0]?.state.pools?.blocking?.limit ?? 40};
	};
	const knobs = () => ({workers: Number(workers.value) || 1, threads: Number(threads.value) || 1});
	const service = () => Math.max(Number(seconds.value) || 0.2, 0.01);
	const keyOf = (set) => `${pattern.value} ${pool.value} ${service()} ${chosen().servers(set)}`;
	const mostOf = (set) => chosen().servers(set) / service();

	function offerPools() {
		offer(pool, lab.pools(Boolean(chosen().prefork)).filter((name) => name !== 'outside').map((name) => [name, name]));
		adopt();
	}

	// Sets the knobs to what there is.
	function adopt() {
		const {workers: there, threads: each} = here();
		workers.value = there;
		threads.value = each;
		seen = `${pool.value} ${there} ${each}`;
		workers.disabled = !chosen().knobs?.includes('workers');
		threads.disabled = !chosen().knobs?.includes('threads');
		show();
	}

	function show() {
		if (form.closest('[hidden]'))
			return; // it is reckoned when it is looked at
		const [set, most] = [knobs(), mostOf(knobs())];
		rate.max = String(Math.max(4, Math.min(100, Number.isFinite(most) ? Math.ceil(most * 1.6) : UNBOUND)));
		const at = Number(rate.value);
		setText(rateSaid, String(at));
		const right = Number(rate.max);
		const points = Array.from({length: POINTS}, (_, i) => (i + 1) * right / POINTS)
			.map((each) => ({rate: each, ...predicted(requestsAt(each), each, service(), chosen().servers(set))}));
		const of = dots.filter(({like}) => like === `${pattern.value} ${pool.value} ${service()}`).map((dot) => ({...dot, now: dot.key === keyOf(set)}));
		replace(picture, chart({points, dots: of, at, most, name: `Time of a request by arrivals per second: predicted, and ${count(of.length, 'time')} measured. The table below has the numbers.`}));
		const now = predicted(requestsAt(at), at, service(), chosen().servers(set));
		setText(facts, `${Number.isFinite(most) ? `${count(chosen().servers(set), 'can be served', 'can be served')} at once, so no more than ${Number(most.toFixed(1))} a second.` : 'Nothing is occupied, so nothing bounds.'} At ${at} a second a request takes ${duration(now.mean * 1000)} (in 9 of 10 runs ${duration(now.low * 1000)} to ${duration(now.high * 1000)}), and by Little's law ${(at * now.mean).toFixed(1)} are there at a time.`);
		replace(rows, of.map((dot) => el('tr', {data: {rate: dot.rate, mean: dot.mean.toFixed(4), expected: dot.expected.toFixed(4)}},
			[dot.rate, dot.requests, duration(dot.mean * 1000), duration(dot.expected * 1000), (dot.expected / dot.mean).toFixed(2)].map((value) => el('td', {class: 'number'}, String(value))))));
		const actual = here();
		const isAsIs = set.workers === actual.workers && (threads.disabled || set.threads === actual.threads);
		change.hidden = isAsIs;
		command.show(set.workers !== actual.workers ? (pool.value === 'loop' ? `make scale WORKERS=${set.workers}` : chosen().prefork ? `make stop && make start PREFORK_WORKERS=${set.workers}` : `make stop && make start CPU_WORKERS=${set.workers}`)
			: `make stop && make start THREADS=${set.threads}`);
		const long = requestsAt(at) * service() / chosen().servers(actual) > LONGEST;
		one.disabled = long || !lab.workers(pool.value).length;
		setText(said, long ? `That would take longer than ${LONGEST} s: fewer arrivals, or shorter ones.` : '');
	}

	const ratesOf = () => {
		const most = Math.min(mostOf(here()), 60);
		return RATES.map((part) => Math.max(1, Math.round(part * most))).filter((each, i, list) => list.indexOf(each) === i && requestsAt(each) * service() / chosen().servers(here()) <= LONGEST);
	};

	async function measure(rates) {
		const controls = [one, all, pattern, pool, seconds];
		controls.forEach((control) => (control.disabled = true));
		let words = '';
		for (const each of rates) {
			setText(said, `${requestsAt(each)} requests, ${each} a second …`);
			words = await measureAt(each);
		}
		controls.forEach((control) => (control.disabled = false));
		show();
		setText(said, words);
	}

	async function measureAt(each) {
		const {path, prefork, servers} = chosen();
		const [asked, there] = [request(path, service(), pool.value, prefork), here()];
		const times = arrivals(requestsAt(each), each, dice(Date.now()));
		const round = await lab.round(`${each} a second`, times.map((time) => ({...asked, delay: Math.round(time * 1000)})));
		const failed = failures([round]);
		replace(last, roundFigure(lab, round, 'the measurement'));
		if (failed.length || round.disturbed.length)
			return failed.length ? `That did not work: ${failed[0]}` : `Disturbed, so it does not count: ${round.disturbed[0]}`;
		const dot = {...measuredOf(round, service(), servers(there)), rate: each, requests: round.answers.length,
			like: `${pattern.value} ${pool.value} ${service()}`, key: keyOf(there)};
		dots = [...dots.filter(({key, rate: other}) => key !== dot.key || other !== each), dot];
		show();
		return `${duration(dot.mean * 1000)} were measured. For just these arrivals the model says ${duration(dot.expected * 1000)}.`;
	}

	lab.feed.addEventListener('message', () => {
		const names = pool.options.length;
		if (!names || offer(pool, lab.pools(Boolean(chosen().prefork)).filter((name) => name !== 'outside').map((name) => [name, name])))
			offerPools();
		const {workers: there, threads: each} = here();
		if (`${pool.value} ${there} ${each}` !== seen && !one.disabled)
			adopt(); // it was scaled
	});

	return {show, element: el('div', {class: 'knobs'},
		el('h3', {}, 'How long does it take, when many come?'),
		form, picture, facts, change,
		el('details', {}, el('summary', {}, 'The same as a table'), el('div', {class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'What was measured'},
			el('table', {}, el('caption', {}, 'What was measured, and what the model says of the same arrivals'),
				el('thead', {}, el('tr', {}, ['arrivals/s', 'requests', 'measured', 'model', 'model / measured'].map((text) => el('th', {scope: 'col'}, text)))), rows))),
		el('p', {class: 'note'}, `Requests arrive at random for ${SPAN} s. The line is the mean of many runs of a model that only counts who can be served at once; the band is where 9 of 10 runs are; a dot is measured here. Hollow dots are of other workers or threads.`),
		last)};
}
