/**
 * Warmline's chat: what a site loads. It draws the launcher and keeps window.Warmline. The panel, its socket and
 * the visitor's language are fetched at the first click, or at once for a visitor in the middle of a conversation;
 * before that there is no request and nothing is stored. A strict CSP and Trusted Types are kept.
 */

// Named after what is in it, so it can be cached for ever. Written by `python -m api protocol`.
const FILES = new URL('widget/c53046335d/', import.meta.url);
const STORED = `warmline:${FILES.origin}`;

/** Each language that there is a catalogue for: the launcher's name, and what a failed load says. */
export const LABELS = {
  en: ['Chat with us', 'The chat could not be loaded. Please try again.'],
  es: ['Chatee con nosotros', 'No se ha podido cargar el chat. Inténtelo de nuevo.'],
  fr: ['Discuter avec nous', 'Le chat n’a pas pu être chargé. Veuillez réessayer.'],
  de: ['Mit uns chatten', 'Der Chat konnte nicht geladen werden. Bitte versuchen Sie es noch einmal.'],
  it: ['Scriva in chat', 'Impossibile caricare la chat. Riprovi.'],
  pt: ['Conversar por chat', 'Não foi possível carregar o chat. Tente novamente.'],
  nl: ['Chat met ons', 'De chat kon niet worden geladen. Probeer het opnieuw.'],
  pl: ['Czat z nami', 'Nie udało się wczytać czatu. Proszę spróbować ponownie.'],
  tr: ['Bizimle sohbet edin', 'Sohbet yüklenemedi. Lütfen yeniden deneyin.'],
  ar: ['الدردشة معنا', 'تعذّر تحميل الدردشة. يُرجى المحاولة مرة أخرى.'],
  he: ['צ׳אט איתנו', 'לא ניתן היה לטעון את הצ׳אט. נא לנסות שוב.'],
  hi: ['हमसे चैट करें', 'चैट लोड नहीं हो सकी। कृपया फिर से कोशिश करें।'],
  ja: ['チャットで問い合わせる', 'チャットを読み込めませんでした。もう一度お試しください。'],
  zh: ['在线咨询', '无法加载聊天，请重试。'],
};
const RIGHT_TO_LEFT = ['ar', 'he'];

/** The first wanted language that there is; its region stays, for dates and numbers. */
function choose(...wanted) {
  for (const locale of wanted) {
    try {
      const { language } = new Intl.Locale(locale);
      if (Object.hasOwn(LABELS, language)) return { locale, language };
    } catch {
      // missing, or no language tag
    }
  }
  return null;
}

async function catalogue(language) {
  const address = new URL(`languages/${language}.json`, FILES);
  const answer = await fetch(address, { credentials: 'omit', signal: AbortSignal.timeout(15_000) });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.json();
}

/** Was a conversation begun in this tab, or may this browser be recognised? Blocked storage is as good as none. */
function isReturning() {
  try {
    return [sessionStorage, localStorage].some((storage) => {
      const { token, startKey } = JSON.parse(storage.getItem(STORED)) ?? {};
      return token || startKey;
    });
  } catch {
    return false;
  }
}

