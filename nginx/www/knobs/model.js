// What a model says of a queue: requests that come at random (Poisson), each of which occupies one of c servers for the
// same time (M/D/c), in the order in which they came. No document here.
//
// A formula for the mean (Erlang's) is of a system that has run for ever. What is measured begins empty and ends, so the
// first n requests are what is reckoned here: exactly, one after the other, for many runs of the dice.

const RUNS = 120;

// Numbers from 0 to 1 that are the same each time (mulberry32).
export function dice(seed) {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

// When n requests come, in seconds: `rate` of them in a second, the first at 0.
export function arrivals(n, rate, roll) {
	const times = [0];
	while (times.length < n)
		times.push(times.at(-1) - Math.log(1 - roll()) / rate);
	return times;
}

// The mean time from coming to being done, in seconds, of requests that come then and take `service` each.
export function meanTime(times, service, servers) {
	const done = [];
	let sum = 0;
	for (const [i, time] of times.entries()) {
		done.push(Math.max(time, done[i - servers] ?? 0) + service); // whoever is done first has the next
		sum += done[i] - time;
	}
	return sum / times.length;
}

// What n requests may take: {mean, low, high}; 9 of 10 runs are between low and high.
export function predicted(n, rate, service, servers) {
	// The same dice for each rate, so that the curve is one.
	const means = Array.from({length: RUNS}, (_, run) => meanTime(arrivals(n, rate, dice(run)), service, servers)).sort((a, b) => a - b);
	return {mean: means.reduce((sum, mean) => sum + mean, 0) / RUNS, low: means[Math.floor(RUNS * 0.05)], high: means[Math.ceil(RUNS * 0.95) - 1]};
}
