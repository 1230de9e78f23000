/** Who is signed in, and the way to the HTTP API. */

const API = '/api/v1';

const TOO_MANY = 'Too many attempts. Wait a minute, then try again.';
const PLAIN_WORDS = {
  wrong_credentials: 'That e-mail address and password do not match. Check both and try again.',
  too_many: TOO_MANY,
  too_fast: TOO_MANY,
  link_used:
    'This sign-in link was used before; each works once. Sign in with your password, or ask an owner for a new link.',
  link_expired: 'This sign-in link has expired. Sign in with your password, or ask an owner for a new link.',
  not_signed_in: 'You are signed out. Sign in to go on.',
  offline: 'The server cannot be reached. Check your connection and try again.',
};

/** An answer of the API that is not a success. `code` is stable, `message` is for people. */
export class Problem extends Error {
  constructor(status, body) {
    super(plainWords(status, body));
    this.status = status;
    this.code = body.code ?? '';
    this.body = body;
  }
}

function plainWords(status, { code, detail, title }) {
  if (PLAIN_WORDS[code]) return PLAIN_WORDS[code];
  if (typeof detail === 'string' && detail) return detail;
  if (status >= 500) return 'The server had a fault. Nothing was changed; try again in a moment.';
  return title || 'The server refused this.';
}

export class Session {
  /** @type {{id: string, name: string, email: string, role: 'owner'|'agent'} | null} */
  me = null;
  #csrf = '';

  /** Called when the server says that this page is signed out (any more). */
  onSignedOut = () => {};

  /** Is there a session already? Sets `me`; a signed-out answer is no error. */
  async restore() {
    try {
      this.#signedIn(await this.#call('GET', '/session'));
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      this.me = null;
    }
    return this.me;
  }

  async signIn(email, password) {
    this.#signedIn(await this.#call('POST', '/session', { json: { email, password } }));
  }

  async signInByLink(token) {
    this.#signedIn(await this.#call('POST', '/session/link', { json: { token } }));
  }

  async signOut() {
    await this.request('DELETE', '/session');
    this.me = null;
  }

  /**
   * Call the API as whoever is signed in.
   * @param {{json?: unknown, body?: Blob}} [content]
   * @returns {Promise<any>} the parsed answer, or null where there is none
   * @throws {Problem} for every other answer, and (code "offline") for none
   */
  async request(method, path, content) {
    try {
      return await this.#call(method, path, content);
    } catch (problem) {
      if (problem.code === 'not_signed_in') this.onSignedOut();
      throw problem;
    }
  }

  #signedIn({ me, csrf }) {
    this.me = me;
    this.#csrf = csrf;
  }

  async #call(method, path, { json, body } = {}) {
    const headers = {};
    if (method !== 'GET') headers['X-CSRF-Token'] = this.#csrf;
    if (json !== undefined) headers['Content-Type'] = 'application/json';
    const response = await fetch(API + path, {
      method,
      headers,
      body: json === undefined ? body : JSON.stringify(json),
      credentials: 'same-origin',
      cache: 'no-store',
    }).catch(() => {
      throw new Problem(0, { code: 'offline' });
    });
    const answer = await parsed(response);
    if (!response.ok) throw new Problem(response.status, answer ?? {});
    return answer;
  }
}

async function parsed(response) {
  const text = await response.text();
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/** Take a value such as `link` out of the address's fragment, so that it is in no history and no screenshot. */
export function takeFromFragment(name) {
  const value = new URLSearchParams(location.hash.slice(1)).get(name);
  if (value !== null) history.replaceState(null, '', location.pathname + location.search);
  return value;
}
