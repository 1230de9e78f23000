/**
 * Warmline's chat on a visitor's page. Line keeps a WebSocket alive, Chat speaks api/protocol.py over it
 * and knows no DOM, WarmlineChat and its parts draw. No request and no storage before the first click.
 * A strict CSP and Trusted Types are kept: nodes are made one by one, styles are an adopted sheet.
 */

const SERVER = new URL(import.meta.url).origin;
const MAX_TEXT = 4000; // code points, as the server counts
const PING_EVERY = 15_000; // ms, as below
const PONG_WITHIN = 5_000;
const WELCOME_WITHIN = 10_000;
const STORED_WITHIN = 15_000;
const QUIET_BREAK = 1_500; // shorter ones need alarm nobody

/** All that a visitor reads. What another language lacks stays English. */
export const STRINGS = {
  en: {
    launcher: 'Chat with us',
    close: 'Close chat',
    menu: 'More options',
    end: 'End chat',
    title: 'Support chat',
    log: 'Conversation',
    botBadge: 'AI assistant · bot',
    personBadge: '{name} · person',
    bot: 'Bot',
    agent: 'Person',
    visitor: 'You',
    system: 'System',
    greeting: 'Hello, I am a bot: I answer from the help pages. You can talk to a person at any time.',
    input: 'Write a message…',
    send: 'Send',
    limit: '{count} of 4,000 characters',
    askPerson: 'Talk to a person',
    withPerson: 'You are talking to a person',
    asking: 'Asking for a person…',
    waiting: 'Waiting for a person',
    position: 'You are number {position} in line.',
    wait: 'The wait is usually about {minutes} min.',
    waitUnknown: 'We can’t say how long yet.',
    deskClosed: 'Nobody is at the desk right now. Your place in line is kept.',
    backToBot: 'Back to the bot',
    contact: 'Leave a message, and a person will answer by e-mail.',
    email: 'E-mail address',
    message: 'Message',
    contactLeft: 'Thank you. Your message waits at the desk; a person will answer by e-mail.',
    sending: 'Sending…',
    sent: 'Sent',
    unsent: 'Not sent yet. We keep trying.',
    refused: 'Not sent. {message}',
    retry: 'Try again',
    edit: 'Edit',
    unreachable: 'We can’t reach the chat right now. What you write is kept and sent as soon as we can.',
    expired: 'The earlier conversation is no longer available. Your next message starts a new one.',
    writing: '{name} is writing…',
    queued: 'You are being passed on to a person, because {reason}.',
    claimed: '{name}, a person, has joined.',
    released: '{name} is no longer here. You wait for a person again, with your place in line kept.',
    returned: 'The bot answers again.',
    closed: '{name} ended the chat. Write again to start anew.',
    reopened: 'The chat goes on, with the bot.',
    why: 'Why this reply?',
    why_answer: 'The bot answered from the help entry “{entry}”.',
    why_clarify: 'More than one help entry could fit, so the bot asked which one you meant.',
    why_smalltalk: 'The bot took this for small talk and used no help entry.',
    why_decline: 'No help entry fitted well enough, so the bot said so instead of guessing.',
    why_handoff: 'The bot found that a person should help here.',
    whySure: 'How sure it was: {percent}, {words}.',
    whyPerson: 'A person was suggested because {reason}.',
    sure: 'very sure',
    halfSure: 'fairly sure',
    unsure: 'not sure',
    asked_for_human: 'you asked for one',
    frustrated: 'your messages sounded frustrated',
    stuck: 'the bot was not getting you any further',
    complex: 'somebody has to look at your own case',
    sensitive: 'the subject is one for a person',
    abusive: 'the conversation had become heated',
    vulnerable: 'you may need help that a bot cannot give',
    bot_failure: 'the bot had a fault',
  },
};

let language = 'en';

function t(name, values = {}) {
  const text = STRINGS[language][name] ?? STRINGS.en[name];
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

// --- making nodes ---

/** el('tag.class', attributes and listeners, ...nodes and plain text) */
function el(name, props = {}, ...children) {
  const [tag, className] = name.split('.');
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [key, value] of Object.entries(props)) {
    if (typeof value === 'function') node.addEventListener(key, value);
    else if (typeof value === 'boolean') node.toggleAttribute(key, value);
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

const ICONS = {
  chat: 'M4 5h16v11H9l-5 4Z',
  close: 'm6.5 6.5 11 11m0-11-11 11',
  more: 'M5 12h1m5.5 0h1m5.5 0h1',
  send: 'M12 19V6m-6 6 6-6 6 6',
  bot: 'M12 4v4M5 8h14v11H5Zm4.5 4.5v2m5-2v2',
  person: 'M12 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm-7 9c0-7.5 14-7.5 14 0',
};

function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** crypto.randomUUID is missing on pages without https. */
function uuid() {
  const random = (digit) => crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4));
  return '10000000-1000-4000-8000-100000000000'.replace(/[018]/g, (digit) => (digit ^ random(digit)).toString(16));
}

// --- Markdown ---

