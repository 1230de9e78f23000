/** The visitor's conversation: speaks api/protocol.py over a Line, and the visitor's own HTTP. It knows no DOM. */

import { Line } from './line.js';
import { lasts, recall, remember, uuid } from './memory.js';

const STORED_WITHIN = 15_000; // ms, as below
const ANSWER_WITHIN = 15_000;
const CONSENT_AGAIN = 5_000;
/** Of the words in languages/ that say what is stored and why. Raise it when their meaning changes. */
const NOTICE = '1';

/** The server declined a request, or (`unreachable`) gave no answer. */
export class Declined extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * It emits:
 *
 *     event {event, live}              each once, in order; not live: replayed after a reload
 *     delivery {key, status, message}  sending, unsent, sent or refused
 *     refused {code, message, shown}   shown: where it was written
 *     consent {purposes, receipt}
 *     update, typing sender
 *     reset, expired                   forget all events; the server has, too
 */
export class Chat extends EventTarget {
  constructor(server, name) {
    super();
    this.server = server;
    this.name = name;
    this.line = new Line(`${server.replace(/^http/, 'ws')}/ws/visitor`, this);
    this.events = [];
    this.lastSeq = this.replayUpTo = 0;
    // Perhaps this is a reload in the middle of a conversation.
    const { token, epoch, startKey, isOpen, seen, choices, pending, withdrawn, outbox } = recall(name);
    Object.assign(this, { token, epoch, startKey, isOpen, pending });
    this.withdrawn = withdrawn ?? false; // nothing may be said until the visitor agrees again
    this.seen = seen ?? 0; // the last event that the visitor had before the eyes
    this.choices = { sentiment: true, remember: false, ...choices };
    this.lasting = Boolean(token) && this.choices.remember; // this tab keeps it for after itself
    // Unconfirmed frames, in order. One with a `key` stays until its `stored` or echo came: the key makes
    // sending it again harmless. Others are forgotten once they are sent.
    this.outbox = Object.values(outbox ?? {}).map((frame) => ({ frame, sent: false, failed: null }));
  }

