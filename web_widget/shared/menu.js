/** A small drop-down of links and buttons on <details>: closes on choice, Escape and a click elsewhere. */

import { el } from './dom.js';
import { icon } from './icons.js';

/**
 * @param {(Node|string)[]} label what the closed menu shows
 * @param {Node[]} items links, buttons, or anything to read
 */
export function menu(label, items, { className = 'button' } = {}) {
  const summary = el('summary', { class: className }, label, icon('chevron'));
  const box = el('details', { class: 'menu' }, summary, el('div', { class: 'menu-items' }, items));
  box.addEventListener('click', (event) => {
    if (event.target.closest('.menu-items a, .menu-items button')) box.open = false;
  });
  box.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !box.open) return;
    event.stopPropagation();
    box.open = false;
    summary.focus();
  });
  document.addEventListener('pointerdown', (event) => {
    if (!box.contains(event.target)) box.open = false;
  });
  return box;
}