const BULLET = /^\s*[-*+]\s+/;
const NUMBER = /^\s*\d{1,9}[.)]\s+/;
const HEADING = /^\s*#{1,6}\s+/;
const ADDRESS = /(https?:\/\/[^\s<>"]{0,2000}[^\s<>"'.,;:!?)\]*_`])/;

// Lengths are bounded so that no text can make the matching slow.
const INLINE = new RegExp(
  [
    /\\([!-/:-@[-`{-~])/, // 1 an escaped sign
    /`([^`\n]{1,2000})`/, // 2 code
    /!?\[([^\]\n]{1,500})\]\(<?((?:[^\s<>()]|\([^\s<>()]{0,200}\)){1,2000})>?(?:\s[^)\n]{0,300})?\)/, // 3, 4 link
    ADDRESS, // 5
    /(?<!\w)(\*{1,3}|_{1,3})(?![\s*])([^]{1,2000}?)(?<![\s*])\6(?![\w*])/, // 6, 7 italic or bold
  ]
    .map((pattern) => pattern.source)
    .join('|'),
  'g',
);

/**
 * Markdown as nodes: paragraphs, line breaks, bold, italic, code, lists, headings (as bold paragraphs), links.
 * All else, HTML too, stays text.
 *
 * @param {string} text
 * @returns {DocumentFragment}
 */
export function renderMarkdown(text) {
  const fragment = document.createDocumentFragment();
  const lines = text.replace(/\r\n?/g, '\n').split('\n');
  const takeWhile = (test) => {
    const end = lines.findIndex((line) => !test(line));
    return lines.splice(0, end < 0 ? lines.length : end);
  };
  while (lines.length) {
    const marker = [BULLET, NUMBER].find((pattern) => pattern.test(lines[0]));
    if (!lines[0].trim()) {
      lines.shift();
    } else if (HEADING.test(lines[0])) {
      fragment.append(el('p', {}, el('strong', {}, ...inline(lines.shift().replace(HEADING, '')))));
    } else if (marker) {
      fragment.append(list(takeWhile((line) => marker.test(line) || (/^\s+\S/.test(line) && !startsBlock(line))), marker));
    } else {
      const first = lines.shift();
      fragment.append(el('p', {}, ...withBreaks([first, ...takeWhile((line) => line.trim() && !startsBlock(line))])));
    }
  }
  return fragment;
}

const startsBlock = (line) => [BULLET, NUMBER, HEADING].some((pattern) => pattern.test(line));

function list(lines, marker) {
  const items = [];
  for (const line of lines) {
    if (marker.test(line)) items.push([line.replace(marker, '')]);
    else items.at(-1).push(line.trim());
  }
  const node = el(marker === NUMBER ? 'ol' : 'ul');
  if (marker === NUMBER) node.start = parseInt(lines[0], 10);
  node.append(...items.map((item) => el('li', {}, ...withBreaks(item))));
  return node;
}

function withBreaks(lines) {
  return lines.flatMap((line, index) => {
    const nodes = inline(line.trim().replace(/\\$/, ''));
    return index ? [el('br'), ...nodes] : nodes;
  });
}

function inline(text, insideLink = false) {
  const nodes = [];
  let done = 0;
  for (const match of text.matchAll(INLINE)) {
    const [all, escaped, code, label, target, address, stars, marked] = match;
    nodes.push(text.slice(done, match.index));
    done = match.index + all.length;
    if (escaped) nodes.push(escaped);
    else if (code) nodes.push(el('code', {}, code));
    else if (label) nodes.push(...link(target, inline(label, true), insideLink));
    else if (address) nodes.push(...link(address, [address], insideLink));
    else nodes.push(el(stars.length > 1 ? 'strong' : 'em', {}, ...inline(marked, insideLink)));
  }
  nodes.push(text.slice(done));
  return nodes.filter(Boolean);
}

/** A link, or only its text when nobody should click the target. */
function link(target, label, insideLink) {
  let url;
  try {
    url = new URL(target);
  } catch {
    return label;
  }
  if (insideLink || !['http:', 'https:', 'mailto:'].includes(url.protocol)) return label;
  return [el('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer' }, ...label)];
}

function plainWithLinks(text) {
  return text.split(ADDRESS).flatMap((piece, index) => (index % 2 ? link(piece, [piece]) : piece));
}

// --- memory ---

/** From this tab's sessionStorage; blocked or full is as good as none. */
function recall(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name)) ?? {};
  } catch {
    return {};
  }
}

function remember(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // only a reload starts anew, then
  }
}

// --- the line ---

/**
 * One WebSocket, opened again when it breaks: after growing, jittered pauses, or at once when the page wakes
 * up or the network returns. No pong is a break, too: a phone is not told that its network is gone.
 */
class Line {
  constructor(url, owner) {
    this.url = url;
    this.owner = owner;
    this.status = 'idle'; // idle | connecting | up | down
    this.socket = null;
    this.tries = 0;
    const check = () => document.visibilityState === 'visible' && this.check();
    for (const name of ['online', 'focus', 'pageshow']) addEventListener(name, check);
    document.addEventListener('visibilitychange', check);
  }

  open() {
    if (this.status === 'idle') this.#connect();
  }

  close() {
    this.#drop();
    this.#become('idle');
  }

  send(frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  /** `welcome` came. */
  ready() {
    this.#expect(null);
    this.pinging = setInterval(() => this.#ping(), PING_EVERY);
    this.#become('up');
    this.#ping();
  }

  pong() {
    this.#expect(null);
    this.tries = 0;
  }

  check() {
    if (this.status === 'up') this.#ping();
    if (this.status === 'down') this.#connect();
  }

  #connect() {
    this.#drop();
    this.#become('connecting');
    this.socket = new WebSocket(this.url);
    this.#expect(WELCOME_WITHIN);
    this.socket.onopen = () => this.send(this.owner.greeting());
    this.socket.onmessage = ({ data }) => this.owner.received(JSON.parse(data));
    this.socket.onclose = ({ code }) => this.lost(code);
  }

  #ping() {
    this.send({ kind: 'ping' });
    if (!this.deadline) this.#expect(PONG_WITHIN);
  }

