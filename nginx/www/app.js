// The page: the feed goes into the history, the history is drawn; the panels send requests.

import {Client} from './client.js';
import {Clock} from './clock.js';
import {contrastPanel} from './contrast.js';
import {el, setText} from './dom.js';
import {exerciseSection} from './exercise.js';
import {EXERCISES} from './exercises.js';
import {Feed} from './feed.js';
import {History} from './history.js';
import {Holds} from './holds.js';
import {byPool} from './layout.js';
import {legend} from './legend.js';
import {LiveLanes} from './live.js';
import {Lab} from './lab.js';
import {tabs} from './tabs.js';
import {tryPanel} from './try.js';

const feed = new Feed('/events');
const history = new History();
const clock = new Clock();
const client = new Client();
const lab = new Lab(client, history, clock, feed);
const holds = new Holds(history, client, clock);
const live = new LiveLanes(history, clock, client);
const find = (id) => document.getElementById(id);

feed.addEventListener('open', () => history.rejoin());
feed.addEventListener('message', ({detail}) => {
	clock.heard(detail.t);
	history.apply(detail);
	holds.update();
	setText(find('running'), running());
});
feed.addEventListener('state', ({detail: {state, retry}}) => {
	const text = {connecting: 'Connecting …', live: 'Live', lost: `Connection lost, next try in ${Math.ceil(retry / 1000)} s`}[state];
	find('feed').dataset.state = state;
	setText(find('feed'), text);
	live.connected = state === 'live';
});

// "2 loop, 2 prefork, 1 cpu"
function running() {
	const pools = new Map();
	for (const worker of history.workers.values())
		if (worker.seen === history.now)
			pools.set(worker.pool, (pools.get(worker.pool) ?? 0) + 1);
	return [...pools].sort(([a], [b]) => byPool(a, b)).map(([pool, workers]) => `${workers} ${pool}`).join(', ');
}

find('lanes').append(holds.element, live.element, legend(), live.table, holds.past);
find('panels').append(tabs([
	['exercises', 'Exercises', el('div', {}, EXERCISES.map((exercise, index) => exerciseSection(exercise, index, lab)))],
	['try', 'Try it', tryPanel(client)],
	['contrast', 'Contrast', contrastPanel(lab)],
]));
feed.connect();

// For recorded feeds and for tests: lanes.feed.accept(message) plays one.
window.lanes = {feed, history};
