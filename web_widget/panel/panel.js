/** The panel: the conversation, its forms and the visitor's data, beside the launcher of widget.js. */

import { Chat } from './chat.js';
import { DataView } from './data.js';
import { el, icon, textButton } from './dom.js';
import { Composer, ContactForm } from './forms.js';
import { Log } from './log.js';
import { STYLES } from './styles.js';
import { language, problem, speak, t } from './words.js';

export { Chat };

const QUIET_BREAK = 1_500; // ms; shorter ones need alarm nobody
const TYPING_ENDS = 5_000;
const GREETING_WITHIN = 8_000;

function waitWords({ desk_open: open, position, wait_seconds: seconds }) {
  if (!open) return t('deskClosed');
  const wait = seconds === null ? t('waitUnknown') : t('wait', { count: Math.ceil(seconds / 60) || 1 });
  return [position && t('position', { position }), wait].filter(Boolean).join(' ');
}

export class Panel {
  #gone = new AbortController();

  /**
   * @param {WarmlineChat} host
   * @param {object} words a catalogue of languages/
   * @param {Panel} [before] the same in another language: what is written and shown is carried over
   */
  constructor(host, words, before) {
    speak(words, host.locale);
    this.host = host;
    this.chat = host.chat;
    this.shown = before?.shown ?? false;
    this.welcome = before?.welcome;
    this.#build();
    if (before) {
      before.#gone.abort();
      before.dataView?.erasing?.(null);
      this.composer.write(before.composer.input.value);
    } else {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLES);
      host.shadowRoot.adoptedStyleSheets.push(sheet);
    }
    this.#listen();
    this.#greet();
    this.#update();
  }

  opened(focus) {
    if (!this.shown) {
      this.shown = true;
      this.chat.setOpen(true);
      this.#read();
      this.log.scrollToEnd();
      if (!this.welcome) this.#fetchWelcome();
      this.host.emit('opened');
    }
    if (focus) (this.composer.node.checkVisibility?.() === false ? this.node : this.composer.input).focus();
  }

  closed() {
    if (!this.shown) return;
    this.shown = false;
    this.chat.setOpen(false);
    this.host.emit('closed');
  }

  /** Types `text` in; the visitor sends it. */
  write(text) {
    this.#leaveData();
    this.composer.write(text);
    this.composer.input.focus();
  }

  /**
   * The visitor's data.
   *
   * @param {'export' | 'erase'} [wish] what the page asked for in the visitor's name
   */
  async data(wish) {
    this.menu.open = false;
    if (!this.dataView) {
      this.dataView = new DataView(this.chat, () => this.#leaveData());
      this.status.before(this.dataView.node);
    }
    this.node.classList.add('sheeted');
    if (wish === 'erase' && this.chat.token) return this.dataView.confirmErasing();
    await this.dataView.overview();
    if (wish === 'export' && this.chat.token) await this.dataView.export('json');
    return null;
  }

  #leaveData() {
    if (!this.node.classList.contains('sheeted')) return;
    this.node.classList.remove('sheeted');
    this.log.scrollToEnd();
    this.composer.input.focus();
  }

  #build() {
    const { chat, host } = this;
    this.log = new Log(chat, (text) => this.write(text), this.#intro());
    this.waiting = el('p');
    this.strip = el('div.strip', {}, this.waiting, textButton(t('backToBot'), () => chat.backToBot()));
    this.contact = new ContactForm(chat);
    this.composer = new Composer((text) => this.log.say(text), () => chat.typing());
    this.log.node.append(this.contact.node);

    this.notice = el('div.notice', { hidden: true }, el('p'), textButton(t('retry'), () => this.#retry()));
    this.person = el('button.person', { type: 'button', click: () => chat.askHuman() }, icon('person'), el('span'));
    const agree = () => chat.consent({ chat: true }).catch((error) => this.#notify(problem(error)));
    this.withdrawn = el('div.withdrawn', {}, el('p', {}, t('withdrawn')), textButton(t('agree'), agree, 'secondary'));
    this.foot = el('div.foot', {}, this.notice, this.withdrawn, this.person, this.composer.node);
    this.status = el('div.aside', { role: 'status' });
    this.node = el(
      'section.panel',
      { role: 'dialog', tabindex: '-1', 'aria-labelledby': 'title', 'aria-describedby': 'who' },
      this.#header(),
      this.strip,
      this.log.node,
      this.foot,
      this.status,
    );
    this.node.hidden = !host.isOpen;
  }

  #header() {
    this.titleNode = el('bdi', { id: 'title' }, t('title'));
    this.who = el('p.who', { id: 'who' });
    this.face = el('span.face');
    this.endButton = textButton(t('end'), () => {
      this.menu.open = false;
      this.chat.end();
    });
    const summary = el('summary.icon', { 'aria-label': t('menu') }, icon('more'));
    this.menu = el('details', {}, summary, el('div.menu', {}, textButton(t('yourData'), () => this.data()), this.endButton));
    const close = el('button.icon', { type: 'button', 'aria-label': t('close'), click: () => this.host.close() }, icon('close'));
    const title = el('div.title', {}, el('h2', {}, this.titleNode), this.who);
    return el('header', {}, this.face, title, this.menu, close);
  }

  /** What a visitor should know before the first word. */
  #intro() {
    const links = el('p.links', {}, textButton(t('yourData'), () => this.data()));
    const { privacy } = this.host.dataset;
    if (privacy) links.append(el('a.link', { href: privacy, target: '_blank', rel: 'noopener' }, t('privacy')));
    const reads = language === 'en' ? '' : ` ${t('botLanguages')}`;
    return el('div.intro', {}, el('p', {}, t('intro') + reads), links);
  }

  #listen() {
    const { chat, log, host } = this;
    const { signal } = this.#gone;
    const on = (name, listener) => chat.on(name, listener, signal);
    on('event', ({ event, live }) => {
      log.showEvent(event, live);
      if (live) this.#tell(event);
      this.#read();
      this.#update();
    });
    on('update', () => this.#update());
    on('delivery', (delivery) => {
      log.showDelivery(delivery);
      this.contact.delivery(delivery);
    });
    on('typing', (sender) => this.#showTyping(sender.name));
    on('refused', ({ code, message, shown }) => {
      const words = problem({ code, message });
      if (shown) this.#announce(words);
      else this.#notify(words);
      host.emit('error', { code, message });
    });
    on('consent', (changed) => host.emit('consent.changed', changed));
    on('reset', () => {
      log.reset();
      this.#greet();
      this.#read();
    });
    on('expired', () => this.#notify(t('expired')));
    window.visualViewport?.addEventListener('resize', () => this.#fitKeyboard(), { signal });
    host.root.addEventListener('keydown', (event) => this.#key(event), { signal });
    host.root.addEventListener('click', ({ target }) => this.#closeMenu(target), { signal });
    // Typing must not fire shortcuts of the host page.
    for (const name of ['keyup', 'keypress']) host.root.addEventListener(name, (event) => event.stopPropagation(), { signal });
  }

  #closeMenu(target) {
    if (!this.menu.contains(target)) this.menu.open = false;
  }

  #key(event) {
    event.stopPropagation();
    if (event.key !== 'Escape' || event.isComposing) return;
    if (this.menu.open) {
      this.menu.open = false;
      this.menu.firstChild.focus();
    } else if (this.node.classList.contains('sheeted')) {
      this.dataView.leave();
    } else {
      this.host.close();
    }
  }

  async #fetchWelcome() {
    try {
      const signal = AbortSignal.timeout(GREETING_WITHIN);
      const answer = await fetch(`${this.chat.server}/api/v1/welcome`, { credentials: 'omit', signal });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      this.welcome = await answer.json();
      this.#notify('');
    } catch (error) {
      this.#notify(t('unreachable'), true);
      this.host.emit('error', { code: 'unreachable', message: error.message });
    }
    this.isGreeting = true;
    this.#greet();
  }

  #greet() {
    if (this.welcome) this.titleNode.textContent = this.welcome.business || t('title');
    if (this.welcome || this.isGreeting) this.log.greet(this.welcome?.greeting ?? t('greeting'));
  }

  #retry() {
    this.#notify('');
    if (!this.welcome) this.#fetchWelcome();
    this.chat.line.check();
  }

  #watchLine() {
    const { status } = this.chat.line;
    if (status === 'up') {
      clearTimeout(this.alarm);
      if (this.alarm) this.#notify('');
      this.alarm = null;
      if (this.shown && !this.welcome) this.#fetchWelcome();
    } else if (status === 'down') {
      this.alarm ??= setTimeout(() => this.#notify(t('unreachable'), true), QUIET_BREAK);
    }
  }

  #notify(text, canRetry = false) {
    const [words, button] = this.notice.children;
    this.notice.hidden = !text;
    words.textContent = text;
    button.hidden = !canRetry;
    this.#announce(text);
  }

  #announce(text) {
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  #read() {
    if (this.shown) this.chat.read();
    this.host.setUnread(this.chat.unread);
  }

  /** Draws anew all that follows from the state of the chat. */
  #update() {
    this.#watchLine();
    const { chat, log } = this;
    const { holder, state, withdrawn } = chat;
    const name = state?.agent_name ?? t('agent');
    const withPerson = holder === 'agent';
    const asked = holder === 'queue' || chat.asking;

    this.who.textContent = withPerson ? t('personBadge', { name }) : t('botBadge');
    this.face.replaceChildren(icon(withPerson ? 'person' : 'bot'));
    this.node.dataset.holder = holder;
    this.person.lastChild.textContent = t(withPerson ? 'withPerson' : asked ? 'waiting' : 'askPerson');
    this.person.setAttribute('aria-disabled', String(withPerson || asked));
    this.endButton.disabled = !state || holder === 'closed';
    this.withdrawn.hidden = !withdrawn;
    this.person.hidden = this.composer.node.hidden = Boolean(withdrawn);
    const words = holder === 'queue' ? waitWords(state) : chat.asking ? t('asking') : '';
    this.strip.hidden = !words;
    this.waiting.textContent = words;
    if (words) this.#announce(words);
    if (this.contact.update()) log.scrollTo(this.contact.node);
    if (withPerson) log.disableButtons();
    const writer = withPerson ? this.typist : state?.bot_thinking && t('bot');
    log.showWriting(writer ? t('writing', { name: writer }) : '');
  }

  #showTyping(name) {
    clearTimeout(this.typingEnds);
    this.typist = name;
    if (name) this.typingEnds = setTimeout(() => this.#showTyping(''), TYPING_ENDS);
    this.#update();
  }

  /** Tells the host page what happens now. */
  #tell(event) {
    const { kind, sender } = event;
    const name = {
      message_said: 'message',
      chat_queued: 'handoff.requested',
      chat_claimed: 'handoff.accepted',
      chat_returned: 'handoff.ended',
      chat_closed: this.chat.holder !== 'bot' && 'handoff.ended',
    }[kind];
    if (name) this.host.emit(name, event);
    if (sender?.kind === 'agent') this.#showTyping('');
  }

  /** On phones the keyboard covers the page without resizing it. */
  #fitKeyboard() {
    const { height, offsetTop, scale } = window.visualViewport;
    if (scale !== 1) return;
    this.node.style.setProperty('--height', `${height}px`);
    this.node.style.setProperty('--top', `${offsetTop}px`);
    if (this.shown) this.log.scrollToEnd();
  }
}
