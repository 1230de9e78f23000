/** The left pane: all entries, searched and filtered. */

import { el, fill, setText } from '../shared/dom.js';
import { icon, lamp } from '../shared/icons.js';
import { menu } from '../shared/menu.js';
import { Roving } from '../shared/roving.js';
import { STATES, count } from '../shared/words.js';

const FILTERS = [
  { key: 'all', label: 'All', has: () => true },
  { key: 'published', label: 'Published', has: (entry) => entry.state === 'published' },
  { key: 'changed', label: 'Changed', has: hasUnpublishedChanges },
  { key: 'draft', label: 'Drafts', has: (entry) => entry.state === 'draft' },
  { key: 'withdrawn', label: 'Withdrawn', has: (entry) => entry.state === 'withdrawn' },
];

const EXPORTS = {
  jsonl: 'JSON Lines',
  csv: 'CSV (spreadsheet)',
  'json-ld': 'schema.org JSON-LD',
  md: 'Markdown',
};

export class EntryList {
  #hooks;
  #articles = null;
  #openSlug = null;
  #filter = FILTERS[0];
  #search = el('input', {
    class: 'input',
    type: 'search',
    'aria-label': 'Search the entries',
    placeholder: 'Search',
    oninput: () => this.#draw(),
  });
  #category = el('select', { class: 'input', 'aria-label': 'Category', onchange: () => this.#draw() });
  #filters = el('div', { class: 'filters', role: 'group', 'aria-label': 'State' });
  #list = el(
    'ul',
    { class: 'plain-list rows' },
    [1, 2, 3, 4].map(() => el('li', { class: 'skeleton', 'aria-hidden': 'true' })),
  );
  #found = el('p', { class: 'visually-hidden', role: 'status' });
  #roving;

  /** @param {{onOpen: (slug: string) => void, onNew: () => void, onImport: () => void, onAssist: () => void}} hooks */
  constructor(hooks) {
    this.#hooks = hooks;
    const scroll = el('div', { class: 'pane-scroll', tabindex: '-1' }, this.#list);
    this.element = el(
      'section',
      { class: 'pane entries', 'aria-label': 'Entries' },
      el(
        'header',
        { class: 'pane-head' },
        el('h1', {}, 'FAQ'),
        el(
          'button',
          { type: 'button', class: 'button quiet only-narrow', onclick: hooks.onAssist },
          icon('spark'),
          'Try it',
        ),
        el(
          'button',
          { type: 'button', class: 'button primary', onclick: hooks.onNew },
          icon('plus'),
          'New entry',
        ),
      ),
      el(
        'div',
        { class: 'entries-tools' },
        el('div', { class: 'with-icon' }, icon('search'), this.#search),
        this.#filters,
        el(
          'div',
          { class: 'entries-more' },
          this.#category,
          el('button', { type: 'button', class: 'button', onclick: hooks.onImport }, 'Import'),
          menu(
            ['Export'],
            Object.entries(EXPORTS).map(([format, label]) =>
              el('a', { href: `/api/v1/articles/export?format=${format}`, download: true }, label),
            ),
          ),
        ),
      ),
      this.#found,
      scroll,
    );
    this.#roving = new Roving(scroll, '.entry');
  }

  /** @param {object[]} articles in the server's order */
  show(articles, openSlug) {
    this.#articles = articles;
    this.#openSlug = openSlug;
    this.#drawCategories();
    this.#draw();
  }

  markOpen(slug) {
    this.#openSlug = slug;
    for (const row of this.#list.querySelectorAll('.entry')) mark(row, row.dataset.slug === slug);
  }

  complain(text, retry) {
    fill(
      this.#list,
      el(
        'li',
        { class: 'empty' },
        el('h2', {}, 'The entries could not be loaded'),
        el('p', {}, text),
        el('button', { type: 'button', class: 'button', onclick: retry }, 'Try again'),
      ),
    );
  }

  focus() {
    this.#roving.move(0);
  }

  #drawCategories() {
    const chosen = this.#category.value;
    const names = categoriesOf(this.#articles);
    fill(
      this.#category,
      el('option', { value: '' }, 'All categories'),
      names.map((name) => el('option', { value: name }, name)),
    );
    this.#category.value = names.includes(chosen) ? chosen : '';
  }

  #draw() {
    if (!this.#articles) return;
    const near = this.#articles.filter((entry) => this.#isSearched(entry));
    this.#drawFilters(near);
    const shown = near.filter(this.#filter.has);
    const focused = document.activeElement?.closest?.('.entry')?.dataset.slug;
    fill(this.#list, shown.length ? shown.map((entry) => this.#row(entry)) : this.#nothing());
    setText(this.#found, this.#search.value ? count(shown.length, 'entry found', 'entries found') : '');
    this.#roving.settle();
    if (focused) this.#list.querySelector(`[data-slug="${focused}"]`)?.focus({ preventScroll: true });
  }

  #drawFilters(near) {
    const buttons = FILTERS.map((filter) =>
      el(
        'button',
        {
          type: 'button',
          class: 'filter',
          'data-key': filter.key,
          'aria-pressed': String(filter === this.#filter),
          onclick: () => this.#choose(filter),
        },
        filter.label,
        el('span', { class: 'count' }, near.filter(filter.has).length),
      ),
    );
    fill(this.#filters, buttons);
  }

  #choose(filter) {
    this.#filter = filter;
    this.#draw();
    this.#filters.querySelector(`[data-key="${filter.key}"]`).focus();
  }

  #isSearched(entry) {
    if (this.#category.value && entry.category !== this.#category.value) return false;
    const all = [entry.question, entry.answer, entry.slug, entry.category, ...entry.alternates]
      .join('\n')
      .toLowerCase();
    return this.#search.value
      .toLowerCase()
      .split(/\s+/)
      .every((word) => all.includes(word));
  }

  #row(entry) {
    const row = el(
      'button',
      {
        type: 'button',
        class: 'entry',
        tabindex: '-1',
        'data-slug': entry.slug,
        onclick: () => this.#hooks.onOpen(entry.slug),
      },
      el('span', { class: 'entry-question', dir: 'auto' }, entry.question),
      el(
        'span',
        { class: 'entry-facts' },
        el('span', {}, entry.category || 'No category'),
        el('span', {}, count(entry.alternates.length, 'phrasing', 'phrasings')),
        stateBadges(entry),
      ),
    );
    mark(row, entry.slug === this.#openSlug);
    return el('li', {}, row);
  }

  #nothing() {
    if (!this.#articles.length) {
      return el(
        'li',
        { class: 'empty' },
        lamp(),
        el('h2', {}, 'Nothing here yet'),
        el('p', {}, 'Write the first question that people ask you, or import what you have.'),
      );
    }
    return el(
      'li',
      { class: 'empty' },
      el('h2', {}, 'No entry matches'),
      el('p', {}, 'Search for other words, or look in all states and categories.'),
    );
  }
}

/** Do visitors get another text than the one that stands here? (A draft they do not get at all.) */
function hasUnpublishedChanges({ state, changed }) {
  return state === 'published' && changed;
}

/** All categories in use, in alphabetical order. */
export function categoriesOf(articles) {
  return [...new Set(articles.map(({ category }) => category).filter(Boolean))].sort((a, b) =>
    a.localeCompare(b),
  );
}

/** Badges for a state that is worth a word: published and unchanged needs none on the list. */
export function stateBadges(entry, { always = false } = {}) {
  return [
    (always || entry.state !== 'published') &&
      el(
        'span',
        { class: `badge ${{ draft: 'bot', published: 'good', withdrawn: '' }[entry.state]}` },
        STATES[entry.state],
      ),
    hasUnpublishedChanges(entry) && el('span', { class: 'badge accent' }, 'Unpublished changes'),
  ];
}

function mark(row, isOpen) {
  if (isOpen) row.setAttribute('aria-current', 'true');
  else row.removeAttribute('aria-current');
}
