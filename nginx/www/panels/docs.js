// API: every operation of /openapi.json, whichever application's, with a form of all that it takes, the
// same as a command line, what it answered and what it may answer.

import {el, replace, setText} from '../dom.js';
import {bytes, duration} from '../format.js';
import {curlBox} from './curl.js';
import {resolve, sample, shape, words} from './openapi.js';
import {answerItem} from './try.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options', 'trace'];
const FORM = 'application/x-www-form-urlencoded';
const MULTIPART = 'multipart/form-data';
const MOST_ANSWERS = 10; // of an operation, that are shown
const MOST_TEXT = 100_000; // characters of an answer

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
	const text = el('textarea', {name: 'body', rows: '8', spellcheck: 'false'}, isJson ? JSON.stringify(sample(whole, schema), null, 2) : '');
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

// Sends it from here, as /burst sends no bodies: {answer, as try.js shows one, headers: [[name, value], …]}.
async function ask(method, request) {
	const sent = performance.now();
	const answer = {url: request.url, status: 0, worker: '', serial: 0, timing: {}, body: '', error: '', sent, ended: NaN};
	let headers = [];
	const cookies = request.cookies.map(([name, value]) => `${name}=${value}; path=/; samesite=strict`);
	try {
		for (const cookie of cookies)
			document.cookie = cookie;
		const response = await fetch(request.url, {method: method.toUpperCase(), headers: request.headers, cache: 'no-store', body: request.body});
		const type = response.headers.get('Content-Type') ?? '';
		const content = await response.blob();
		headers = [...response.headers].filter(([name]) => !/^(server-timing|x-lanes-.*|date|server|connection)$/.test(name));
		Object.assign(answer, {status: response.status, ended: performance.now(), worker: response.headers.get('X-Lanes-Worker') ?? '', serial: response.headers.get('X-Lanes-Request') ?? 0,
			timing: Object.fromEntries((response.headers.get('Server-Timing') ?? '').split(', ').filter(Boolean).map((part) => [part.split(';')[0], Number(/dur=([\d.]+)/.exec(part)?.[1])])),
			body: !content.size ? '' : isText(type) ? pretty(await content.text(), type).slice(0, MOST_TEXT) : `${bytes(content.size)} of ${type}`});
	} catch (error) {
		Object.assign(answer, {error: String(error.message ?? error), ended: performance.now()});
	}
	for (const cookie of cookies)
		document.cookie = `${cookie}; max-age=0`;
	return {answer, headers};
}

function pretty(text, type) {
	try {
		return /json/.test(type) && text.length < MOST_TEXT ? JSON.stringify(JSON.parse(text), null, 2) : text;
	} catch {
		return text;
	}
}

// What an operation takes and answers, as a form; headers(): [[name, value], …] of every request.
function operationForm(whole, path, shared, method, operation, headers) {
	const base = (whole.servers?.[0]?.url ?? '').replace(/\/$/, '');
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
	const form = el('form', {onsubmit: send, oninput: describe},
		operation.description ? el('p', {}, operation.description) : null,
		parameters.length ? el('div', {class: 'fields'}, parameters.map(({label}) => label)) : null,
		body ? el('div', {class: 'fields'}, body.element) : null,
		line.element, el('div', {class: 'actions'}, el('button', {type: 'submit', class: 'primary'}, 'Send'), said));

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
		const {answer, headers: got} = await ask(method, made);
		answers.prepend(answerItem(answer, false, el('p', {class: 'note'}, got.map(([name, value]) => `${name}: ${value}`).join(' · '))));
		while (answers.childElementCount > MOST_ANSWERS)
			answers.lastElementChild.remove();
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
