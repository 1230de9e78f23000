/** The visitor's own Markdown, so that a preview shows what a visitor sees. */

import { el } from './dom.js';

let fromWidget = null;
try {
  fromWidget = (await import('/widget.js')).renderMarkdown ?? null;
} catch (error) {
  console.warn('Markdown is shown as plain text: /widget.js could not be loaded.', error);
}

/** @param {string} text @returns {DocumentFragment} */
export function renderMarkdown(text) {
  return fromWidget ? fromWidget(text) : plain(text);
}

function plain(text) {
  const fragment = document.createDocumentFragment();
  for (const paragraph of text.split(/\n{2,}/)) {
    if (paragraph.trim()) fragment.append(el('p', { class: 'plain-text' }, paragraph));
  }
  return fragment;
}
