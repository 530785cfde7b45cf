// What an OpenAPI document says, in words; and values that would do. No document of the page here.

const MOST_DEPTH = 8; // of schemas in each other: one may hold itself

// Follows references.
export function resolve(whole, schema = {}) {
	if (schema.$ref)
		return resolve(whole, schema.$ref.slice(2).split('/').reduce((at, key) => at?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], whole));
	if (schema.allOf?.length === 1)
		return {...resolve(whole, schema.allOf[0]), ...schema, allOf: undefined};
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
export function words(whole, unresolved) {
	const schema = resolve(whole, unresolved);
	if (schema.anyOf)
		return schema.anyOf.map((one) => words(whole, one)).join(' or ');
	return [schema.enum ? `one of ${schema.enum.map((word) => JSON.stringify(word)).join(', ')}` : schema.format === 'binary' ? 'a file' : schema.format ?? schema.type ?? 'anything',
		range(schema.minimum, schema.maximum, schema.exclusiveMinimum, schema.exclusiveMaximum),
		counted(range(schema.minLength, schema.maxLength), 'characters'), counted(range(schema.minItems, schema.maxItems), 'items'),
		schema.pattern && `like ${schema.pattern}`, schema.items && `each ${words(whole, schema.items)}`,
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

// A value that the schema allows, but for patterns.
export function sample(whole, unresolved, depth = 0) {
	const schema = resolve(whole, unresolved);
	const least = schema.minimum ?? (schema.exclusiveMinimum === undefined ? Math.min(1, schema.maximum ?? 1) : schema.exclusiveMinimum + 1);
	if (schema.default !== undefined || schema.example !== undefined)
		return schema.example ?? schema.default;
	if (schema.enum)
		return schema.enum[0];
	if (schema.format === 'date-time')
		return '2026-01-31T12:00:00';
	if (schema.format === 'uuid')
		return '12345678-1234-5678-1234-567812345678';
	switch (schema.type) {
	case 'integer':
	case 'number':
		return least;
	case 'boolean':
		return false;
	case 'array':
		return depth > MOST_DEPTH ? [] : Array.from({length: schema.minItems ?? 1}, () => sample(whole, schema.items, depth + 1));
	case 'object':
		return depth > MOST_DEPTH ? {} : Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, member]) => [name, sample(whole, member, depth + 1)]));
	default:
		return 'text'.padEnd(schema.minLength ?? 0, 't').slice(0, schema.maxLength);
	}
}
