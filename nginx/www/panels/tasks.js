// Who awaits what: worker → request → what it awaits, where in the source, and for how long; also while a
// loop is held. As `make ps` shows it.

import {el, replace} from '../dom.js';
import {count, duration} from '../format.js';

// "blocking_io_task() at app/guide/tasks.c:13, in clock_nanosleep(), called at …", of what has held a loop:
// "" where nobody knows.
export function whereHeld(held) {
	if (!held?.at)
		return '';
	const calls = [held.call && `in ${held.call}()`, held.from && `called at ${held.from}`].filter(Boolean);
	return [`${held.function ? `${held.function}() ` : ''}at ${held.at}`, ...calls].join(', ');
}

const where = (task) => (task.own && task.function ? `${task.function}() at ${task.file}:${task.line}: ${task.await}` : '');

export class Tasks {
	#tree = el('ul', {class: 'tasks'});
	element = el('details', {class: 'past awaiting', ontoggle: () => this.update()}, el('summary', {}, 'Who awaits what'), this.#tree,
		el('p', {class: 'note'}, 'Of each worker the oldest requests that have waited for a tenth of a second. In the terminal, with all: make ps'));

	constructor(history) {
		this.history = history;
	}

	update() {
		if (!this.element.open)
			return;
		const living = [...this.history.workers.values()].filter((worker) => worker.seen === this.history.now)
			.sort((one, other) => (one.heldSince ?? Infinity) - (other.heldSince ?? Infinity));
		const told = living.map((worker) => this.#worker(worker)).filter(Boolean);
		replace(this.#tree, told.length ? told : el('li', {class: 'note'}, 'No request has waited for long.'));
	}

	#worker({name, state, heldSince}) {
		const held = heldSince === null ? null : this.history.now - heldSince;
		const tasks = (Array.isArray(state.tasks) ? state.tasks : []).filter((task) => task?.serial !== undefined);
		if (held === null && !tasks.length)
			return null;
		const more = Number(state.tasks_more) || 0;
		return el('li', {}, el('strong', {}, name), held === null ? '' : ` held for ${duration(held)}`,
			el('ul', {}, held === null ? null : this.#holder(state), tasks.map((task) => this.#task(task)),
				more ? el('li', {}, `and ${count(more, 'more', 'more')}`) : null));
	}

	#holder({loop}) {
		const by = loop?.held_by?.lasts ? loop.held_by : null;
		return el('li', {class: 'holder'}, loop?.request ? `request ${loop.request.serial} ${loop.request.route} holds it` : 'nobody knows by whom',
			by ? el('div', {}, el('code', {}, whereHeld(by))) : null, by ? el('div', {}, `Cure: ${by.cure}`) : null);
	}

	#task(task) {
		return el('li', {}, `request ${task.serial} ${task.route} awaits ${task.name} for ${duration(task.for * 1000)}`,
			where(task) ? el('div', {}, el('code', {}, where(task))) : null);
	}
}
