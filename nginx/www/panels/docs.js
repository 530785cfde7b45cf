// API: every operation of /openapi.json, whichever application's, with a form of all that it takes, the
// same as a command line, what it answered and what it may answer.

import {el, replace, setText} from '../dom.js';
import {listing} from '../exercises/listing.js';
import {timingOf} from '../feed/sender.js';
import {bytes, duration} from '../format.js';
import {curlBox} from './curl.js';
import {resolve, sample, shape, words} from './openapi.js';
import {answerItem} from './try.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options', 'trace'];
const FORM = 'application/x-www-form-urlencoded';
const MULTIPART = 'multipart/form-data';
const MOST_ANSWERS = 10; // of an operation, that are shown
const MOST_BYTES = 65_536; // of an answer: it may have no end
const SHOWN_EVERY = 200; // milliseconds, of one that comes piece by piece

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const isText = (type) => /^text\/|json|xml|javascript|urlencoded/.test(type);

// A control for a value of that schema; values() are the texts, or files, that it has: none, if it is
// left empty.
function control(whole, name, unresolved, required) {
	const schema = resolve(whole, unresolved);
	const items = resolve(whole, schema.items);
	const options = schema.enum ?? (schema.type === 'boolean' ? [true, false] : null);
	const start = required ? String(sample(whole, schema)) : '';
	const one = {name, required};
	let element;
	if (schema.format === 'binary' || items.format === 'binary') {
		element = el('input', {...one, type: 'file', multiple: schema.type === 'array'});
		return {element, values: () => [...element.files]};
	}
	if (options) {
		element = el('select', one, required ? null : el('option', {value: ''}, '–'), options.map((value) => el('option', {value: String(value)}, String(value))));
	} else if (schema.type === 'array') {
		element = el('textarea', {...one, rows: '2', spellcheck: 'false', placeholder: 'one on each line'}, required ? sample(whole, schema).join('\n') : '');
		return {element, values: () => element.value.split('\n').filter(Boolean)};
	} else if (schema.type === 'object') {
		element = el('textarea', {...one, rows: '4', spellcheck: 'false'}, required ? JSON.stringify(sample(whole, schema), null, 2) : '');
	} else {
		element = el('input', {...one, autocomplete: 'off', spellcheck: 'false', value: start, placeholder: schema.default === undefined ? null : String(schema.default)});
	}
	return {element, values: () => (element.value === '' ? [] : [element.value])};
}

function labelled(whole, name, schema, required, described, where, element) {
	return el('label', {class: 'field'}, el('span', {}, el('code', {}, name), required ? '' : ' (optional)', where ? `, ${where}` : ''),
		element, el('span', {class: 'note'}, [words(whole, schema), described].filter(Boolean).join('. ')));
}

// The body's part of a form: {element, type, put(request)}, which adds what there is to {headers, body,
// curl}; null: it takes none.
function bodyPart(whole, described) {
	const content = Object.entries(resolve(whole, described).content ?? {});
	if (!content.length)
		return null;
	const [type, {schema: unresolved}] = content[0];
	const schema = resolve(whole, unresolved);
	if (type === FORM || type === MULTIPART)
		return formPart(whole, type, schema);
	if (schema.format === 'binary') {
		const file = el('input', {type: 'file', name: 'body'});
		return {element: labelled(whole, 'body', schema, described.required, type, '', file), put(request) {
			const [chosen] = file.files;
			request.headers.push(['Content-Type', type]);
			request.body = chosen ?? '';
			request.curl.push(`--data-binary ${quoted(`@${chosen?.name ?? 'FILE'}`)}`);
		}};
	}
	const isJson = /json/.test(type);
	const begin = isJson ? JSON.stringify(sample(whole, schema), null, 2) : '';
	const text = el('textarea', {name: 'body', rows: String(Math.min(begin.split('\n').length + 1, 12)), spellcheck: 'false'}, begin);
	return {element: el('label', {class: 'field wide'}, el('span', {}, el('code', {}, 'body'), `, ${type}`), text,
		el('span', {class: 'note'}, isJson ? '' : words(whole, schema))),
	put(request) {
		request.headers.push(['Content-Type', type]);
		request.body = text.value;
		request.curl.push(`--data-raw ${quoted(text.value)}`);
	}, shape: isJson ? shape(whole, schema) : ''};
}

