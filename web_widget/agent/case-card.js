/** The right pane: what an agent should know before the first word. */

import { copy } from '../shared/clipboard.js';
import { el, fill, setText } from '../shared/dom.js';
import { icon, levelBars } from '../shared/icons.js';
import {
  DECISIONS,
  FACTS,
  OUTCOMES,
  SENTIMENTS,
  WHY_FIRST,
  clock,
  count,
  dateAndTime,
  heat,
  percent,
  reasonWords,
  since,
  visitorName,
} from '../shared/words.js';

export class CaseCard {
  #session;
  #content = el('div', {
    class: 'pane-scroll case',
    tabindex: '0',
    role: 'region',
    'aria-label': 'Details of the case',
  });
  #wait = null;
  #shown = '';

  #onOpen;

  /** @param {{onBack: () => void, onOpen: (id: string) => void}} hooks */
  constructor(session, { onBack, onOpen }) {
    this.#session = session;
    this.#onOpen = onOpen;
    this.element = el(
      'section',
      { class: 'pane', 'aria-label': 'Case' },
      el(
        'header',
        { class: 'pane-head' },
        el(
          'button',
          {
            type: 'button',
            class: 'icon-button only-narrow',
            'aria-label': 'Back to the conversation',
            onclick: onBack,
          },
          icon('back'),
        ),
        el('h2', { tabindex: '-1' }, 'Details'),
      ),
      this.#content,
    );
    this.show(null, null);
  }

  /**
   * @param {string|null} id of the open conversation
   * @param {object|null} item what the queue says about it; null when it is in no list (closed)
   */
  show(id, item) {
    const state = JSON.stringify([id, item]);
    if (state === this.#shown) return;
    const sameChat = id !== null && this.#shown.startsWith(JSON.stringify([id]).slice(0, -1));
    const folds = sameChat ? [...this.#content.querySelectorAll('details')] : null;
    this.#shown = state;
    this.#wait = null;
    if (!id)
      return void fill(
        this.#content,
        el(
          'p',
          { class: 'quiet-text small-text' },
          'The reason, the summary and what the bot tried appear here.',
        ),
      );
    fill(
      this.#content,
      item
        ? this.#about(item)
        : el(
            'p',
            { class: 'quiet-text small-text' },
            'Nothing more is known about this chat.',
          ),
      folds ?? [this.#earlier(id), this.#decisions(id)],
    );
    return undefined;
  }

  tick() {
    if (this.#wait)
      setText(
        this.#wait.node,
        this.#wait.isOver ? clock(this.#wait.at) : `${since(this.#wait.at)} (since ${clock(this.#wait.at)})`,
      );
  }

  focus() {
    this.element.querySelector('h2').focus();
  }

  #about(item) {
    return [this.#mood(item), whyFirst(item), item.summary && summaryBlocks(item.summary, item.veiled)];
  }

  #mood(item) {
    const temper = heat(item.frustration);
    const wait = el('dd', { class: 'number' });
    if (item.waiting_since) {
      this.#wait = { node: wait, at: item.waiting_since, isOver: item.state !== 'waiting' };
      this.tick();
    }
    return el(
      'dl',
      { class: 'facts' },
      line('Visitor', visitorName(item.conversation_id)),
      item.reason && line('Why a person', el('span', { class: 'badge accent' }, reasonWords(item.reason))),
      item.waiting_since && el('div', {}, el('dt', {}, item.state === 'waiting' ? 'Waiting' : 'Asked'), wait),
      item.agent_name && line('Helped by', item.agent_name),
      item.outcome && line('Outcome', OUTCOMES[item.outcome].label),
      item.scored === false && line('Mood', 'Not scored'),
      item.sentiment && line('Sentiment', SENTIMENTS[item.sentiment]),
      temper &&
        el(
          'div',
          { class: 'fact-wide' },
          el('dt', {}, 'Frustration'),
          el(
            'dd',
            {},
            el(
              'span',
              { class: `temper temper-${temper.level}` },
              levelBars(temper.level),
              temper.word,
              el('span', { class: 'number' }, percent(item.frustration)),
            ),
            meter(item.frustration, temper.level === 3 ? 'hot' : ''),
          ),
        ),
      line('Channel', item.channel),
    );
  }

  /** What else this visitor came for is fetched when somebody wants to see it. */
  #earlier(id) {
    const list = el('ul', { class: 'plain-list rows' });
    const load = async () => {
      if (!box.open) return;
      fill(list, el('li', { class: 'skeleton' }));
      try {
        const { earlier } = await this.#session.request('GET', `/conversations/${id}/earlier`);
        fill(
          list,
          earlier.length
            ? earlier.map((chat) => this.#earlierRow(chat))
            : el('li', { class: 'quiet-text small-text' }, 'None that we know of.'),
        );
      } catch (problem) {
        fill(list, el('li', { class: 'note bad' }, problem.message));
      }
    };
    const box = el(
      'details',
      { class: 'fold', ontoggle: load },
      el('summary', {}, 'Earlier conversations', icon('chevron')),
      list,
    );
    return box;
  }

  #earlierRow({ conversation_id, last_at, about, why, outcome, veiled }) {
    return el(
      'li',
      {},
      el(
        'button',
        { type: 'button', class: 'row', onclick: () => this.#onOpen(conversation_id) },
        el(
          'span',
          { class: 'row-top' },
          el('span', { class: 'row-who' }, visitorName(conversation_id)),
          el('time', { class: 'row-wait', datetime: last_at }, dateAndTime(last_at)),
        ),
        el('span', { class: 'row-title', dir: 'auto' }, veiled ? 'Hidden: abusive words.' : about || 'No words'),
        el(
          'span',
          { class: 'row-facts' },
          outcome && el('span', { class: 'badge' }, OUTCOMES[outcome].label),
          why === 'same_address' &&
            el('span', { class: 'hint small-text' }, 'Same e-mail address (not checked)'),
        ),
      ),
    );
  }

  /** The bot's decisions are fetched when somebody wants to see them. */
  #decisions(id) {
    const list = el('ol', { class: 'plain-list decisions' });
    const load = async () => {
      if (!box.open) return;
      fill(list, el('li', { class: 'skeleton' }));
      try {
        const { decisions } = await this.#session.request('GET', `/conversations/${id}/decisions`);
        fill(
          list,
          decisions.length
            ? decisions.map(decisionItem)
            : el('li', { class: 'quiet-text' }, 'The bot has decided nothing here.'),
        );
      } catch (problem) {
        fill(list, el('li', { class: 'note bad' }, problem.message));
      }
    };
    const box = el(
      'details',
      { class: 'fold', ontoggle: load },
      el('summary', {}, 'What the bot weighed', icon('chevron')),
      list,
    );
    return box;
  }
}

/** The order of the queue in words, from the very numbers that it is made of. */
function whyFirst(item) {
  if (item.state !== 'waiting') return null;
  return block(
    'Why at this place?',
    el(
      'ul',
      { class: 'tried' },
      el('li', {}, `Waiting since ${clock(item.waiting_since)}`),
      !item.head_starts.length && el('li', {}, 'Nothing else: by the time of waiting alone'),
      item.head_starts.map(({ why, minutes }) =>
        el('li', {}, `Counts ${count(minutes, 'minute', 'minutes')} more: ${WHY_FIRST[why] ?? why}`),
      ),
    ),
  );
}

function summaryBlocks({ wants, facts, tried, open }, veiled) {
  if (veiled && (wants || open))
    return block(
      'Wants',
      el(
        'p',
        { class: 'quiet-text' },
        'Abusive words fell, so the summary is hidden. The conversation shows them on request.',
      ),
    );
  return [
    wants && block('Wants', el('p', { dir: 'auto' }, wants)),
    facts.length > 0 && block('Facts given', el('ul', { class: 'plain-list chips' }, facts.map(factChip))),
    tried.length > 0 &&
      block(
        'The bot tried',
        el(
          'ul',
          { class: 'tried' },
          tried.map((entry) => el('li', {}, entry)),
        ),
      ),
    open && block('Still open', el('p', { dir: 'auto' }, open)),
  ];
}

function factChip({ what, text }) {
  return el(
    'li',
    {},
    el(
      'button',
      {
        type: 'button',
        class: 'chip',
        'aria-label': `Copy ${FACTS[what].toLowerCase()} ${text}`,
        onclick: () => copy(text),
      },
      el('span', { class: 'chip-what' }, FACTS[what]),
      el('span', { class: 'number' }, text),
      icon('copy'),
    ),
  );
}

function decisionItem({ at, decision, rule, why, candidates }) {
  return el(
    'li',
    {},
    el(
      'p',
      { class: 'decision-head' },
      el('strong', {}, DECISIONS[decision]),
      el('time', { datetime: at }, clock(at)),
    ),
    el('p', {}, why),
    el(
      'ul',
      { class: 'plain-list' },
      (candidates ?? [])
        .slice(0, 3)
        .map((candidate) =>
          el(
            'li',
            { class: 'candidate' },
            el('span', {}, candidate.question ?? candidate.faq_id),
            el('span', { class: 'number' }, percent(candidate.confidence)),
            meter(candidate.confidence, 'bot'),
          ),
        ),
    ),
    el('p', { class: 'hint' }, `Rule ${rule}`),
  );
}

/** A bar beside its number; the number is what counts. */
export function meter(share, kind = '') {
  const filled = el('span');
  filled.style.inlineSize = `${Math.round(share * 100)}%`;
  return el('div', { class: `meter ${kind}`, 'aria-hidden': 'true' }, filled);
}

function block(title, content) {
  return el('section', { class: 'block' }, el('h3', {}, title), content);
}

function line(name, value) {
  return el('div', {}, el('dt', {}, name), el('dd', {}, value));
}