  /** The server owes us something within so many ms; null: nothing. */
  #expect(ms) {
    clearTimeout(this.deadline);
    this.deadline = ms && setTimeout(() => this.lost(), ms);
  }

  lost(code) {
    this.#drop();
    const pause = Math.min(30_000, 500 * 2 ** this.tries) * (0.5 + Math.random() / 2);
    this.tries += 1;
    this.retrying = setTimeout(() => this.#connect(), pause);
    this.#become('down');
    if (code === 4401) this.owner.turnedAway();
  }

  #drop() {
    clearTimeout(this.retrying);
    clearInterval(this.pinging);
    this.#expect(null);
    if (!this.socket) return;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
  }

  #become(status) {
    this.status = status;
    this.owner.lineChanged();
  }
}

// --- the conversation ---

class Emitter {
  #listeners = [];

  on(name, listener) {
    this.#listeners.push({ name, listener });
  }

  off(name, listener) {
    this.#listeners = this.#listeners.filter((each) => each.name !== name || each.listener !== listener);
  }

  emit(name, detail) {
    for (const each of this.#listeners) {
      // Later: a listener that throws must stop nothing here.
      if (each.name === name) queueMicrotask(() => each.listener(detail));
    }
  }
}

/**
 * The visitor's conversation. It emits:
 *
 *     event {event, live}              each once, in order; not live: replayed after a reload
 *     delivery {key, status, message}  sending, unsent, sent or refused
 *     refused {code, message, shown}   shown: where it was written
 *     update, typing sender
 *     reset, expired                   forget all events; the server has, too
 */
class Chat extends Emitter {
  constructor(server) {
    super();
    this.name = `warmline:${server}`;
    this.line = new Line(`${server.replace(/^http/, 'ws')}/ws/visitor`, this);
    this.lastSeq = this.replayUpTo = 0;
    // Perhaps this is a reload in the middle of a conversation.
    const { token, epoch, startKey, isOpen, outbox } = recall(this.name);
    Object.assign(this, { token, epoch, startKey, isOpen });
    // Unconfirmed frames, in order. One with a `key` stays until its `stored` or echo came: the key makes
    // sending it again harmless. Others are forgotten once they are sent.
    this.outbox = Object.values(outbox ?? {}).map((frame) => ({ frame, sent: false, failed: false }));
  }

  get begun() {
    return this.token || this.startKey;
  }

  get holder() {
    return this.state?.holder ?? 'bot';
  }

  unconfirmed(kind) {
    return this.outbox.map((entry) => entry.frame).filter((frame) => frame.kind === kind);
  }

  get asking() {
    return this.unconfirmed('ask_human').length > 0;
  }

  say(text) {
    return this.#post({ kind: 'say', key: uuid(), text });
  }

  askHuman() {
    if (!this.asking && !['queue', 'agent'].includes(this.holder)) this.#post({ kind: 'ask_human', key: uuid() });
  }

  leaveContact(email, text) {
    return this.#post({ kind: 'leave_contact', key: uuid(), email, text });
  }

  backToBot() {
    for (const { key } of this.unconfirmed('ask_human')) this.#settle(key);
    this.#post({ kind: 'back_to_bot' });
  }

  end() {
    this.#post({ kind: 'end' });
  }

  typing() {
    const now = Date.now();
    if (this.holder !== 'agent' || this.line.status !== 'up' || now - this.typedAt < 1000) return;
    this.typedAt = now;
    this.line.send({ kind: 'typing' });
  }

  retry(key) {
    const entry = this.#find(key);
    if (!entry) return;
    entry.sent = false;
    this.#flush();
    this.line.check();
  }

  takeBack(key) {
    return this.#settle(key).frame.text;
  }

  setOpen(isOpen) {
    this.isOpen = isOpen;
    this.#save();
  }

  greeting() {
    const { token, epoch, lastSeq, startKey: key } = this;
    return token ? { kind: 'resume', token, epoch, after: lastSeq } : { kind: 'start', key };
  }

  received(frame) {
    const handlers = {
      welcome: () => this.#welcomed(frame),
      happened: () => this.#happened(frame),
      stored: () => this.#confirmed(frame.key),
      state: () => {
        this.state = frame;
        this.emit('update');
      },
      typing: () => this.emit('typing', frame.who),
      pong: () => {
        this.line.pong();
        if (frame.last_seq > this.lastSeq) this.line.lost();
      },
      refused: () => this.#refused(frame),
    };
    if (Object.hasOwn(handlers, frame.kind)) handlers[frame.kind](); // unknown: a newer server's
  }

  lineChanged() {
    if (this.line.status === 'down') {
      for (const entry of this.outbox) {
        entry.sent = false; // what was on the line may be lost
        if (!entry.failed) this.emit('delivery', { key: entry.frame.key, status: 'unsent' });
      }
    }
    this.emit('update');
  }