function el(name, attributes = {}, ...children) {
  const [tag, className] = name.split('.');
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function icon(d) {
  const [svg, path] = ['svg', 'path'].map((tag) => document.createElementNS('http://www.w3.org/2000/svg', tag));
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', d);
  svg.append(path);
  return svg;
}

const DARK = `
  --accent: var(--warmline-accent-dark, var(--warmline-accent, #8ccfb8)); --surface: #1b1d1c; --canvas: #131514;
  --ink: #eef0ec; --muted: #a9b0aa; --line: #353a37; --human: #3a2f22; --bad: #ff9d8c; --least: .78; --most: 1;
  color-scheme: dark;`;

const STYLES = `
:host { all: initial; }
:host([hidden]) { display: none; }
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
button { font: inherit; padding: 0; border: 1px solid transparent; cursor: pointer; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
svg { width: 1.4em; flex: none; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
.launcher {
  position: relative; display: grid; place-items: center; width: 56px; height: 56px; margin-inline-start: auto; border-radius: 50%;
  background: var(--accent); color: var(--on-accent); font-size: 19px; box-shadow: 0 6px 24px #0004;
}
.launcher[aria-busy=true] svg { animation: wait .7s alternate infinite; }
@keyframes wait { to { opacity: .25; } }
.open .launcher > :first-child, .root:not(.open) .launcher > :nth-child(2) { display: none; }
.unread { position: absolute; top: -4px; inset-inline-end: -4px; min-width: 22px; border-radius: 11px; background: #b3261e; color: #fff; font-size: 12px; line-height: 22px; }
.failed {
  max-width: min(280px, 100vw - 2 * var(--gap)); margin-bottom: 12px; padding: 12px 16px; border: 1px solid var(--line); border-radius: 14px;
  background: var(--surface); color: var(--bad); font-size: 14px; box-shadow: 0 6px 24px #0004;
}
.failed:empty { display: none; }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; } }
`;

/**
 * `<warmline-chat>`: the launcher, and the place of the panel. The panel reads `chat`, `root`, `isOpen`, `locale`
 * and `language` here, and calls `close`, `setUnread` and `emit`.
 */
class WarmlineChat extends HTMLElement {
  #listeners = [];
  #loading = null;
  #tries = 0;
  isOpen = false;

  connectedCallback() {
    if (this.shadowRoot) return;
    const { language } = this.dataset;
    this.#speak(choose(language, document.documentElement.lang, ...navigator.languages) ?? choose('en'));
    const shadow = this.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLES);
    shadow.adoptedStyleSheets = [sheet];
    this.badge = el('span.unread');
    this.launcher = el('button.launcher', { type: 'button' }, icon('M4 5h16v11H9l-5 4Z'), icon('m6.5 6.5 11 11m0-11-11 11'), this.badge);
    this.launcher.addEventListener('click', () => this.toggle());
    this.failed = el('p.failed', { role: 'alert' });
    this.root = el('div.root', { 'data-theme': this.dataset.theme ?? 'auto' }, this.failed, this.launcher);
    shadow.append(this.root);
    this.setUnread(0);
    this.#show();
    const resume = () => !this.panel && isReturning() && this.#resume();
    for (const name of ['online', 'focus']) addEventListener(name, resume); // perhaps the network was away
    resume();
  }

  // --- for the page ---

  async open({ focus = true } = {}) {
    this.isOpen = true;
    const panel = await this.#ready();
    if (!this.isOpen) return; // closed while it was loading
    this.isOpen = Boolean(panel);
    this.#show();
    panel?.opened(focus);
  }

  close() {
    if (!this.isOpen) return;
    const hadFocus = Boolean(this.shadowRoot.activeElement);
    this.isOpen = false;
    this.#show();
    if (hadFocus) this.launcher.focus();
    this.panel?.closed();
  }

  toggle() {
    if (!this.isOpen) return this.open();
    this.close();
  }

  show() {
    this.hidden = false;
  }

  hide() {
    this.close();
    this.hidden = true;
  }

  /** @throws {RangeError} there is no catalogue of that language */
  async setLocale(tag) {
    const chosen = choose(tag);
    if (!chosen) throw new RangeError(`Warmline has no catalogue for ${JSON.stringify(tag)}.`);
    this.#speak(chosen);
    this.setUnread(this.unread);
    this.#show();
    if (!this.#loading) return;
    await this.#loading.catch(() => null); // what fails to load says so by itself
    if (this.panel) await this.#draw();
  }

  /** Opens with `text` typed in, not sent. */
  async ask(text) {
    await this.open();
    this.panel?.write(text);
  }

  async requestHuman() {
    await this.open();
    if (this.panel) this.chat.askHuman();
  }

  async exportMyData() {
    await this.open();
    await this.panel?.data('export');
  }

  async eraseMyData() {
    await this.open();
    return (await this.panel?.data('erase')) ?? null;
  }

  on(name, listener) {
    if (name === 'ready') queueMicrotask(listener);
    else this.#listeners.push({ name, listener });
  }

  off(name, listener) {
    this.#listeners = this.#listeners.filter((each) => each.name !== name || each.listener !== listener);
  }

  // --- for the panel ---

  emit(name, detail) {
    for (const each of this.#listeners) {
      // Later: a listener that throws must stop nothing here.
      if (each.name === name) queueMicrotask(() => each.listener(detail));
    }
    dispatchEvent(new CustomEvent(`warmline:${name}`, { detail }));
  }

  setUnread(count) {
    this.unread = count;
    this.badge.hidden = !count;
    this.badge.textContent = count > 9 ? '9+' : String(count);
    const [label] = LABELS[this.language];
    this.launcher.setAttribute('aria-label', count ? `${label} (${count})` : label);
  }

  // --- inside ---

  #speak({ locale, language }) {
    Object.assign(this, { locale, language });
  }

  #show() {
    const { root, launcher, isOpen, language } = this;
    root.lang = language;
    root.dir = this.dataset.dir ?? (RIGHT_TO_LEFT.includes(language) ? 'rtl' : 'ltr');
    root.classList.toggle('open', isOpen && Boolean(this.panel));
    launcher.setAttribute('aria-expanded', String(isOpen));
    if (this.panel) this.panel.node.hidden = !isOpen;
  }

  async #resume() {
    const panel = await this.#ready();
    if (panel && this.chat.isOpen) this.open({ focus: false });
  }

  /** The panel; null where it cannot be had, which is said. */
  async #ready() {
    this.failed.textContent = '';
    this.launcher.setAttribute('aria-busy', String(!this.panel));
    try {
      this.#loading ??= this.#load();
      await this.#loading;
    } catch (error) {
      this.#loading = null;
      if (this.isOpen) [, this.failed.textContent] = LABELS[this.language];
      this.emit('error', { code: 'unreachable', message: error.message });
    }
    this.launcher.setAttribute('aria-busy', 'false');
    return this.panel;
  }

  async #load() {
    // Some browsers remember a module that failed: another try needs another address.
    const again = this.#tries ? `?${this.#tries}` : '';
    this.#tries += 1;
    const code = import(new URL(`panel.js${again}`, FILES));
    const words = catalogue(this.language);
    words.catch(() => null); // told below, also where the code failed first
    const { Chat, Panel } = await code;
    this.#Panel = Panel;
    this.chat ??= new Chat(FILES.origin, STORED);
    await this.#draw(words);
    this.chat.resume();
  }

  #Panel;

  async #draw(fetching = catalogue(this.language)) {
    const { language } = this;
    const words = await fetching;
    if (language !== this.language) return this.#draw(); // another one was chosen meanwhile
    const Panel = this.#Panel;
    const before = this.panel;
    this.panel = new Panel(this, words, before);
    if (before) before.node.replaceWith(this.panel.node);
    else this.launcher.before(this.panel.node);
    this.#show();
  }
}

