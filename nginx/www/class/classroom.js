// In a class: who is there by a name of their own choice, what each predicts, and large type. The server keeps it in
// memory; nothing of it is kept here, so after a reload one is somebody else.

import {el, replace, setText} from '../dom.js';
import {field} from '../form.js';
import {COLOURS, digits, markOf, newMark, setVisitors} from '../feed/visitors.js';
import {list} from '../format.js';

const EVERY = 2000; // milliseconds between two looks, while somebody looks or one of the class asks for something

export class Classroom {
	visitors = []; // {name, exercise, option, running, mark}
	#runs = {}; // the exercise and the option that this one has run last
	#who = digits(16);
	#mark = newMark();
	#name = '';
	#timer = 0;
	#asked = -Infinity;
	#sender;
	#list = el('ul', {class: 'visitors', 'aria-label': 'Who is there'});
	#said = el('p', {class: 'note', role: 'status'});
	element;

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
			this.#tell({});
		}}, field('Your name', name), el('button', {type: 'submit'}, 'I am here'), large);
		this.element = el('details', {class: 'classroom', ontoggle: () => this.#look()}, el('summary', {}, 'In a class'), form, this.#said, this.#list);
	}

	// What this visitor predicts, if they have a name.
	predict(exercise, option) {
		return this.#tell({exercise, option});
	}

	// This visitor runs an exercise. All share its loop, so others are told, until end(). Resolves to what the class
	// predicts of it, and who else runs one, as sentences.
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

	// What the class predicts of an exercise, as a sentence; '': nobody predicts anything.
	async votes({id, options}) {
		await this.#ask('/class');
		const votes = this.visitors.filter(({exercise}) => exercise === id);
		const said = options.map(([option, text]) => [text, votes.filter((vote) => vote.option === option)]).filter(([, who]) => who.length)
			.sort(([, a], [, b]) => b.length - a.length).map(([text, who]) => `“${text}”: ${who.length} (${list(who.map(({name}) => name))})`);
		const busy = this.visitors.filter(({running, name}) => running && name !== this.#name).map(({name}) => name);
		return [said.length ? `The class predicts: ${said.join('; ')}.` : '', busy.length ? `${list(busy)} ${busy.length > 1 ? 'run' : 'runs'} an exercise on the same loop just now: that may disturb this.` : ''].filter(Boolean).join(' ');
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
			setText(this.#said, this.#name ? `You are ${this.#name}. Your name stands at your requests in everybody’s lanes. Choose an answer below: it counts as your vote, and is shown when somebody runs it.` : '');
		} catch (error) {
			setText(this.#said, `That did not work: ${error.message}.`);
		}
		replace(this.#list, this.visitors.map(({name, exercise, running}, i) => el('li', {class: `visitor colour-${i % COLOURS.length}`}, running ? `${name} runs an exercise` : exercise ? `${name} ✓` : name)));
	}

	// While it is open.
	async #look() {
		clearTimeout(this.#timer);
		if (!this.element.open)
			return;
		if (this.element.offsetParent)
			await this.#ask('/class');
		this.#timer = setTimeout(() => this.#look(), EVERY);
	}
}
