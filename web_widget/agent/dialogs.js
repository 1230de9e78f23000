/** What the desk asks before it acts: how it ended, who should take it, what was agreed, and the owner's rules. */

import { openDialog } from '../shared/dialog.js';
import { el, fill, setText } from '../shared/dom.js';
import { icon } from '../shared/icons.js';
import { OUTCOMES, STATUSES, count } from '../shared/words.js';

/**
 * How did it end? Enter takes the first; each has a digit.
 * @returns {Promise<string|null>} the outcome, or null when the agent thought better of it
 */
export function askOutcome() {
  return new Promise((resolve) => {
    let chosen = null;
    const choose = (outcome) => {
      chosen = outcome;
      dialog.close();
    };
    const choices = Object.entries(OUTCOMES);
    const dialog = openDialog(
      'Close this chat',
      [
        el('p', { class: 'quiet-text' }, 'How did it end? The visitor does not see this.'),
        el(
          'div',
          { class: 'choices' },
          choices.map(([outcome, { label, hint }], at) =>
            el(
              'button',
              { type: 'button', class: 'choice', onclick: () => choose(outcome) },
              el('kbd', { 'aria-hidden': 'true' }, String(at + 1)),
              el('span', {}, el('strong', {}, label), el('span', { class: 'hint' }, hint)),
            ),
          ),
        ),
      ],
      { onClose: () => resolve(chosen) },
    );
    dialog.addEventListener('keydown', (event) => {
      const choice = choices[Number(event.key) - 1];
      if (choice) choose(choice[0]);
    });
    dialog.querySelector('.choice').focus();
  });
}

/**
 * Who should take it over, and what should they know?
 * @param {{id: string, name: string, status: string, holds: number}[]} colleagues
 * @returns {Promise<{to: string, note: string}|null>}
 */
export function askTransfer(colleagues) {
  if (!colleagues.length) {
    openDialog('Pass this chat on', [
      el(
        'p',
        {},
        'No colleague has the desk open right now. You can release the chat into the queue: the visitor keeps the place.',
      ),
    ]);
    return Promise.resolve(null);
  }
  const who = el(
    'select',
    { class: 'input', id: 'transfer-to' },
    colleagues.map(({ id, name, status, holds }) =>
      el(
        'option',
        { value: id },
        `${name} (${STATUSES[status].label.toLowerCase()}, ${count(holds, 'chat', 'chats')})`,
      ),
    ),
  );
  const note = el('textarea', {
    class: 'input',
    id: 'transfer-note',
    rows: 3,
    maxlength: 1000,
    required: true,
    dir: 'auto',
  });
  return askForm(
    'Pass this chat on',
    [
      field('To', who),
      field('What should they know?', note, 'Only your team sees this.'),
      el('p', { class: 'hint' }, 'The chat stays with you until it is accepted.'),
    ],
    'Offer it',
    () => ({ to: who.value, note: note.value.trim() }),
    who,
  );
}

/** What was agreed? An empty answer is fine. @returns {Promise<{agreed: string}|null>} */
export function askAgreed() {
  const agreed = el('textarea', {
    class: 'input',
    id: 'agreed',
    rows: 3,
    maxlength: 4000,
    dir: 'auto',
    placeholder: 'For example: A new jar leaves today; you need not send the old one back.',
  });
  return askForm(
    'Return it to the bot',
    [field('What was agreed? (optional)', agreed, 'The visitor gets it as your last message.')],
    'Return to bot',
    () => ({ agreed: agreed.value.trim() }),
    agreed,
  );
}

const RULES = [
  ['danger', 'In danger or distress', 'counts as waiting longer by', 'min', 60, 1440],
  ['frustration', 'Very frustrated', 'longer by', 'min; less in proportion', 0, 30],
  ['sensitive', 'A sensitive matter', 'longer by', 'min', 0, 15],
  ['put_back', 'Was helped and put back', 'longer by', 'min', 0, 10],
  ['heated_in_a_row', 'Heated chats to one person', 'at most', 'in a row', 1, 10],
];

