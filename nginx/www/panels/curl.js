// A command line to copy.

import {el, setText} from '../dom.js';

export function curlBox(text = '') {
	const code = el('code', {}, text);
	const label = 'Copy';
	const button = el('button', {type: 'button', 'aria-label': 'Copy the command line', onclick: copy}, label);

	async function copy() {
		try {
			await navigator.clipboard.writeText(code.textContent);
			setText(button, 'Copied');
		} catch { // not allowed: select it, so that the next key copies
			getSelection().selectAllChildren(code);
			setText(button, 'Selected');
		}
		setTimeout(() => setText(button, label), 1500);
	}
	return {
		element: el('div', {class: 'curl'}, el('pre', {tabindex: '0', role: 'group', 'aria-label': 'Command line'}, code), button),
		show: (line) => setText(code, line),
	};
}
