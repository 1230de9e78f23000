/** One tab stop for a whole list, arrow keys within it. The list stays usable while its rows come and go. */

export class Roving {
  #root;
  #selector;

  /**
   * @param {HTMLElement} root
   * @param {string} selector of the focusable rows
   */
  constructor(root, selector) {
    this.#root = root;
    this.#selector = selector;
    root.addEventListener('focusin', (event) => {
      const row = event.target.closest(selector);
      if (row) this.#makeTabStop(row);
    });
    root.addEventListener('keydown', (event) => this.#onKey(event));
  }

  /** The rows that can be seen, in order. */
  rows() {
    return [...this.#root.querySelectorAll(this.#selector)].filter((row) => row.checkVisibility());
  }

  current() {
    return this.rows().find((row) => row.tabIndex === 0) ?? null;
  }

  /** Call after rows were added or removed: exactly one stays a tab stop. */
  settle() {
    const rows = this.rows();
    if (rows.length) this.#makeTabStop(rows.find((row) => row.tabIndex === 0) ?? rows[0]);
  }

  /** Move focus by `step` rows; from outside the list, first to the row that is the tab stop. */
  move(step) {
    const rows = this.rows();
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement);
    const next =
      at < 0 ? (this.current() ?? rows[0]) : rows[Math.min(rows.length - 1, Math.max(0, at + step))];
    next.focus();
  }

  #makeTabStop(row) {
    for (const other of this.#root.querySelectorAll(this.#selector)) other.tabIndex = other === row ? 0 : -1;
  }

  #onKey(event) {
    if (!event.target.closest(this.#selector)) return;
    const rows = this.rows();
    const go = {
      ArrowDown: () => this.move(1),
      ArrowUp: () => this.move(-1),
      Home: () => rows[0].focus(),
      End: () => rows.at(-1).focus(),
    };
    if (!go[event.key]) return;
    event.preventDefault();
    go[event.key]();
  }
}
