/** The messages of a conversation, as they are shown. */

import { el, icon, textButton } from './dom.js';
import { plainWithLinks, renderMarkdown } from './markdown.js';
import { whyNode } from './why.js';
import { clock, language, problem, t } from './words.js';

const BOT_SPEAKS = 'en';

/** One message, with its kind of sender visible and as `data-sender`. */
function messageNode(kind, name, at, ...content) {
  const from = el('div.from');
  if (kind === 'bot') from.append(icon('bot'));
  if (kind === 'agent') from.append(icon('person'), el('b', { dir: 'auto' }, name));
  from.append(el('span.kind', {}, t(kind)));
  if (at) from.append(el('time', { datetime: at }, clock(at)));
  return el('div.msg', { 'data-sender': kind }, from, ...content);
}

function textNode(sender, text, format) {
  const body = el('div.text', { dir: 'auto' });
  // A screen reader must not read an English answer, or a person's own words, with another language's voice.
  if (sender !== 'system' && language !== BOT_SPEAKS) body.lang = sender === 'bot' ? BOT_SPEAKS : '';
  if (format === 'markdown' && sender === 'bot') body.append(renderMarkdown(text));
  else if (sender === 'visitor') body.append(text);
  else body.append(...plainWithLinks(text));
  return body;
}

/** Messages and system lines in order; what is unconfirmed comes last. */
export class Log {
  constructor(chat, onTakeBack, intro) {
    this.chat = chat;
    this.onTakeBack = onTakeBack;
    this.own = new Map(); // key -> node of a message of this visitor
    this.agent = t('agent');
    this.messages = el('div', { role: 'log', 'aria-live': 'polite', 'aria-label': t('log') });
    this.writing = el('p.writing', { hidden: true });
    this.node = el('div.scroll', { tabindex: '0' }, intro, this.messages, this.writing);
    for (const event of chat.events) this.showEvent(event, false);
    this.#showUnderWay();
  }

  reset() {
    this.own.clear();
    this.messages.replaceChildren();
    this.greeted = false;
    this.#showUnderWay();
  }

  /** The bot's first words, until the log of the conversation begins with them. */
  greet(text) {
    if (this.greeted) return;
    this.greeting?.remove();
    this.greeting = messageNode('bot', '', null, textNode('bot', text));
    this.messages.prepend(this.greeting);
  }

  say(text) {
    this.#showUnconfirmed({ key: this.chat.say(text), text, status: 'sending' });
  }

  showDelivery({ key, status, code, message }) {
    const node = this.own.get(key);
    if (!node) return;
    const meta = node.querySelector('.meta');
    meta.replaceChildren(t(status, { message: code ? problem({ code, message }) : '' }));
    node.classList.toggle('troubled', status === 'unsent' || status === 'refused');
    node.classList.toggle('unconfirmed', status !== 'sent');
    if (status === 'unsent') meta.append(textButton(t('retry'), () => this.chat.retry(key)));
    if (status === 'refused') {
      const edit = () => {
        node.remove();
        this.onTakeBack(this.chat.takeBack(key));
      };
      meta.append(textButton(t('edit'), edit));
    }
  }

  showEvent(event, live) {
    this.messages.setAttribute('aria-live', live ? 'polite' : 'off');
    const node = event.kind === 'message_said' ? this.#said(event) : this.#happened(event);
    const unconfirmed = this.messages.querySelector('.unconfirmed');
    if (!node.isConnected || node.previousElementSibling?.matches('.unconfirmed')) {
      this.messages.insertBefore(node, unconfirmed);
    }
    this.scrollTo(node);
  }

  showWriting(text) {
    const begins = text && this.writing.hidden;
    this.writing.hidden = !text;
    this.writing.textContent = text;
    if (begins) this.scrollToEnd();
  }

  /** Only those of the newest bot message work, and once. */
  disableButtons() {
    for (const button of this.buttons ?? []) button.disabled = true;
  }

  scrollToEnd() {
    this.node.scrollTop = this.node.scrollHeight;
  }

  #showUnderWay() {
    for (const message of this.chat.underWay) this.#showUnconfirmed(message);
  }

  #showUnconfirmed({ key, text, ...delivery }) {
    const meta = el('div.meta', { 'aria-live': 'off' });
    const node = messageNode('visitor', '', new Date().toISOString(), textNode('visitor', text), meta);
    this.own.set(key, node);
    this.messages.append(node);
    this.showDelivery({ key, ...delivery });
    this.scrollTo(node);
  }

  #said({ seq, sender, text, format, buttons, basis, key, at }) {
    if (seq === 1) {
      this.greeted = true;
      if (this.greeting?.lastChild.textContent === text) return this.greeting;
      this.greeting?.remove();
    }
    if (this.own.has(key)) {
      this.showDelivery({ key, status: 'sent' });
      return this.own.get(key);
    }
    const node = messageNode(sender.kind, sender.name, at, textNode(sender.kind, text, format));
    if (sender.kind === 'bot') {
      this.disableButtons();
      this.buttons = buttons.map((button) => this.#button(button));
      if (buttons.length) node.append(el('div.choices', {}, ...this.buttons));
      if (basis) node.append(whyNode(basis, this.chat));
    }
    return node;
  }

  #button({ title, payload }) {
    const isHuman = payload === '/human';
    return textButton(isHuman ? t('askPerson') : title, () => {
      this.disableButtons();
      if (isHuman) this.chat.askHuman();
      else this.say(payload);
    });
  }

  #happened(event) {
    if (event.kind === 'chat_claimed') this.agent = event.agent_name;
    const name = event.kind.replace('chat_', '');
    const text = t(name === 'closed' && event.by === 'visitor' ? 'closedByYou' : name, {
      name: this.agent,
      reason: event.reason && t(event.reason),
    });
    return messageNode('system', '', event.at, textNode('system', text));
  }

  /** To the end, but to the beginning of what is taller than the panel. */
  scrollTo(node) {
    const taller = node.offsetHeight > this.node.clientHeight;
    this.node.scrollTop = taller ? node.offsetTop - 12 : this.node.scrollHeight;
  }
}
