/** The left pane: everybody who waits, whom we help, and what was left. */

import { el, fill, setText } from '../shared/dom.js';
import { icon, lamp, levelBars } from '../shared/icons.js';
import { Roving } from '../shared/roving.js';
import { Finder } from './finder.js';
import {
  SUGGESTED,
  clock,
  count,
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
const FILTERS = [
  { key: 'all', title: 'All' },
  { key: 'waiting', title: 'Waiting' },
  { key: 'mine', title: 'Mine' },
  { key: 'closed', title: 'Closed' },
];

export class QueueList {
  #hooks;
  #sections = new Map();
  #rows = new Map();
  #left;
  #roving;
  #summary = el('p', { class: 'quiet-text small-text' }, '');
  #filter = 'all';
  #filters = new Map();
  #finder;
  #scroller;
  #live = el('div', { class: 'live' });
  #closedCount = null;
  #search = el('input', {
    class: 'input',
    type: 'search',
    'aria-label': 'Search all conversations',
    placeholder: 'Search all conversations',
    autocomplete: 'off',
    dir: 'auto',
    oninput: () => this.#onSearch(),
    onkeydown: (event) => this.#onSearchKey(event),
  });
  #suggestion = el('div', { class: 'suggestion', role: 'status' });
  #suggested = '';

  /**
   * @param {import('../shared/session.js').Session} session
   * @param {{onOpen: (id: string) => void, onDone: (leftId: string) => void, onShortcuts: () => void,
   *          onTake: (id: string) => void, onRules: () => void}} hooks
   */
  constructor(session, hooks) {
    this.#hooks = hooks;
    this.#finder = new Finder(session, hooks.onOpen);
    const list = el('div', { class: 'pane-scroll queue', tabindex: '-1' });
    this.#scroller = list;
    for (const section of SECTIONS) this.#sections.set(section.key, makeSection(section));
    this.#left = makeSection({ key: 'left', title: 'Left messages' });
    this.#live.append(...[...this.#sections.values(), this.#left].map(({ box }) => box));
    list.append(this.#live, this.#finder.element);
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
            'aria-label': 'The order of the queue',
            title: 'The order of the queue',
            onclick: hooks.onRules,
          },
          icon('info'),
        ),
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
      el(
        'div',
        { class: 'queue-tools' },
        el('div', { class: 'with-icon' }, icon('search'), this.#search),
        this.#filterBar(),
      ),
      this.#suggestion,
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
    this.#myId = view.myId;
    for (const { key } of SECTIONS) this.#fillSection(this.#sections.get(key), queue[key], view, seen);
    this.#fillLeft(queue.left, seen);
    this.#showCounts(queue);
    this.#showSuggestion(queue);
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

  /** Show all live chats, those that wait, mine, or the closed ones. */
  filterBy(key) {
    this.#search.value = '';
    this.#filter = key;
    this.#apply();
    if (key === 'closed') this.#finder.showClosed();
  }

  focusSearch() {
    this.#search.focus();
    this.#search.select();
  }

  #filterBar() {
    return el(
      'div',
      { class: 'filters', role: 'group', 'aria-label': 'Which chats' },
      FILTERS.map(({ key, title }) => {
        const number = el('span', { class: 'count' });
        const button = el(
          'button',
          {
            type: 'button',
            class: 'filter',
            'aria-pressed': String(key === this.#filter),
            onclick: () => this.filterBy(key),
          },
          title,
          number,
        );
        this.#filters.set(key, { button, number });
        return button;
      }),
    );
  }

  #apply() {
    const query = this.#search.value.trim();
    const isFound = query !== '' || this.#filter === 'closed';
    this.#finder.element.hidden = !isFound;
    this.#live.hidden = isFound;
    this.#suggestion.hidden = isFound || !this.#suggestion.hasChildNodes();
    this.#live.dataset.filter = this.#filter;
    for (const [key, { button }] of this.#filters)
      button.setAttribute('aria-pressed', String(query === '' && key === this.#filter));
    this.#roving.settle();
  }

  #onSearch() {
    const query = this.#search.value.trim();
    this.#apply();
    if (query) this.#finder.search(query);
    else if (this.#filter === 'closed') this.#finder.showClosed();
  }

  #onSearchKey(event) {
    if (event.key === 'ArrowDown') {
      event.preventDefault();
      this.#roving.move(0);
    } else if (event.key === 'Escape' && this.#search.value) {
      event.preventDefault();
      event.stopPropagation();
      this.#search.value = '';
      this.#onSearch();
    }
  }

  #showCounts({ waiting, mine, others, closed }) {
    const all = waiting.length + mine.length + others.length;
    const counts = { all, waiting: waiting.length, mine: mine.length, closed };
    for (const [key, { number }] of this.#filters) setText(number, counts[key] ? String(counts[key]) : '');
    this.#filters.get('closed').button.title = `${count(closed, 'chat', 'chats')} closed in the last 24 hours`;
    const changed = this.#closedCount !== null && this.#closedCount !== closed;
    this.#closedCount = closed;
    if (changed && this.#filter === 'closed' && !this.#search.value.trim()) this.#finder.showClosed();
  }

  /** What the rules of fair sharing suggest to me, where I take chats now. */
  #showSuggestion({ suggested, agents }, myId = this.#myId) {
    const online = agents.some(({ id, status }) => id === myId && status === 'online');
    const { conversation_id, why } = suggested;
    const state = JSON.stringify([online, suggested]);
    if (state === this.#suggested) return;
    this.#suggested = state;
    fill(
      this.#suggestion,
      online &&
        conversation_id &&
        el(
          'button',
          {
            type: 'button',
            class: 'button block',
            title: `${SUGGESTED[why]} (n)`,
            onclick: () => this.#hooks.onTake(conversation_id),
          },
          `Take the next: ${visitorName(conversation_id)}`,
        ),
      online && why === 'rest' && el('p', { class: 'note accent' }, SUGGESTED.rest),
    );
    this.#apply();
  }

  #myId = '';

  /** Write the waits anew. */
  tick() {
    for (const row of this.#rows.values()) row.tick?.();
  }

  move(step) {
    this.#roving.move(step);
  }

  /** An erased chat: nothing of it stays among what was closed or found. */
  forget(id) {
    this.#finder.forget(id);
  }

  focus(id = null) {
    const row = id && this.#rows.get(id)?.button;
    if (row?.checkVisibility()) row.focus();
    else if (this.#roving.rows().length) this.#roving.move(0);
    else this.#scroller.focus(); // or the keys would still go to the field that Escape was pressed in
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
    fill(this.#facts, factsOf(item, unread, isMine, item.offered?.to_id === myId));
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
  if (item.veiled && item.last_from === 'visitor') return 'Hidden: abusive words. Open it to read.';
  const wants = item.state === 'waiting' && !item.veiled && item.summary?.wants;
  if (wants) return wants;
  if (!item.last_text) return 'No words yet';
  if (item.last_from === 'visitor') return item.last_text;
  const from = item.last_from === 'agent' && isMine ? 'You' : (FROM[item.last_from] ?? item.last_from);
  return `${from}: ${item.last_text}`;
}

const FROM = { bot: 'Bot', agent: 'Agent', system: 'Note' };

function factsOf(item, unread, isMine, isForMe) {
  const temper = heat(item.frustration);
  return [
    unread && el('span', { class: 'badge accent' }, 'New'),
    item.offered &&
      el('span', { class: 'badge accent' }, isForMe ? 'Offered to you' : `Offered to ${item.offered.to_name}`),
    isDanger(item) && el('span', { class: 'badge danger' }, icon('warn'), 'Urgent'),
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

function isDanger(item) {
  return item.state === 'waiting' && item.head_starts.some(({ why }) => why === 'danger');
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