/** The order of the queue: everybody may read it, owners may set it. */
export async function showRules(session, isOwner) {
  const notice = el('div', { role: 'alert' });
  const rules = await session.request('GET', '/desk/rules');
  const inputs = RULES.map(([name, title, before, after, min, max]) => {
    const input = el('input', {
      class: 'input number',
      type: 'number',
      id: `rule-${name}`,
      min,
      max,
      step: 1,
      required: true,
      value: String(rules[name]),
      readonly: !isOwner,
      'aria-describedby': `rule-${name}-hint`,
    });
    const row = el(
      'div',
      { class: 'rule' },
      el('label', { for: input.id }, title),
      el('span', { class: 'hint' }, before),
      input,
      el('span', { class: 'hint', id: `rule-${name}-hint` }, isOwner ? `${after} (${min} to ${max})` : after),
    );
    return { name, input, row };
  });
  const save = async () => {
    const body = Object.fromEntries(inputs.map(({ name, input }) => [name, Number(input.value)]));
    try {
      await session.request('PUT', '/desk/rules', { json: body });
      dialog.close();
    } catch (problem) {
      fill(notice, el('p', { class: 'note bad' }, problem.message));
    }
  };
  const dialog = openDialog(
    'The order of the queue',
    el(
      'form',
      { class: 'stack', onsubmit: (event) => (event.preventDefault(), save()) },
      el(
        'p',
        {},
        'Whoever has waited longest is first. Some count as if they had waited longer. All of these are bounded, so everybody is first at last.',
      ),
      el('div', { class: 'rules' }, inputs.map(({ row }) => row)),
      notice,
      isOwner
        ? el('div', { class: 'actions end' }, el('button', { class: 'button primary' }, 'Save'))
        : el('p', { class: 'hint' }, 'An owner can change these.'),
    ),
    { wide: true },
  );
}

/** The team's canned replies: all of them, with a form for one. */
export async function manageReplies(session, onChange) {
  const list = el('ul', { class: 'plain-list canned-list' });
  const notice = el('div', { role: 'alert' });
  const name = el('input', {
    class: 'input',
    id: 'canned-name',
    maxlength: 40,
    required: true,
    pattern: '[a-z0-9][a-z0-9_\\-]*',
    placeholder: 'late-parcel',
    autocapitalize: 'off',
    spellcheck: 'false',
  });
  const text = el('textarea', {
    class: 'input',
    id: 'canned-text',
    rows: 4,
    maxlength: 4000,
    required: true,
    dir: 'auto',
  });
  const save = el('button', { class: 'button primary' }, 'Add');
  let editing = null;
  const edit = (reply) => {
    editing = reply;
    name.value = reply?.name ?? '';
    text.value = reply?.text ?? '';
    setText(save, reply ? 'Save' : 'Add');
    name.focus();
  };
  const attempt = async (work) => {
    try {
      await work();
      fill(notice);
      await load();
      onChange();
    } catch (problem) {
      fill(notice, el('p', { class: 'note bad' }, problem.message));
    }
  };
  const load = async () => {
    const { replies, places } = await session.request('GET', '/canned-replies');
    setText(hint, `Places that fill themselves in: ${places.map((place) => `{${place}}`).join(' ')}`);
    fill(
      list,
      replies.length
        ? replies.map((reply) => row(reply))
        : el('li', { class: 'quiet-text small-text' }, 'None yet. Write down what you say every day.'),
    );
  };
  const row = (reply) =>
    el(
      'li',
      { class: 'canned-row' },
      el(
        'span',
        { class: 'canned-words' },
        el('strong', {}, `/${reply.name}`),
        el('span', { class: 'hint', dir: 'auto' }, reply.text),
      ),
      el(
        'button',
        {
          type: 'button',
          class: 'button quiet small',
          'aria-label': `Edit ${reply.name}`,
          onclick: () => edit(reply),
        },
        'Edit',
      ),
      el(
        'button',
        {
          type: 'button',
          class: 'icon-button small',
          'aria-label': `Remove ${reply.name}`,
          onclick: () => attempt(() => session.request('DELETE', `/canned-replies/${reply.id}`)),
        },
        icon('trash'),
      ),
    );
  const hint = el('p', { class: 'hint' });
  const keep = () =>
    attempt(async () => {
      const body = { name: name.value.trim(), text: text.value };
      if (editing) await session.request('PUT', `/canned-replies/${editing.id}`, { json: body });
      else await session.request('POST', '/canned-replies', { json: body });
      edit(null);
    });
  openDialog(
    'Canned replies',
    [
      list,
      el(
        'form',
        { class: 'stack', onsubmit: (event) => (event.preventDefault(), keep()) },
        field('Name', name, 'Small letters, digits, - and _. You type it after a slash.'),
        field('Text', text),
        hint,
        notice,
        el('div', { class: 'actions end' }, save),
      ),
    ],
    { wide: true },
  );
  await attempt(load);
}

function askForm(title, content, yes, value, first) {
  return new Promise((resolve) => {
    let answer = null;
    const submit = (event) => {
      event.preventDefault();
      answer = value();
      dialog.close();
    };
    const form = el(
      'form',
      { class: 'stack', onsubmit: submit },
      content,
      el('div', { class: 'actions end' }, el('button', { class: 'button primary' }, yes)),
    );
    form.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    const dialog = openDialog(title, form, { onClose: () => resolve(answer) });
    first.focus();
  });
}

function field(label, input, hint) {
  return el(
    'div',
    { class: 'field' },
    el('label', { for: input.id }, label),
    input,
    hint && el('p', { class: 'hint' }, hint),
  );
}
