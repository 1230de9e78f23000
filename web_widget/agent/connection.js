/** The desk's socket: requests that are answered, messages that are sent until they are stored. */

import { Line } from '../shared/socket.js';

/** A request of ours that the server declined, or that was under way when the line broke. */
export class Refusal extends Error {
  constructor({ code, message }) {
    super(OUR_WORDS[code] ?? message);
    this.code = code;
  }
}

const OUR_WORDS = {
  line_lost:
    'The connection broke before the server answered. Look at the chat’s state before you try again.',
  line_down: 'There is no connection right now. Try again when it is back.',
};

/** @typedef {{key: string, kind: 'say'|'note', conversationId: string, text: string, at: string, isStored: boolean, refusal: Refusal|null}} Outgoing */

export class Connection {
  #line;
  #hooks;
  #requests = new Map();
  #outbox = new Map();
  #ready = false;

  /**
   * @param {{onWelcome: (welcome) => void, onFrame: (frame) => void, onOutbox: () => void,
   *          onState: (isUp: boolean) => void, onSignedOut: () => void}} hooks
   */
  constructor(hooks) {
    this.#hooks = hooks;
    this.#line = new Line('/ws/desk', {
      onFrame: (frame) => this.#receive(frame),
      onUp: () => {},
      onDown: () => this.#lost(),
      onSignedOut: () => hooks.onSignedOut(),
    });
  }

  open() {
    this.#line.open();
  }

  close() {
    this.#line.close();
    this.#lost();
  }

  /** Is the line up and have we been welcomed? */
  get isReady() {
    return this.#ready;
  }

  /** Send and forget: typing, watch, unwatch. */
  tell(frame) {
    if (this.#ready) this.#line.send(frame);
  }

  /**
   * Ask the server to do something.
   * @returns {Promise<void>} resolved by `done`
   * @throws {Refusal} by `refused`, or when the line is or goes down
   */
  ask(frame) {
    const ref = uuid();
    return new Promise((resolve, reject) => {
      if (!this.#ready || !this.#line.send({ ...frame, ref }))
        return reject(new Refusal({ code: 'line_down' }));
      return this.#requests.set(ref, { resolve, reject });
    });
  }

  /** Say `text` in a chat, or note it there for the team. It is sent again after every reconnect, under the same key, until the server stored it. */
  say(conversationId, text, kind = 'say') {
    const key = uuid();
    this.#outbox.set(key, {
      key,
      kind,
      conversationId,
      text,
      at: new Date().toISOString(),
      isStored: false,
      refusal: null,
    });
    this.#post(key);
    this.#hooks.onOutbox();
  }

  /** Try a refused message again. */
  sayAgain(key) {
    this.#outbox.get(key).refusal = null;
    this.#post(key);
    this.#hooks.onOutbox();
  }

  /** Give up a message that was refused. */
  discard(key) {
    this.#outbox.delete(key);
    this.#hooks.onOutbox();
  }

  /** Messages of ours in this chat whose event has not come yet, oldest first. @returns {Outgoing[]} */
  outgoing(conversationId) {
    return [...this.#outbox.values()].filter((message) => message.conversationId === conversationId);
  }

  get hasUnsent() {
    return [...this.#outbox.values()].some((message) => !message.isStored);
  }

  #post(key) {
    const { conversationId, text, kind } = this.#outbox.get(key);
    this.tell({ kind, conversation_id: conversationId, key, text, ref: key });
  }

  #receive(frame) {
    if (frame.kind === 'desk_welcome') this.#welcomed(frame);
    else if (frame.kind === 'done') this.#settle(frame.ref, ({ resolve }) => resolve());
    else if (frame.kind === 'refused') this.#refused(frame);
    else if (frame.kind === 'stored') this.#stored(frame.key);
    else {
      if (frame.kind === 'happened' && ['message_said', 'note_written'].includes(frame.event.kind))
        this.#outbox.delete(frame.event.key);
      this.#hooks.onFrame(frame);
    }
  }

  #welcomed(frame) {
    this.#ready = true;
    this.#hooks.onState(true);
    this.#hooks.onWelcome(frame);
    for (const { key, isStored, refusal } of this.#outbox.values())
      if (!isStored && !refusal) this.#post(key);
  }

  #stored(key) {
    const message = this.#outbox.get(key);
    if (!message) return;
    message.isStored = true;
    this.#hooks.onOutbox();
  }

  #refused(frame) {
    const message = this.#outbox.get(frame.ref);
    if (message) {
      message.refusal = new Refusal(frame);
      this.#hooks.onOutbox();
    } else if (this.#requests.has(frame.ref)) {
      this.#settle(frame.ref, ({ reject }) => reject(new Refusal(frame)));
    } else {
      this.#hooks.onFrame(frame);
    }
  }

  #settle(ref, how) {
    const request = this.#requests.get(ref);
    this.#requests.delete(ref);
    if (request) how(request);
  }

  #lost() {
    this.#ready = false;
    for (const ref of [...this.#requests.keys()])
      this.#settle(ref, ({ reject }) => reject(new Refusal({ code: 'line_lost' })));
    this.#hooks.onState(false);
  }
}

/** A random UUID also where the page is served over plain http and `crypto.randomUUID` is missing. */
function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');
}