function formPart(whole, type, schema) {
	const fields = Object.entries(schema.properties ?? {}).map(([name, member]) => {
		const required = schema.required?.includes(name) ?? false;
		const {element, values} = control(whole, name, member, required);
		return {name, values, label: labelled(whole, name, member, required, member.description, 'form', element)};
	});
	return {element: fields.map(({label}) => label), put(request) {
		const all = fields.flatMap(({name, values}) => values().map((value) => [name, value]));
		if (type === MULTIPART) {
			request.body = new FormData(); // which says its type and boundary itself
			all.forEach(([name, value]) => request.body.append(name, value));
			request.curl.push(...all.map(([name, value]) => (value instanceof File ? `-F ${quoted(`${name}=@${value.name}`)}` : `--form-string ${quoted(`${name}=${value}`)}`)));
		} else {
			request.body = new URLSearchParams(all);
			request.curl.push(...all.map(([name, value]) => `--data-urlencode ${quoted(`${name}=${value}`)}`));
		}
	}};
}

// "name=value", as the page has it.
const cookieOf = (name) => document.cookie.split('; ').find((one) => one.startsWith(`${name}=`));

// Fetches with cookies, which only the page can have. What it had by these names it has again, for as long as
// the browser runs; what the answer has set stays.
async function fetchWith(cookies, url, options) {
	const lent = cookies.map(([name, value]) => {
		const before = cookieOf(name);
		document.cookie = `${name}=${value}; path=/; samesite=strict`;
		return {name, before, ours: cookieOf(name)};
	});
	try {
		return await fetch(url, options);
	} finally {
		for (const {name, before, ours} of lent.filter((each) => cookieOf(each.name) === each.ours))
			document.cookie = before ? `${before}; path=/` : `${name}=; path=/; max-age=0`;
	}
}

// Reads a body until it ends, is stopped (signal), or there is enough of it. grown(text, a word on its end) is
// called when nothing of it is there yet, meanwhile, and at the end.
async function read(response, signal, grown) {
	const type = response.headers.get('Content-Type') ?? '';
	const reader = response.body?.getReader();
	const decoder = new TextDecoder();
	let [size, text, shown] = [0, '', -Infinity];
	const show = (ended) => grown(isText(type) ? text : size ? `${bytes(size)} of ${type}` : '', ended);
	try {
		for (;;) {
			if (performance.now() - shown > SHOWN_EVERY) {
				shown = performance.now();
				show('…');
			}
			const {done, value} = await reader?.read() ?? {done: true};
			if (done)
				break;
			size += value.length;
			text += decoder.decode(value.subarray(0, MOST_BYTES - size + value.length), {stream: true});
			if (size > MOST_BYTES) {
				await reader.cancel();
				show(`The first ${bytes(MOST_BYTES)} of it.`);
				return;
			}
		}
	} catch (error) {
		show(signal.aborted ? 'Stopped.' : `Broken off: ${error.message}.`);
		return;
	}
	text = pretty(text, type);
	show('');
}

// Sends it from here, as /burst sends no bodies. show(answer, as try.js shows one, notes) is called for what has
// come so far, and at the end.
async function ask(method, request, signal, show) {
	const sent = performance.now();
	const answer = {url: request.url, status: 0, worker: '', serial: 0, timing: {}, body: '', error: '', sent, ended: NaN};
	try {
		const response = await fetchWith(request.cookies, request.url, {method: method.toUpperCase(), headers: request.headers, cache: 'no-store', body: request.body, signal});
		const headers = [...response.headers].filter(([name]) => !/^(server-timing|x-lanes-.*|date|server|connection)$/.test(name)).map(([name, value]) => `${name}: ${value}`);
		Object.assign(answer, {status: response.status, worker: response.headers.get('X-Lanes-Worker') ?? '', serial: response.headers.get('X-Lanes-Request') ?? 0,
			timing: timingOf(response.headers)});
		await read(response, signal, (body, ended) => show(Object.assign(answer, {body, ended: performance.now()}), [...headers, ended].filter(Boolean)));
	} catch (error) {
		show(Object.assign(answer, {error: signal.aborted ? 'stopped' : String(error.message ?? error), ended: performance.now()}), []);
	}
	return answer;
}

