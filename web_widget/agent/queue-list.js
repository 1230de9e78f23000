/** The left pane: everybody who waits, whom we help, and what was left. */

import { el, fill, setText } from '../shared/dom.js';
import { icon, lamp, levelBars } from '../shared/icons.js';
import { Roving } from '../shared/roving.js';
import {
  clock,
  dateAndTime,
  day,
  heat,
  mailAddress,
  reasonWords,
  since,
  visitorName,
} from '../shared/words.js';

const SECTIONS = [
  { key: 'waiting', title: 'Waiting' },
  { key: 'mine', title: 'Mine' },
  { key: 'others', title: 'With others' },
  { key: 'with_bot', title: 'With the bot', closed: true },
];

export class QueueList {
  #hooks;
  #sections = new Map();
  #rows = new Map();
  #left;
  #roving;
  #summary = el('p', { class: 'quiet-text small-text' }, '');

  /** @param {{onOpen: (id: string) => void, onDone: (leftId: string) => void, onShortcuts: () => void}} hooks */
  constructor(hooks) {
    this.#hooks = hooks;
    const list = el('div', { class: 'pane-scroll queue', tabindex: '-1' });
    for (const section of SECTIONS) this.#sections.set(section.key, makeSection(section));
    this.#left = makeSection({ key: 'left', title: 'Left messages' });
    list.append(...[...this.#sections.values(), this.#left].map(({ box }) => box));
    this.element = el(
      'section',
      { class: 'pane', 'aria-label': 'Chats' },
      el(
        'header',
        { class: 'pane-head' },
        el('h1', {}, 'Chats'),
        this.#summary,
        el(
          'button',
          {
            type: 'button',
            class: 'icon-button',
            'aria-label': 'Keyboard shortcuts',
            title: 'Keyboard shortcuts (?)',
            onclick: hooks.onShortcuts,
          },
          icon('keyboard'),
        ),
      ),
      list,
    );
    this.#roving = new Roving(list, '.row');
    this.#showLoading();
  }

  /**
   * Show the desk as the server describes it.
   * @param {object} queue the `queue` frame
   * @param {{openId: string|null, myId: string, isUnread: (item) => boolean}} view
   */
  show(queue, view) {
    const focused = document.activeElement?.closest?.('.row');
    const seen = new Set();
    for (const { key } of SECTIONS) this.#fillSection(this.#sections.get(key), queue[key], view, seen);
    this.#fillLeft(queue.left, seen);
    for (const id of [...this.#rows.keys()]) if (!seen.has(id)) this.#rows.delete(id);
    const here = queue.agents.filter((agent) => agent.status === 'online').length;
    setText(this.#summary, `${here} online`);
    this.#roving.settle();
    if (focused && document.activeElement !== focused)
      (focused.isConnected ? focused : this.#roving.current())?.focus({ preventScroll: true });
  }

  /** Mark the open chat. */
  markOpen(openId) {
    for (const row of this.#rows.values()) row.setOpen(row.id === openId);
  }

  /** Write the waits anew. */
  tick() {
    for (const row of this.#rows.values()) row.tick?.();
  }

  move(step) {
    this.#roving.move(step);
  }

  focus(id = null) {
    const row = id && this.#rows.get(id)?.button;
    if (row?.checkVisibility()) row.focus();
    else this.#roving.move(0);
  }

  /** The chat whose row has the focus. */
  get focusedId() {
    return document.activeElement?.closest?.('.row')?.dataset.id ?? null;
  }

  #showLoading() {
    const { list } = this.#sections.get('waiting');
    this.#sections.get('waiting').box.hidden = false;
    fill(
      list,
      [1, 2, 3].map(() => el('li', { class: 'skeleton', 'aria-hidden': 'true' })),
    );
  }

  #fillSection(section, items, view, seen) {
    setText(section.count, items.length ? String(items.length) : '');
    section.box.hidden = !items.length && section.key !== 'waiting';
    const rows = items.map((item) => {
      seen.add(item.conversation_id);
      const row = this.#rowFor(
        item.conversation_id,
        () => new QueueRow(item.conversation_id, this.#hooks.onOpen),
      );
      row.show(item, view);
      return row.element;
    });
    setChildren(
      section.list,
      rows.length || section.key !== 'waiting' ? rows : [(section.nothing ??= nobodyWaits())],
    );
  }

  #fillLeft(messages, seen) {
    setText(this.#left.count, String(messages.length));
    this.#left.box.hidden = !messages.length;
    setChildren(
      this.#left.list,
      messages.map((message) => {
        const id = `left:${message.id}`;
        seen.add(id);
        return this.#rowFor(id, () => new LeftRow(message, this.#hooks)).element;
      }),
    );
  }

  #rowFor(id, make) {
    if (!this.#rows.has(id)) this.#rows.set(id, make());
    return this.#rows.get(id);
  }
}

/** One chat. It is updated in place, so that 200 rows cost nothing while nobody changes. */
class QueueRow {
  #title = el('span', { class: 'row-title', dir: 'auto' });
  #wait = el('time', { class: 'row-wait' });
  #facts = el('span', { class: 'row-facts' });
  #shown = '';
  #since = null;

  constructor(id, onOpen) {
    this.id = id;
    this.button = el(
      'button',
      { type: 'button', class: 'row', tabindex: '-1', 'data-id': id, onclick: () => onOpen(id) },
      el('span', { class: 'row-top' }, el('span', { class: 'row-who' }, visitorName(id)), this.#wait),
      this.#title,
      this.#facts,
    );
    this.element = el('li', {}, this.button);
  }

  show(item, { openId, myId, isUnread }) {
    this.setOpen(item.conversation_id === openId);
    const unread = isUnread(item);
    const isMine = item.agent_id === myId;
    const state = JSON.stringify([item, unread]);
    if (state === this.#shown) return;
    this.#shown = state;
    this.#since = item.state === 'waiting' ? item.waiting_since : null;
    this.button.classList.toggle('is-unread', unread);
    setText(this.#title, titleOf(item, isMine));
    fill(this.#facts, factsOf(item, unread, isMine));
    this.#wait.dateTime = this.#since ?? item.last_at;
    this.tick(item.last_at);
  }

  tick(lastAt) {
    if (this.#since) {
      setText(this.#wait, since(this.#since));
      this.#wait.classList.toggle('is-long', Date.now() - Date.parse(this.#since) > 300_000);
      this.#wait.title = `Waiting since ${clock(this.#since)}`;
    } else if (lastAt) {
      setText(this.#wait, day(lastAt) === 'Today' ? clock(lastAt) : day(lastAt));
      this.#wait.classList.remove('is-long');
    }
  }

  setOpen(isOpen) {
    if (isOpen) this.button.setAttribute('aria-current', 'true');
    else this.button.removeAttribute('aria-current');
  }
}

/** An address and a message that somebody left while nobody was here. */
class LeftRow {
  constructor(message, { onOpen, onDone }) {
    this.id = `left:${message.id}`;
    this.element = el(
      'li',
      { class: 'left' },
      el(
        'button',
        {
          type: 'button',
          class: 'row',
          tabindex: '-1',
          'data-id': message.conversation_id,
          onclick: () => onOpen(message.conversation_id),
        },
        el(
          'span',
          { class: 'row-top' },
          el('span', { class: 'row-who' }, visitorName(message.conversation_id)),
          el('time', { class: 'row-wait', datetime: message.at }, dateAndTime(message.at)),
        ),
        el('span', { class: 'row-title' }, message.text),
      ),
      el(
        'div',
        { class: 'left-actions' },
        el('a', { href: mailto(message), class: 'left-mail' }, icon('mail'), message.email),
        el(
          'button',
          {
            type: 'button',
            class: 'button quiet small',
            'aria-label': `Done with the message of ${message.email}`,
            onclick: () => onDone(message.id),
          },
          icon('check'),
          'Done',
        ),
      ),
    );
  }

  setOpen() {}
}

function makeSection({ key, title, closed }) {
  const number = el('span', { class: 'count' });
  const list = el('ul', { class: 'plain-list rows' });
  const box = el(
    'details',
    { class: `queue-section queue-${key}`, open: !closed, hidden: true },
    el('summary', {}, el('h2', {}, title), number, icon('chevron')),
    list,
  );
  return { key, box, list, count: number, nothing: null };
}

function nobodyWaits() {
  return el(
    'li',
    { class: 'empty' },
    lamp(),
    el('h3', {}, 'Nobody is waiting'),
    el('p', {}, 'The bot is answering. Whoever needs a person appears here at once.'),
  );
}

function titleOf(item, isMine) {
  const wants = item.state === 'waiting' && item.summary?.wants;
  if (wants) return wants;
  if (!item.last_text) return 'No words yet';
  if (item.last_from === 'visitor') return item.last_text;
  const from = item.last_from === 'agent' && isMine ? 'You' : (FROM[item.last_from] ?? item.last_from);
  return `${from}: ${item.last_text}`;
}

const FROM = { bot: 'Bot', agent: 'Agent', system: 'Note' };

function factsOf(item, unread, isMine) {
  const temper = heat(item.frustration);
  return [
    unread && el('span', { class: 'badge accent' }, 'New'),
    item.reason &&
      el(
        'span',
        { class: `badge ${URGENT.has(item.reason) ? 'danger' : 'accent'}` },
        reasonWords(item.reason),
      ),
    temper &&
      temper.level > 1 &&
      el('span', { class: `temper temper-${temper.level}` }, levelBars(temper.level), temper.word),
    item.state === 'claimed' &&
      !isMine &&
      el('span', { class: 'row-holder' }, icon('person'), item.agent_name),
  ];
}

const URGENT = new Set(['vulnerable', 'abusive', 'bot_failure']);

function mailto({ email, text }) {
  const quoted = text
    .split('\n')
    .map((line) => `> ${line}`)
    .join('\n');
  return `mailto:${mailAddress(email)}?subject=${encodeURIComponent('Your message to us')}&body=${encodeURIComponent(`\n\n${quoted}`)}`;
}

/** Put the children in order, touching nothing when they are already so (moving a row would drop its focus). */
function setChildren(parent, nodes) {
  const same =
    parent.children.length === nodes.length && nodes.every((node, at) => parent.children[at] === node);
  if (!same) parent.replaceChildren(...nodes);
}
