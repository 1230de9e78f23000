/** The import dialog: a file, how to take it, and what came of it. */

import { el, fill } from '../shared/dom.js';
import { openDialog } from '../shared/dialog.js';
import { busy } from '../shared/signin.js';
import { count } from '../shared/words.js';

const FORMATS = '.jsonl,.csv,.json,.html,.htm,.md';

/**
 * @param {import('../shared/session.js').Session} session
 * @param {() => void} onImported
 */
export function openImport(session, onImported) {
  const file = el('input', {
    id: 'import-file',
    class: 'input',
    type: 'file',
    accept: FORMATS,
    required: true,
    'aria-describedby': 'import-hint',
  });
  const replace = el('input', { type: 'radio', name: 'mode', value: 'replace' });
  const add = el('input', { type: 'radio', name: 'mode', value: 'add', checked: true });
  const outcome = el('div', { 'aria-live': 'polite' });
  const button = el('button', { type: 'submit', class: 'button primary' }, 'Import');

  const submit = async (event) => {
    event.preventDefault();
    const [chosen] = file.files;
    if (!chosen) return;
    busy(button, true, 'Importing…');
    fill(outcome);
    try {
      const path = `/articles/import?name=${encodeURIComponent(chosen.name)}&replace=${replace.checked}`;
      fill(
        outcome,
        el('p', { class: 'note good' }, resultWords(await session.request('POST', path, { body: chosen }))),
      );
      onImported();
    } catch (problem) {
      fill(
        outcome,
        el('p', { class: 'note bad' }, el('strong', {}, 'Nothing was imported. '), problem.message),
      );
    } finally {
      busy(button, false, 'Import');
    }
  };

  openDialog('Import entries', [
    el(
      'form',
      { class: 'stack', onsubmit: submit },
      el(
        'div',
        { class: 'field' },
        el('label', { for: 'import-file' }, 'File'),
        file,
        el(
          'p',
          { class: 'hint', id: 'import-hint' },
          'JSON Lines, CSV, schema.org FAQ page (.json or .html) or Markdown with a heading a question. It is taken whole or not at all, and published at once.',
        ),
      ),
      el(
        'fieldset',
        { class: 'choices' },
        el('legend', { class: 'field-label' }, 'Entries that are here already'),
        el('label', { class: 'check' }, add, 'Keep them; change those with the same short name'),
        el('label', { class: 'check' }, replace, 'Replace all: withdraw those that the file does not have'),
      ),
      outcome,
      el('div', { class: 'actions end' }, button),
    ),
  ]);
}

function resultWords({ added, changed, unchanged, withdrawn }) {
  return `Done: ${count(added, 'entry', 'entries')} added, ${changed} changed, ${unchanged} unchanged, ${withdrawn} withdrawn. The bot answers from them now.`;
}
