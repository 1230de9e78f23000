/** What a visitor fills in: the message box, and the form for a closed desk. */

import { el, icon } from './dom.js';
import { problem, t } from './words.js';

const MAX_TEXT = 4000; // code points, as the server counts
const length = (text) => Array.from(text).length;

/** Nobody is at the desk: an e-mail address and a message can wait there. */
export class ContactForm {
  constructor(chat) {
    this.chat = chat;
    this.email = el('input', { type: 'email', required: true, maxlength: '320', autocomplete: 'email', dir: 'ltr' });
    this.text = el('textarea', { rows: '3', required: true, maxlength: String(MAX_TEXT), dir: 'auto' });
    this.error = el('p.error', { role: 'alert' });
    this.send = el('button.primary', {}, t('send'));
    this.form = el(
      'form',
      { submit: (event) => this.#submit(event) },
      el('h3', {}, t('contact')),
      el('label', {}, t('email'), this.email),
      el('label', {}, t('message'), this.text),
      this.error,
      this.send,
    );
    this.done = el('p', { tabindex: '-1' }, t('contactLeft'));
    this.node = el('div.card', {}, this.form, this.done);
    this.update();
  }

  /** @returns {boolean} has it just come into view? */
  update() {
    const { holder, state } = this.chat;
    const wasHidden = this.node.hidden;
    const left = Boolean(state?.contact_left || this.left);
    this.node.hidden = holder !== 'queue' || (state.desk_open && !left);
    if (this.node.hidden) this.left = false;
    this.form.hidden = left;
    this.done.hidden = !left;
    return wasHidden && !this.node.hidden;
  }

  delivery({ key, status, code, message = '' }) {
    if (!key || key !== this.key) return;
    const pending = status !== 'sent' && status !== 'refused';
    this.error.textContent = code ? problem({ code, message }) : '';
    this.send.disabled = pending;
    this.send.textContent = t(pending ? 'sending' : 'send');
    if (status !== 'sent') return;
    this.left = true;
    this.text.value = '';
    const focused = this.form.matches(':focus-within');
    this.update();
    if (focused) this.done.focus();
  }

  #submit(event) {
    event.preventDefault();
    this.key = this.chat.leaveContact(this.email.value, this.text.value);
    this.delivery({ key: this.key, status: 'sending' });
  }
}

/** Where the visitor writes. */
export class Composer {
  constructor(onSend, onTyping) {
    this.onSend = onSend;
    this.input = el('textarea', {
      rows: '1',
      enterkeyhint: 'send',
      'aria-label': t('input'),
      placeholder: t('input'),
      'aria-describedby': 'limit',
      input: () => {
        this.#fit();
        onTyping();
      },
      keydown: (event) => {
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
        event.preventDefault();
        this.#submit();
      },
    });
    this.limit = el('p.limit', { id: 'limit' });
    const send = el('button.send', { 'aria-label': t('send') }, icon('send'));
    const submit = (event) => {
      event.preventDefault();
      this.#submit();
    };
    this.node = el('form', { submit }, this.limit, el('div.box', {}, this.input, send));
  }

  write(text) {
    this.input.value = [this.input.value.trim(), text].filter(Boolean).join('\n');
    this.#fit();
  }

  #submit() {
    const text = this.input.value.trim();
    if (!text || length(text) > MAX_TEXT) return;
    this.input.value = ''; // a second click finds nothing to send
    this.#fit();
    this.onSend(text);
    this.input.focus();
  }

  #fit() {
    const { input, limit } = this;
    input.dir = input.value ? 'auto' : ''; // the placeholder has the panel's direction
    input.style.height = 'auto';
    input.style.height = `${input.scrollHeight}px`;
    const count = length(input.value.trim());
    limit.hidden = count < 0.9 * MAX_TEXT;
    limit.classList.toggle('error', count > MAX_TEXT);
    limit.textContent = limit.hidden ? '' : t('limit', { count, limit: MAX_TEXT });
  }
}
