// Elements without markup: text goes in as text nodes only, so nothing that came from a request can
// become an element, and no attribute holds code or style.

// el('p', {class: 'note', onclick: f, data: {kind: 'loop'}}, 'text', child, …). A property whose
// value is false, null or undefined is left out; true becomes an empty attribute.
export function el(tag, properties = {}, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(properties)) {
		if (name.startsWith('on'))
			element.addEventListener(name.slice(2), value);
		else if (name === 'data')
			Object.assign(element.dataset, value);
		else if (value !== false && value !== null && value !== undefined)
			element.setAttribute(name, value === true ? '' : value);
	}
	element.append(...children.flat().filter((child) => child !== null && child !== undefined));
	return element;
}

export function replace(parent, ...children) {
	parent.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
}

// Before a button is disabled: where it has the focus, this has it; and back, or to another, when that is over. Who goes
// elsewhere meanwhile stays there.
export function handFocus(from, to) {
	if (document.activeElement !== from)
		return;
	if (to.tabIndex < 0)
		to.tabIndex = -1;
	to.focus({preventScroll: true});
}

// Texts are set ten times a second; only those that changed touch the document.
export function setText(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
}
