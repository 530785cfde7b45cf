// In a class: who is there by a name of their own choice, what each predicts, and large type. The server keeps it in
// memory; nothing of it is kept here, so after a reload one is somebody else.

import {el, replace, setText} from '../dom.js';
import {field} from '../form.js';
import {COLOURS, digits, markOf, newMark, setVisitors} from '../feed/visitors.js';
import {list} from '../format.js';

const EVERY = 2000; // milliseconds between two looks, while somebody looks or one of the class asks for something
const NAMED = 3; // in one line

// "Ada, Grace, Linus and 28 more"
const few = (names) => list(names.length > NAMED + 1 ? [...names.slice(0, NAMED), `${names.length - NAMED} more`] : names);

export class Classroom {
	visitors = []; // {name, exercise, option, running, mark}
	#runs = {}; // the exercise and the option that this one has run last
	#who = digits(16);
	#mark = newMark();
	#name = '';
	#timer = 0;
	#asked = -Infinity;
	#sender;
	#line = el('summary', {}, 'In a class');
	#list = el('ul', {class: 'visitors', 'aria-label': 'Who is there'});
	#note = el('p', {class: 'note'});
	#said = el('p', {class: 'note', role: 'status'});
	#box;
	element; // a line; with the form and all names, when it is opened

	constructor(sender) {
		this.#sender = sender;
		const name = el('input', {name: 'name', maxlength: 24, required: true, autocomplete: 'off'});
		const large = el('button', {type: 'button', 'aria-pressed': 'false', onclick: () => {
			const isLarge = document.documentElement.classList.toggle('large');
			large.setAttribute('aria-pressed', String(isLarge));
			dispatchEvent(new Event('resize'));
		}}, 'Large type');
		const form = el('form', {class: 'fields', onsubmit: (event) => {
			event.preventDefault();
			this.#name = name.value.trim();
			this.#sender.mark = this.#name && this.#mark;
			this.#box.open = !this.#name;
			this.#line.focus();
			this.#tell({});
		}}, field('Your name', name), el('button', {type: 'submit'}, 'I am here'), large);
		this.#box = el('details', {ontoggle: () => this.#look()}, this.#line, form, this.#note, this.#list);
		this.element = el('div', {class: 'classroom'}, this.#box, this.#said);
	}

	// What this visitor predicts, if they have a name.
	predict(exercise, option) {
		return this.#tell({exercise, option});
	}

	// This visitor runs an exercise. All share its loop, so others are told, until end(). Resolves to votes().
	async begin(exercise, option) {
		this.#runs = {exercise: exercise.id, option};
		await this.#tell({...this.#runs, running: true});
		return this.votes(exercise);
	}

	end() {
		return this.#tell(this.#runs);
	}

	// Some of what the feed tells is of the class: who that is, is asked now and then.
	heard(spans = []) {
		if (spans.some((span) => markOf(span?.trace)) && performance.now() - this.#asked > EVERY)
			this.#ask('/class');
	}

	// What the class predicts of an exercise: {votes: [{text, names}] in the order of the options, none if nobody
	// predicts anything; busy: who else runs one, as a sentence}.
	async votes({id, options}) {
		await this.#ask('/class');
		const all = this.visitors.filter(({exercise}) => exercise === id);
		const votes = options.map(([option, text]) => ({text, names: all.filter((vote) => vote.option === option).map(({name}) => name)}));
		const busy = this.#running().filter((name) => name !== this.#name);
		return {votes: votes.some(({names}) => names.length) ? votes : [],
			busy: busy.length ? `${few(busy)} ${busy.length > 1 ? 'run' : 'runs'} an exercise on the same loop just now: that may disturb this.` : ''};
	}

	#running() {
		return this.visitors.filter(({running}) => running).map(({name}) => name);
	}

	async #tell(prediction) {
		if (this.#name)
			await this.#ask('/class', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({who: this.#who, name: this.#name, mark: this.#mark, ...prediction})});
	}

	async #ask(path, options = {}) {
		this.#asked = performance.now();
		try {
			const response = await fetch(path, {cache: 'no-store', ...options});
			if (!response.ok)
				throw new Error(response.status === 422 ? 'a name has 1 to 24 characters' : `${response.status}`);
			this.visitors = (await response.json()).visitors;
			setVisitors(this.visitors);
			setText(this.#said, '');
		} catch (error) {
			setText(this.#said, `That did not work: ${error.message}.`);
		}
		this.#show();
	}

	#show() {
		const running = this.#running();
		const names = this.visitors.map(({name}) => name);
		const here = names.length ? `${names.length} here: ${few(names)}.` : '';
		setText(this.#line, this.#name ? [`You are ${this.#name}.`, here, running.length ? `${few(running)} ${running.length > 1 ? 'run' : 'runs'} an exercise.` : ''].filter(Boolean).join(' ') : 'In a class');
		setText(this.#note, this.#name ? 'Your name stands at your requests in everybody’s lanes. The answer that you choose below counts as your vote, and is shown when somebody runs it.' : '');
		replace(this.#list, this.visitors.map(({name, exercise, running: runs}, i) => el('li', {class: `visitor colour-${i % COLOURS.length}`}, runs ? `${name} runs an exercise` : exercise ? `${name} ✓` : name)));
	}

	// While it is open, or this one is there.
	async #look() {
		clearTimeout(this.#timer);
		if (!this.#box.open && !this.#name)
			return;
		if (this.element.offsetParent)
			await this.#ask('/class');
		this.#timer = setTimeout(() => this.#look(), EVERY);
	}
}
