/** Where the agent writes, or what stands there instead while somebody else holds the chat. */

import { el, setText } from '../shared/dom.js';
import { icon } from '../shared/icons.js';
import { count } from '../shared/words.js';

const LONGEST = 4000;
const TYPING_EVERY_MS = 1000;

export class Composer {
  #hooks;
  #mine = false;
  #typedAt = 0;
  #box = el('textarea', {
    class: 'input composer-box',
    'aria-label': 'Your reply',
    placeholder: 'Write a reply…',
    rows: 2,
    dir: 'auto',
    oninput: () => this.#onInput(),
    onkeydown: (event) => this.#onKey(event),
  });
  #send = el('button', { type: 'submit', class: 'button primary' }, icon('send'), 'Send');
  #claim = el(
    'button',
    { type: 'button', class: 'button primary block', onclick: () => this.#hooks.onClaim() },
    'Claim to reply',
  );
  #words = el('p', { class: 'composer-words' });
  #limit = el('p', { class: 'hint composer-limit', 'aria-live': 'polite' });
  #hint = el(
    'p',
    { class: 'hint' },
    el('kbd', {}, 'Enter'),
    ' sends, ',
    el('kbd', {}, 'Shift'),
    ' + ',
    el('kbd', {}, 'Enter'),
    ' makes a new line',
  );
  #writing;

  /** @param {{onSend: (text: string) => void, onClaim: () => void, onTyping: () => void, onDraft: (text: string) => void}} hooks */
  constructor(hooks) {
    this.#hooks = hooks;
    this.#writing = el('div', { class: 'composer-writing' }, this.#box, this.#send);
    this.element = el(
      'form',
      { class: 'composer', onsubmit: (event) => (event.preventDefault(), this.#submit()) },
      this.#words,
      this.#writing,
      el('div', { class: 'composer-foot' }, this.#hint, this.#limit),
      this.#claim,
    );
  }

  /**
   * @param {import('./chat.js').Holder} holder
   * @param {string} myId
   */
  show(holder, myId) {
    this.#mine = holder.kind === 'agent' && holder.agentId === myId;
    const claimable = holder.kind === 'queue' || holder.kind === 'bot';
    this.#box.readOnly = !this.#mine;
    this.#writing.hidden = !this.#mine && !this.#box.value;
    this.#send.hidden = this.#hint.hidden = !this.#mine;
    this.#claim.hidden = !claimable;
    setText(this.#claim, holder.kind === 'bot' ? 'Take over from the bot' : 'Claim to reply');
    const words = wordsFor(holder, this.#mine);
    this.#words.hidden = !words;
    setText(this.#words, words);
    this.#showLimit();
  }

  get text() {
    return this.#box.value;
  }

  set text(text) {
    this.#box.value = text;
    this.#showLimit();
  }

  focus() {
    (this.#mine ? this.#box : this.#claim).focus();
  }

  #onInput() {
    this.#hooks.onDraft(this.text);
    this.#showLimit();
    if (!this.#mine || !this.text || Date.now() - this.#typedAt < TYPING_EVERY_MS) return;
    this.#typedAt = Date.now();
    this.#hooks.onTyping();
  }

  #onKey(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const text = this.text.trim();
    if (!this.#mine || !text || length(text) > LONGEST) return;
    this.text = '';
    this.#hooks.onDraft('');
    this.#hooks.onSend(text);
  }

  #showLimit() {
    const over = length(this.text) - LONGEST;
    this.#send.disabled = over > 0;
    setText(
      this.#limit,
      over > 0 ? `${count(over, 'character', 'characters')} too many; send it in parts.` : '',
    );
  }
}

/** Characters as the server counts them (code points). */
function length(text) {
  return [...text].length;
}

function wordsFor(holder, mine) {
  if (mine || holder.kind === 'queue') return '';
  if (holder.kind === 'bot') return 'The bot is answering here. You can read along.';
  if (holder.kind === 'closed')
    return 'This chat is closed. If the visitor writes again, it reopens with the bot.';
  return `${holder.agentName} is helping here. You can read along.`;
}
