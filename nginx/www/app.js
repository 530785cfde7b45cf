// The page: the feed goes into the history, the history is drawn; the panels have requests sent.

import {el, setText} from './dom.js';
import {Classroom} from './class/classroom.js';
import {controlBox} from './class/control.js';
import {exerciseSection} from './exercises/exercise.js';
import {EXERCISES, POOLS} from './exercises/exercises.js';
import {FURTHER} from './exercises/further.js';
import {GUIDE} from './exercises/guide.js';
import {Lab} from './exercises/lab.js';
import {lightLines} from './exercises/listing.js';
import {Clock} from './feed/clock.js';
import {Feed} from './feed/feed.js';
import {History} from './feed/history.js';
import {byPool, prefer} from './feed/pools.js';
import {Sender} from './feed/sender.js';
import {System} from './feed/system.js';
import {insightPanel} from './insight/insight.js';
import {Banner} from './panels/banner.js';
import {contrastPanel} from './panels/contrast.js';
import {tabs} from './panels/tabs.js';
import {Tasks} from './panels/tasks.js';
import {tryPanel} from './panels/try.js';
import {legend} from './picture/legend.js';
import {LiveLanes} from './picture/live.js';
import {steps} from './steps.js';

const AGEING = 1000; // how often the banner says how old it is
const ALONE = new Set(['start', 'replay', 'editor']); // tabs that have the page to themselves

const feed = new Feed();
const history = new History();
const clock = new Clock();
const system = new System();
const sender = new Sender(clock);
const lab = new Lab(sender, history, feed);
lab.classroom = new Classroom(sender);
const banner = new Banner(history, sender, clock);
const tasks = new Tasks(history);
const live = new LiveLanes(history, clock, sender);
const patterns = legend();
const find = (id) => document.getElementById(id);

prefer(POOLS);
feed.addEventListener('message', ({detail}) => {
	clock.heard(detail.t);
	history.apply(detail);
	lab.classroom.heard(detail.spans);
	tell();
});

// Once for each picture of the browser, however many messages came meanwhile.
let isDue = false;
function tell() {
	if (!isDue)
		requestAnimationFrame(() => {
			isDue = false;
			banner.update();
			tasks.update();
			patterns.show(history.awaited);
			live.offer(new Set(living().map(({pool}) => pool)));
			setText(find('running'), banner.connected ? running() : '');
			lightLines(living());
		});
	isDue = true;
}

feed.addEventListener('state', ({detail: {state, retry}}) => {
	const text = {connecting: 'Connecting …', live: 'Live', lost: `Connection lost, next try in ${Math.ceil(retry / 1000)} s`}[state];
	find('feed').dataset.state = state;
	setText(find('feed'), text);
	live.connected = banner.connected = state === 'live';
	banner.update();
	if (state === 'lost')
		setText(find('running'), '');
	if (state === 'live')
		system.load();
});
setInterval(() => banner.connected || banner.update(), AGEING);

// A job of a "def" handler may be the first that is heard of its request.
system.addEventListener('change', () => {
	for (const [path, kind] of system.kinds)
		if (kind === 'sync')
			history.goesThrough(path, 'blocking');
});

// While a round runs, its lanes are shown, and stay in view.
lab.addEventListener('begin', ({detail: {pools}}) => follow(pools));
lab.addEventListener('end', () => follow(null));

function follow(pools) {
	const lanes = find('lanes');
	lanes.style.minHeight = pools ? `${lanes.offsetHeight}px` : ''; // on a narrow screen they leave it
	lanes.classList.toggle('round', pools !== null);
	live.follow(pools);
}

function living() {
	return [...history.workers.values()].filter((worker) => worker.seen === history.now);
}

// "2 loop, 2 prefork, 1 cpu"
function running() {
	const pools = new Map();
	for (const {pool} of living())
		pools.set(pool, (pools.get(pool) ?? 0) + 1);
	return [...pools].sort(([a], [b]) => byPool(a, b)).map(([pool, workers]) => `${workers} ${pool}`).join(', ');
}

find('lanes').append(banner.element, live.element, patterns.element, live.table, tasks.element, controlBox(lab, system), banner.past);
// Not all of the page is looked at by everybody: these are loaded when they are.
const replay = later(async () => (await import('./replay/replay.js')).replayPanel(lab));
const editor = later(async () => (await import('./editor/editor.js')).editorPanel(lab));
const knobs = later(async () => (await import('./knobs/panel.js')).knobsPanel(lab));
const docs = later(async () => (await import('./panels/docs.js')).docsPanel());
const guide = later(async () => (await import('./guide/panel.js')).guidePanel(lab, (tab, exercise) => {
	if (exercise)
		course.open(exercise);
	panels.show(tab, true);
}));
lab.addEventListener('replay', async ({detail: {round}}) => {
	await panels.show('replay', true);
	const panel = await replay.load();
	panel?.takeRound(round);
	panel?.focus();
});

function later(make) {
	const element = el('div', {});
	let made = null;
	// Resolves to the panel; null: the server was away.
	async function load() {
		try {
			made ??= make();
			const panel = await made;
			if (!panel.element.isConnected)
				element.replaceChildren(panel.element);
			return panel;
		} catch (error) {
			made = null;
			element.replaceChildren(el('p', {class: 'note'}, `This could not be loaded (${error.message}).`));
			return null;
		}
	}
	return {element, load};
}

const course = steps('Exercises', [...EXERCISES, ...FURTHER].map((exercise, index) => ({id: exercise.id, title: exercise.title,
	element: exerciseSection(exercise, index, lab, () => course.done(exercise.id))})));
const loadDocs = async () => (await docs.load())?.load();
const panels = tabs([
	['start', 'Start', insightPanel(lab, clock, () => panels.show('exercises', true))],
	['exercises', 'Exercises', el('div', {}, lab.classroom.element, course.element), course.open],
	['guide', 'Guide', guide.element, async (part) => (await guide.load())?.show(part)],
	['knobs', 'Knobs', knobs.element, async () => (await knobs.load())?.show()],
	['replay', 'Step by step', replay.element, replay.load],
	['editor', 'Change it', editor.element, editor.load],
	['try', 'Try it', tryPanel(sender, lab, system)],
	['contrast', 'Contrast', contrastPanel(lab, system)],
	['docs', 'API', docs.element, loadDocs],
], (id) => document.querySelector('main').classList.toggle('opening', ALONE.has(id)));
find('panels').append(panels.element);

// The exercises are about the guide's endpoints; another service has others. Contrast needs processes.
const isOther = () => system.kinds.size && !Object.keys(GUIDE).every((path) => system.kinds.has(path));
const offerPanels = () => isOther() && panels.offer(lab.pools(true).length ? ['docs', 'try', 'contrast'] : ['docs', 'try']);
feed.addEventListener('message', offerPanels);
system.addEventListener('change', async () => {
	if (!isOther())
		return;
	offerPanels();
	const info = await loadDocs();
	if (!info)
		return;
	document.title = info.title;
	setText(document.querySelector('h1'), info.title);
	setText(document.querySelector('.subtitle'), `What ${info.title} ${info.version} does, and what it answers to`);
});
feed.connect();

// For recorded feeds and for tests: lanes.feed.accept(message) plays one.
window.lanes = {feed, history, system};