  turnedAway() {
    this.token = this.epoch = this.startKey = this.state = null;
    this.#forgetEvents();
    this.emit('expired');
    remember(this.name, null);
    if (!this.outbox.length) return this.line.close();
    this.startKey = uuid(); // for what was not delivered
    this.#save();
  }

  #post(frame) {
    this.outbox.push({ frame, sent: false, failed: false });
    if (!this.begun) this.startKey = uuid();
    this.#save();
    this.line.open();
    this.#flush();
    this.emit('update');
    return frame.key;
  }

  /** One message at a time, so that none is overtaken; all else at once. */
  #flush() {
    if (this.line.status !== 'up') return;
    let busy = this.paused;
    for (const entry of this.outbox.filter(({ failed }) => !failed)) {
      const { key, kind } = entry.frame;
      const waits = kind === 'say' && busy;
      busy ||= kind === 'say';
      if (waits || entry.sent) continue;
      this.line.send(entry.frame);
      entry.sent = true;
      this.emit('delivery', { key, status: 'sending' });
      const late = () => this.#find(key) === entry && !entry.failed;
      if (key) setTimeout(() => late() && this.emit('delivery', { key, status: 'unsent' }), STORED_WITHIN);
    }
    this.outbox = this.outbox.filter(({ frame, sent }) => frame.key || !sent);
  }

  #find(key) {
    return this.outbox.find((entry) => entry.frame.key === key);
  }

  #settle(key) {
    const entry = this.#find(key);
    this.outbox = this.outbox.filter((other) => other !== entry);
    this.#save();
    this.#flush();
    return entry;
  }

  #welcomed({ token, epoch, reset, last_seq }) {
    if (token) this.token = token;
    this.startKey = null;
    if (reset) this.#forgetEvents();
    this.epoch = epoch;
    if (this.lastSeq === 0) this.replayUpTo = last_seq;
    this.#save();
    this.line.ready();
    this.#flush();
  }

  #happened({ prev, event }) {
    if (event.seq <= this.lastSeq) return;
    if (prev > this.lastSeq) return this.line.lost(); // a gap: resume fills it
    this.lastSeq = event.seq;
    if (event.kind === 'message_said' && event.sender.kind === 'visitor') this.#confirmed(event.key);
    this.emit('event', { event, live: event.seq > this.replayUpTo });
  }

  #confirmed(key) {
    if (!this.#settle(key)) return;
    this.emit('delivery', { key, status: 'sent' });
    this.emit('update');
  }

  #refused({ ref, code, message, retry_after: seconds }) {
    const entry = this.#find(ref);
    const kind = entry?.frame.kind;
    if (kind === 'say' && seconds) {
      this.paused = true;
      setTimeout(() => this.#unpause(entry), seconds * 1000);
      return;
    }
    if (kind === 'say') entry.failed = true; // its text is kept
    else if (entry) this.#settle(ref);
    this.emit('delivery', { key: ref, status: 'refused', message });
    this.emit('refused', { code, message, shown: kind === 'say' || kind === 'leave_contact' });
    this.emit('update');
    this.#flush();
  }

  #unpause(entry) {
    this.paused = entry.sent = false;
    this.#flush();
  }

  #forgetEvents() {
    this.lastSeq = this.replayUpTo = 0;
    this.emit('reset');
  }

  #save() {
    const { token, epoch, startKey, isOpen } = this;
    const outbox = { ...this.outbox.map((entry) => entry.frame) }; // old libraries spoil Array.prototype.toJSON
    if (this.begun) remember(this.name, { token, epoch, startKey, isOpen, outbox });
  }
}

// --- the parts of the panel ---

/** One message, with its kind of sender visible and as `data-sender`. */
function messageNode(kind, name, at, ...content) {
  const from = el('div.from');
  if (kind === 'bot') from.append(icon('bot'));
  if (kind === 'agent') from.append(icon('person'), el('b', { dir: 'auto' }, name));
  from.append(el('span.kind', {}, t(kind)));
  if (at) from.append(el('time', { datetime: at }, clock(at)));
  return el('div.msg', { 'data-sender': kind }, from, ...content);
}

function clock(at) {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  return date.toLocaleString(language, { dateStyle: today ? undefined : 'medium', timeStyle: 'short' });
}

function textNode(sender, text, format) {
  const body = el('div.text', { dir: 'auto' });
  if (format === 'markdown' && sender === 'bot') body.append(renderMarkdown(text));
  else if (sender === 'visitor') body.append(text);
  else body.append(...plainWithLinks(text));
  return body;
}

function whyNode({ decision, title: entry, confidence, handoff, reason }) {
  const percent = confidence.toLocaleString(language, { style: 'percent' });
  const words = t(confidence >= 0.8 ? 'sure' : confidence >= 0.5 ? 'halfSure' : 'unsure');
  const facts = [
    t(`why_${decision}`, { entry }),
    ['answer', 'clarify', 'decline'].includes(decision) && t('whySure', { percent, words }),
    handoff !== 'none' && reason && t('whyPerson', { reason: t(reason) }),
  ].filter(Boolean);
  const list = el('ul', { dir: 'auto' }, ...facts.map((fact) => el('li', {}, fact)));
  return el('details.why', {}, el('summary', {}, t('why')), list);
}

