// What an OpenAPI document says, in words; and values that would do. No document of the page here.

const MOST_DEPTH = 8; // of schemas in each other: one may hold itself
const SAMPLES = {'date-time': '2026-01-31T12:00:00', date: '2026-01-31', time: '12:00:00', uuid: '12345678-1234-5678-1234-567812345678', email: 'a@example.org', uri: 'https://example.org/'};

// Follows references, as deep as there is any sense in it.
export function resolve(whole, schema = {}, depth = 0) {
	if (depth > MOST_DEPTH)
		return {};
	if (schema.$ref)
		return resolve(whole, schema.$ref.slice(2).split('/').reduce((at, key) => at?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], whole), depth + 1);
	if (schema.allOf?.length === 1)
		return {...resolve(whole, schema.allOf[0], depth + 1), ...schema, allOf: undefined};
	return schema;
}

// "3 to 5", "at least 1", "below 10"
function range(low, high, above, below) {
	if (low !== undefined && high !== undefined)
		return `${low} to ${high}`;
	return [low !== undefined && `at least ${low}`, above !== undefined && `above ${above}`,
		high !== undefined && `at most ${high}`, below !== undefined && `below ${below}`].filter(Boolean).join(', ');
}

const counted = (text, what) => text && `${text} ${what}`;

// "integer, 1 to 100, default 20"
export function words(whole, unresolved, depth = 0) {
	const schema = resolve(whole, unresolved);
	if (depth > MOST_DEPTH)
		return '…';
	if (schema.anyOf)
		return schema.anyOf.map((one) => words(whole, one, depth + 1)).join(' or ');
	return [schema.enum ? `one of ${schema.enum.map((word) => JSON.stringify(word)).join(', ')}` : schema.format === 'binary' ? 'a file' : schema.format ?? schema.type ?? 'anything',
		range(schema.minimum, schema.maximum, schema.exclusiveMinimum, schema.exclusiveMaximum),
		counted(range(schema.minLength, schema.maxLength), 'characters'), counted(range(schema.minItems, schema.maxItems), 'items'),
		schema.pattern && `like ${schema.pattern}`, schema.items && `each ${words(whole, schema.items, depth + 1)}`,
		schema.default !== undefined && `default ${JSON.stringify(schema.default)}`].filter(Boolean).join(', ');
}

// A schema as it would be written down: an object's members below each other, "?" where one may be missing.
export function shape(whole, unresolved, depth = 0) {
	const schema = resolve(whole, unresolved);
	if (depth > MOST_DEPTH)
		return '…';
	if (schema.properties) {
		const indent = '  '.repeat(depth + 1);
		const members = Object.entries(schema.properties).map(([name, member]) =>
			`${indent}${name}${schema.required?.includes(name) ? '' : '?'}: ${shape(whole, member, depth + 1)}${member.description ? `  — ${member.description}` : ''}`);
		return `${schema.title ? `${schema.title} ` : ''}{\n${members.join('\n')}\n${'  '.repeat(depth)}}`;
	}
	if (schema.items && resolve(whole, schema.items).properties)
		return `[${counted(range(schema.minItems, schema.maxItems), 'of ') || ''}${shape(whole, schema.items, depth)}]`;
	return words(whole, schema);
}

// The first of some plain numbers that is within the limits.
function sampleNumber({type, minimum = -Infinity, maximum = Infinity, exclusiveMinimum: above = -Infinity, exclusiveMaximum: below = Infinity}) {
	const [low, high] = [Math.max(minimum, above), Math.min(maximum, below)];
	const fits = (value) => value >= minimum && value <= maximum && value > above && value < below && (type !== 'integer' || Number.isInteger(value));
	return [minimum, 1, Math.floor(low) + 1, maximum, Math.ceil(high) - 1, (low + high) / 2].find(fits) ?? 1;
}

// A value that the schema allows, but for patterns.
export function sample(whole, unresolved, depth = 0) {
	const schema = resolve(whole, unresolved);
	if (schema.default !== undefined || schema.example !== undefined)
		return schema.example ?? schema.default;
	if (schema.enum)
		return schema.enum[0];
	if (schema.anyOf && depth <= MOST_DEPTH)
		return sample(whole, schema.anyOf[0], depth + 1);
	if (SAMPLES[schema.format])
		return SAMPLES[schema.format];
	switch (schema.type) {
	case 'integer':
	case 'number':
		return sampleNumber(schema);
	case 'boolean':
		return false;
	case 'array':
		return depth > MOST_DEPTH ? [] : Array.from({length: schema.minItems ?? Math.min(1, schema.maxItems ?? 1)}, () => sample(whole, schema.items, depth + 1));
	case 'object':
		return depth > MOST_DEPTH ? {} : Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, member]) => [name, sample(whole, member, depth + 1)]));
	default:
		return 'text'.padEnd(schema.minLength ?? 0, 't').slice(0, schema.maxLength);
	}
}
