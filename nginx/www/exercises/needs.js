// What a system may be without, and what brings it.

const MISSING = {
	database: ['There is no database in this system. This brings one:', 'make run DATABASE=private'],
	mail: ['This system knows no mail server. This tells it one:', 'make run MAIL_URL=smtp://localhost:25'],
};

export function hasDatabase(lab) {
	return [...lab.workers('loop'), ...lab.workers('exercise')].some(({state}) => state.database);
}

export function missing(what) {
	const [sentence, command] = MISSING[what];
	return {sentence, command};
}
