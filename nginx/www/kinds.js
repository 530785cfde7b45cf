// What a request can be doing: one entry for each kind of span in the feed, in the order in which
// they usually happen. `busy` kinds occupy somebody (the loop, a thread); in the others a request
// waits and costs nothing.
export const KINDS = {
	queue: {name: 'waiting to be picked up', busy: false},
	loop: {name: 'on the loop', busy: true},
	await: {name: 'awaiting', busy: false},
	'pool-queue': {name: 'queued for a thread', busy: false},
	pool: {name: 'on a thread', busy: true},
};

// Longer than this on the loop is a hold: asyncio's slow_callback_duration, and --slow-callback.
export const HOLD = 100;

// The handlers that go through a thread pool: of a request that is out of sight between two
// spans, this is all that tells waiting for a thread from awaiting.
export const POOLED = new Set(['/sync/noawait', '/async/wrap-blocking', '/async/cpu-bound']);
