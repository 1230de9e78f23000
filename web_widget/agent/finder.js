/** Chats that are in no live list: the closed ones, and what a search over all conversations finds. */

import { el, fill } from '../shared/dom.js';
import { icon } from '../shared/icons.js';
import { OUTCOMES, dateAndTime, visitorName } from '../shared/words.js';

const WAIT_MS = 250;

export class Finder {
  #session;
  #onOpen;
  #timer = 0;
  #turn = 0;
  #list = el('ul', { class: 'plain-list rows' });
  #note = el('p', { class: 'finder-note quiet-text small-text', role: 'status' });
  #more = el('button', { type: 'button', class: 'button quiet block', hidden: true }, 'Show older ones');
  #mine = el(
    'label',
    { class: 'check small-text finder-mine' },
    el('input', { type: 'checkbox', onchange: () => this.showClosed() }),
    'Only those that I closed',
  );

  constructor(session, onOpen) {
    this.#session = session;
    this.#onOpen = onOpen;
    this.element = el('div', { class: 'finder', hidden: true }, this.#mine, this.#note, this.#list, this.#more);
    this.#more.addEventListener('click', () => this.#nextPage());
  }

  #before = null;

  async showClosed() {
    this.#mine.hidden = false;
    this.#before = null;
    await this.#ask(`/conversations?state=closed&mine=${this.#mine.firstChild.checked}`, (page) => {
      this.#say(page.items.length ? '' : 'Nothing was closed yet.');
      fill(this.#list, page.items.map((item) => this.#closedRow(item)));
      this.#pageEnds(page);
    });
  }

  /** Search as one types; the last answer wins, however they come. */
  search(query) {
    clearTimeout(this.#timer);
    this.#mine.hidden = true;
    this.#more.hidden = true;
    this.#timer = setTimeout(() => this.#search(query), WAIT_MS);
  }

  async #search(query) {
    await this.#ask(`/search?q=${encodeURIComponent(query)}`, ({ found, cut }) => {
      const words = found.length === 1 ? '1 conversation' : `${found.length} conversations`;
      this.#say(found.length ? `${words}${cut ? '; there are older ones' : ''}` : 'Nobody said that.');
      fill(this.#list, found.map((item) => this.#foundRow(item)));
    });
  }

  async #nextPage() {
    const mine = this.#mine.firstChild.checked;
    const path = `/conversations?state=closed&mine=${mine}&before=${encodeURIComponent(this.#before)}`;
    await this.#ask(path, (page) => {
      this.#list.append(...page.items.map((item) => this.#closedRow(item)));
      this.#pageEnds(page);
    });
  }

  #pageEnds(page) {
    this.#before = page.before;
    this.#more.hidden = !page.before;
  }

  async #ask(path, show) {
    const turn = ++this.#turn;
    if (!this.#list.hasChildNodes()) fill(this.#list, el('li', { class: 'skeleton', 'aria-hidden': 'true' }));
    try {
      const answer = await this.#session.request('GET', path);
      if (turn === this.#turn) show(answer);
    } catch (problem) {
      if (turn !== this.#turn) return;
      fill(this.#list);
      this.#say(problem.message);
    }
  }

  forget(id) {
    this.#list.querySelector(`[data-id="${CSS.escape(id)}"]`)?.parentElement.remove();
  }

  #say(text) {
    this.#note.hidden = !text;
    this.#note.textContent = text;
  }

  #closedRow(item) {
    const words = item.veiled
      ? 'Hidden: abusive words. Open it to read.'
      : item.summary?.wants || item.last_text || 'No words';
    return this.#row(item.conversation_id, item.ended_at ?? item.last_at, words, [
      item.outcome && el('span', { class: 'badge' }, OUTCOMES[item.outcome].label),
      item.agent_name && el('span', { class: 'row-holder' }, icon('person'), item.agent_name),
    ]);
  }

  #foundRow({ conversation_id, at, snippet, sender_kind, more, holder, veiled }) {
    const words = veiled
      ? 'Hidden: abusive words. Open it to read.'
      : snippet.map(({ text, hit }) => (hit ? el('mark', {}, text) : text));
    return this.#row(conversation_id, at, words, [
      el('span', { class: 'badge' }, sender_kind === 'agent' ? 'An agent said' : 'The visitor said'),
      holder === 'closed' && el('span', { class: 'badge' }, 'Closed'),
      more > 0 && el('span', { class: 'hint small-text' }, `${more} more`),
    ]);
  }

  #row(id, at, words, facts) {
    return el(
      'li',
      {},
      el(
        'button',
        { type: 'button', class: 'row', tabindex: '-1', 'data-id': id, onclick: () => this.#onOpen(id) },
        el(
          'span',
          { class: 'row-top' },
          el('span', { class: 'row-who' }, visitorName(id)),
          el('time', { class: 'row-wait', datetime: at }, dateAndTime(at)),
        ),
        el('span', { class: 'row-title', dir: 'auto' }, words),
        el('span', { class: 'row-facts' }, facts),
      ),
    );
  }
}
