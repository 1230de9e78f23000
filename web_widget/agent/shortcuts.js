/** Single keys at the desk. They can be switched off (WCAG 2.1.4) and never fire while somebody types. */

import { el } from '../shared/dom.js';
import { openDialog } from '../shared/dialog.js';

const SWITCH = 'warmline.desk.shortcuts';

const SHEET = [
  [['j', '↓'], 'Next chat'],
  [['k', '↑'], 'Previous chat'],
  [['Enter'], 'Open the chat'],
  [['n'], 'Take the chat suggested to you'],
  [['c'], 'Claim it (or step in for the bot) and reply'],
  [['a'], 'Accept a chat offered to you'],
  [['x'], 'Decline an offer, or take yours back'],
  [['r'], 'Release it into the queue'],
  [['t'], 'Pass it on to a colleague'],
  [['b'], 'Return it to the bot'],
  [['e'], 'Close it'],
  [['u'], 'Reopen it (within a day)'],
  [['o'], 'Take it over from an agent (owners)'],
  [['m'], 'Write a note for the team'],
  [['/'], 'Search all conversations; in an empty reply: canned replies'],
  [['1', '–', '4'], 'All, Waiting, Mine, Closed'],
  [['s'], 'Your status'],
  [['Esc'], 'Back to the list'],
  [['?'], 'This sheet'],
];

export function shortcutsAreOn() {
  return localStorage.getItem(SWITCH) !== 'off';
}

/**
 * Call `actions[key]` when a key is pressed outside of fields, menus and dialogs. Escape works in the composer too.
 * @param {Record<string, () => void>} actions
 */
export function listen(actions) {
  document.addEventListener('keydown', (event) => {
    if (
      event.defaultPrevented ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      document.querySelector('dialog[open]')
    )
      return;
    const action = actions[event.key];
    if (!action || (event.key !== 'Escape' && (isTyping(event.target) || !shortcutsAreOn()))) return;
    event.preventDefault();
    action();
  });
}

function isTyping(target) {
  return target.closest?.('input, textarea, select, [contenteditable]') !== null;
}

export function showSheet() {
  const toggle = el('input', {
    type: 'checkbox',
    checked: shortcutsAreOn(),
    onchange: () => localStorage.setItem(SWITCH, toggle.checked ? 'on' : 'off'),
  });
  openDialog('Keyboard shortcuts', [
    el(
      'dl',
      { class: 'shortcut-sheet' },
      SHEET.map(([keys, what]) =>
        el(
          'div',
          {},
          el(
            'dt',
            {},
            keys.map((key) => el('kbd', {}, key)),
          ),
          el('dd', {}, what),
        ),
      ),
    ),
    el('label', { class: 'check' }, toggle, 'Use these single-key shortcuts'),
  ]);
}