/** Messages and system lines in order; what is unconfirmed comes last. */
class Log {
  constructor(chat, onTakeBack) {
    this.chat = chat;
    this.onTakeBack = onTakeBack;
    this.own = new Map(); // key -> node of a message of this visitor
    this.agent = t('agent');
    this.messages = el('div', { role: 'log', 'aria-live': 'polite', 'aria-label': t('log') });
    this.writing = el('p.writing');
    this.node = el('div.scroll', { tabindex: '0' }, this.messages, this.writing);
  }

  reset() {
    this.own.clear();
    this.messages.replaceChildren();
    this.chat.unconfirmed('say').forEach((frame) => this.showUnconfirmed(frame));
    this.greeted = false;
  }

  /** The bot's first words, until the log of the conversation begins with them. */
  greet(text) {
    if (this.greeted) return;
    this.greeting?.remove();
    this.greeting = messageNode('bot', '', null, textNode('bot', text));
    this.messages.prepend(this.greeting);
  }

  say(text) {
    this.showUnconfirmed({ key: this.chat.say(text), text });
  }

  showUnconfirmed({ key, text }) {
    const meta = el('div.meta', { 'aria-live': 'off' });
    const node = messageNode('visitor', '', new Date().toISOString(), textNode('visitor', text), meta);
    this.own.set(key, node);
    this.messages.append(node);
    this.showDelivery({ key, status: 'sending' });
    this.#scrollTo(node);
  }

  showDelivery({ key, status, message }) {
    const node = this.own.get(key);
    if (!node) return;
    const meta = node.querySelector('.meta');
    meta.replaceChildren(t(status, { message }));
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
    this.#scrollTo(node);
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
      if (basis) node.append(whyNode(basis));
    }
    return node;
  }

  #button({ title, payload }) {
    return textButton(title, () => {
      this.disableButtons();
      if (payload === '/human') this.chat.askHuman();
      else this.say(payload);
    });
  }

  #happened(event) {
    if (event.kind === 'chat_claimed') this.agent = event.agent_name;
    const values = { name: event.by === 'visitor' ? t('visitor') : this.agent, reason: event.reason && t(event.reason) };
    const text = t(event.kind.replace('chat_', ''), values);
    return messageNode('system', '', event.at, textNode('system', text));
  }

  /** To the end, but to the beginning of what is taller than the panel. */
  #scrollTo(node) {
    const taller = node.offsetHeight > this.node.clientHeight;
    this.node.scrollTop = taller ? node.offsetTop - 12 : this.node.scrollHeight;
  }
}

function textButton(text, onclick) {
  return el('button.link', { click: onclick }, text);
}

function waitWords({ desk_open: open, position, wait_seconds: seconds }) {
  if (!open) return t('deskClosed');
  const wait = seconds === null ? t('waitUnknown') : t('wait', { minutes: Math.ceil(seconds / 60) || 1 });
  return [position && t('position', { position }), wait].filter(Boolean).join(' ');
}

