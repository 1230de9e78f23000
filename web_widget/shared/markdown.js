/** The visitor's own Markdown, so that a preview shows what a visitor sees. */

import { el } from './dom.js';

let fromWidget = null;
try {
  fromWidget = (await import('/static/panel/markdown.js')).renderMarkdown;
} catch (error) {
  console.warn('Markdown is shown as plain text: its module could not be loaded.', error);
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
