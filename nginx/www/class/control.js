// More or fewer loop workers. Where make run printed a password, who knows it changes their number from here; else
// the page shows the command.

import {el, setText} from '../dom.js';
import {count} from '../format.js';
import {field} from '../form.js';
import {curlBox} from '../panels/curl.js';

const POOL = 'loop';
const PATIENCE = 20_000; // milliseconds in which one more has started, or one less has ended: longer than START_TIMEOUT
const REFUSED = {403: 'That is not the password that make run has printed.', 404: 'Nobody changes it here: use the command.',
	422: 'So many are not possible.', 429: 'Busy: try again.', 503: 'Busy with the last change: try again.'};

export function controlBox(lab, system) {
	const number = el('input', {type: 'number', name: 'workers', min: 1, max: 16, value: 1, required: true, oninput: () => setCommand()});
	const password = el('input', {type: 'password', name: 'password', autocomplete: 'off', required: true, maxlength: 64});
	const change = el('button', {type: 'submit'}, 'Change');
	const said = el('p', {class: 'note', role: 'status'});
	const now = el('p', {});
	const box = curlBox('');
	const command = el('div', {}, el('p', {class: 'note'}, 'From a terminal, in the project\'s folder:'), box.element);
	const form = el('form', {class: 'fields', onsubmit: start}, field('Loop workers', number), field('Password', password), change);
	let wanted = null;
	let [had, since] = [0, 0]; // so many there were, since when

	function setCommand() {
		box.show(`make scale WORKERS=${number.value || 1}`);
	}

	async function start(event) {
		event.preventDefault();
		change.disabled = true;
		setText(said, 'Asking …');
		const workers = Number(number.value);
		let status = 0;
		try {
			({status} = await fetch('/control', {method: 'POST', headers: {'Content-Type': 'application/json'},
				body: JSON.stringify({password: password.value, workers})}));
		} catch {
			// It is said below.
		}
		change.disabled = false;
		wanted = status === 202 ? workers : null;
		since = performance.now();
		setText(said, wanted ? `Changing to ${count(workers, 'worker')}: watch the lanes.` : REFUSED[status] ?? (status ? failed(workers) : 'No answer.'));
		tell();
	}

	const failed = (workers) => `The system did not come to ${count(workers, 'worker')}: worker.log, in the folder that make run names, says why.`;

	function tell() {
		const living = lab.workers(POOL).filter(({state}) => !state.draining);
		setText(now, living.length ? `There ${living.length === 1 ? 'is' : 'are'} ${count(living.length, 'loop worker')} now.` : '');
		if (living.length !== had)
			[had, since] = [living.length, performance.now()];
		if (wanted === null)
			return;
		if (wanted === living.length)
			setText(said, `Done: ${count(living.length, 'loop worker')}.`);
		else if (performance.now() - since > PATIENCE)
			setText(said, failed(wanted));
		else
			return;
		wanted = null;
	}

	system.addEventListener('change', () => {
		form.hidden = !system.control;
		number.max = String(system.control || 256);
	});
	form.hidden = true;
	setCommand();
	lab.feed.addEventListener('message', () => details.open && tell());
	const details = el('details', {class: 'control', ontoggle: () => {
		if (!details.open)
			return;
		number.value = String(lab.workers(POOL).length || 1);
		setCommand();
		tell();
	}}, el('summary', {}, 'More or fewer workers'), now, form, said, command);
	return details;
}