  on(name, listener, signal) {
    this.addEventListener(name, ({ detail }) => listener(detail), { signal });
  }

  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  resume() {
    if (this.begun) this.line.open();
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

  /** Messages on their way, each with where it is. */
  get underWay() {
    return this.outbox
      .filter(({ frame }) => frame.kind === 'say')
      .map(({ frame: { key, text }, failed }) => {
        if (failed) return { key, text, status: 'refused', ...failed };
        return { key, text, status: this.line.status === 'down' ? 'unsent' : 'sending' };
      });
  }

  get asking() {
    return this.unconfirmed('ask_human').length > 0;
  }

  get unread() {
    return this.events.filter(({ seq, kind, sender }) => {
      return seq > this.seen && (kind === 'chat_claimed' || ['bot', 'agent'].includes(sender?.kind));
    }).length;
  }

  /** All that came is before the visitor's eyes. */
  read() {
    if (this.seen === this.lastSeq) return;
    this.seen = this.lastSeq;
    this.#save();
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

  // --- the visitor's own data ---

  /**
   * A request about this visitor.
   *
   * @returns {Promise<Response>}
   * @throws {Declined}
   */
  async request(method, path, body) {
    const headers = { Authorization: `Bearer ${this.token}` };
    if (body) headers['Content-Type'] = 'application/json';
    let answer;
    try {
      answer = await fetch(`${this.server}/api/v1/visitor/${path}`, {
        method,
        headers,
        body: body && JSON.stringify(body),
        credentials: 'omit',
        signal: AbortSignal.timeout(ANSWER_WITHIN),
      });
    } catch (error) {
      throw new Declined('unreachable', error.message);
    }
    if (answer.ok) return answer;
    const { code, detail } = await answer.json().catch(() => ({}));
    throw new Declined(code ?? 'unknown', detail ?? `HTTP ${answer.status}`);
  }

  /**
   * What the visitor allows. Before the first message there is no conversation that could keep it: then it is told
   * to the server before that message is.
   *
   * @returns {Promise<object | null>} the receipt; null: it follows
   * @throws {Declined}
   */
  async consent(purposes) {
    const all = { ...this.#allowed, ...purposes };
    const receipt = this.token ? await this.#tellConsent(all) : null;
    if (!this.token) this.pending = all;
    this.choices = { sentiment: all.sentiment, remember: all.remember };
    this.withdrawn = !all.chat;
    this.#save();
    this.emit('consent', { purposes: all, receipt });
    this.emit('update');
    return receipt;
  }

  /** What the server has: another tab, or another browser, may have chosen since. */
  learn({ chat, sentiment }) {
    this.choices.sentiment = sentiment;
    this.withdrawn = !chat;
    this.#save();
    this.emit('update');
  }

  get #allowed() {
    return { chat: !this.withdrawn, ...this.choices };
  }

  async #tellConsent(purposes) {
    const answer = await this.request('POST', 'consent', { purposes, version: NOTICE });
    return (await answer.json()).receipt;
  }

  /** The words wait until the server knows what it may do with them. */
  async #tellPending() {
    if (!this.pending || this.telling || this.line.status !== 'up') return;
    this.telling = true;
    try {
      await this.#tellConsent(this.pending);
      this.pending = undefined;
      this.#save();
      this.#flush();
    } catch (error) {
      this.emit('refused', { code: error.code, message: error.message, shown: false });
      setTimeout(() => this.#tellPending(), CONSENT_AGAIN);
    } finally {
      this.telling = false;
    }
  }

  /**
   * @returns {Promise<object>} the receipt; nothing is known of this visitor any more, here and there
   * @throws {Declined}
   */
  async erase() {
    this.line.close(); // the server would, and a line that is cut comes back
    let answer;
    try {
      answer = await this.request('DELETE', 'data');
    } catch (error) {
      this.line.open();
      throw error;
    }
    const { receipt } = await answer.json();
    this.outbox = [];
    this.choices = { sentiment: true, remember: false };
    this.pending = undefined;
    this.withdrawn = false;
    this.#forgetConversation();
    this.emit('update');
    return receipt;
  }

  // --- what the line tells ---

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
    this.#forgetConversation();
    const { sentiment, remember: lasting } = this.choices;
    if (!sentiment || lasting) this.pending = this.#allowed; // for the next conversation, too
    this.emit('expired');
    if (this.outbox.length) this.startKey = uuid(); // for what was not delivered
    else this.line.close();
    this.#save();
  }

  #forgetConversation() {
    this.token = this.epoch = this.startKey = this.state = null;
    this.#forgetEvents();
    this.seen = 0;
    this.lasting = false;
    remember(this.name, null, null);
  }

  #post(frame) {
    this.outbox.push({ frame, sent: false, failed: null });
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
    let busy = this.paused || Boolean(this.pending);
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
    this.#tellPending();
    this.#flush();
  }

  #happened({ prev, event }) {
    if (event.seq <= this.lastSeq) return;
    if (prev > this.lastSeq) return this.line.lost(); // a gap: resume fills it
    this.lastSeq = event.seq;
    this.events.push(event);
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
    if (code === 'consent_withdrawn') this.withdrawn = true; // in another tab
    if (kind === 'say') entry.failed = { code, message }; // its text is kept
    else if (entry) this.#settle(ref);
    this.emit('delivery', { key: ref, status: 'refused', code, message });
    this.emit('refused', { code, message, shown: kind === 'say' || kind === 'leave_contact' });
    this.emit('update');
    this.#flush();
  }

  #unpause(entry) {
    this.paused = entry.sent = false;
    this.#flush();
  }

  #forgetEvents() {
    this.events = [];
    this.lastSeq = this.replayUpTo = 0;
    this.emit('reset');
  }

  #save() {
    if (this.lasting && !lasts(this.name)) this.choices.remember = false; // taken back in another tab
    const { token, epoch, startKey, isOpen, seen, choices, pending, withdrawn } = this;
    if (!this.begun && !pending) return;
    const outbox = { ...this.outbox.map((entry) => entry.frame) }; // old libraries spoil Array.prototype.toJSON
    const kept = token && choices.remember ? { token, epoch, seen, choices, withdrawn } : null;
    const lasting = kept ?? (this.lasting ? null : undefined);
    this.lasting = Boolean(kept);
    remember(this.name, { token, epoch, startKey, isOpen, seen, choices, pending, withdrawn, outbox }, lasting);
  }
}
