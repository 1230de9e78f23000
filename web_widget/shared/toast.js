/** Short notices in the corner, and words for screen readers only. */

import { el, setText } from './dom.js';
import { icon } from './icons.js';

const SHOWN_MS = 6000;

const notices = el('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' });
const spoken = el('div', { class: 'visually-hidden', role: 'status', 'aria-live': 'polite' });
document.body.append(notices, spoken);

/**
 * @param {string} text
 * @param {{kind?: 'good'|'bad', action?: {label: string, run: () => void}}} [options] bad ones and those with
 *   something to do stay until they are dismissed
 */
export function toast(text, { kind = 'good', action = null } = {}) {
  const notice = el(
    'div',
    { class: `toast toast-${kind}` },
    icon(kind === 'good' ? 'check' : 'warn'),
    el('span', { class: 'toast-text' }, text),
    action &&
      el(
        'button',
        { type: 'button', class: 'button small', onclick: () => (notice.remove(), action.run()) },
        action.label,
      ),
    el(
      'button',
      { type: 'button', class: 'icon-button small', 'aria-label': 'Dismiss', onclick: () => notice.remove() },
      icon('close'),
    ),
  );
  notices.append(notice);
  if (kind === 'good' && !action) setTimeout(() => notice.remove(), SHOWN_MS);
}

/** Say something to screen readers, once, showing nothing. */
export function announce(text) {
  setText(spoken, '');
  requestAnimationFrame(() => setText(spoken, text));
}