function pretty(text, type) {
	try {
		return /json/.test(type) ? JSON.stringify(JSON.parse(text), null, 2) : text;
	} catch {
		return text;
	}
}

// Below which path the application is; what is sent goes to this origin, wherever its document says it is.
function prefixOf(whole) {
	try {
		return new URL(whole.servers?.[0]?.url ?? '/', location.origin).pathname.replace(/\/$/, '');
	} catch {
		return '';
	}
}

// What an operation takes and answers, as a form; headers(): [[name, value], …] of every request.
function operationForm(whole, path, shared, method, operation, headers) {
	const base = prefixOf(whole);
	const parameters = [...shared, ...operation.parameters ?? []].map((each) => {
		const parameter = resolve(whole, each);
		const {name, in: where, required = false, schema = {}, description} = parameter;
		const {element, values} = control(whole, name, schema, required);
		return {name, where, values, label: labelled(whole, name, schema, required, description, where, element)};
	});
	const body = bodyPart(whole, operation.requestBody);
	const line = curlBox();
	const answers = el('ol', {class: 'answers', reversed: true});
	const said = el('p', {class: 'note', role: 'status'});
	const stop = el('button', {type: 'button', hidden: true, onclick: () => running.forEach((each) => each.abort())}, 'Stop');
	const running = new Set(); // an AbortController of each request that has no end yet
	const form = el('form', {onsubmit: send, oninput: describe},
		operation.description ? el('p', {}, operation.description) : null,
		parameters.length ? el('div', {class: 'fields'}, parameters.map(({label}) => label)) : null,
		body ? el('div', {class: 'fields'}, body.element) : null,
		line.element, el('div', {class: 'actions'}, el('button', {type: 'submit', class: 'primary'}, 'Send'), stop, said));

	// All that the form says: {url, headers, cookies, body, curl}.
	function request() {
		const of = (where) => parameters.filter((each) => each.where === where).flatMap(({name, values}) => values().map((value) => [name, value]));
		const query = new URLSearchParams(of('query')).toString();
		const filled = of('path').reduce((text, [name, value]) => text.replace(`{${name}}`, encodeURIComponent(value).replaceAll('%2F', '/')), path);
		const made = {url: base + filled + (query && `?${query}`), headers: [...headers(), ...of('header')], cookies: of('cookie'), curl: []};
		body?.put(made);
		return made;
	}

	function describe() {
		const {url, headers: all, cookies, curl} = request();
		line.show(['curl -i', method === 'get' ? '' : method === 'head' ? '--head' : `-X ${method.toUpperCase()}`, quoted(location.origin + url),
			...all.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`), ...cookies.map(([name, value]) => `-b ${quoted(`${name}=${value}`)}`), ...curl].filter(Boolean).join(' '));
	}

	async function send(event) {
		event.preventDefault();
		setText(said, 'Sent …');
		const made = request();
		const controller = new AbortController();
		let item = el('li');
		running.add(controller);
		stop.hidden = false;
		const answer = await ask(method, made, controller.signal, (now, notes) => {
			const next = answerItem(now, false, el('p', {class: 'note'}, notes.join(' · ')));
			if (item.isConnected)
				item.replaceWith(next);
			else if (!item.childElementCount)
				answers.prepend(next);
			item = next;
		});
		while (answers.childElementCount > MOST_ANSWERS)
			answers.lastElementChild.remove();
		running.delete(controller);
		stop.hidden = !running.size;
		setText(said, answer.error ? `No answer: ${answer.error}.` : `${answer.status} after ${duration(answer.ended - answer.sent)}.`);
	}

	describe();
	return {describe, element: el('div', {class: 'operation-body'}, form, answers, schemas(whole, operation, body))};
}

function schemas(whole, operation, body) {
	const block = (title, text) => el('figure', {class: 'code'}, el('figcaption', {}, title), text ? el('pre', {tabindex: '0', role: 'group', 'aria-label': title}, el('code', {}, text)) : null);
	const answers = Object.entries(operation.responses ?? {}).map(([status, each]) => {
		const {description, content = {}} = resolve(whole, each);
		const [[type, {schema} = {}] = []] = Object.entries(content);
		return block([status, description, type].filter(Boolean).join(', '), schema && Object.keys(schema).length ? shape(whole, schema) : '');
	});
	return el('details', {class: 'schemas'}, el('summary', {}, 'Schemas'), body?.shape ? block('Body', body.shape) : null, answers);
}

// What operationId begins with: the handler's name, before its path and method.
const handlerOf = (path, method, {operationId = ''}) => operationId.slice(0, -`${path.replace(/\W/g, '_')}_${method}`.length);

// Of the cases: where the C is of those handlers that share a file, and the Python of those that have a database.
const SHARED = {post_order: 'order_rows', get_orders: 'order_rows', get_order: 'order_rows', post_render: 'renders', get_render: 'renders',
	slow_query_blocking: 'slow_query', slow_query_bad: 'slow_query', derive_bad: 'derive'};
const TWINS = {orders: 'cases_orders', events: 'cases_orders', 'slow-query': 'cases_orders', renders: 'cases_renders', combined: 'cases_renders'};

function caseListing(path, handler) {
	const twin = TWINS[path.split('/')[2]] ?? 'cases';
	return listing([handler], `/lanes/handlers/${twin}.py`, [SHARED[handler] ?? handler]);
}

// load() resolves to what the document says of the application, or null; it is asked for once, and again
// if that has not worked.
export function docsPanel() {
	const content = el('div', {}, el('p', {class: 'note', role: 'status'}, 'Reading /openapi.json …'));
	const forms = [];
	const common = el('textarea', {name: 'headers', rows: '2', spellcheck: 'false', placeholder: 'Authorization: Bearer …', oninput: () => forms.forEach(({describe}) => describe())});
	let loading = null;

	const headers = () => common.value.split('\n').map((line) => /^\s*([\w!#$%&'*+.^`|~-]+)\s*:\s*(.*?)\s*$/.exec(line)).filter(Boolean).map(([, name, value]) => [name, value]);

	function section(whole, path, shared, method, operation) {
		const body = el('div');
		const open = (event) => {
			if (!event.target.open || body.childElementCount)
				return;
			const form = operationForm(whole, path, shared, method, operation, headers);
			forms.push(form);
			body.append(form.element);
			if (path.startsWith('/cases/'))
				body.append(caseListing(path, handlerOf(path, method, operation)));
		};
		return el('details', {class: 'operation', data: {id: operation.operationId ?? `${method} ${path}`}, ontoggle: open},
			el('summary', {}, el('span', {class: 'method'}, method.toUpperCase()), ' ', el('code', {}, path), ' ', el('span', {class: 'note'}, operation.summary ?? '')), body);
	}

	// Below their first tag, those that have none first.
	function show(whole) {
		const groups = new Map([['', []]]);
		for (const [path, item] of Object.entries(whole.paths ?? {}))
			for (const method of METHODS.filter((each) => item[each])) {
				const [tag = ''] = item[method].tags ?? [];
				groups.set(tag, [...groups.get(tag) ?? [], section(whole, path, item.parameters ?? [], method, item[method])]);
			}
		const {title = '', version = '', description} = whole.info ?? {};
		replace(content, el('h3', {}, `${title} ${version}`), description ? el('p', {}, description) : null,
			el('p', {class: 'note'}, 'Made from ', el('a', {href: '/openapi.json'}, '/openapi.json'), '. What is sent from here goes to the workers as any other request does, and is seen in the lanes.'),
			el('label', {class: 'field wide'}, el('span', {}, 'Headers of every request, one on each line'), common),
			[...groups].map(([tag, operations]) => [tag ? el('h3', {}, tag) : null, ...operations]).flat());
		return whole.info ?? null;
	}

	async function read() {
		try {
			const response = await fetch('/openapi.json', {cache: 'no-store'});
			if (!response.ok)
				throw new Error(`${response.status}`);
			return show(await response.json());
		} catch (error) {
			loading = null;
			replace(content, el('p', {class: 'note', role: 'status'}, `There is no document of this application (${error.message}).`));
			return null;
		}
	}

	return {element: content, load: () => (loading ??= read())};
}
