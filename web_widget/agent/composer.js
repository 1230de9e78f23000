/** Where the agent writes, or what stands there instead while somebody else holds the chat. */

import { el, setText } from '../shared/dom.js';
import { icon } from '../shared/icons.js';
import { count } from '../shared/words.js';
import { CannedPicker } from './canned.js';

const LONGEST = 4000;
const TYPING_EVERY_MS = 1000;

export class Composer {
  #hooks;
  #mine = false;
  #isNote = false;
  #holder = null;
  #myId = '';
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
  #send = el('button', { type: 'submit', class: 'button primary' }, icon('send'), el('span', {}, 'Send'));
  #claim = el(
    'button',
    { type: 'button', class: 'button primary block', onclick: () => this.#hooks.onClaim() },
    'Claim to reply',
  );
  #words = el('p', { class: 'composer-words' });
  #replyMode = el(
    'button',
    { type: 'button', class: 'mode', 'aria-pressed': 'true', onclick: () => this.#setMode(false) },
    'Reply',
  );
  #noteMode = el(
    'button',
    { type: 'button', class: 'mode', 'aria-pressed': 'false', onclick: () => this.#setMode(true) },
    icon('note'),
    'Note for the team',
  );
  #manage = el(
    'button',
    {
      type: 'button',
      class: 'button quiet small composer-manage',
      title: 'Type / in an empty reply to use one',
      onclick: () => this.#hooks.onManage(),
    },
    'Canned replies…',
  );
  #canned;
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

  /** @param {{onSend: (text: string) => void, onClaim: () => void, onTyping: () => void, onDraft: (text: string) => void,
   *          onNote: (text: string) => void, onManage: () => void, loadCanned: () => Promise<object[]>,
   *          placeValues: () => Record<string, string>}} hooks */
  constructor(hooks) {
    this.#hooks = hooks;
    this.#canned = new CannedPicker(this.#box, {
      load: hooks.loadCanned,
      values: hooks.placeValues,
      onInsert: () => this.#onInput(),
    });
    this.#writing = el('div', { class: 'composer-writing' }, this.#box, this.#send);
    this.element = el(
      'form',
      { class: 'composer', onsubmit: (event) => (event.preventDefault(), this.#submit()) },
      el(
        'div',
        { class: 'composer-modes', role: 'group', 'aria-label': 'What to write' },
        this.#replyMode,
        this.#noteMode,
        this.#manage,
      ),
      this.#words,
      this.#canned.element,
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
    this.#holder = holder;
    this.#myId = myId;
    this.#mine = holder.kind === 'agent' && holder.agentId === myId;
    const claimable = holder.kind === 'queue' || holder.kind === 'bot';
    const note = this.#isNote;
    this.#replyMode.setAttribute('aria-pressed', String(!note));
    this.#noteMode.setAttribute('aria-pressed', String(note));
    this.#manage.hidden = note || !this.#mine;
    this.#box.readOnly = !this.#mine && !note;
    this.#writing.classList.toggle('is-note', note);
    this.#writing.hidden = !this.#mine && !note && !this.#box.value;
    this.#send.hidden = this.#hint.hidden = !this.#mine && !note;
    this.#box.setAttribute('aria-label', note ? 'Your note for the team' : 'Your reply');
    this.#box.placeholder = note ? 'Only your team sees this…' : 'Write a reply, or / for a canned one…';
    setText(this.#send.lastChild, note ? 'Add note' : 'Send');
    this.#claim.hidden = !claimable || note;
    setText(this.#claim, holder.kind === 'bot' ? 'Take over from the bot' : 'Claim to reply');
    const words = note ? 'The visitor never sees a note.' : wordsFor(holder, this.#mine);
    this.#words.hidden = !words;
    setText(this.#words, words);
    this.#showLimit();
  }

  /** Write a note for the team instead of a reply. */
  startNote() {
    this.#setMode(true);
  }

  /** Of another chat: reply first. */
  reset() {
    this.#isNote = false;
    this.#canned.close();
  }

  #setMode(isNote) {
    this.#isNote = isNote;
    this.#canned.close();
    this.show(this.#holder, this.#myId);
    if (!this.#writing.hidden) this.#box.focus();
    else this.#claim.focus();
  }

  get text() {
    return this.#box.value;
  }

  set text(text) {
    this.#box.value = text;
    this.#showLimit();
  }

  focus() {
    (this.#mine || this.#isNote ? this.#box : this.#claim).focus();
  }

  #onInput() {
    this.#hooks.onDraft(this.text);
    this.#showLimit();
    if (!this.#isNote) this.#canned.look();
    if (this.#isNote || !this.#mine || !this.text || Date.now() - this.#typedAt < TYPING_EVERY_MS) return;
    this.#typedAt = Date.now();
    this.#hooks.onTyping();
  }

  #onKey(event) {
    if (this.#canned.onKey(event)) return;
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const text = this.text.trim();
    if ((!this.#mine && !this.#isNote) || !text || length(text) > LONGEST) return;
    this.text = '';
    this.#hooks.onDraft('');
    if (this.#isNote) {
      this.#hooks.onNote(text);
      this.#setMode(false);
    } else {
      this.#hooks.onSend(text);
    }
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
