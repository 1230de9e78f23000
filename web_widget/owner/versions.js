/** Two versions of one entry beside each other: the history, and the conflict when two people saved. */

import { el, fill } from '../shared/dom.js';
import { openDialog } from '../shared/dialog.js';
import { dateAndTime } from '../shared/words.js';
import { EMPTY, FIELDS, asText, differences, textOf, wordDiff } from './entry.js';

const ACTIONS = { saved: 'Saved', published: 'Published', withdrawn: 'Withdrawn', imported: 'Imported' };

/**
 * All versions, newest first, each with what changed from the one before it.
 * @param {Promise<{versions: object[]}>} asked
 * @param {(version: object) => void} onPut "put this text into the form"
 */
export async function showHistory(asked, onPut) {
  const list = el('ol', { class: 'plain-list versions' }, el('li', { class: 'skeleton' }));
  const dialog = openDialog('History', [list], { wide: true });
  dialog.classList.add('drawer');
  try {
    const { versions } = await asked;
    const put = (version) => {
      dialog.close();
      onPut(version);
    };
    fill(
      list,
      versions.map((version, at) => versionItem(version, versions[at + 1] ?? null, put)),
    );
  } catch (problem) {
    fill(list, el('li', { class: 'note bad' }, problem.message));
  }
}

function versionItem(version, before, onPut) {
  const changed = differences(before ? textOf(before) : EMPTY, textOf(version));
  return el(
    'li',
    { class: 'version' },
    el(
      'header',
      { class: 'version-head' },
      el(
        'div',
        {},
        el('strong', {}, ACTIONS[version.action] ?? version.action),
        ` by ${version.by}`,
        el('br'),
        el('time', { class: 'hint', datetime: version.at }, dateAndTime(version.at)),
      ),
      el(
        'button',
        { type: 'button', class: 'button small', onclick: () => onPut(version) },
        'Put this text into the form',
      ),
    ),
    changed.length
      ? el(
          'dl',
          { class: 'changes' },
          changed.map((field) => change(field, before ? asText(before[field]) : '', asText(version[field]))),
        )
      : el('p', { class: 'hint' }, 'The text is the same as before.'),
  );
}

/** One field with what was taken away and what was added. */
export function change(field, before, after) {
  const tag = { same: 'span', gone: 'del', new: 'ins' };
  return el(
    'div',
    {},
    el('dt', {}, FIELDS[field]),
    el(
      'dd',
      { dir: 'auto' },
      wordDiff(before, after).map(({ kind, text }) => el(tag[kind], {}, text)),
    ),
  );
}

/**
 * Two people saved: show theirs against mine and let me choose; neither text is lost.
 * @param {object} theirs the article as the server has it
 * @param {import('./entry.js').Text} mine
 * @param {{onKeepMine: () => void, onTakeTheirs: () => void}} choices
 */
export function conflictPanel(theirs, mine, { onKeepMine, onTakeTheirs }) {
  const fields = differences(textOf(theirs), mine);
  return el(
    'section',
    { class: 'conflict', role: 'group', 'aria-labelledby': 'conflict-title' },
    el(
      'h3',
      { id: 'conflict-title', tabindex: '-1' },
      `${theirs.updated_by} saved another version while you were writing`,
    ),
    el(
      'p',
      {},
      `Saved ${dateAndTime(theirs.updated_at)}. Your text is still in the form. `,
      fields.length ? 'From theirs to yours:' : 'Both texts are the same.',
    ),
    el(
      'dl',
      { class: 'changes' },
      fields.map((field) => change(field, asText(theirs[field]), asText(mine[field]))),
    ),
    el(
      'div',
      { class: 'actions' },
      el('button', { type: 'button', class: 'button primary', onclick: onKeepMine }, 'Keep mine'),
      el('button', { type: 'button', class: 'button', onclick: onTakeTheirs }, 'Take theirs'),
    ),
  );
}