/** Nobody is at the desk: an e-mail address and a message can wait there. */
class ContactForm {
  constructor(chat) {
    this.chat = chat;
    this.email = el('input', { type: 'email', required: true, maxlength: '320', autocomplete: 'email' });
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

  delivery({ key, status, message = '' }) {
    if (!key || key !== this.key) return;
    const pending = status !== 'sent' && status !== 'refused';
    this.error.textContent = message;
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

const length = (text) => Array.from(text).length;

/** Where the visitor writes. */
class Composer {
  constructor(onSend, onTyping) {
    this.onSend = onSend;
    this.input = el('textarea', {
      rows: '1',
      dir: 'auto',
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

  setText(text) {
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
    input.style.height = 'auto';
    input.style.height = `${input.scrollHeight}px`;
    const count = length(input.value.trim());
    limit.hidden = count < 0.9 * MAX_TEXT;
    limit.classList.toggle('error', count > MAX_TEXT);
    limit.textContent = limit.hidden ? '' : t('limit', { count });
  }
}

// --- the element ---

/** `<warmline-chat>`: the launcher and the panel. `api` tells the host page what happens. */
export class WarmlineChat extends HTMLElement {
  constructor(api = new Emitter()) {
    super();
    this.api = api;
    this.unread = 0;
    this.isOpen = false;
  }

  connectedCallback() {
    if (this.shadowRoot) return;
    const wanted = document.documentElement.lang;
    language = [wanted, wanted.split('-')[0]].find((tag) => STRINGS[tag]) ?? 'en';
    this.chat = new Chat(SERVER);
    this.#build();
    this.#listen();
    this.#update();
    for (const frame of this.chat.unconfirmed('say')) this.log.showUnconfirmed(frame);
    if (this.chat.begun) this.chat.line.open();
    if (this.chat.isOpen) this.open({ focus: false });
  }

  open({ focus = true } = {}) {
    if (!this.isOpen) {
      this.isOpen = true;
      this.#setUnread(0);
      this.chat.setOpen(true);
      this.#show();
      this.log.scrollToEnd();
      if (!this.isWelcome) this.#welcome();
      this.api.emit('opened');
    }
    if (focus) this.composer.input.focus();
  }

  close() {
    if (!this.isOpen) return;
    const hadFocus = Boolean(this.shadowRoot.activeElement);
    this.isOpen = false;
    this.chat.setOpen(false);
    this.#show();
    if (hadFocus) this.launcher.focus();
    this.api.emit('closed');
  }

  toggle() {
    if (this.isOpen) this.close();
    else this.open();
  }

  /** Opens with `text` typed in, not sent. */
  ask(text) {
    this.open();
    this.composer.setText(text);
  }

  requestHuman() {
    this.open();
    this.chat.askHuman();
  }

  #build() {
    const shadow = this.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLES);
    shadow.adoptedStyleSheets = [sheet];

    this.badge = el('span.unread');
    this.launcher = el('button.launcher', { click: () => this.toggle() }, icon('chat'), icon('close'), this.badge);

    this.log = new Log(this.chat, (text) => this.ask(text));
    this.waiting = el('p');
    const back = textButton(t('backToBot'), () => this.chat.backToBot());
    this.strip = el('div.strip', {}, this.waiting, back);
    this.contact = new ContactForm(this.chat);
    this.composer = new Composer((text) => this.log.say(text), () => this.chat.typing());
    this.log.node.append(this.contact.node);

    this.notice = el('div.notice', { hidden: true }, el('p'), textButton(t('retry'), () => this.#retry()));
    this.person = el('button.person', { click: () => this.chat.askHuman() }, icon('person'), el('span'));
    this.status = el('div.aside', { role: 'status' });
    this.panel = el(
      'section.panel',
      { role: 'dialog', 'aria-labelledby': 'title', 'aria-describedby': 'who' },
      this.#header(),
      this.strip,
      this.log.node,
      el('div.foot', {}, this.notice, this.person, this.composer.node),
      this.status,
    );
    const theme = this.dataset.theme ?? 'auto';
    this.root = el('div.root', { lang: language, 'data-theme': theme, keydown: (event) => this.#key(event) });
    this.root.append(this.panel, this.launcher);
    // Typing must not fire shortcuts of the host page.
    for (const name of ['keyup', 'keypress']) this.root.addEventListener(name, (event) => event.stopPropagation());
    shadow.append(this.root);
    this.#setUnread(0);
    this.#show();
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
    this.menu = el('details', {}, summary, this.endButton);
    const close = el('button.icon', { 'aria-label': t('close'), click: () => this.close() }, icon('close'));
    const title = el('div.title', {}, el('h2', {}, this.titleNode), this.who);
    return el('header', {}, this.face, title, this.menu, close);
  }

  #listen() {
    const { chat, log, api } = this;
    chat.on('event', ({ event, live }) => {
      log.showEvent(event, live);
      if (live) this.#tell(event);
      this.#update();
    });
    chat.on('update', () => this.#update());
    chat.on('delivery', (delivery) => {
      log.showDelivery(delivery);
      this.contact.delivery(delivery);
    });
    chat.on('typing', (sender) => this.#showTyping(sender.name));
    chat.on('refused', ({ code, message, shown }) => {
      if (shown) this.#announce(message);
      else this.#notify(message);
      api.emit('error', { code, message });
    });
    chat.on('reset', () => {
      log.reset();
      if (this.greeting) log.greet(this.greeting);
    });
    chat.on('expired', () => this.#notify(t('expired')));
    window.visualViewport?.addEventListener('resize', () => this.#fitKeyboard());
  }

  #show() {
    this.root.dir = this.dataset.dir ?? getComputedStyle(document.documentElement).direction;
    this.panel.hidden = !this.isOpen;
    this.root.classList.toggle('open', this.isOpen);
    this.launcher.setAttribute('aria-expanded', String(this.isOpen));
  }

  #key(event) {
    event.stopPropagation();
    if (event.key !== 'Escape' || event.isComposing) return;
    if (!this.menu.open) this.close();
    else {
      this.menu.open = false;
      this.menu.firstChild.focus();
    }
  }

  async #welcome() {
    try {
      const answer = await fetch(`${SERVER}/api/v1/welcome`, { credentials: 'omit', signal: AbortSignal.timeout(8000) });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      const { business, greeting } = await answer.json();
      this.greeting = greeting;
      this.isWelcome = true;
      this.titleNode.textContent = business || t('title');
      this.#notify('');
    } catch (error) {
      this.greeting ??= t('greeting');
      this.#notify(t('unreachable'), true);
      this.api.emit('error', { code: 'unreachable', message: error.message });
    }
    this.log.greet(this.greeting);
  }

  #retry() {
    this.#notify('');
    if (!this.isWelcome) this.#welcome();
    this.chat.line.check();
  }

  #watchLine() {
    const { status } = this.chat.line;
    if (status === 'up') {
      clearTimeout(this.alarm);
      if (this.alarm) this.#notify('');
      this.alarm = null;
      if (this.isOpen && !this.isWelcome) this.#welcome();
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

  /** Draws anew all that follows from the state of the chat. */
  #update() {
    this.#watchLine();
    const { chat, log } = this;
    const { holder, state } = chat;
    const name = state?.agent_name ?? t('agent');
    const withPerson = holder === 'agent';
    const asked = holder === 'queue' || chat.asking;

    this.who.textContent = withPerson ? t('personBadge', { name }) : t('botBadge');
    this.face.replaceChildren(icon(withPerson ? 'person' : 'bot'));
    this.panel.dataset.holder = holder;
    this.person.lastChild.textContent = t(withPerson ? 'withPerson' : asked ? 'waiting' : 'askPerson');
    this.person.setAttribute('aria-disabled', String(withPerson || asked));
    this.endButton.disabled = !state || holder === 'closed';
    const words = holder === 'queue' ? waitWords(state) : chat.asking ? t('asking') : '';
    this.strip.hidden = !words;
    this.waiting.textContent = words;
    if (words) this.#announce(words);
    if (this.contact.update()) log.scrollToEnd();
    if (withPerson) log.disableButtons();
    const writer = withPerson ? this.typist : state?.bot_thinking && t('bot');
    log.showWriting(writer ? t('writing', { name: writer }) : '');
  }

  #showTyping(name) {
    clearTimeout(this.typingEnds);
    this.typist = name;
    if (name) this.typingEnds = setTimeout(() => this.#showTyping(''), 5_000);
    this.#update();
  }

  /** Tells the host page, and counts what the visitor has not seen. */
  #tell(event) {
    const { kind, sender } = event;
    const name = {
      message_said: 'message',
      chat_queued: 'handoff.requested',
      chat_claimed: 'handoff.accepted',
      chat_returned: 'handoff.ended',
      chat_closed: this.chat.holder !== 'bot' && 'handoff.ended',
    }[kind];
    if (name) this.api.emit(name, event);
    if (sender?.kind === 'agent') this.#showTyping('');
    if (!this.isOpen && (kind === 'chat_claimed' || ['bot', 'agent'].includes(sender?.kind))) this.#setUnread(this.unread + 1);
  }

  #setUnread(count) {
    this.unread = count;
    this.badge.hidden = !count;
    this.badge.textContent = count > 9 ? '9+' : String(count);
    this.launcher.setAttribute('aria-label', count ? `${t('launcher')} (${count})` : t('launcher'));
  }

  /** On phones the keyboard covers the page without resizing it. */
  #fitKeyboard() {
    const { height, offsetTop, scale } = window.visualViewport;
    if (scale !== 1) return;
    this.panel.style.setProperty('--height', `${height}px`);
    this.panel.style.setProperty('--top', `${offsetTop}px`);
    if (this.isOpen) this.log.scrollToEnd();
  }
}

// --- looks ---

const DARK = `
  --accent: var(--warmline-accent-dark, var(--warmline-accent, #8ccfb8)); --surface: #1b1d1c; --canvas: #131514;
  --ink: #eef0ec; --muted: #a9b0aa; --line: #353a37; --human: #3a2f22; --bad: #ff9d8c; --least: .78; --most: 1;
  color-scheme: dark;`;

const STYLES = `
:host { all: initial; }
* { box-sizing: border-box; margin: 0; }
[hidden] { display: none !important; }
.root {
  --accent: var(--warmline-accent, #1f5f4e); --surface: var(--warmline-surface, #fff); --canvas: var(--warmline-canvas, #f7f6f3);
  --ink: #1f2421; --muted: #5f6661; --line: #dedcd5; --human: #fbeedd; --bad: #a8321f; --least: 0; --most: .5;
  --on-accent: var(--warmline-on-accent, #fff); --link: var(--accent); --gap: var(--warmline-offset, 20px);
  color-scheme: light; color: var(--ink);
  font: 15px/1.5 var(--warmline-font, ui-sans-serif, system-ui, sans-serif);
  position: fixed; z-index: var(--warmline-z, 2147483000); bottom: var(--gap); inset-inline-end: var(--gap);
}
.root[data-theme=dark] {${DARK}}
@media (prefers-color-scheme: dark) { .root[data-theme=auto] {${DARK}} }
@supports (color: oklch(from red l c h)) { /* any accent stays readable */
  .root {
    --on-accent: var(--warmline-on-accent, lch(from var(--accent) calc((50 - l) * 100) 0 0));
    --link: oklch(from var(--accent) clamp(var(--least), l, var(--most)) c h);
  }
}
button, input, textarea { font: inherit; color: inherit; border: 1px solid transparent; border-radius: 12px; background: none; }
button, summary { cursor: pointer; padding: 0; }
:disabled, [aria-disabled=true] { cursor: default; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
svg { width: 1.4em; flex: none; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
h2, h3 { font-size: 1em; line-height: 1.3; }
p, h2, .text { overflow-wrap: anywhere; }
p:not(.who), h3, button, summary { unicode-bidi: plaintext; }
.face { border-radius: 12px; }
.launcher, .face, .icon, .send { display: grid; place-items: center; flex: none; width: 36px; height: 36px; }
.launcher, .face, .send, .primary, [data-sender=visitor] > .text { background: var(--accent); color: var(--on-accent); }

.launcher { position: relative; width: 56px; height: 56px; margin-inline-start: auto; font-size: 19px; box-shadow: 0 6px 24px #0004; }
.open .launcher > :first-child, .root:not(.open) .launcher > :nth-child(2) { display: none; }
[data-holder=agent] .face, .launcher { border-radius: 50%; }
.unread { position: absolute; top: -4px; inset-inline-end: -4px; min-width: 22px; border-radius: 11px; background: #b3261e; color: #fff; font-size: 12px; line-height: 22px; }
.panel {
  display: flex; flex-direction: column; width: 384px; height: min(640px, 100dvh - 2 * var(--gap) - 68px);
  margin-bottom: 12px; overflow: hidden; border: 1px solid var(--line); border-radius: var(--warmline-radius, 18px);
  background: var(--surface); box-shadow: 0 6px 24px #0004; animation: rise .18s;
}
@keyframes rise { from { opacity: 0; transform: translateY(10px); } }

header { display: flex; align-items: center; gap: 10px; padding: 12px; position: relative; border-bottom: 1px solid var(--line); }
.title { flex: 1; min-width: 0; }
.who, .link, .notice, .limit, .why, .writing, .error, [data-sender=system] { font-size: 13px; }
.who, .icon, .from, .meta, .why, .writing, .limit, [data-sender=system] { color: var(--muted); }
header .link { position: absolute; z-index: 1; inset-inline-end: 12px; padding: 10px 16px; border-color: var(--line); background: var(--surface); box-shadow: 0 6px 24px #0004; }

.strip { padding: 10px 16px; background: var(--human); font-size: 14px; }
.scroll { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain; padding: 16px; position: relative; background: var(--canvas); }
.scroll:focus-visible { outline-offset: -3px; }
.msg { display: flex; flex-direction: column; align-items: flex-start; margin-bottom: 16px; }
.from { display: flex; align-items: center; gap: 5px; margin-bottom: 4px; }
.from, .meta { font-size: 12px; }
.kind, b { font-weight: 600; }
b::after { content: ' ·'; }
.text { max-width: 88%; padding: 9px 13px; border: 1px solid var(--line); border-radius: 14px; background: var(--surface); }
[data-sender=agent] > .text { background: var(--human); }
[data-sender=visitor] { align-items: flex-end; }
[data-sender=visitor] > .text, [data-sender=agent] > .text { white-space: pre-wrap; }
[data-sender=system] { align-items: center; text-align: center; }
[data-sender=system] > * { margin: 0; padding: 0; border: 0; background: none; }
.text > * + * { margin-top: .55em; }
ul, ol { padding-inline-start: 1.3em; }
code { font-family: ui-monospace, monospace; }
.link { text-decoration: underline; min-height: 24px; }
a, .link { color: var(--link); }
.meta { text-align: end; }
.meta .link { margin-inline-start: 8px; }
.choices { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px; }
.choices .link { padding: 7px 13px; border-color: currentColor; border-radius: 18px; text-decoration: none; font-size: 14px; text-align: start; }
.link:disabled { color: var(--muted); opacity: .7; }
summary { display: flex; align-items: center; text-decoration: underline; min-height: 24px; }

.card { padding: 14px; border: 1px solid var(--line); border-radius: 14px; background: var(--surface); font-size: 14px; }
label { display: block; margin-block: 10px; }
input, .card textarea { width: 100%; padding: 8px 11px; border-color: var(--muted); resize: vertical; font-size: 16px; }
.primary { width: 100%; padding: 11px; }
.foot { padding: 10px 12px 12px; border-top: 1px solid var(--line); }
.notice { display: flex; gap: 12px; justify-content: space-between; padding-bottom: 8px; }
.notice, .error, .troubled .meta { color: var(--bad); }
.notice .link { flex: none; }
.person { display: flex; align-items: center; gap: 7px; margin-bottom: 8px; padding: 5px 13px 5px 10px; border-color: var(--line); border-radius: 22px; font-size: 14px; font-weight: 600; color: var(--link); }
.person[aria-disabled=true] { color: var(--muted); border-color: var(--line); }
.box { display: flex; align-items: flex-end; padding: 4px; border: 1px solid var(--muted); border-radius: 16px; }
.box:focus-within { outline: 2px solid var(--link); outline-offset: -1px; }
.box textarea { flex: 1; min-width: 0; max-height: 128px; padding: 6px 9px; outline: 0; resize: none; font-size: 16px; }
::placeholder { color: var(--muted); opacity: 1; }
.aside { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }

@media (max-width: 480px), (max-height: 480px) {
  .open .launcher { display: none; }
  .panel {
    position: fixed; inset: 0; top: var(--top, 0); width: auto; height: var(--height, 100dvh); margin: 0; border: 0; border-radius: 0; overflow-y: auto;
    padding: env(safe-area-inset-top) env(safe-area-inset-right) env(safe-area-inset-bottom) env(safe-area-inset-left);
  }
  .scroll { min-height: 90px; }
  .icon, .send { width: 44px; height: 44px; }
  .link, .person, summary { min-height: 44px; }
  .box textarea { padding-block: 10px; }
}
@media (prefers-reduced-motion: reduce) { * { animation: none !important; } }
`;

// --- on the page ---

/**
 * Puts the widget on this page, once, and `window.Warmline` with it.
 *
 * @param {Object<string, string>} options dir, theme: as the script's data-attributes
 */
export function mount(options = {}) {
  if (window.Warmline?.open) return;
  customElements.define('warmline-chat', WarmlineChat);
  const api = new Emitter();
  const chat = new WarmlineChat(api);
  Object.assign(chat.dataset, options);
  window.Warmline = {
    open: () => chat.open(),
    close: () => chat.close(),
    toggle: () => chat.toggle(),
    requestHuman: () => chat.requestHuman(),
    on: (name, listener) => (name === 'ready' ? queueMicrotask(listener) : api.on(name, listener)),
    off: (name, listener) => api.off(name, listener),
  };
  addEventListener('click', (event) => {
    const asker = event.target.closest?.('[data-warmline-ask]');
    if (!asker) return;
    event.preventDefault();
    chat.ask(asker.dataset.warmlineAsk);
  });
  document.body.append(chat);
  dispatchEvent(new Event('warmline:ready')); // for scripts that ran before this one
}

const tag = [...document.querySelectorAll('script[data-warmline]')].find(({ src }) => src === import.meta.url);
if (tag) mount(tag.dataset);
