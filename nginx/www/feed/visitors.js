// Who is in the class, and which requests are whose. A page with a name has a mark, which it puts into the trace
// (traceparent) of all that it sends. The feed says the trace of a request that took 100 ms, or whose client has left,
// when it is over.

const CLASS = 'c1a55'; // the first digits of such a trace; then comes the mark
const MARK = 8; // digits

export const visitors = new Map(); // mark → {name, colour: the name of one of the style sheet's}

// Whose edges a visitor's colour is, in the style sheet, too (.colour-0 …).
export const COLOURS = ['loop-edge', 'await-edge', 'pool-edge', 'ready-edge', 'fetch-edge', 'db-edge', 'held-edge', 'beat'];

export function digits(count) {
	return [...crypto.getRandomValues(new Uint8Array(count))].map((byte) => (byte & 15).toString(16)).join('');
}

export const newMark = () => digits(MARK);

// Another for each round; '': a page without a name sends none.
export function traceparent(mark) {
	return mark && `00-${CLASS}${mark}${digits(32 - CLASS.length - MARK)}-${digits(15)}1-01`;
}

// Of a trace's number; '': it is not of the class.
export function markOf(trace) {
	return typeof trace === 'string' && trace.startsWith(CLASS) ? trace.slice(CLASS.length, CLASS.length + MARK) : '';
}

// list: as /class has it. Who came first keeps a mark.
export function setVisitors(list) {
	visitors.clear();
	list.forEach(({mark, name}, i) => {
		if (mark && !visitors.has(mark))
			visitors.set(mark, {name, colour: COLOURS[i % COLOURS.length]});
	});
}

// null: it is nobody's who is known.
export function visitorOf(request) {
	return visitors.get(request.mark) ?? null;
}
