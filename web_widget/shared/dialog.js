/** Modal dialogs on the platform's own <dialog>: focus is held inside and given back by the browser. */

import { el } from './dom.js';
import { icon } from './icons.js';

/**
 * Show a dialog until it is closed.
 * @param {string} title
 * @param {(Node|string)[]} content
 * @param {{wide?: boolean, onClose?: () => void}} [options]
 * @returns {HTMLDialogElement}
 */
export function openDialog(title, content, { wide = false, onClose = () => {} } = {}) {
  const dialog = el(
    'dialog',
    { class: wide ? 'dialog wide' : 'dialog', 'aria-labelledby': 'dialog-title' },
    el(
      'header',
      { class: 'dialog-head' },
      el('h2', { id: 'dialog-title' }, title),
      el(
        'button',
        { type: 'button', class: 'icon-button', 'aria-label': 'Close', onclick: () => dialog.close() },
        icon('close'),
      ),
    ),
    el('div', { class: 'dialog-body' }, content),
  );
  dialog.addEventListener('close', () => {
    dialog.remove();
    onClose();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Ask a yes/no question. Escape and Close mean no.
 * @param {{title: string, text: string, yes: string, no?: string, dangerous?: boolean}} question
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, yes, no = 'Cancel', dangerous = false }) {
  return new Promise((resolve) => {
    let answer = false;
    const decide = (value) => {
      answer = value;
      dialog.close();
    };
    const dialog = openDialog(
      title,
      [
        el('p', {}, text),
        el(
          'div',
          { class: 'actions end' },
          el('button', { type: 'button', class: 'button', onclick: () => decide(false) }, no),
          el(
            'button',
            {
              type: 'button',
              class: dangerous ? 'button danger' : 'button primary',
              onclick: () => decide(true),
            },
            yes,
          ),
        ),
      ],
      { onClose: () => resolve(answer) },
    );
  });
}
