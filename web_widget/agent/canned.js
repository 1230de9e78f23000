/** Canned replies in the composer: type a slash, some letters, Enter. */

import { el, fill } from '../shared/dom.js';
import { announce } from '../shared/toast.js';
import { count } from '../shared/words.js';

const SHOWN = 8;

export class CannedPicker {
  #box;
  #hooks;
  #replies = [];
  #found = [];
  #at = 0;
  #list = el('ul', { class: 'plain-list canned', role: 'listbox', id: 'canned', 'aria-label': 'Canned replies' });

  /**
   * @param {HTMLTextAreaElement} box
   * @param {{load: () => Promise<object[]>, values: () => Record<string, string>, onInsert: () => void}} hooks
   */
  constructor(box, hooks) {
    this.#box = box;
    this.#hooks = hooks;
    this.element = el('div', { class: 'canned-place', hidden: true }, this.#list);
    box.setAttribute('aria-autocomplete', 'list');
    box.addEventListener('blur', () => this.close());
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** Look at what is typed: a slash at the very beginning asks for canned replies. */
  async look() {
    const typed = /^\/([^\s/]*)$/.exec(this.#box.value);
    if (!typed) return this.close();
    if (!this.isOpen) this.#replies = await this.#hooks.load();
    const still = /^\/([^\s/]*)$/.exec(this.#box.value);
    if (!still) return this.close();
    this.#find(still[1].toLowerCase());
    return undefined;
  }

  /** @returns {boolean} whether the key was for the picker */
  onKey(event) {
    if (!this.isOpen) return false;
    const go = {
      ArrowDown: () => this.#move(1),
      ArrowUp: () => this.#move(-1),
      Enter: () => this.#insert(this.#found[this.#at]),
      Tab: () => this.#insert(this.#found[this.#at]),
      Escape: () => this.close(),
    }[event.key];
    if (!go) return false;
    event.preventDefault();
    event.stopPropagation();
    go();
    return true;
  }

  close() {
    this.element.hidden = true;
    this.#box.removeAttribute('aria-activedescendant');
    this.#box.removeAttribute('aria-controls');
  }

  #find(letters) {
    const byName = this.#replies.filter(({ name }) => name.startsWith(letters));
    const byText = this.#replies.filter(
      ({ name, text }) => !name.startsWith(letters) && `${name} ${text}`.toLowerCase().includes(letters),
    );
    this.#found = [...byName, ...byText].slice(0, SHOWN);
    this.#at = 0;
    this.element.hidden = false;
    this.#box.setAttribute('aria-controls', 'canned');
    announce(
      this.#found.length
        ? `${count(this.#found.length, 'canned reply', 'canned replies')}. ${this.#found[0].name}`
        : 'No canned reply of that name.',
    );
    this.#draw();
  }

  #move(step) {
    if (!this.#found.length) return;
    this.#at = (this.#at + step + this.#found.length) % this.#found.length;
    this.#draw();
  }

  #draw() {
    fill(
      this.#list,
      this.#found.map((reply, at) =>
        el(
          'li',
          {
            role: 'option',
            id: `canned-${at}`,
            class: 'canned-option',
            'aria-selected': String(at === this.#at),
            // before the box loses its focus
            onmousedown: (event) => (event.preventDefault(), this.#insert(reply)),
          },
          el('strong', {}, `/${reply.name}`),
          el('span', { class: 'hint', dir: 'auto' }, reply.text),
        ),
      ),
      !this.#found.length &&
        el('li', { role: 'option', 'aria-disabled': 'true', class: 'canned-option hint' }, 'Nothing of that name'),
    );
    if (this.#found.length) this.#box.setAttribute('aria-activedescendant', `canned-${this.#at}`);
    this.#list.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }

  #insert(reply) {
    if (!reply) return;
    const values = this.#hooks.values();
    this.#box.value = reply.text.replaceAll(/\{([a-z]+)\}/g, (_whole, place) => values[place] || `[${place}]`);
    this.close();
    const open = /\[[a-z]+\]/.exec(this.#box.value);
    if (open) this.#box.setSelectionRange(open.index, open.index + open[0].length);
    this.#hooks.onInsert();
  }
}
