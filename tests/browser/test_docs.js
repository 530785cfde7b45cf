// /docs: what the page makes of /openapi.json, of the guide, of another service and of FastAPI itself; and
// that Swagger UI takes the document, too.

import assert from 'node:assert/strict';
import {readFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';

import {blank, open} from './browser.js';
import {reach, shell, showTab, test, violations, withPage, world} from './suite.js';
import {System} from './system.js';
import {resolve, sample, words} from '../../nginx/www/panels/openapi.js';

const require = createRequire(`${process.env.MODULES}/`);
const operation = (page, id) => page.locator(`.operation[data-id="${id}"]`);

async function unfold(page, id) {
	const found = operation(page, id);
	await found.locator('summary').first().click();
	await found.locator('form').waitFor();
	return found;
}

async function send(found, status) {
	await found.getByRole('button', {name: 'Send'}).click();
	const answer = found.locator(`.answers li[data-status="${status}"]`).first();
	await answer.waitFor();
	return answer.innerText();
}

const curl = (found) => found.locator('.curl code').innerText();

// How many its document has.
async function operations(system) {
	const {paths} = await (await fetch(`${system.url}/openapi.json`)).json();
	return Object.values(paths).flatMap(Object.keys).length;
}

// A system of the service in app/examples, and a page on its /docs.
async function withOrders(options, run) {
	const system = await System.start({PROGRAM: 'build/orders'});
	try {
		const page = await open(world.browser, `${system.url}/docs`, options);
		await page.locator('#docs .operation').first().waitFor();
		await run(page, system);
		assert.deepEqual(page.faults.slice(0, 2), []);
		await page.context().close();
	} finally {
		await system.remove();
	}
}

test('docs: /docs leads to the guide\'s endpoints, which can be tried', () => withPage({}, async (page) => {
	await page.goto(`${world.system.url}/docs`);
	const all = page.locator('#docs .operation');
	await all.first().waitFor();
	assert.equal(await all.count(), await operations(world.system));
	assert.ok(await page.locator('#tab-exercises').isVisible());
	const many = await unfold(page, 'async_await_many_async_await_many_get');
	assert.match(await many.innerText(), /array, at most 1000 items, each number, 0 to 60, default \[1,1\.5,0\.5\]/);
	await many.locator('textarea').fill('0.1\n0.2');
	const text = await send(many, 200);
	assert.match(text, /request \d+ of loop-1/);
	assert.match(text, /awaiting 2\d\d ms/);
	assert.match(text, /async_io_task\(0\.2s\) done/);
	assert.match(await shell(await curl(many)), /^HTTP\/1\.1 200 OK[^]*async_io_task\(0\.2s\) done/);
	await many.locator('textarea').fill('<img src=x onerror="document.title=1">');
	assert.match(await send(many, 422), /value is not a valid float/);
	assert.equal(await page.locator('img').count(), 0);
	assert.ok(await page.evaluate(() => [...window.lanes.history.requests.values()].some(({path}) => path === '/async/await-many')), 'seen in the lanes');
}));

test('docs: another service shows what applies to it, and every method', () => withOrders({}, async (page, system) => {
	await page.locator('#tab-exercises').waitFor({state: 'hidden'});
	await page.locator('#tab-contrast').waitFor(); // there are processes
	assert.deepEqual(await page.locator('[role="tab"]:visible').allInnerTexts(), ['Try it', 'Contrast', 'API']);
	assert.match(await page.locator('.subtitle').innerText(), /Orders 1\.0/);
	assert.deepEqual([await page.title(), await page.locator('h1').innerText()], ['Orders', 'Orders']);
	assert.doesNotMatch(await (await fetch(`${system.url}/lanes/`)).text(), /\/async/); // without JavaScript
	const create = await unfold(page, 'create_order_orders_post');
	assert.match(await send(create, 401), /Unauthorized/);
	await page.locator('textarea[name="headers"]').fill('Authorization: Bearer secret');
	assert.match(await send(create, 201), /location: \/orders\/1[^]*"item": "text"/);
	await create.locator('textarea').fill('{"item": "it\'s", "quantity": 3}');
	assert.match(await shell(await curl(create)), /^HTTP\/1\.1 201 Created[^]*"item":"it's","quantity":3/);
	await create.locator('textarea').fill('{"item": ""}');
	assert.match(await send(create, 422), /field required/);
	await create.locator('.schemas > summary').click();
	const schemas = await create.locator('.schemas').innerText();
	assert.match(schemas, /NewOrder \{\n {2}item: string, 1 to 64 characters\n {2}quantity: integer, 1 to 1000\n\}/);
	assert.match(schemas, /201, Successful Response, application\/json\nOrderAnswer \{/);

	const attach = await unfold(page, 'attach_orders__id__attachment_put');
	await attach.locator('input[type="file"]').setInputFiles({name: 'a.bin', mimeType: 'text/plain', buffer: Buffer.from('twelve bytes')});
	await send(attach, 204);
	assert.equal(await curl(attach), `curl -i -X PUT '${system.url}/orders/1/attachment' -H 'Authorization: Bearer secret' -H 'Content-Type: application/octet-stream' --data-binary '@a.bin'`);
	const load = await unfold(page, 'send_attachment_orders__id__attachment_get');
	assert.match(await send(load, 200), /application\/octet-stream/);
	await load.locator('input[name="id"]').fill('7 7/x');
	assert.match(await curl(load), /\/orders\/7%207\/x\/attachment'/);

	const list = await unfold(page, 'list_orders_orders_get');
	await list.locator('select[name="confirmed"]').selectOption('false');
	await list.locator('input[name="limit"]').fill('1');
	assert.match(await send(list, 200), /\/orders\?confirmed=false&limit=1[^]*"id": 1/);
	await showTab(page, 'try');
	const paths = await page.locator('#try select[name="endpoint"] option').allInnerTexts();
	assert.deepEqual(paths, ['/orders', '/orders.csv'], 'no path with a name in it');
}));

test('docs: FastAPI\'s own document, with forms, files, headers and cookies', () => withPage({}, async (page) => {
	const {orders} = JSON.parse(await readFile('tests/oracle/openapi.json', 'utf8'));
	await page.route('**/openapi.json', (route) => route.fulfill({json: {...orders, servers: [{url: 'https://elsewhere.example/prefork/'}]}}));
	await showTab(page, 'docs');
	await page.locator('#docs .operation').first().waitFor();
	const origin = world.system.url;
	const form = await unfold(page, 'form_form_post');
	await form.locator('textarea[name="tags"]').fill('a b\nit\'s');
	assert.equal(await curl(form), `curl -i -X POST '${origin}/prefork/form' --data-urlencode 'name=text' --data-urlencode 'age=0' --data-urlencode 'tags=a b' --data-urlencode 'tags=it'\\''s'`);
	const sent = page.waitForRequest('**/prefork/form');
	await form.getByRole('button', {name: 'Send'}).click();
	assert.equal((await sent).postData(), 'name=text&age=0&tags=a+b&tags=it%27s');

	const pictures = await unfold(page, 'pictures_pictures_post');
	await pictures.locator('input[name="picture"]').setInputFiles({name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('pixels')});
	assert.equal(await curl(pictures), `curl -i -X POST '${origin}/prefork/pictures' --form-string 'title=text' -F 'picture=@a.png'`);
	const upload = page.waitForRequest('**/prefork/pictures');
	await pictures.getByRole('button', {name: 'Send'}).click();
	assert.match((await upload).headers()['content-type'], /^multipart\/form-data; boundary=/);

	const shop = await unfold(page, 'shop_carts_shops__shop__carts_put');
	await page.evaluate(() => {
		document.cookie = 'session=mine; path=/';
	});
	await shop.locator('input[name="session"]').fill('s1');
	assert.match(await curl(shop), /-X PUT '[^']*\/prefork\/shops\/1\/carts' -H 'x-token: text' -H 'Content-Type: application\/json' -b 'session=s1' --data-raw '\{/);
	const put = page.waitForRequest('**/prefork/shops/1/carts');
	await shop.getByRole('button', {name: 'Send'}).click();
	assert.equal((await (await put).allHeaders()).cookie, 'session=s1');
	await shop.locator('.answers li').waitFor();
	assert.equal(await page.evaluate(() => document.cookie), 'session=mine', 'the page has its own again');

	const search = await unfold(page, 'search_search_get');
	assert.match(await search.innerText(), /string, 2 to 20 characters, like \^\[a-z\]/);
	assert.match(await search.innerText(), /number, above 0, below 1000\.5/);
	assert.match(await search.innerText(), /one of "small", "large", "extra large", default "small"/);
}));

test('docs: an answer without an end is shown, and can be stopped', () => withPage({}, async (page) => {
	await page.route('**/openapi.json', (route) => route.fulfill({json: {paths: Object.fromEntries(['/events', '/long']
		.map((path) => [path, {get: {operationId: path, responses: {}}}]))}}));
	await showTab(page, 'docs');
	const events = await unfold(page, '/events');
	await send(events, 200);
	await events.locator('.answers pre').filter({hasText: 'data: '}).waitFor();
	await events.getByRole('button', {name: 'Stop'}).click();
	await events.locator('.answers .note').filter({hasText: 'Stopped.'}).waitFor();
	await events.getByRole('button', {name: 'Stop'}).waitFor({state: 'hidden'});
	await page.route('**/long', (route) => route.fulfill({contentType: 'text/plain', body: 'x'.repeat(100_000)}));
	const long = await unfold(page, '/long');
	await send(long, 200);
	await long.locator('.answers .note').filter({hasText: /The first 6[45]/}).waitFor();
	assert.equal((await long.locator('.answers pre').innerText()).length, 65_536);
}));

test('docs: a sample is what its schema allows, and one that holds itself ends', async () => {
	for (const [schema, expected] of [[{type: 'integer', exclusiveMinimum: 3}, 4], [{type: 'integer', exclusiveMaximum: -3}, -4],
		[{type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 0.5}, 0.25], [{type: 'integer', minimum: 0.5, maximum: 7}, 1],
		[{type: 'number', maximum: 0.5}, 0.5], [{type: 'integer', exclusiveMinimum: 1, maximum: 2}, 2], [{type: 'number', exclusiveMinimum: -0.5, maximum: 0.2}, 0],
		[{type: 'string', minLength: 6}, 'texttt'], [{type: 'string', maxLength: 2}, 'te'], [{type: 'array', maxItems: 0}, []], [{anyOf: [{type: 'boolean'}]}, false]])
		assert.deepEqual(sample({}, schema), expected);
	const whole = {a: {$ref: '#/a'}, list: {type: 'array', items: {$ref: '#/list'}}, any: {anyOf: [{$ref: '#/any'}]}};
	assert.deepEqual(resolve(whole, whole.a), {});
	assert.match(words(whole, whole.list), /^array, each array, .*…$/);
	assert.match(words(whole, whole.any), /…/);
	sample(whole, whole.any);
});

test('docs: no document, no harm', () => withPage({}, async (page) => {
	await page.route('**/openapi.json', (route) => route.fulfill({status: 404, json: {detail: 'Not Found'}}));
	await showTab(page, 'docs');
	await page.getByText('There is no document of this application (404).').waitFor();
}));

test('docs: a link to a tab opens the page at its top, beside the lanes', () => withPage({viewport: {width: 1280, height: 800}}, async (page) => {
	for (const [link, id] of [['docs', 'docs'], ['lanes/#exercises', 'exercises'], ['lanes/#try', 'try'], ['lanes/#contrast', 'contrast']]) {
		await page.goto('about:blank');
		await page.goto(`${world.system.url}/${link}`);
		await page.locator(id === 'docs' ? '#docs .operation >> nth=0' : `#${id}`).waitFor();
		await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
		assert.equal(await page.evaluate(() => scrollY), 0, link);
	}
}));

for (const [name, options] of [['light', {}], ['dark', {colorScheme: 'dark'}], ['forced colours', {forcedColors: 'active'}], ['phone', {viewport: {width: 360, height: 740}, hasTouch: true}]])
	test(`docs: for everybody, ${name}`, () => withOrders(options, async (page) => {
		await page.waitForFunction(() => document.querySelector('[role="tablist"]').getBoundingClientRect().top < 100); // it leads there
		await page.locator('textarea[name="headers"]').fill('Authorization: Bearer secret');
		const create = await unfold(page, 'create_order_orders_post');
		await send(create, 201);
		await create.locator('.schemas > summary').click();
		await unfold(page, 'attach_orders__id__attachment_put');
		await unfold(page, 'list_orders_orders_get');
		assert.deepEqual(await violations(page), []);
		assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), page.viewportSize().width);
	}));

test('docs: by the keyboard', () => withOrders({}, async (page) => {
	await reach(page, '#tab-docs');
	await page.keyboard.press('ArrowRight');
	assert.ok(await page.locator('#try').isVisible(), 'past what is hidden');
	await page.keyboard.press('ArrowLeft');
	await reach(page, 'textarea[name="headers"]');
	await page.keyboard.type('Authorization: Bearer secret');
	await reach(page, '.operation[data-id="create_order_orders_post"] > summary');
	await page.keyboard.press('Enter');
	await reach(page, '.operation[data-id="create_order_orders_post"] button.primary');
	await page.keyboard.press('Enter');
	await operation(page, 'create_order_orders_post').locator('.answers li[data-status="201"]').waitFor();
}));

// Swagger UI, as if the system served it.
async function swagger(system, operations) {
	const folder = dirname(require.resolve('swagger-ui-dist/package.json'));
	const page = await blank(world.browser, system.url);
	await page.route('**/swagger/*', async (route) => {
		const name = new URL(route.request().url()).pathname.split('/').at(-1);
		await route.fulfill(name ? {path: join(folder, name)} : {contentType: 'text/html', body: `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Swagger UI</title>
			<link rel="icon" href="data:,"><link rel="stylesheet" href="swagger-ui.css"><div id="ui"></div><script src="swagger-ui-bundle.js"></script>
			<script>SwaggerUIBundle({url: '/openapi.json', dom_id: '#ui', docExpansion: 'full', validatorUrl: null})</script>`});
	});
	await page.goto(`${system.url}/swagger/`);
	await page.locator('.opblock').nth(operations - 1).waitFor();
	await page.locator('.opblock .responses-wrapper').nth(operations - 1).waitFor();
	assert.equal(await page.locator('.opblock').count(), operations);
	assert.equal(await page.locator('.errors-wrapper, .loading-container .failed').count(), 0);
	const text = await page.locator('#ui').innerText();
	assert.deepEqual(page.faults, []);
	await page.context().close();
	return text;
}

test('docs: each case has its handler in Python and in C', () => withPage({}, async (page) => {
	// More than that it begins as it should, of some.
	const told = {quotes: [/asyncio\.wait\(/, /gather_add_fetch\(req/], thumbnail: [/run_in_threadpool\(shrink/, /run_in_cpu_pool\(req, make_on_thread/],
		get_render: [/return Response\(/, /job_read\(req, report, "render"/], combined: [/asyncio\.gather\(/, /gather_add_job\(req/],
		order_events: [/return Events\(/, /wait_within\(req, heartbeat/], payments: [/httpx\.post\(/, /curl_easy_perform\(/]};
	const {paths} = await (await fetch(`${world.system.url}/openapi.json`)).json();
	const cases = Object.entries(paths).filter(([path]) => path.startsWith('/cases/'))
		.flatMap(([path, item]) => Object.entries(item).map(([method, {operationId}]) => [operationId, path, method]));
	assert.equal(cases.length, 19);
	await page.goto(`${world.system.url}/docs`);
	await page.locator('#docs .operation').first().waitFor();
	for (const [id, path, method] of cases) {
		const handler = id.slice(0, -`${path.replace(/\W/g, '_')}_${method}`.length);
		const found = await unfold(page, id);
		await found.getByText('The handlers: Python and C').click();
		const code = found.locator('.listing pre');
		await code.nth(1).waitFor();
		assert.equal(await code.count(), 2);
		const [python, c] = await code.allInnerTexts();
		assert.match(python, new RegExp(`^@router\\.${method}\\([^]*def ${handler}\\(`), handler);
		assert.doesNotMatch(python, /@router[^]*@router/);
		assert.match(c, new RegExp(`void ${handler}\\(struct request \\*req\\)`), handler);
		const [inPython, inC] = told[handler] ?? [/return /, /ASYNC_BEGIN|reply_|block\(req/];
		assert.match(python, inPython, handler);
		assert.match(c, inC, handler);
	}
	const quotes = operation(page, 'quotes_cases_quotes_get');
	await quotes.locator('input[name="item"]').fill('tea');
	assert.match(await send(quotes, 200), /"supplier": 1/);
}));

test('docs: Swagger UI takes the document', async () => {
	assert.match(await swagger(world.system, await operations(world.system)), /Async Await Many/);
	const system = await System.start({PROGRAM: 'build/orders'});
	try {
		assert.match(await swagger(system, 9), /Orders\s+1\.0[^]*Create Order/);
	} finally {
		await system.remove();
	}
});
