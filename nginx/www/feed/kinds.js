import {visitorOf} from './visitors.js';

// What a request can be doing: one entry for each kind of span in the feed, in the order in which
// they usually happen. `busy` kinds occupy somebody (the loop, a thread); in the others a request
// waits and costs nothing.
export const KINDS = {
	queue: {name: 'waiting to be picked up', busy: false},
	loop: {name: 'on the loop', busy: true},
	await: {name: 'awaiting', busy: false},
	'pool-queue': {name: 'waiting for a thread', busy: false},
	pool: {name: 'on a thread', busy: true},
	ready: {name: 'ready, waiting for the loop', busy: false},
};

// What a request awaits that has a name: of that the feed tells besides, as spans of these kinds. In the
// table and in sums it is part of what it awaits, or of what it waited for meanwhile.
export const AWAITED = {
	fetch: {name: 'calling another service', short: 'fetch'},
	'db-queue': {name: 'waiting for a connection to the database', short: 'db-queue'},
	db: {name: 'in the database', short: 'db'},
};

// Longer than this on the loop is a hold, in milliseconds: what the server says (--slow-callback), and
// until then asyncio's slow_callback_duration.
export let HOLD = 100;

export function setHold(ms) {
	HOLD = ms;
}

// So busy between two messages, a loop was not seen idle.
export const FULL = 0.95;

// What takes so long is told of one by one under load, too, in milliseconds.
export const SLOW = 100;

// What a request is called on the page: a number alone would be another request on each worker. In a class it is
// somebody's.
export function named(request) {
	const visitor = visitorOf(request);
	return `${visitor ? `${visitor.name}’s ` : ''}request ${request.serial} of ${request.worker}`;
}

// Its route; the feed has no name for what no route of the table answers: a 404, or /openapi.json.
export function routeOf(request) {
	return request.path || 'no route';
}

export function capital(text) {
	return text[0].toUpperCase() + text.slice(1);
}