const METHODS = [
  'open', 'close', 'toggle', 'show', 'hide', 'setLocale', 'requestHuman', 'exportMyData', 'eraseMyData', 'on', 'off',
];

/**
 * Puts the widget on this page, once, and `window.Warmline` with it.
 *
 * @param {Object<string, string>} options language, dir, theme, privacy: as the script's data-attributes
 */
export function mount(options = {}) {
  if (customElements.get('warmline-chat')) return;
  customElements.define('warmline-chat', WarmlineChat);
  const chat = new WarmlineChat();
  Object.assign(chat.dataset, options);
  document.body.append(chat);
  const queued = Array.isArray(window.Warmline) ? window.Warmline : [];
  const api = Object.fromEntries(METHODS.map((name) => [name, (...given) => chat[name](...given)]));
  /** `Warmline.push(['open'])` works before and after this script has run. */
  api.push = (...calls) => {
    for (const [name, ...given] of calls) {
      if (METHODS.includes(name)) api[name](...given);
      else console.warn(`Warmline has no method ${name}.`);
    }
  };
  window.Warmline = api;
  addEventListener('click', (event) => {
    const asker = event.target.closest?.('[data-warmline-ask]');
    if (!asker) return;
    event.preventDefault();
    chat.ask(asker.dataset.warmlineAsk);
  });
  api.push(...queued);
  dispatchEvent(new Event('warmline:ready')); // for scripts that ran before this one
}

const tag = [...document.querySelectorAll('script[data-warmline]')].find(({ src }) => src === import.meta.url);
if (tag) mount(tag.dataset);
