const PING_EVERY = 15_000; // ms, as below
const PONG_WITHIN = 5_000;
const WELCOME_WITHIN = 10_000;

/**
 * One WebSocket, opened again when it breaks: after growing, jittered pauses, or at once when the page wakes
 * up or the network returns. No pong is a break, too: a phone is not told that its network is gone.
 */
export class Line {
  constructor(url, owner) {
    this.url = url;
    this.owner = owner;
    this.status = 'idle'; // idle | connecting | up | down
    this.socket = null;
    this.tries = 0;
    const check = () => document.visibilityState === 'visible' && this.check();
    for (const name of ['online', 'offline', 'focus', 'pageshow']) addEventListener(name, check);
    document.addEventListener('visibilitychange', check);
    navigator.connection?.addEventListener('change', check);
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
    if (code === 4401 || code === 4410) this.owner.turnedAway(); // signed out, or erased
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
