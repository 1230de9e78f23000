/** The right pane: try a question on the bot, and the questions that it could not answer. */

import { el, fill } from '../shared/dom.js';
import { icon, lamp } from '../shared/icons.js';
import { openDialog } from '../shared/dialog.js';
import { renderMarkdown } from '../shared/markdown.js';
import { busy } from '../shared/signin.js';
import { DECISIONS, SENTIMENTS, clock, day, percent, reasonWords } from '../shared/words.js';

export class Assist {
  #session;
  #hooks;
  #articles = [];
  #tabs;
  #tryPanel;
  #question = el('textarea', {
    id: 'try-text',
    class: 'input',
    rows: 3,
    dir: 'auto',
    placeholder: 'Hi, my parcel never came…',
    onkeydown: (event) => this.#onKey(event),
  });
  #askButton = el('button', { type: 'submit', class: 'button primary' }, 'Ask the bot');
  #answer = el('div', { class: 'try-answer', 'aria-live': 'polite' });
  #unanswered = el('ul', { class: 'plain-list unanswered' });
  #unansweredPanel;

  /**
   * @param {{onOpen: (slug) => void, onNewFrom: (text) => void, onAddPhrasing: (slug, text) => void, onBack: () => void}} hooks
   */
  constructor(session, hooks) {
    this.#session = session;
    this.#hooks = hooks;
    const form = el(
      'form',
      { class: 'stack tight', onsubmit: (event) => (event.preventDefault(), this.#ask()) },
      el(
        'div',
        { class: 'field' },
        el('label', { for: 'try-text' }, 'What a visitor might write'),
        this.#question,
      ),
      el('div', { class: 'actions end' }, this.#askButton),
    );
    this.#tryPanel = panel('try', [form, this.#answer]);
    this.#unansweredPanel = panel('unanswered', [this.#unanswered]);
    this.#tabs = makeTabs([
      { panel: this.#tryPanel, label: 'Try it' },
      { panel: this.#unansweredPanel, label: 'Unanswered', onShow: () => this.#loadUnanswered() },
    ]);
    this.element = el(
      'section',
      { class: 'pane', 'aria-label': 'Try it and unanswered questions' },
      el(
        'header',
        { class: 'pane-head assist-head' },
        el(
          'button',
          { type: 'button', class: 'icon-button only-narrow', 'aria-label': 'Back', onclick: hooks.onBack },
          icon('back'),
        ),
        this.#tabs,
      ),
      this.#tryPanel,
      this.#unansweredPanel,
    );
  }

  setArticles(articles) {
    this.#articles = articles;
  }

  focus() {
    this.element.querySelector('[role="tab"][aria-selected="true"]').focus();
  }

  #onKey(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.ctrlKey || event.metaKey)
      return;
    event.preventDefault();
    this.#ask();
  }

  async #ask() {
    const text = this.#question.value.trim();
    if (!text) return this.#question.focus();
    busy(this.#askButton, true, 'Asking…');
    try {
      fill(
        this.#answer,
        tried(await this.#session.request('POST', '/ask', { json: { text } }), this.#hooks.onOpen),
      );
    } catch (problem) {
      fill(this.#answer, el('p', { class: 'note bad' }, problem.message));
    } finally {
      busy(this.#askButton, false, 'Ask the bot');
    }
    return undefined;
  }

  async #loadUnanswered() {
    fill(
      this.#unanswered,
      [1, 2, 3].map(() => el('li', { class: 'skeleton', 'aria-hidden': 'true' })),
    );
    try {
      const { questions } = await this.#session.request('GET', '/questions/unanswered');
      fill(
        this.#unanswered,
        questions.length ? questions.map((question) => this.#unansweredItem(question)) : nothingUnanswered(),
      );
    } catch (problem) {
      fill(this.#unanswered, el('li', { class: 'note bad' }, problem.message));
    }
  }

  #unansweredItem(question) {
    const { text, at, decision, conversation_id } = question;
    return el(
      'li',
      { class: 'unanswered-item' },
      el('p', { class: 'unanswered-text', dir: 'auto' }, text),
      el(
        'p',
        { class: 'hint' },
        `${day(at)}, ${clock(at)} · ${DECISIONS[decision] ?? decision} · `,
        el('a', { href: `/desk#chat=${conversation_id}` }, 'see the chat'),
      ),
      el(
        'div',
        { class: 'actions' },
        el(
          'button',
          { type: 'button', class: 'button small', onclick: () => this.#hooks.onNewFrom(text) },
          'New entry from this',
        ),
        el(
          'button',
          { type: 'button', class: 'button small', onclick: () => this.#chooseEntry(question) },
          'Add as phrasing to…',
        ),
      ),
    );
  }

  /** Which entry does this question belong to? Those that the bot thought of stand first. */
  #chooseEntry({ text, candidates }) {
    const near = candidates
      .map(({ faq_id }) => this.#articles.find(({ slug }) => slug === faq_id))
      .filter(Boolean);
    const rest = this.#articles.filter((entry) => !near.includes(entry));
    const option = (entry) => el('option', { value: entry.slug }, entry.question);
    const select = el(
      'select',
      { id: 'phrasing-entry', class: 'input' },
      near.length > 0 && el('optgroup', { label: 'The bot thought of' }, near.map(option)),
      el('optgroup', { label: 'All entries' }, rest.map(option)),
    );
    const submit = (event) => {
      event.preventDefault();
      dialog.close();
      this.#hooks.onAddPhrasing(select.value, text);
    };
    const dialog = openDialog('Add as phrasing', [
      el('p', { class: 'quoted', dir: 'auto' }, text),
      el(
        'form',
        { class: 'stack', onsubmit: submit },
        el(
          'div',
          { class: 'field' },
          el('label', { for: 'phrasing-entry' }, 'This asks the same as'),
          select,
        ),
        el(
          'div',
          { class: 'actions end' },
          el(
            'button',
            { type: 'submit', class: 'button primary', disabled: !this.#articles.length },
            'Add to this entry',
          ),
        ),
      ),
    ]);
    select.focus();
  }
}

/** What the bot would do now. */
function tried(result, onOpen) {
  return el(
    'div',
    { class: 'stack tight' },
    el(
      'p',
      { class: 'try-decision' },
      el(
        'span',
        { class: `badge ${result.decision === 'answer' ? 'good' : 'accent'}` },
        DECISIONS[result.decision],
      ),
      result.reason && el('span', { class: 'badge' }, reasonWords(result.reason)),
      result.handoff === 'offered' && el('span', { class: 'badge' }, 'Offers a person'),
    ),
    el(
      'div',
      { class: 'answer-preview bot-says', dir: 'auto' },
      renderMarkdown(result.text),
      result.buttons.length > 0 &&
        el(
          'p',
          { class: 'try-buttons' },
          result.buttons.map(({ title }) => el('span', { class: 'badge bot' }, title)),
        ),
    ),
    el(
      'section',
      { class: 'stack tight' },
      el('h3', {}, 'Why'),
      el('p', { class: 'small-text' }, result.why),
    ),
    el(
      'section',
      { class: 'stack tight' },
      el('h3', {}, 'Entries it thought of'),
      el(
        'ul',
        { class: 'plain-list candidates' },
        result.candidates.map((candidate) => candidateItem(candidate, onOpen)),
      ),
    ),
    el(
      'p',
      { class: 'hint' },
      `Rule ${result.rule} · sentiment ${SENTIMENTS[result.sentiment.label].toLowerCase()} · frustration ${percent(result.frustration)}`,
    ),
  );
}

function candidateItem({ faq_id, question, confidence }, onOpen) {
  const bar = el('span');
  bar.style.inlineSize = percent(confidence).replace(' ', '');
  return el(
    'li',
    { class: 'candidate' },
    el('button', { type: 'button', class: 'link-button', onclick: () => onOpen(faq_id) }, question),
    el('span', { class: 'number small-text' }, percent(confidence)),
    el('div', { class: 'meter', 'aria-hidden': 'true' }, bar),
  );
}

function nothingUnanswered() {
  return el(
    'li',
    { class: 'empty' },
    lamp(),
    el('h3', {}, 'Nothing left unanswered'),
    el('p', {}, 'Questions that the bot could not answer are collected here, so that it knows next time.'),
  );
}

function panel(name, content) {
  return el(
    'div',
    {
      class: 'pane-scroll assist',
      id: `panel-${name}`,
      role: 'tabpanel',
      'aria-labelledby': `tab-${name}`,
      tabindex: '0',
    },
    content,
  );
}

/** Tabs as of the ARIA practices: one tab stop, arrow keys choose. */
function makeTabs(entries) {
  const tabs = entries.map(({ panel: { id }, label }) =>
    el(
      'button',
      { type: 'button', class: 'subtab', role: 'tab', id: id.replace('panel', 'tab'), 'aria-controls': id },
      label,
    ),
  );
  const choose = (chosen) => {
    entries.forEach(({ panel: shown, onShow }, at) => {
      tabs[at].setAttribute('aria-selected', String(at === chosen));
      tabs[at].tabIndex = at === chosen ? 0 : -1;
      shown.hidden = at !== chosen;
      if (at === chosen) onShow?.();
    });
  };
  tabs.forEach((tab, at) => {
    tab.addEventListener('click', () => choose(at));
    tab.addEventListener('keydown', ({ key }) => {
      if (key !== 'ArrowLeft' && key !== 'ArrowRight') return;
      const next = (at + 1) % tabs.length;
      choose(next);
      tabs[next].focus();
    });
  });
  choose(0);
  return el('div', { class: 'subtabs', role: 'tablist', 'aria-label': 'Helpers' }, tabs);
}
