/**
 * A WebSocket that comes back: heartbeat, backoff with jitter, a check at once when the page wakes up.
 * It carries frames and keeps no state of the conversation; whoever uses it watches again after `up`.
 */

const PING_EVERY_MS = 15_000;
const PONG_WITHIN_MS = 5_000;
const LONGEST_WAIT_MS = 30_000;
const NOT_SIGNED_IN = 4401;

/**
 * How long to wait before the nth attempt (from 0): doubling from half a second to half a minute, and up to half
 * of it off by chance, so that a restarted server is not met by everybody at once.
 */
export function backoff(attempt, random = Math.random()) {
  return Math.min(LONGEST_WAIT_MS, 500 * 2 ** attempt) * (1 - random / 2);
}

export class Line {
  #path;
  #hooks;
  #socket = null;
  #attempt = 0;
  #retry = 0;
  #pinger = 0;
  #pongDue = 0;
  #wanted = false;

  /**
   * @param {string} path such as '/ws/desk'
   * @param {{onFrame: (frame: any) => void, onUp: () => void, onDown: () => void, onSignedOut: () => void}} hooks
   */
  constructor(path, hooks) {
    this.#path = path;
    this.#hooks = hooks;
    addEventListener('online', () => this.check());
    document.addEventListener(
      'visibilitychange',
      () => document.visibilityState === 'visible' && this.check(),
    );
  }

  get isUp() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  open() {
    this.#wanted = true;
    this.#connect();
  }

  close() {
    this.#wanted = false;
    clearTimeout(this.#retry);
    this.#drop();
  }

  /** @returns {boolean} whether the frame was handed to an open socket (not: whether it arrived) */
  send(frame) {
    if (!this.isUp) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** Is the line still good? Ask now, or connect now instead of waiting. */
  check() {
    if (!this.#wanted) return;
    if (this.isUp) this.#ping();
    else if (!this.#socket) this.#connect();
  }

  #connect() {
    clearTimeout(this.#retry);
    this.#drop();
    const socket = new WebSocket(this.#path);
    this.#socket = socket;
    socket.onopen = () => {
      this.#pinger = setInterval(() => this.#ping(), PING_EVERY_MS);
      this.#hooks.onUp();
    };
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = ({ code }) => this.#lost(code);
  }

  #receive(frame) {
    this.#attempt = 0;
    if (frame.kind === 'pong') clearTimeout(this.#pongDue);
    else this.#hooks.onFrame(frame);
  }

  #ping() {
    clearTimeout(this.#pongDue);
    this.send({ kind: 'ping' });
    this.#pongDue = setTimeout(() => this.#lost(0), PONG_WITHIN_MS);
  }

  #lost(code) {
    this.#drop();
    this.#hooks.onDown();
    if (code === NOT_SIGNED_IN) {
      this.#wanted = false;
      this.#hooks.onSignedOut();
    }
    if (!this.#wanted) return;
    this.#retry = setTimeout(() => this.#connect(), backoff(this.#attempt));
    this.#attempt += 1;
  }

  /** Let go of the socket; nothing that it still says is heard. */
  #drop() {
    clearInterval(this.#pinger);
    clearTimeout(this.#pongDue);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
