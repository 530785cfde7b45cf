// Which of this page's own requests no worker has picked up yet. A worker tells of a request only
// when it has it, so this is a subtraction: what was sent, less what is known to be running.

const PATIENCE = 150; // milliseconds after which an unknown request is not merely on its way

export function notPickedUp(client, history, clock) {
	const running = [...history.requests.values()].filter((request) => !request.over);
	const waiting = [];
	for (const answer of client.outstanding) {
		const start = clock.at(answer.sent);
		const at = running.findIndex((request) => request.path === answer.path && request.end >= start - PATIENCE);
		if (at >= 0)
			running.splice(at, 1);
		else if (performance.now() - answer.sent > PATIENCE)
			waiting.push({serial: '', path: answer.path, worker: '', start, status: 0});
	}
	return waiting;
}
